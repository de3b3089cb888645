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

// TestOneDeviceOfOneMAC has both families use a MAC of the administrator's
// choice: there can be one interface of that MAC only, in one instance, in
// two, and wherever else an address names it.
func TestOneDeviceOfOneMAC(t *testing.T) {
	own := config.VMAC{Kind: config.VMACMacvlan, Name: "vm7", MAC: [6]byte{2, 0, 0, 0, 0, 7}}
	vip := func(addr, dev string) config.VIP {
		return config.VIP{Prefix: netip.MustParsePrefix(addr), Dev: dev, UseVMAC: true}
	}
	four := config.VRRPInstance{
		Name: "four", Interface: "eth0", VirtualRouterID: 7, Family: 4, VMAC: own,
		VirtualIPAddress:         []config.VIP{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}},
		VirtualIPAddressExcluded: []config.VIP{vip("2001:db8::1/64", ""), vip("192.0.2.3/24", "eth1")},
	}
	six := config.VRRPInstance{
		Name: "six", Interface: "eth0", VirtualRouterID: 7, Family: 6, VMAC: own,
		VirtualIPAddress:         []config.VIP{{Prefix: netip.MustParsePrefix("2001:db8::2/64")}},
		VirtualIPAddressExcluded: []config.VIP{vip("2001:db8::3/64", "eth1")},
	}
	six.VMAC.Name = "another"
	plain := config.VRRPInstance{Name: "plain", Interface: "eth0", VirtualRouterID: 8, Family: 4, VMAC: config.VMAC{Kind: config.VMACMacvlan}}
	rs := engineConfig(&config.Config{Instances: []config.VRRPInstance{four, six, plain}}, &mtus{}).Routers
	one, other := rs[0].Device, rs[0].VIPs[2].Device
	switch {
	case !one.Both || !one.Source || one.Name != "vm7":
		t.Errorf("the device is %+v", one)
	case rs[1].Device != one || rs[0].VIPs[1].Device != one:
		t.Errorf("of one instance and its address %+v and %+v, of the other %+v", one, rs[0].VIPs[1].Device, rs[1].Device)
	case !other.Both || !other.Source || rs[1].VIPs[1].Device != other || other.DeviceKey == one.DeviceKey:
		t.Errorf("on eth1 %+v and %+v", other, rs[1].VIPs[1].Device)
	case rs[2].Device.Both:
		t.Errorf("one with a MAC of its own family: %+v", rs[2].Device)
	}
}
