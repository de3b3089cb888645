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

// TestParentStalled stops the parent of a master for longer than a peer waits, and
// kills its vrrp process meanwhile: the peer has taken over by the time the parent
// hears of it, and keeps what it has.
func TestParentStalled(t *testing.T) {
	lab.Require(t)
	peer := theirs(t)
	patient(t, func(t testing.TB) { parentStalled(t, peer, func(time.Time) {}) })
}

// parentStalled is TestParentStalled with what happens before the parent goes on, which
// is told when the vrrp process was killed.
func parentStalled(t testing.TB, peer lab.Daemon, meanwhile func(killed time.Time)) {
	t.Helper()
	n := directors(t, "stall")
	r := router{Version: 3, VRID: 92, Interval: 500 * time.Millisecond, Priority: 150}
	low := r
	low.Priority = 100
	r.Extra = "  nopreempt\n"
	a := n.start(n.a, ours(t), r.conf(), pidFiles(n.a)...)
	n.holder(vip, "a", r.down()+5*noise)
	n.start(n.b, peer, low.conf())
	n.told(n.a, vip)
	parent, vrrp := pidIn(n.a.Path("parent.pid")), pidIn(n.a.Path("vrrp.pid"))
	if parent == 0 || vrrp == 0 {
		t.Fatal("no pid files")
	}
	if err := syscall.Kill(parent, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(parent, syscall.SIGCONT)
	if err := syscall.Kill(vrrp, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if !lab.WaitFor(generous, func() bool { _, ok := n.watch.FirstAdded("b", vip, killed); return ok }) {
		t.Fatal("the peer does not take over")
	}
	time.Sleep(r.Interval) // so that it has sent adverts, or would be heard of in vain
	meanwhile(killed)
	if err := syscall.Kill(parent, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	went := time.Now()
	if !lab.WaitFor(generous, func() bool {
		next := pidIn(n.a.Path("vrrp.pid"))
		return next != 0 && next != vrrp
	}) {
		t.Fatal("the vrrp process is not replaced")
	}
	time.Sleep(r.down() + noise)
	n.holder(vip, "b", 0)
	for _, h := range n.watch.History(vip, went) {
		if len(h.Hosts) == 1 && h.Hosts[0] == "a" {
			t.Errorf("the peer lost the address: %s", brief(n.watch.History(vip, killed)))
		}
	}
	if !a.Running() {
		t.Error("the daemon has ended")
	}
}
