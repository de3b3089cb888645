package integration

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// TestMTU changes the MTU below a master with more addresses than an advert may
// hold, and with it how many it advertises; it holds all of them all the time.
// A VMAC, which the kernel makes smaller but never larger, follows both ways.
func TestMTU(t *testing.T) { patiently(mtuRound)(t) }

func mtuRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "mtu")
	masters := []struct {
		host *lab.Host
		r    router
		last netip.Addr
	}{
		{n.a, router{VRID: 90}, netip.MustParseAddr("2001:db8::9:62")},
		{n.b, router{VRID: 91, Extra: "  use_vmac vmac91\n"}, netip.MustParseAddr("2001:db8::a:62")},
	}
	for i := range masters {
		m := &masters[i]
		r := &m.r
		r.Version, r.Interval, r.Priority = 3, 200*time.Millisecond, 150
		r.VIPs = []string{fmt.Sprintf("fe80::%d/64", r.VRID)}
		for k, a := 0, m.last.As16(); k < 99; k++ {
			a[15] = byte(k)
			r.VIPs = append(r.VIPs, netip.AddrFrom16(a).String()+"/64")
		}
		n.start(m.host, ours(t), r.conf())
	}
	for _, m := range masters {
		n.holder(m.last, m.host.Name, 15*time.Second)
	}
	since := time.Now()
	for _, c := range []struct{ mtu, addresses int }{{1500, 89}, {1280, 76}, {1500, 89}} {
		for _, m := range masters {
			n.must(m.host, "ip", "link", "set", "eth0", "mtu", strconv.Itoa(c.mtu))
		}
		for _, m := range masters {
			at := time.Now()
			if !lab.WaitFor(generous, func() bool {
				a, ok := n.capture.Last(m.host.Name, uint8(m.r.VRID))
				return ok && a.At.After(at) && len(a.VIPs) == c.addresses
			}) {
				a, _ := n.capture.Last(m.host.Name, uint8(m.r.VRID))
				t.Fatalf("%s, MTU %d: %d addresses in an advert of %v, want %d", m.host.Name, c.mtu, len(a.VIPs), a.At, c.addresses)
			}
		}
	}
	for _, m := range masters {
		for _, h := range n.watch.History(m.last, since) {
			if len(h.Hosts) != 1 {
				t.Errorf("%v held the last address of %d", h.Hosts, m.r.VRID)
			}
		}
		_, v := status(t, m.host)
		if in := virtualRouter(t, v, "VI_1"); in.State != "MASTER" || in.Transitions != 1 {
			t.Errorf("%d: %s, %d times", m.r.VRID, in.State, in.Transitions)
		}
	}
	if got := n.sh(n.b, "cat /sys/class/net/vmac91/mtu"); got != "1500" {
		t.Errorf("the VMAC's MTU is %s", got)
	}
}

// TestMTUBelowIPv6 takes the MTU below a pair so low that the kernel has no IPv6
// there, and up again. Both IPv6 instances, with a VMAC and without, are in FAULT
// and then what they were, and no VMAC has an address made from the virtual MAC,
// which would be the same on both directors.
func TestMTUBelowIPv6(t *testing.T) { patiently(mtuBelowIPv6Round)(t) }

func mtuBelowIPv6Round(t testing.TB) {
	lab.Require(t)
	n := directors(t, "mtu6")
	us := ours(t)
	director := func(h *lab.Host, priority int) *lab.Process {
		r := router{Version: 3, VRID: 92, Interval: 200 * time.Millisecond, Priority: priority, VIPs: vips6, Extra: "  use_vmac vmac92\n"}
		plain := r
		plain.VRID, plain.Extra, plain.VIPs = 93, "", []string{"fe80::6565/64", "2001:db8::101/64"}
		// One of IPv4, which runs on, with an address that comes and goes with IPv6.
		other := r
		other.VRID, other.VIPs = 94, []string{"192.0.2.194/24"}
		other.Extra = "  virtual_ipaddress_excluded {\n    2001:db8::194/64\n  }\n"
		return n.start(h, us, r.conf()+plain.instance("VI_2")+other.instance("VI_3"))
	}
	master := netip.MustParseAddr(linkLocal(1))
	pair := []struct {
		host *lab.Host
		p    *lab.Process
		rank string
		own  netip.Addr
	}{
		{n.a, director(n.a, 150), "MASTER", master},
		{n.b, director(n.b, 100), "BACKUP", netip.MustParseAddr(linkLocal(2))},
	}
	mtu := func(bytes string) {
		for _, m := range pair {
			n.must(m.host, "ip", "link", "set", "eth0", "mtu", bytes)
		}
	}
	// become waits until both instances of a director are as they should be.
	become := func(when string, h *lab.Host, p *lab.Process, state string) {
		t.Helper()
		var v control.VRRP
		if !lab.WaitFor(generous, func() bool {
			_, v = status(t, h)
			for _, name := range []string{"VI_1", "VI_2"} {
				in := virtualRouter(t, v, name)
				if in.State != state || state == "BACKUP" && (in.Master == nil || in.Master.Addr != master) {
					return false
				}
			}
			return true
		}) {
			t.Fatalf("%s: %s is not %s: %+v\n%s", when, h.Name, state, v.Instances, p.LogEnd())
		}
	}
	settled := func(when string) {
		t.Helper()
		for _, m := range pair {
			become(when, m.host, m.p, m.rank)
			list, err := m.host.Addrs("vmac92")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(list, m.own) || slices.ContainsFunc(list, func(a netip.Addr) bool { return strings.HasPrefix(a.String(), "fe80::200:5eff:") }) {
				t.Errorf("%s: the VMAC of %s has %v, its own is %v", when, m.host.Name, list, m.own)
			}
		}
		n.holder(vip6, "a", generous)
		n.holder(netip.MustParseAddr("2001:db8::101"), "a", generous)
		n.holder(netip.MustParseAddr("2001:db8::194"), "a", generous)
	}
	settled("at first")
	sockets := func(h *lab.Host) string { return n.sh(h, "grep -c ':0070 ' /proc/net/raw6") }
	first := sockets(n.b)
	mtu("1000")
	for _, m := range pair {
		become("without IPv6", m.host, m.p, "FAULT")
		_, v := status(t, m.host)
		for _, name := range []string{"VI_1", "VI_2"} {
			in := virtualRouter(t, v, name)
			if len(in.Faults) != 1 || !strings.Contains(in.Faults[0], "its MTU is 1000") {
				t.Errorf("%s of %s is in FAULT because of %q", name, m.host.Name, in.Faults)
			}
		}
	}
	mtu("1500")
	settled("with IPv6 again")

	// And so short that most often nobody sees it but for the news: what the
	// kernel forgot meanwhile is asked for again.
	dips := strings.Repeat(`link set eth0 mtu 1000\nlink set eth0 mtu 1500\n`, 10)
	for _, m := range pair {
		n.sh(m.host, "printf '%s' | ip -batch -", dips)
	}
	heard := func(name string) (last time.Time) {
		_, v := status(t, n.b)
		if in := virtualRouter(t, v, name); in.Master != nil {
			last = in.Master.LastHeard
		}
		return last
	}
	settled("after moments without IPv6")
	for _, name := range []string{"VI_1", "VI_2"} {
		if since := time.Now(); !lab.WaitFor(generous, func() bool { return heard(name).After(since) }) {
			t.Errorf("%s hears the master no more\n%s", name, pair[1].p.LogEnd())
		}
	}
	settled("and later")
	if now := sockets(n.b); now != first {
		t.Errorf("%s sockets of IPv6 adverts, %s at first", now, first)
	}
}
