package realserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"holdfast/internal/host"
)

// Kind says what an Item is.
type Kind string

// The kinds.
const (
	Setting Kind = "setting" // Path has at least Value, or for disable_ipv6 at most
	Module  Kind = "module"  // Device exists, by loading Module
	Port    Kind = "port"    // GUE is taken off at Port
	Dummy   Kind = "dummy"   // Device exists
	LinkUp  Kind = "up"      // Device is up
	Address Kind = "address" // Prefix is on Device
	Removal Kind = "removal" // Prefix is not on Device: it would swallow a network
)

// Item is one thing that a real server needs.
type Item struct {
	Kind   Kind         `json:"kind"`
	Path   string       `json:"path,omitempty"`
	Value  string       `json:"value,omitempty"`
	Former string       `json:"former,omitempty"` // of a setting, before it was changed
	Device string       `json:"device,omitempty"`
	Module string       `json:"module,omitempty"`
	Prefix netip.Prefix `json:"prefix,omitzero"`
	Label  string       `json:"label,omitempty"`
	Scope  int          `json:"scope,omitempty"` // of a removed address
	// Broadcast is that of a removed IPv4 address; not valid: it had none.
	Broadcast netip.Addr `json:"broadcast,omitzero"`
	Port      uint16     `json:"port,omitempty"`
	Family    int        `json:"family,omitempty"` // 4 or 6
	// For are the virtual addresses that need it.
	For []netip.Addr `json:"for,omitempty"`
}

// same reports whether two items are about the same thing.
func (i *Item) same(o *Item) bool {
	return i.Kind == o.Kind && i.Path == o.Path && i.Device == o.Device && i.Prefix == o.Prefix && i.Port == o.Port && i.Family == o.Family
}

// done reports whether the host is so already.
func (i *Item) done(h *host.Snapshot) bool {
	switch i.Kind {
	case Setting:
		return i.inForce(h)
	case Module, Dummy:
		return h.Link(i.Device) != nil
	case Port:
		return slices.ContainsFunc(h.UDPTunnels, func(u host.UDPTunnel) bool { return u.GUE && u.Port == i.Port && u.Family == i.Family })
	case LinkUp:
		l := h.Link(i.Device)
		return l != nil && l.Up
	}
	there := slices.ContainsFunc(h.Addrs, func(a host.Addr) bool { return a.Device == i.Device && a.Prefix == i.Prefix })
	return there == (i.Kind == Address)
}

// inForce looks at a setting as Linux does: for ARP and rp_filter the larger
// of "all" and the interface's own counts, and with rp_filter anything but 1,
// strict, lets packets of a tunnel in.
func (i *Item) inForce(h *host.Snapshot) bool {
	device, name := settingOf(i.Path)
	want, _ := strconv.Atoi(i.Value)
	switch name {
	case "rp_filter":
		return h.Link(device) != nil && h.Effective(device, name) != 1
	case "disable_ipv6":
		return i.now(h) == i.Value
	}
	if device != "all" || h.Effective(device, name) >= want {
		return h.Effective(device, name) >= want
	}
	asked := 0
	for i := range h.Links {
		if l := &h.Links[i]; !l.Silent() {
			asked++
			if h.Effective(l.Name, name) < want {
				return false
			}
		}
	}
	return asked > 0
}

// now is the value of a setting; an interface that is yet to come begins with
// the default.
func (i *Item) now(h *host.Snapshot) string {
	device, name := settingOf(i.Path)
	if h.Link(device) == nil && device != "all" {
		return h.Sysctls[i.Path[:len(settingHead)]+"default/"+name]
	}
	return h.Sysctls[i.Path]
}

// Command is the shell command that does it.
func (i *Item) Command() string {
	switch i.Kind {
	case Setting:
		return host.SetCommand(i.Path, i.Value)
	case Module:
		return "modprobe " + i.Module
	case Port:
		return fmt.Sprintf("modprobe %s && ip %sfou add port %d gue", i.Module, map[int]string{6: "-6 "}[i.Family], i.Port)
	case Dummy:
		return fmt.Sprintf("ip link add %s type dummy", i.Device)
	case LinkUp:
		return fmt.Sprintf("ip link set %s up", i.Device)
	case Removal:
		return fmt.Sprintf("ip addr del %s dev %s", i.Prefix, i.Device)
	}
	if i.Prefix.Addr().Is6() {
		return fmt.Sprintf("ip addr add %s dev %s nodad preferred_lft 0", i.Prefix, i.Device)
	}
	text := fmt.Sprintf("ip addr add %s dev %s scope host", i.Prefix, i.Device)
	if i.Label != "" {
		text += " label " + i.Label
	}
	return text
}

// finding says what is wrong without it.
func (i *Item) finding(a netip.Addr) host.Finding {
	f := host.Finding{Severity: host.Error, Mend: []string{i.Command()}}
	switch i.Kind {
	case Setting:
		device, name := settingOf(i.Path)
		if device == "all" {
			device = "its interfaces"
		}
		switch name {
		case "arp_ignore":
			f.ID, f.What = "arp-ignore", fmt.Sprintf("this host answers ARP for %s on %s", a, device)
			f.Why = "clients and routers take it for the director, and its connections come past the director to this server alone"
		case "arp_announce":
			f.ID, f.What = "arp-announce", fmt.Sprintf("this host may announce %s in its own ARP requests on %s", a, device)
			f.Why = "neighbours then learn that the address is here, and the director gets nothing any more"
		case "rp_filter":
			f.ID, f.What = "rp-filter", fmt.Sprintf("%s checks the way back of packets strictly (rp_filter)", device)
			f.Why = "what comes out of the tunnel is dropped, as the route to the client does not lead into the tunnel"
		case "promote_secondaries":
			f.ID, f.What = "promote-secondaries", fmt.Sprintf("removing the first address of a network from %s removes the others of it", device)
			f.Why = fmt.Sprintf("%s is the first one of its network there, and is to be removed with that prefix length", a)
		default:
			f.ID, f.What = "ipv6-disabled", fmt.Sprintf("%s has no IPv6", device)
			f.Why = fmt.Sprintf("%s cannot be there", a)
		}
	case Module:
		f.ID, f.What, f.Why = "tunnel-device", fmt.Sprintf("there is no %s", i.Device), "nothing takes packets out of the director's tunnel"
	case Port:
		f.ID, f.What, f.Why = "gue-port", fmt.Sprintf("GUE is not taken off at UDP port %d", i.Port), "the director's packets are answered with port unreachable"
	case Dummy:
		f.ID, f.What, f.Why = "device-missing", fmt.Sprintf("there is no interface %s", i.Device), fmt.Sprintf("%s cannot be there", a)
	case LinkUp:
		f.ID, f.What, f.Why = "device-down", fmt.Sprintf("%s is down", i.Device), fmt.Sprintf("packets for %s are not taken", a)
	case Address:
		f.ID, f.What, f.Why = "vip-missing", fmt.Sprintf("%s is not on %s", i.Prefix, i.Device), "packets from the director are forwarded or dropped in place of being served"
	case Removal:
		f.ID, f.What = "vip-netmask", fmt.Sprintf("%s is on %s with prefix length %d", a, i.Device, i.Prefix.Bits())
		f.Why = fmt.Sprintf("this host takes the whole of %s for itself and does not reach it any more", i.Prefix.Masked())
	}
	return f
}

// settingHead is as long as what comes before the interface in the path of a
// setting.
const settingHead = "net/ipv4/conf/"

// settingOf takes net/ipv4/conf/eth0/arp_ignore apart.
func settingOf(path string) (device, name string) {
	if len(path) < len(settingHead) {
		return "", path
	}
	rest := path[len(settingHead):]
	for k := len(rest) - 1; k >= 0; k-- {
		if rest[k] == '/' {
			return rest[:k], rest[k+1:]
		}
	}
	return "", rest
}
