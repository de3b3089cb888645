package integration

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestParentDeath kills the parent of a fast master: its children say farewell
// and go, the peer takes over after no more than its skew time, and the daemon
// can be started again at once.
func TestParentDeath(t *testing.T) {
	lab.Require(t)
	us := ours(t)
	for _, peer := range []lab.Daemon{us, theirs(t)} {
		t.Run(fmt.Sprintf("peer %s", peer.Name), patiently(func(t testing.TB) {
			n := directors(t, "death")
			r := router{Version: 3, VRID: 91, Interval: 100 * time.Millisecond, Priority: 150}
			low := r
			low.Priority = 100
			a := n.start(n.a, us, r.conf(), pidFiles(n.a)...)
			n.holder(vip, "a", r.down()+5*noise)
			n.start(n.b, peer, low.conf())
			time.Sleep(noise)
			killed := time.Now()
			if err := syscall.Kill(pidIn(n.a.Path("parent.pid")), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "b", low.skew()+5*noise)
			bye, ok := n.farewell("a", r)
			took, _ := n.watch.FirstAdded("b", vip, killed)
			t.Logf("farewell %.1f ms after the death, takeover %.1f ms after that, two holders for %.1f ms, nobody for %.1f ms",
				ms(bye.At.Sub(killed)), ms(took.Sub(bye.At)), ms(n.watch.Overlap(vip, killed)), ms(n.watch.Gap(vip, killed)))
			if !ok {
				t.Errorf("the last advert is %v, want a farewell", bye)
			}
			if d := took.Sub(bye.At); d > low.skew()+noise {
				t.Errorf("the peer took over %v after the farewell, want %v", d, low.skew())
			}
			if o := n.watch.Overlap(vip, killed); o > r.Interval {
				t.Errorf("two holders for %v", o)
			}
			if !lab.WaitFor(generous, func() bool { return len(a.Tree()) == 0 }) {
				t.Fatalf("processes outlive their parent: %v", a.Tree())
			}
			n.start(n.a, us, r.conf(), pidFiles(n.a)...)
			n.holder(vip, "a", r.down()+5*noise)
			if o := n.watch.Overlap(vip, killed); o > r.Interval {
				t.Errorf("two holders for %v", o)
			}
		}))
	}
}
