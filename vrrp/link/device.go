package link

import (
	"fmt"
	"net"
	"net/netip"
)

// DeviceKind is the kind of a virtual interface.
type DeviceKind uint8

// The kinds. NoDevice is the zero value: the router uses its interface as it is.
const (
	NoDevice DeviceKind = iota
	Macvlan             // mode private, with a MAC of its own: keepalived's use_vmac
	IPVlan              // mode L2, with the MAC of the interface below: use_ipvlan
)

// The modes of an ipvlan, numbered as the kernel does (IPVLAN_F_*).
const (
	IPVlanBridge  uint8 = 0
	IPVlanPrivate uint8 = 1
	IPVlanVEPA    uint8 = 2
)

// DeviceKey is what makes a virtual interface one and the same: whoever asks for
// the same key shares the interface. Of one MAC the kernel has one Macvlan only
// above an interface, so nothing else counts there: not who asks for it first,
// nor by what name.
type DeviceKey struct {
	Kind   DeviceKind
	Parent string // name of the interface below
	MAC    [6]byte
	ipvlan ipvlanKey
}

// ipvlanKey is what else tells an IPVlan from others above the same interface,
// as there may be any number.
type ipvlanKey struct {
	vrid uint8
	ipv6 bool
	name string
	mode uint8
	addr netip.Prefix
}

// Device is one wanted virtual interface. Parent and VRID are required, MAC for
// a Macvlan.
type Device struct {
	Kind   DeviceKind
	Parent string  // name of the interface below
	MAC    [6]byte // of a Macvlan
	VRID   uint8
	IPv6   bool
	// Name is what it is called. One that is there under another name is renamed,
	// or keeps that where the kernel cannot. Empty: made from Prefix and VRID, or
	// whatever it is called already, unless another one is to have that name.
	Name   string
	Prefix string // of a made name, "vrrp" for vrrp.51
	Mode   uint8  // of an IPVlan
	// Addr is put on an IPVlan, as the source of what is sent there; invalid: none.
	Addr netip.Prefix
	// Groups are the multicast groups, of IPv4 and of IPv6, that the interface
	// below joins in place of this one, so that switches see the report come
	// from where the machine is, and not the virtual MAC. Invalid: none.
	Groups [2]netip.Addr
	// Both: a Macvlan that both families share, whatever IPv6 says.
	Both bool
	// Source: adverts leave here, or the addresses on it are its only ones, so
	// one of IPv6 needs a link-local address. Without one it would report its
	// groups from ::, which no router or switch has to heed (RFC 3810 section
	// 5.2.13): nobody could ask for the virtual addresses.
	Source       bool
	LinkGroup    uint32 // group of the interface (IFLA_GROUP)
	HasLinkGroup bool   // false: that of the interface below
}

// Key is what makes it the same as another one.
func (d *Device) Key() DeviceKey {
	if d.Kind == IPVlan {
		return DeviceKey{Kind: d.Kind, Parent: d.Parent, ipvlan: ipvlanKey{d.VRID, d.IPv6, d.Name, d.Mode, d.Addr}}
	}
	return DeviceKey{Kind: d.Kind, Parent: d.Parent, MAC: d.MAC}
}

// Share makes it the one that it and other, which has the same key, are
// together. What both say otherwise stays as it is.
func (d *Device) Share(other *Device) {
	if d.Name == "" {
		d.Name = other.Name
	}
	if !d.HasLinkGroup {
		d.LinkGroup, d.HasLinkGroup = other.LinkGroup, other.HasLinkGroup
	}
	for i, g := range other.Groups {
		if !d.Groups[i].IsValid() {
			d.Groups[i] = g
		}
	}
	d.Both = d.Both || other.Both || d.IPv6 != other.IPv6
	d.Source = d.Source || other.Source
}

// is4 and is6 say whether it is for IPv4, and for IPv6.
func (d *Device) is4() bool { return d.Both || !d.IPv6 }
func (d *Device) is6() bool { return d.Both || d.IPv6 }

func (d *Device) String() string {
	name := d.Name
	if name == "" {
		name = fmt.Sprintf("%d", d.VRID)
	}
	if d.Kind == IPVlan {
		return fmt.Sprintf("ipvlan %s on %s", name, d.Parent)
	}
	return fmt.Sprintf("VMAC %s (%v) on %s", name, net.HardwareAddr(d.MAC[:]), d.Parent)
}

// DeviceState says what became of a wanted device.
type DeviceState struct {
	Key     DeviceKey
	Ifindex int    // 0: it is not there
	Name    string // as it was made or found
	Parent  int    // index of the interface that it was made on; 0: that is missing
	Err     error  // nil with Ifindex 0: the interface below is missing
}

// Devices makes virtual interfaces and keeps the kernel's settings that they
// need.
//
// Ensure and Set bring the devices to what is wanted: what exists and fits is
// used, what is missing is made, what is not wanted any more is removed. All
// get the MTU of the interface below.
// Ensure does so at once and must not run beside a Set; Set returns at once
// and answers through the function that the Devices was made with.
type Devices interface {
	Ensure(want []Device) []DeviceState
	Set(want []Device)
	// Promote has the kernel keep the other addresses of a subnet when its
	// first one is removed, on these interfaces (by name, with their index),
	// and restores the setting of all others. It returns at once.
	Promote(names map[string]int)
}

// MadeDevice is a virtual interface that is ours to remove.
type MadeDevice struct {
	Ifindex int
	Name    string
	MAC     string // as text; a name and an index alone may be another's by now
}

// Setting is one kernel setting that was changed.
type Setting struct {
	Path    string // below /proc/sys/net, "ipv4/conf/eth0/arp_ignore"
	Ifindex int    // of the interface in Path; 0: none ("all" and "default")
	Old     string
	New     string
}

// DeviceRecord is everything that Devices changed on the machine: what has to
// be undone when it cannot do so itself.
type DeviceRecord struct {
	Devices  []MadeDevice
	Settings []Setting
}

// Empty says whether there is nothing to undo.
func (r DeviceRecord) Empty() bool { return len(r.Devices) == 0 && len(r.Settings) == 0 }
