package integration

import (
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestSourceLost takes the address away that the master's adverts come from, as
// a network manager does that configures an interface anew: the last advert says
// so, and nobody waits for the dead time.
func TestSourceLost(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for name, change := range map[string]func(a, b *router){
		"multicast": func(_, _ *router) {},
		"vmac":      func(a, b *router) { a.Extra, b.Extra = "  use_vmac\n", "  use_vmac\n" },
	} {
		t.Run(name, patiently(func(t testing.TB) {
			n := directors(t, "source")
			high := router{Version: 3, VRID: 64, Interval: 200 * time.Millisecond, Priority: 150}
			low := high
			low.Priority = 100
			change(&high, &low)
			n.start(n.a, us, high.conf())
			n.start(n.b, them, low.conf())
			n.holder(vip, "a", high.down()+low.down()+5*noise)
			_, v := status(t, n.a)
			own := virtualRouter(t, v, "VI_1").Source.String() + "/24"
			at := time.Now()
			n.must(n.a, "ip", "addr", "del", own, "dev", "eth0")
			farewell := func() bool {
				for _, x := range n.capture.Adverts(at) {
					if x.From == "a" && x.Priority == 0 {
						return true
					}
				}
				return false
			}
			if !lab.WaitFor(generous, farewell) {
				t.Error("no advert of priority 0")
			}
			n.holder(vip, "b", low.down()+5*noise)
			_, v = status(t, n.a)
			if in := virtualRouter(t, v, "VI_1"); in.State != "FAULT" || len(in.Faults) == 0 {
				t.Errorf("state %s, faults %v, want FAULT and its cause", in.State, in.Faults)
			}
			n.must(n.a, "ip", "addr", "add", own, "dev", "eth0")
			n.holder(vip, "a", high.down()+5*noise)
		}))
	}
}
