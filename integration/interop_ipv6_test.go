package integration

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// linkLocal is the link-local address of a host of the labs by the last byte of
// its hardware address.
func linkLocal(n int) string { return fmt.Sprintf("fe80::ff:fe00:%x", n) }

// vips6 are the addresses of the IPv6 scenarios, vip6 the one that is watched.
var (
	vips6 = []string{"fe80::6464/64", "2001:db8::100/64"}
	vip6  = netip.MustParseAddr("2001:db8::100")
)

// plug6 gives both directors a global address of IPv6.
func (n *network) plug6() {
	n.t.Helper()
	for i, h := range []*lab.Host{n.a, n.b} {
		if err := h.AddAddr("eth0", fmt.Sprintf("2001:db8::%d/64", i+1)); err != nil {
			n.t.Fatal(err)
		}
	}
}

// TestIPv6 runs a pair with keepalived in each place: the better machine takes
// over, is stopped, comes back, and crashes.
func TestIPv6(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	r := router{Version: 3, VRID: 61, Interval: 200 * time.Millisecond, VIPs: vips6}
	for _, c := range []struct {
		name       string
		high, low  lab.Daemon
		extra      [2]string
		global     bool
		wantSource string
	}{
		{name: "multicast, holdfast better", high: us, low: them, wantSource: linkLocal(1)},
		{name: "multicast, keepalived better", high: them, low: us, wantSource: linkLocal(1)},
		{
			name: "unicast, link-local, holdfast better", high: us, low: them, wantSource: linkLocal(1),
			extra: [2]string{unicast(linkLocal(1), linkLocal(2)), unicast(linkLocal(2), linkLocal(1))},
		},
		{
			name: "unicast, link-local, keepalived better", high: them, low: us, wantSource: linkLocal(1),
			extra: [2]string{unicast(linkLocal(1), linkLocal(2)), unicast(linkLocal(2), linkLocal(1))},
		},
		{
			name: "unicast, global, holdfast better", high: us, low: them, wantSource: "2001:db8::1",
			extra: [2]string{unicast("2001:db8::1", "2001:db8::2"), unicast("2001:db8::2", "2001:db8::1")},
		},
		{
			name: "multicast from a global address, holdfast worse", high: them, low: us, wantSource: "2001:db8::1",
			extra: [2]string{"  mcast_src_ip 2001:db8::1\n", "  mcast_src_ip 2001:db8::2\n"},
		},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "ipv6")
			n.plug6()
			high, low := r, r
			high.Priority, low.Priority = 150, 100
			high.Extra, low.Extra = c.extra[0], c.extra[1]
			b := n.start(n.b, c.low, low.conf())
			n.holder(vip6, "b", low.down()+5*noise)

			back := time.Now()
			a := n.start(n.a, c.high, high.conf())
			n.holder(vip6, "a", high.down()+5*noise)
			time.Sleep(2 * r.Interval)
			if last, _ := n.capture.Last("a", 61); last.Src != netip.MustParseAddr(c.wantSource) {
				t.Errorf("the master sends from %v, want %s", last.Src, c.wantSource)
			}
			if o := n.watch.Overlap(vip6, back); o > r.Interval+noise {
				t.Errorf("two holders for %v", o)
			}

			stopped := time.Now()
			if _, err := a.Stop(generous); err != nil {
				t.Fatal(err)
			}
			n.holder(vip6, "b", low.skew()+5*noise)
			n.announced6("b", stopped)
			for _, line := range complaintsIn(a.Log()) {
				t.Errorf("a complains: %s", line)
			}

			a = n.start(n.a, c.high, high.conf())
			n.holder(vip6, "a", high.down()+5*noise)
			settled := time.Now()
			if _, err := a.Crash(); err != nil {
				t.Fatal(err)
			}
			n.holder(vip6, "b", low.down()+5*noise)
			last, _ := n.capture.Last("a", 61)
			took, _ := n.watch.FirstAdded("b", vip6, settled)
			t.Logf("took over %v after the last advert, master-down interval %v", took.Sub(last.At), low.down())
			if d := took.Sub(last.At); d > low.down()+noise {
				t.Errorf("took over %v after the last advert, want %v", d, low.down())
			}
			for _, line := range complaintsIn(b.Log()) {
				t.Errorf("b complains: %s", line)
			}
		}))
	}
}

// announced6 checks that a host has announced every address of vips6.
func (n *network) announced6(host string, since time.Time) {
	n.t.Helper()
	all := func() bool {
		told := map[netip.Addr]bool{}
		for _, na := range n.capture.NAs(since) {
			if na.From == host && na.Unsolicited() && na.Flags == 0x20 {
				told[na.Target] = true
			}
		}
		for _, v := range vips6 {
			if !told[netip.MustParsePrefix(v).Addr()] {
				return false
			}
		}
		return true
	}
	if !lab.WaitFor(generous, all) {
		n.t.Errorf("%s has not announced all addresses", host)
	}
}

// TestIPv6EqualPriorities: of two masters the one with the higher address stays.
func TestIPv6EqualPriorities(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name string
		a, b lab.Daemon
	}{{"holdfast higher", them, us}, {"keepalived higher", us, them}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "tie6")
			r := router{Version: 3, VRID: 62, Interval: 200 * time.Millisecond, Priority: 100, VIPs: vips6}
			n.start(n.a, c.a, r.conf())
			n.holder(vip6, "a", r.down()+5*noise)
			n.start(n.b, c.b, r.conf())
			// Equal priorities: b stays backup while it hears a.
			time.Sleep(r.down() + noise)
			n.holder(vip6, "a", time.Second)
			// Both masters: a is stopped for longer than b waits and then goes on.
			pids := n.a.Pids()
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			}
			if !lab.WaitFor(generous, func() bool { _, ok := n.capture.Last("b", 62); return ok }) {
				t.Fatal("b did not take over")
			}
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
			n.holder(vip6, "b", r.down()+5*noise)
		}))
	}
}

// TestBothFamilies runs an instance of each family with one VRID on one
// interface: they know nothing of each other.
func TestBothFamilies(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	four := router{Version: 2, VRID: 63, Interval: time.Second}
	six := router{Version: 3, VRID: 63, Interval: 200 * time.Millisecond, VIPs: vips6}
	conf := func(prio4, prio6 int) string {
		four, six := four, six
		four.Priority, six.Priority = prio4, prio6
		return four.conf() + strings.Replace(six.instance("VI_6"), "  state", "  version 3\n  state", 1)
	}
	for _, c := range []struct {
		name string
		a, b lab.Daemon
	}{{"holdfast first", us, them}, {"keepalived first", them, us}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "families")
			a := n.start(n.a, c.a, conf(150, 100))
			b := n.start(n.b, c.b, conf(100, 150))
			four := four
			four.Priority = 150
			n.holder(vip, "a", four.down()+5*noise)
			n.holder(vip6, "b", four.down()+5*noise)
			if _, err := b.Stop(generous); err != nil {
				t.Fatal(err)
			}
			n.holder(vip6, "a", six.down()+5*noise)
			n.holder(vip, "a", time.Second)
			for _, p := range []*lab.Process{a, b} {
				for _, line := range complaintsIn(p.Log()) {
					t.Errorf("%s complains: %s", p.Host.Name, line)
				}
			}
		}))
	}
}

// TestIPv6Addresses looks at the kernel: how addresses are installed, that a
// stranger's removal is mended, that a killed vrrp process keeps them, and that
// a stop leaves nothing.
func TestIPv6Addresses(t *testing.T) { patiently(iPv6AddressesRound)(t) }

func iPv6AddressesRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "addr6")
	r := router{
		Version: 3, VRID: 64, Interval: 200 * time.Millisecond, Priority: 100,
		VIPs: []string{"fe80::6464/64", "2001:db8::100/64", "2001:db8::101"},
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	show := func() string {
		t.Helper()
		out, err := n.a.Output(ctx, "ip", "-6", "-o", "addr", "show", "dev", "eth0")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := show()
	// A left-over of somebody who died.
	if err := n.a.AddAddr("eth0", "2001:db8::101/128"); err != nil {
		t.Fatal(err)
	}
	p := n.start(n.a, ours(t), r.conf(), pidFiles(n.a)...)
	n.holder(vip6, "a", r.down()+5*noise)
	text := strings.Join(strings.Fields(strings.ReplaceAll(show(), "proto 0x68", "")), " ")
	for _, want := range []string{
		"fe80::6464/64 scope link nodad \\ valid_lft forever preferred_lft forever",
		"2001:db8::100/64 scope global nodad \\ valid_lft forever preferred_lft forever",
		"2001:db8::101/128 scope global nodad deprecated \\ valid_lft forever preferred_lft 0sec",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}

	removed := time.Now()
	if _, err := n.a.Output(ctx, "ip", "addr", "del", "2001:db8::100/64", "dev", "eth0"); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(generous, func() bool { at, ok := n.watch.FirstAdded("a", vip6, removed); return ok && at.After(removed) }) {
		t.Error("the address was not put back")
	}
	n.announced6("a", removed)

	n.told(n.a, vip6)
	pid := pidIn(n.a.Path("vrrp.pid"))
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(generous, func() bool { next := pidIn(n.a.Path("vrrp.pid")); return next != pid && next != 0 }) {
		t.Fatal("the vrrp process was not replaced")
	}
	time.Sleep(r.down())
	n.holder(vip6, "a", time.Second)
	if h := n.watch.History(vip6, killed); len(h) != 1 {
		t.Errorf("the address went away with the process: %v", h)
	}
	if last, _ := n.capture.Last("a", 64); last.Src != netip.MustParseAddr(linkLocal(1)) || last.At.Before(killed) {
		t.Errorf("the new process sends from %v at %v", last.Src, last.At)
	}
	if _, err := p.Stop(generous); err != nil {
		t.Fatal(err)
	}
	if after := show(); after != before {
		t.Errorf("after the stop\n%s\nbefore\n%s", after, before)
	}
}
