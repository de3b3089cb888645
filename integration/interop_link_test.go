package integration

import (
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestInterfaceDown sets the master's interface down and up again.
func TestInterfaceDown(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name string
		a, b lab.Daemon
	}{{"holdfast's", us, them}, {"keepalived's", them, us}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "link")
			high := router{Version: 3, VRID: 77, Interval: 200 * time.Millisecond, Priority: 150}
			low := router{Version: 3, VRID: 77, Interval: 200 * time.Millisecond, Priority: 100}
			n.start(n.a, c.a, high.conf())
			n.start(n.b, c.b, low.conf())
			n.holder(vip, "a", high.down()+low.down()+5*noise)
			settled := time.Now()
			if out, err := n.a.Output(t.Context(), "ip", "link", "set", "eth0", "down"); err != nil {
				t.Fatal(err, out)
			}
			n.holder(vip, "b", low.down()+5*noise)
			last, _ := n.capture.Last("a", 77)
			took, _ := n.watch.FirstAdded("b", vip, settled)
			t.Logf("took over %v after the last advert, master-down interval %v", took.Sub(last.At), low.down())
			if c.a.Name == "holdfast" {
				_, v := status(t, n.a)
				if in := virtualRouter(t, v, "VI_1"); in.State != "FAULT" || len(in.Faults) == 0 {
					t.Errorf("state %s, faults %v, want FAULT and its cause", in.State, in.Faults)
				}
			}
			if addrs, err := n.a.Addrs("eth0"); err != nil || contains(addrs, vip) {
				t.Errorf("the address is still on the dead interface: %v, %v", addrs, err)
			}
			up := time.Now()
			if out, err := n.a.Output(t.Context(), "ip", "link", "set", "eth0", "up"); err != nil {
				t.Fatal(err, out)
			}
			n.holder(vip, "a", high.down()+5*noise)
			back, _ := n.watch.FirstAdded("a", vip, up)
			t.Logf("back %v after the interface, master-down interval %v", back.Sub(up), high.down())
			if d := back.Sub(up); d < high.down()-50*time.Millisecond {
				t.Errorf("back %v after the interface came up, before the master-down interval %v", d, high.down())
			}
			if o := n.watch.Overlap(vip, settled); o > low.Interval+noise {
				t.Errorf("two holders for %v", o)
			}
		}))
	}
}
