package integration

import (
	"fmt"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// elections are the settings in which both daemons must understand each other.
var elections = []struct {
	name   string
	router router
}{
	{"v2 at 1s", router{Version: 2, VRID: 51, Interval: time.Second}},
	{"v2 PASS at 1s", router{Version: 2, VRID: 52, Interval: time.Second, Pass: "secret12"}},
	{"v3 at 1s", router{Version: 3, VRID: 53, Interval: time.Second}},
	{"v3 at 100ms", router{Version: 3, VRID: 54, Interval: 100 * time.Millisecond}},
	{"v3 at 10ms", router{Version: 3, VRID: 55, Interval: 10 * time.Millisecond}},
}

// TestElection runs holdfast and keepalived in one virtual router, each as
// the one with the higher priority in turn, through a life of starts, an
// ordinary stop and a crash.
func TestElection(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, e := range elections {
		for _, role := range []struct {
			name string
			a, b lab.Daemon
		}{{"holdfast first", us, them}, {"keepalived first", them, us}} {
			t.Run(fmt.Sprintf("%s/%s", e.name, role.name), patiently(func(t testing.TB) {
				election(t, e.router, role.a, role.b)
			}))
		}
	}
}

func election(t testing.TB, r router, first, second lab.Daemon) {
	n := directors(t, "election")
	high, low := r, r
	high.Priority, low.Priority = 150, 100

	start := time.Now()
	a := n.start(n.a, first, high.conf())
	b := n.start(n.b, second, low.conf())
	n.holder(vip, "a", high.down()+5*noise)
	settled := time.Now()

	// An ordinary stop: priority 0, then the backup waits its skew only.
	if exit, err := a.Stop(generous); err != nil || exit != 0 {
		t.Fatalf("stop of the master: exit %d, %v", exit, err)
	}
	n.holder(vip, "b", low.skew()+5*noise)
	bye, ok := n.farewell("a", r)
	if !ok {
		t.Fatalf("the last advert of the stopped master is %v, want priority 0", bye)
	}
	took, _ := n.watch.FirstAdded("b", vip, settled)
	t.Logf("v%d every %v, stop: %s took over %.1f ms after the farewell, skew time %.1f ms", r.Version, r.Interval, second.Name, ms(took.Sub(bye.At)), ms(low.skew()))
	if d := took.Sub(bye.At); d > low.skew()+noise || d < low.skew()-20*time.Millisecond {
		t.Errorf("took over %v after the farewell, want the skew time %v", d, low.skew())
	}

	// Preemption: the higher priority comes back and is master again.
	back := time.Now()
	a2 := n.start(n.a, first, high.conf())
	n.holder(vip, "a", high.down()+5*noise)
	again, _ := n.watch.FirstAdded("a", vip, back)

	// A crash: link cut and everything killed, at no special moment.
	time.Sleep(time.Duration(time.Now().UnixNano()) % r.Interval)
	if _, err := a2.Crash(); err != nil {
		t.Fatal(err)
	}
	n.holder(vip, "b", low.down()+5*noise)
	last, _ := n.capture.Last("a", uint8(r.VRID))
	took, _ = n.watch.FirstAdded("b", vip, again)
	t.Logf("v%d every %v, crash: %s took over %.1f ms after the last advert, master-down interval %.1f ms", r.Version, r.Interval, second.Name, ms(took.Sub(last.At)), ms(low.down()))
	if d := took.Sub(last.At); d > low.down()+noise || d < low.down()-r.Interval/2-20*time.Millisecond {
		t.Errorf("took over %v after the last advert, want the master-down interval %v", d, low.down())
	}

	t.Logf("v%d every %v, %s first: two holders for %.1f ms at most", r.Version, r.Interval, first.Name, ms(n.watch.Overlap(vip, start)))
	if o := n.watch.Overlap(vip, start); o > r.Interval+noise {
		t.Errorf("two holders for %v, history %v", o, n.watch.History(vip, start))
	}
	if err := n.watch.Err(); err != nil {
		t.Error(err)
	}
	for _, p := range []*lab.Process{a, a2, b} {
		for _, line := range complaintsIn(p.Log()) {
			t.Errorf("%s complains: %s", p.Host.Name, line)
		}
	}
}

// farewell waits until the last advert of a host's router that was heard is one of
// priority 0.
func (n *network) farewell(host string, r router) (last lab.Advert, ok bool) {
	ok = lab.WaitFor(generous, func() bool {
		var heard bool
		last, heard = n.capture.Last(host, uint8(r.VRID))
		return heard && last.Priority == 0
	})
	return last, ok
}

// ms is a time in milliseconds, for logs.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
