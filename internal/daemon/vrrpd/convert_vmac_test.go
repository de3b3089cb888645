package vrrpd

import (
	"net/netip"
	"testing"

	"holdfast/internal/config"
	"holdfast/vrrp/link"
)

// TestAddressPlaces holds where addresses of instances with virtual interfaces
// go, as keepalived 2.2.7 was seen to put them.
func TestAddressPlaces(t *testing.T) {
	mac := func(family byte) [6]byte { return [6]byte{0, 0, 0x5e, 0, family, 7} }
	for _, c := range []struct {
		name      string
		family    config.Family
		kind      config.VMACKind
		addresses bool // use_vmac_addr
		addr, dev string
		useVMAC   bool
		wantDev   string
		wantOn    string // parent of the device; "" for none
		wantMAC   [6]byte
	}{
		{name: "plain", family: 4, addr: "192.0.2.1/24", dev: "eth0", wantDev: "eth0"},
		{name: "own", family: 4, kind: config.VMACMacvlan, addr: "192.0.2.1/24"},
		{name: "own, dev named", family: 4, kind: config.VMACMacvlan, addr: "192.0.2.1/24", dev: "eth0"},
		{name: "own, dev named, IPv6", family: 6, kind: config.VMACMacvlan, addr: "2001:db8::1/64", dev: "eth0"},
		{name: "other interface", family: 4, kind: config.VMACMacvlan, addr: "192.0.2.1/24", dev: "eth1", wantDev: "eth1"},
		{name: "other family", family: 4, kind: config.VMACMacvlan, addr: "2001:db8::1/64", wantDev: "eth0"},
		{name: "other family, dev named", family: 4, kind: config.VMACMacvlan, addr: "2001:db8::1/64", dev: "eth0", wantDev: "eth0"},
		{name: "IPv4 beside IPv6", family: 6, kind: config.VMACMacvlan, addr: "192.0.2.1/24", wantDev: "eth0"},
		{name: "use_vmac, other family", family: 6, kind: config.VMACMacvlan, addr: "192.0.2.1/24", useVMAC: true, wantOn: "eth0", wantMAC: mac(1)},
		{name: "use_vmac_addr, other family", family: 4, kind: config.VMACMacvlan, addresses: true, addr: "2001:db8::1/64", wantDev: "eth0", wantOn: "eth0", wantMAC: mac(2)},
		{name: "use_vmac_addr, own", family: 4, kind: config.VMACMacvlan, addresses: true, addr: "192.0.2.1/24", dev: "eth0"},
		{name: "use_vmac_addr, other interface", family: 4, kind: config.VMACMacvlan, addresses: true, addr: "192.0.2.1/24", dev: "eth1", wantDev: "eth1", wantOn: "eth1", wantMAC: mac(1)},
	} {
		in := &config.VRRPInstance{
			Interface: "eth0", VirtualRouterID: 7, Family: c.family,
			VMAC:             config.VMAC{Kind: c.kind, Addresses: c.addresses},
			VirtualIPAddress: []config.VIP{{Prefix: netip.MustParsePrefix(c.addr), Dev: c.dev, UseVMAC: c.useVMAC}},
		}
		r := router(&config.Config{}, in, nil, &mtus{})
		got := r.VIPs[0]
		if got.Dev != c.wantDev || got.Device.Parent != c.wantOn || got.Device.MAC != c.wantMAC || (got.Device.Kind == link.Macvlan) != (c.wantOn != "") ||
			got.Device.Source != (c.wantOn != "" && got.Prefix.Addr().Is6()) {
			t.Errorf("%s: on %q, device %+v; want %q, on %q with %x", c.name, got.Dev, got.Device, c.wantDev, c.wantOn, c.wantMAC)
		}
	}
}
