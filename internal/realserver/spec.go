package realserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"holdfast/internal/host"
)

// Spec says how packets for a virtual address come.
type Spec struct {
	// Device holds the address; empty: lo, or the tunnel's. One that does not
	// exist is made as a dummy.
	Device string `json:"device,omitempty"`
	// Tunnel is ipip, gue or gre; empty: direct routing.
	Tunnel string `json:"tunnel,omitempty"`
	Port   uint16 `json:"port,omitempty"` // of gue
	// Interfaces are those on which ARP is told to be silent; empty: all.
	Interfaces []string `json:"interfaces,omitempty"`
}

// DefaultPort is that of GUE (IANA).
const DefaultPort = 6080

// String is what the options for it are.
func (s Spec) String() string {
	var words []string
	if s.Device != "" {
		words = append(words, "--device "+s.Device)
	}
	if s.Tunnel != "" {
		words = append(words, "--tunnel "+s.Tunnel)
	}
	if s.Port != 0 {
		words = append(words, fmt.Sprintf("--tunnel-port %d", s.Port))
	}
	for _, i := range s.Interfaces {
		words = append(words, "--interface "+i)
	}
	if len(words) == 0 {
		return "direct routing, on lo"
	}
	return strings.Join(words, " ")
}

func (s Spec) check(h *host.Snapshot) error {
	switch s.Tunnel {
	case "", "ipip", "gre":
		if s.Port != 0 {
			return fmt.Errorf("a port is for a gue tunnel only")
		}
	case "gue":
		if s.Port == 0 {
			return fmt.Errorf("a gue tunnel needs a port, most often %d", DefaultPort)
		}
	default:
		return fmt.Errorf("tunnel %q: ipip, gue or gre is wanted", s.Tunnel)
	}
	for _, name := range s.Interfaces {
		if l := h.Link(name); l == nil || l.Loopback {
			return fmt.Errorf("interface %s: not one that ARP comes in on", name)
		}
	}
	if s.Device == "" {
		return nil
	}
	if len(s.Device) > 15 || strings.ContainsAny(s.Device, "/ \t\n") || s.Device == "all" || s.Device == "default" {
		return fmt.Errorf("device %q: not a name of an interface", s.Device)
	}
	if l := h.Link(s.Device); l != nil && !l.Silent() {
		return fmt.Errorf("device %s answers ARP: the address belongs on lo, a dummy or a tunnel", s.Device)
	}
	return nil
}

// tunnel is what takes packets out of a tunnel: Linux's own device, that is
// there once the module is loaded, and the module.
func (s *Spec) tunnel(a netip.Addr) (device, module string) {
	switch {
	case s.Tunnel == "":
		return "", ""
	case s.Tunnel == "gre" && a.Is4():
		return "gre0", "ip_gre"
	case s.Tunnel == "gre":
		return "ip6gre0", "ip6_gre"
	case a.Is4():
		return "tunl0", "ipip"
	}
	return "ip6tnl0", "ip6_tunnel"
}

// device is where an address goes.
func (s *Spec) device(a netip.Addr) string {
	if s.Device != "" {
		return s.Device
	}
	if d, _ := s.tunnel(a); d != "" {
		return d
	}
	return "lo"
}

// family is 4 or 6.
func family(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// Needs lists what a host needs to serve an address, in the order in which it
// has to be done; h tells what settings are in force.
func Needs(h *host.Snapshot, a netip.Addr, s Spec) ([]Item, error) {
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return nil, fmt.Errorf("%s: not a virtual address", a)
	}
	if err := s.check(h); err != nil {
		return nil, err
	}
	var items []Item
	add := func(i Item) { items = append(items, i) }
	device := s.device(a)
	tunnel, module := s.tunnel(a)
	if a.Is4() {
		on := s.Interfaces
		if len(on) == 0 {
			on = []string{"all"}
		}
		for _, name := range on {
			add(Item{Kind: Setting, Path: host.Setting("ipv4", name, "arp_ignore"), Value: "1"})
			add(Item{Kind: Setting, Path: host.Setting("ipv4", name, "arp_announce"), Value: "2"})
		}
	}
	if tunnel != "" {
		add(Item{Kind: Module, Device: tunnel, Module: module})
		if s.Tunnel == "gue" {
			add(Item{Kind: Port, Port: s.Port, Family: family(a), Module: map[int]string{4: "fou", 6: "fou6"}[family(a)]})
		}
		if a.Is4() {
			// The sender's route does not lead back into the tunnel.
			add(Item{Kind: Setting, Path: host.Setting("ipv4", tunnel, "rp_filter"), Value: "2"})
		}
		add(Item{Kind: LinkUp, Device: tunnel})
	}
	if device != tunnel {
		if device != "lo" && (h.Link(device) == nil || h.Link(device).Type == "dummy") {
			add(Item{Kind: Dummy, Device: device})
		}
		add(Item{Kind: LinkUp, Device: device})
	}
	if a.Is6() {
		add(Item{Kind: Setting, Path: host.Setting("ipv6", device, "disable_ipv6"), Value: "0"})
	}
	address := Item{Kind: Address, Device: device, Prefix: netip.PrefixFrom(a, a.BitLen()), Label: label(h, device, a)}
	if a.Is4() {
		add(address)
	}
	for _, x := range h.On(a) {
		if l := h.Link(x.Device); l == nil || !l.Silent() || x.Prefix.Bits() == a.BitLen() {
			continue
		}
		if hasSecondaries(h, x) {
			add(Item{Kind: Setting, Path: host.Setting("ipv4", x.Device, "promote_secondaries"), Value: "1"})
		}
		add(Item{Kind: Removal, Device: x.Device, Prefix: x.Prefix, Label: x.Label, Scope: x.Scope, Broadcast: x.Broadcast})
	}
	if a.Is6() {
		// Linux refuses an IPv6 address that the interface has with another
		// prefix length, so that one goes first.
		add(address)
	}
	return items, nil
}

// hasSecondaries reports whether Linux would remove other addresses together
// with this one: those of the same network that came after it.
func hasSecondaries(h *host.Snapshot, x host.Addr) bool {
	return !x.Secondary && slices.ContainsFunc(h.Addrs, func(o host.Addr) bool {
		return o.Secondary && o.Device == x.Device && o.Prefix.Masked() == x.Prefix.Masked()
	})
}

// label is the alias name under which ifconfig shows an IPv4 address: the one
// that it has, or the first that is free.
func label(h *host.Snapshot, device string, a netip.Addr) string {
	if a.Is6() || len(device) > 11 {
		return ""
	}
	var used []string
	for _, x := range h.Addrs {
		if x.Device == device && x.Prefix.Addr() == a && x.Prefix.Bits() == 32 {
			return x.Label
		}
		used = append(used, x.Label)
	}
	for n := 0; n < 1000; n++ {
		if l := fmt.Sprintf("%s:%d", device, n); !slices.Contains(used, l) {
			return l
		}
	}
	return ""
}

// Detect is how a host that was set up by hand holds an address; ok is false
// where it has it on no silent interface.
func Detect(h *host.Snapshot, a netip.Addr) (s Spec, ok bool) {
	for _, x := range h.On(a) {
		l := h.Link(x.Device)
		if l == nil || !l.Silent() {
			continue
		}
		s = Spec{Device: x.Device}
		switch l.Type {
		case "ipip", "ip6tnl":
			s = Spec{Tunnel: "ipip"}
			for _, u := range h.UDPTunnels {
				if u.GUE && u.Family == family(a) {
					s = Spec{Tunnel: "gue", Port: u.Port}
				}
			}
		case "gre", "ip6gre":
			s = Spec{Tunnel: "gre"}
		}
		if s.Tunnel != "" && s.device(a) != x.Device {
			s.Device = x.Device
		}
		return s, true
	}
	return s, false
}
