package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/lab"
)

func unicast(own, peer string) string {
	return fmt.Sprintf("  unicast_src_ip %s\n  unicast_peer {\n    %s\n  }\n", own, peer)
}

// TestUnicast runs a pair that sends its adverts to one another only.
func TestUnicast(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, r := range []router{
		{Version: 2, VRID: 72, Interval: time.Second, Pass: "uni"},
		{Version: 3, VRID: 73, Interval: 100 * time.Millisecond},
	} {
		for _, c := range []struct {
			name string
			a, b lab.Daemon
		}{{"holdfast first", us, them}, {"keepalived first", them, us}} {
			t.Run(fmt.Sprintf("v%d/%s", r.Version, c.name), patiently(func(t testing.TB) {
				n := directors(t, "unicast")
				high, low := r, r
				high.Priority, low.Priority = 150, 100
				high.Extra, low.Extra = unicast("192.0.2.1", "192.0.2.2"), unicast("192.0.2.2", "192.0.2.1")
				b := n.start(n.b, c.b, low.conf())
				n.holder(vip, "b", low.down()+5*noise)
				back := time.Now()
				a := n.start(n.a, c.a, high.conf())
				n.holder(vip, "a", high.down()+5*noise)
				time.Sleep(2 * r.Interval)
				for _, adv := range n.capture.Adverts(time.Time{}) {
					if adv.Dst.IsMulticast() || adv.Dst == adv.Src {
						t.Fatalf("a unicast pair sends to %v: %v", adv.Dst, adv)
					}
				}
				if o := n.watch.Overlap(vip, back); o > r.Interval+noise {
					t.Errorf("two holders for %v", o)
				}
				settled := time.Now()
				if _, err := a.Crash(); err != nil {
					t.Fatal(err)
				}
				n.holder(vip, "b", low.down()+5*noise)
				last, _ := n.capture.Last("a", uint8(r.VRID))
				took, _ := n.watch.FirstAdded("b", vip, settled)
				t.Logf("took over %v after the last advert, master-down interval %v", took.Sub(last.At), low.down())
				if d := took.Sub(last.At); d > low.down()+noise {
					t.Errorf("took over %v after the last advert, want %v", d, low.down())
				}
				for _, p := range []*lab.Process{a, b} {
					for _, line := range complaintsIn(p.Log()) {
						t.Errorf("%s complains: %s", p.Host.Name, line)
					}
				}
			}))
		}
	}
}

// TestSameBytesUnicast compares what both daemons send to a peer that never
// says anything.
func TestSameBytesUnicast(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, r := range []router{
		{Version: 2, VRID: 74, Interval: time.Second, Priority: 100, Extra: unicast("192.0.2.1", "192.0.2.2")},
		{Version: 3, VRID: 75, Interval: 200 * time.Millisecond, Priority: 100, Extra: unicast("192.0.2.1", "192.0.2.2")},
		{
			Version: 3, VRID: 76, Interval: 200 * time.Millisecond, Priority: 100, VIPs: []string{"fe80::6464/64", "2001:db8::100/64"},
			Extra: unicast(linkLocal(1), linkLocal(2)),
		},
	} {
		t.Run(fmt.Sprintf("v%d, VRID %d", r.Version, r.VRID), patiently(func(t testing.TB) {
			want, got := sent(t, them, r.conf()), sent(t, us, r.conf())
			if diff := cmp.Diff(want.adverts, got.adverts); diff != "" {
				t.Errorf("adverts (-keepalived +holdfast):\n%s", diff)
			}
			if diff := cmp.Diff(want.farewell, got.farewell); diff != "" {
				t.Errorf("farewell (-keepalived +holdfast):\n%s", diff)
			}
			if diff := cmp.Diff(want.arps, got.arps); diff != "" {
				t.Errorf("gratuitous ARPs (-keepalived +holdfast):\n%s", diff)
			}
		}))
	}
}
