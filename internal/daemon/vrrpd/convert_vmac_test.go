package vrrpd

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/config"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
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

// twoOfOneMAC are two instances, one of each family, that use the same MAC of
// the administrator's choice above eth0.
func twoOfOneMAC() (four, six config.VRRPInstance) {
	own := config.VMAC{Kind: config.VMACMacvlan, Name: "vm7", MAC: [6]byte{2, 0, 0, 0, 0, 7}, XmitBase: true}
	four = config.VRRPInstance{
		Name: "four", Interface: "eth0", VirtualRouterID: 7, Family: 4, VMAC: own, Version: 3, Priority: 100, AdvertInt: time.Second,
		McastDstIP:       netip.MustParseAddr("224.0.0.18"),
		VirtualIPAddress: []config.VIP{{Prefix: netip.MustParsePrefix("192.0.2.100/24")}},
	}
	six = four
	six.Name, six.Family, six.McastDstIP, six.VMAC.Name = "six", 6, netip.MustParseAddr("ff02::12"), ""
	six.VirtualIPAddress = []config.VIP{{Prefix: netip.MustParsePrefix("fe80::64/64")}}
	return four, six
}

// TestOneDeviceOfOneMAC has both families use a MAC of the administrator's
// choice: there can be one interface of that MAC only, in one instance, in
// two, and wherever else an address names it.
func TestOneDeviceOfOneMAC(t *testing.T) {
	vip := func(addr, dev string) config.VIP {
		return config.VIP{Prefix: netip.MustParsePrefix(addr), Dev: dev, UseVMAC: true}
	}
	four, six := twoOfOneMAC()
	four.VirtualIPAddressExcluded = []config.VIP{vip("2001:db8::1/64", ""), vip("192.0.2.3/24", "eth1")}
	six.VirtualIPAddressExcluded = []config.VIP{vip("2001:db8::3/64", "eth1")}
	six.VMAC.Name = "another"
	plain := config.VRRPInstance{Name: "plain", Interface: "eth0", VirtualRouterID: 8, Family: 4, VMAC: config.VMAC{Kind: config.VMACMacvlan}}
	rs := engineConfig(&config.Config{Instances: []config.VRRPInstance{four, six, plain}}, &mtus{}).Routers
	one, other := rs[0].Device.Key(), rs[0].VIPs[2].Device.Key()
	switch {
	case rs[1].Device.Key() != one || rs[0].VIPs[1].Device.Key() != one:
		t.Errorf("of one instance %v and of its address %v, of the other %v", one, rs[0].VIPs[1].Device.Key(), rs[1].Device.Key())
	case other == one || rs[1].VIPs[1].Device.Key() != other:
		t.Errorf("on eth1 %v and %v", other, rs[1].VIPs[1].Device.Key())
	case rs[2].Device.Key() == one:
		t.Errorf("another MAC: %v", rs[2].Device.Key())
	case rs[0].Device.Name != "vm7" || rs[1].Device.Name != "another":
		t.Errorf("names %q and %q", rs[0].Device.Name, rs[1].Device.Name)
	}
}

// states is an Observer that keeps what became of every router.
type states struct {
	mu   sync.Mutex
	told map[string][]string
}

func (s *states) Changed(c engine.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.Event {
		s.told[c.Name] = append(s.told[c.Name], c.From.String()+">"+c.To.String())
	}
}

// A reload that moves or removes one of two instances that share a VMAC leaves
// the other one master, with its addresses on the same interface.
func TestReloadOfOneDeviceOfOneMAC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		four, six := twoOfOneMAC()
		host := link.NewMemNet(1).Host("a")
		host.AddInterface("eth0", netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("fe80::1/64"))
		proc := host.Start()
		defer proc.Kill()
		cfg := func(list ...config.VRRPInstance) engine.Config {
			return engineConfig(&config.Config{Instances: list}, &mtus{})
		}
		seen := &states{told: map[string][]string{}}
		var eng *engine.Engine
		eng, err := engine.New(cfg(four, six), engine.Deps{
			Wire: proc.Wire(), Watcher: proc.Watcher(), Announcer: proc.Announcer(), Observer: seen,
			Applier: proc.Applier(func(a link.Applied) { eng.Applied(a) }),
			Devices: proc.Devices(func(s []link.DeviceState) { eng.Devices(s) }),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- eng.Run(ctx) }()
		time.Sleep(5 * time.Second)
		master := func() engine.RouterStatus {
			t.Helper()
			st, err := eng.Status(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range st.Routers {
				if r.Policy.Name == "six" && r.State == vrrp.Master && host.Has(six.VirtualIPAddress[0].Prefix.Addr()) {
					return r
				}
			}
			t.Fatalf("six is not master: %+v", st.Routers)
			return engine.RouterStatus{}
		}
		was := master()
		for _, list := range [][]config.VRRPInstance{{six, four}, {six}, {four, six}} {
			if err := eng.Reload(ctx, cfg(list...)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			if now := master(); now.Ifindex != was.Ifindex {
				t.Errorf("on interface %d, was on %d", now.Ifindex, was.Ifindex)
			}
		}
		seen.mu.Lock()
		if got := seen.told["six"]; !slices.Equal(got, []string{"INIT>BACKUP", "BACKUP>MASTER"}) {
			t.Errorf("told %q", got)
		}
		seen.mu.Unlock()
		cancel()
		<-done
	})
}
