package integration

import (
	"net/netip"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestLeftOvers kills a master, all processes at once and the link intact, and
// starts it again with a configuration that no longer has one of its
// addresses: both are gone before anything else happens.
func TestLeftOvers(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	forgotten := netip.MustParseAddr("192.0.2.101")
	for _, c := range []struct {
		name   string
		killed lab.Daemon
		swept  []netip.Addr // keepalived leaves no note of what it held
	}{{"of holdfast", us, []netip.Addr{vip, forgotten}}, {"of keepalived", them, []netip.Addr{vip}}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "leftover")
			high := router{Version: 3, VRID: 80, Interval: 200 * time.Millisecond, Priority: 150, VIPs: []string{"192.0.2.100/24", "192.0.2.101/24"}}
			a := n.start(n.a, c.killed, high.conf())
			n.holder(vip, "a", high.down()+5*noise)
			n.holder(forgotten, "a", noise)
			if err := a.Kill(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			if addrs, _ := n.a.Addrs("eth0"); !contains(addrs, vip) || !contains(addrs, forgotten) {
				t.Fatalf("a killed daemon's addresses are gone already: %v", addrs)
			}
			// Now somebody else serves the address.
			low := router{Version: 3, VRID: 80, Interval: 200 * time.Millisecond, Priority: 200}
			n.start(n.b, them, low.conf())
			if !lab.WaitFor(generous, func() bool { _, ok := n.watch.FirstAdded("b", vip, time.Time{}); return ok }) {
				t.Fatal("b does not take over")
			}
			again := high
			again.VIPs = again.VIPs[:1]
			started := time.Now()
			n.start(n.a, us, again.conf())
			for _, addr := range c.swept {
				if !lab.WaitFor(generous, func() bool {
					addrs, err := n.a.Addrs("eth0")
					return err == nil && !contains(addrs, addr)
				}) {
					t.Errorf("%v is still there", addr)
				}
			}
			t.Logf("swept within %v of the start", time.Since(started))
			time.Sleep(2 * high.down())
			n.holder(vip, "b", noise)
			for _, h := range n.watch.History(vip, started.Add(5*noise)) {
				if len(h.Hosts) != 1 || h.Hosts[0] != "b" {
					t.Errorf("%v held the address for %v", h.Hosts, h.To.Sub(h.From))
				}
			}
			if adv, heard := n.capture.Last("a", 80); heard && adv.At.After(started) {
				t.Errorf("the machine that came back has sent %v", adv)
			}
		}))
	}
}
