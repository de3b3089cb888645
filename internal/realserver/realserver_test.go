package realserver

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/host"
)

// sameAddresses compares values that cmp cannot look into.
var sameAddresses = cmp.Options{
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

// fake is a host in memory that does what Linux does.
type fake struct {
	host.Snapshot
	log  []string
	fail func(Item) error
}

func newFake() *fake {
	f := &fake{Snapshot: host.Snapshot{
		Links:   []host.Link{{Name: "lo", Index: 1, Up: true, Loopback: true}, {Name: "eth0", Index: 2, Up: true, MTU: 1500}},
		Addrs:   []host.Addr{{Device: "eth0", Prefix: netip.MustParsePrefix("192.0.2.21/24"), Label: "eth0"}},
		Sysctls: map[string]string{},
	}}
	for _, l := range []string{"all", "default", "lo", "eth0"} {
		f.settings(l)
	}
	return f
}

func (f *fake) settings(device string) {
	for family, names := range host.LinkSettings() {
		for _, n := range names {
			v := "0"
			if d, ok := f.Sysctls[host.Setting(family, "default", n)]; ok {
				v = d
			}
			f.Sysctls[host.Setting(family, device, n)] = v
		}
	}
}

func (f *fake) Gather() (*host.Snapshot, error) { return f.clone(), nil }

func (f *fake) clone() *host.Snapshot {
	s := f.Snapshot
	s.Links, s.Addrs, s.UDPTunnels = slices.Clone(s.Links), slices.Clone(s.Addrs), slices.Clone(s.UDPTunnels)
	s.Sysctls = maps.Clone(s.Sysctls)
	return &s
}

func (f *fake) Do(i Item) error {
	if f.fail != nil {
		if err := f.fail(i); err != nil {
			return err
		}
	}
	f.log = append(f.log, i.Command())
	switch i.Kind {
	case Setting:
		if _, ok := f.Sysctls[i.Path]; !ok {
			return fmt.Errorf("%s does not exist", i.Path)
		}
		f.Sysctls[i.Path] = i.Value
	case Module:
		types := map[string]string{"ipip": "ipip", "ip6_tunnel": "ip6tnl", "ip_gre": "gre", "ip6_gre": "ip6gre"}
		f.Links = append(f.Links, host.Link{Name: i.Device, Type: types[i.Module], NoARP: true})
		f.settings(i.Device)
	case Port:
		f.UDPTunnels = append(f.UDPTunnels, host.UDPTunnel{Port: i.Port, Family: i.Family, GUE: true})
	case Dummy:
		f.Links = append(f.Links, host.Link{Name: i.Device, Type: "dummy", NoARP: true})
		f.settings(i.Device)
	case LinkUp:
		f.Link(i.Device).Up = true
	case Address:
		return f.add(host.Addr{Device: i.Device, Prefix: i.Prefix, Label: i.Label})
	case Removal:
		f.del(i.Device, i.Prefix)
	}
	return nil
}

// add is what Linux does: an IPv6 address is on an interface once, whatever
// its length, and an IPv4 address is secondary to the first of its network.
func (f *fake) add(a host.Addr) error {
	for _, o := range f.Addrs {
		if o.Device != a.Device {
			continue
		}
		if o.Prefix == a.Prefix || a.Prefix.Addr().Is6() && o.Prefix.Addr() == a.Prefix.Addr() {
			return errors.New("file exists")
		}
		a.Secondary = a.Secondary || a.Prefix.Addr().Is4() && o.Prefix.Masked() == a.Prefix.Masked()
	}
	f.Addrs = append(f.Addrs, a)
	return nil
}

// del is what Linux does: the secondary addresses go with the first one, or
// the next of them takes its place where promote_secondaries is set.
func (f *fake) del(device string, p netip.Prefix) {
	k := slices.IndexFunc(f.Addrs, func(a host.Addr) bool { return a.Device == device && a.Prefix == p })
	if k < 0 {
		return
	}
	first := !f.Addrs[k].Secondary && p.Addr().Is4()
	f.Addrs = slices.Delete(f.Addrs, k, k+1)
	if !first {
		return
	}
	behind := func(a host.Addr) bool { return a.Secondary && a.Device == device && a.Prefix.Masked() == p.Masked() }
	if f.Effective(device, "promote_secondaries") == 0 {
		f.Addrs = slices.DeleteFunc(f.Addrs, behind)
	} else if k := slices.IndexFunc(f.Addrs, behind); k >= 0 {
		f.Addrs[k].Secondary = false
	}
}

func (f *fake) Undo(i Item) error {
	if f.fail != nil {
		if err := f.fail(i); err != nil {
			return err
		}
	}
	switch i.Kind {
	case Setting:
		if _, ok := f.Sysctls[i.Path]; ok {
			f.Sysctls[i.Path] = i.Former
		}
	case Port:
		f.UDPTunnels = nil
	case Dummy:
		f.Links = slices.DeleteFunc(f.Links, func(l host.Link) bool { return l.Name == i.Device })
		f.Addrs = slices.DeleteFunc(f.Addrs, func(a host.Addr) bool { return a.Device == i.Device })
		maps.DeleteFunc(f.Sysctls, func(path, _ string) bool { return strings.Contains(path, "/"+i.Device+"/") })
	case LinkUp:
		f.Link(i.Device).Up = false
	case Address:
		f.del(i.Device, i.Prefix)
	case Removal:
		return f.add(host.Addr{Device: i.Device, Prefix: i.Prefix, Label: i.Label, Scope: i.Scope, Broadcast: i.Broadcast})
	}
	return nil
}

func store(t *testing.T) *Store {
	t.Helper()
	st, err := Open(filepath.Join(t.TempDir(), "run", "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

var (
	vip  = netip.MustParseAddr("192.0.2.10")
	vip2 = netip.MustParseAddr("192.0.2.11")
	vip6 = netip.MustParseAddr("2001:db8::10")
)

// TestCommands: what is done for each way, in order; the address comes last.
// A second time nothing is done, and down brings the host back to where it was.
func TestCommands(t *testing.T) {
	arp := []string{"sysctl -w net/ipv4/conf/all/arp_ignore=1", "sysctl -w net/ipv4/conf/all/arp_announce=2"}
	for name, c := range map[string]struct {
		vip     netip.Addr
		spec    Spec
		prepare func(*fake)
		want    []string
	}{
		"direct": {vip: vip, want: append(slices.Clone(arp), "ip addr add 192.0.2.10/32 dev lo scope host label lo:0")},
		"one interface": {vip: vip, spec: Spec{Interfaces: []string{"eth0"}}, want: []string{
			"sysctl -w net/ipv4/conf/eth0/arp_ignore=1", "sysctl -w net/ipv4/conf/eth0/arp_announce=2", "ip addr add 192.0.2.10/32 dev lo scope host label lo:0",
		}},
		"direct, IPv6": {vip: vip6, want: []string{"ip addr add 2001:db8::10/128 dev lo nodad preferred_lft 0"}},
		"dummy, IPv6 off by default": {vip: vip6, spec: Spec{Device: "lvs0"}, prepare: func(f *fake) {
			f.Sysctls["net/ipv6/conf/default/disable_ipv6"] = "1"
		}, want: []string{
			"ip link add lvs0 type dummy", "ip link set lvs0 up", "sysctl -w net/ipv6/conf/lvs0/disable_ipv6=0",
			"ip addr add 2001:db8::10/128 dev lvs0 nodad preferred_lft 0",
		}},
		"ipip": {vip: vip, spec: Spec{Tunnel: "ipip"}, prepare: func(f *fake) {
			f.Sysctls["net/ipv4/conf/all/rp_filter"] = "1"
			f.Sysctls["net/ipv4/conf/default/rp_filter"] = "1"
		}, want: append(slices.Clone(arp),
			"modprobe ipip", "sysctl -w net/ipv4/conf/tunl0/rp_filter=2", "ip link set tunl0 up",
			"ip addr add 192.0.2.10/32 dev tunl0 scope host label tunl0:0")},
		"gue on lo": {vip: vip, spec: Spec{Tunnel: "gue", Port: 6080, Device: "lo"}, want: append(slices.Clone(arp),
			"modprobe ipip", "modprobe fou && ip fou add port 6080 gue", "sysctl -w net/ipv4/conf/tunl0/rp_filter=2", "ip link set tunl0 up",
			"ip addr add 192.0.2.10/32 dev lo scope host label lo:0")},
		"gre, IPv6": {vip: vip6, spec: Spec{Tunnel: "gre"}, want: []string{
			"modprobe ip6_gre", "ip link set ip6gre0 up", "ip addr add 2001:db8::10/128 dev ip6gre0 nodad preferred_lft 0",
		}},
		"ipip, IPv6": {vip: vip6, spec: Spec{Tunnel: "ipip"}, want: []string{
			"modprobe ip6_tunnel", "ip link set ip6tnl0 up", "ip addr add 2001:db8::10/128 dev ip6tnl0 nodad preferred_lft 0",
		}},
		"settings that hold": {vip: vip, prepare: func(f *fake) {
			f.Sysctls["net/ipv4/conf/eth0/arp_ignore"] = "1" // the only one that is asked
			f.Sysctls["net/ipv4/conf/all/arp_announce"] = "2"
		}, want: []string{"ip addr add 192.0.2.10/32 dev lo scope host label lo:0"}},
		"a mask that swallows": {vip: vip, prepare: func(f *fake) {
			f.Addrs = append(f.Addrs, host.Addr{Device: "lo", Prefix: netip.MustParsePrefix("192.0.2.10/24"), Label: "lo:0"})
		}, want: append(slices.Clone(arp), "ip addr add 192.0.2.10/32 dev lo scope host label lo:1", "ip addr del 192.0.2.10/24 dev lo")},
	} {
		t.Run(name, func(t *testing.T) {
			f, st := newFake(), store(t)
			if c.prepare != nil {
				c.prepare(f)
			}
			before := f.clone()
			all, err := Check(before, c.vip, c.spec)
			if err != nil {
				t.Fatal(err)
			}
			var mend []string
			for _, x := range all {
				mend = append(mend, x.Mend...)
			}
			if diff := cmp.Diff(c.want, mend); diff != "" {
				t.Errorf("check (-want +got):\n%s", diff)
			}
			if _, err := Up(st, f, c.vip, c.spec); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, f.log); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if all, err := Check(&f.Snapshot, c.vip, c.spec); err != nil || len(all) > 0 {
				t.Errorf("after up: %v, %v", all, err)
			}
			if s, ok := Detect(&f.Snapshot, c.vip); !ok || s.Tunnel != c.spec.Tunnel && c.spec.Device == "" {
				t.Errorf("detected %v, %v", s, ok)
			}
			again, err := Open(st.path + ".other") // a file that remembers nothing
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			for _, st := range []*Store{st, again} {
				if did, err := Up(st, f, c.vip, c.spec); err != nil || len(did) > 0 {
					t.Errorf("a second time: %v, %v", did, err)
				}
			}
			if _, err := Down(again, f, c.vip); err != nil {
				t.Error(err)
			}
			if all, _ := Check(&f.Snapshot, c.vip, c.spec); len(all) > 0 {
				t.Errorf("what was so before is undone: %v", all)
			}
			if _, err := Down(st, f, c.vip); err != nil {
				t.Fatal(err)
			}
			// The module's device stays, down.
			f.Links = slices.DeleteFunc(f.Links, func(l host.Link) bool { return before.Link(l.Name) == nil && !l.Up })
			maps.DeleteFunc(f.Sysctls, func(path, _ string) bool {
				device, _ := settingOf(path)
				return device != "all" && device != "default" && before.Link(device) == nil
			})
			if diff := cmp.Diff(before, &f.Snapshot, sameAddresses); diff != "" {
				t.Errorf("down leaves (-before +after):\n%s", diff)
			}
			if st, err := Read(st.path); err != nil || len(st.VIPs)+len(st.Done) > 0 {
				t.Errorf("remembered: %+v, %v", st, err)
			}
		})
	}
}

// TestTwoAddresses: what both need stays until the last one goes.
func TestTwoAddresses(t *testing.T) {
	f, st := newFake(), store(t)
	for _, a := range []netip.Addr{vip, vip2} {
		if _, err := Up(st, f, a, Spec{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.On(vip2)[0].Label; got != "lo:1" {
		t.Errorf("label %s", got)
	}
	if _, err := Down(st, f, vip); err != nil {
		t.Fatal(err)
	}
	if f.Effective("eth0", "arp_ignore") != 1 || len(f.On(vip)) > 0 || len(f.On(vip2)) != 1 {
		t.Error("the first one's end takes what the second one needs")
	}
	if _, err := Up(st, f, vip2, Spec{Device: "lvs0"}); err == nil {
		t.Error("served in another way without down")
	}
	if _, err := Down(st, f, vip2); err != nil {
		t.Fatal(err)
	}
	if f.Effective("eth0", "arp_ignore") != 0 || len(f.On(vip2)) > 0 {
		t.Error("something is left")
	}
}

// TestFailures: up stops before the address is there, and whatever was done by
// then is undone; a down that fails is done again by the next.
func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	f, st := newFake(), store(t)
	before := f.clone()
	f.fail = func(i Item) error {
		if strings.HasSuffix(i.Path, "arp_announce") {
			return broken
		}
		return nil
	}
	if _, err := Up(st, f, vip, Spec{}); !errors.Is(err, broken) {
		t.Fatalf("up: %v", err)
	}
	if len(f.On(vip)) > 0 {
		t.Error("the address is there although ARP is not silent")
	}
	f.fail = func(Item) error { return broken }
	if _, err := Down(st, f, vip); !errors.Is(err, broken) {
		t.Errorf("down: %v", err)
	}
	f.fail = nil
	// Another process goes on from the file.
	st.Close()
	st, err := Open(st.path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, err := Down(st, f, vip); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, &f.Snapshot, sameAddresses); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestRefused(t *testing.T) {
	f := newFake()
	for _, c := range []struct {
		vip  string
		spec Spec
		want string
	}{
		{"127.0.0.1", Spec{}, "not a virtual address"},
		{"224.0.0.1", Spec{}, "not a virtual address"},
		{"fe80::1", Spec{}, "not a virtual address"},
		{"255.255.255.255", Spec{}, "not a virtual address"},
		{"192.0.2.10", Spec{Device: "eth0"}, "answers ARP"},
		{"192.0.2.10", Spec{Device: "../x"}, "not a name"},
		{"192.0.2.10", Spec{Device: "all"}, "not a name"},
		{"192.0.2.10", Spec{Interfaces: []string{"eth9"}}, "eth9"},
		{"192.0.2.10", Spec{Interfaces: []string{"lo"}}, "lo"},
		{"192.0.2.10", Spec{Tunnel: "vxlan"}, "ipip, gue or gre"},
		{"192.0.2.10", Spec{Tunnel: "gue"}, "needs a port"},
		{"192.0.2.10", Spec{Tunnel: "gre", Port: 5}, "gue tunnel only"},
	} {
		if _, err := Needs(&f.Snapshot, netip.MustParseAddr(c.vip), c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q", c.vip, c.spec, err, c.want)
		}
	}
}

// TestOwnAddress: the host's own address is no virtual one, and nobody is told to
// remove it.
func TestOwnAddress(t *testing.T) {
	f, st := newFake(), store(t)
	own := netip.MustParseAddr("192.0.2.21")
	if did, err := Up(st, f, own, Spec{}); err == nil || !strings.Contains(err.Error(), "only address of eth0") || len(did) > 0 || len(f.log) > 0 {
		t.Errorf("did %v, error %v", did, err)
	}
	all, err := Check(&f.Snapshot, own, Spec{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if x.ID == "vip-device" && len(x.Mend) > 0 {
			t.Errorf("%+v", x)
		}
	}
	f.Addrs = append(f.Addrs, host.Addr{Device: "eth0", Prefix: netip.MustParsePrefix("192.0.2.10/24")})
	if _, err := Up(st, f, vip, Spec{}); err != nil {
		t.Errorf("an address beside the host's own, as a master has it: %v", err)
	}
}

// TestVIPWhereItIsAsked: an address on an interface with ARP is wrong on a
// real server.
func TestVIPWhereItIsAsked(t *testing.T) {
	f, st := newFake(), store(t)
	if _, err := Up(st, f, vip, Spec{}); err != nil {
		t.Fatal(err)
	}
	f.Addrs = append(f.Addrs, host.Addr{Device: "eth0", Prefix: netip.MustParsePrefix("192.0.2.10/24")})
	all, err := Check(&f.Snapshot, vip, Spec{})
	if err != nil || len(all) != 1 || all[0].ID != "vip-device" || all[0].Mend[0] != "ip addr del 192.0.2.10/24 dev eth0" {
		t.Errorf("%+v, %v", all, err)
	}
}
