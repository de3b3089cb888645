package integration

import (
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestNoPreempt has the better machine come back to a pair in which it must
// not take the address away, with each daemon in each place.
func TestNoPreempt(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name          string
		better, worse lab.Daemon
	}{{"holdfast comes back", us, them}, {"keepalived comes back", them, us}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "nopreempt")
			high := router{Version: 2, VRID: 70, Interval: time.Second, Priority: 150, Extra: "  nopreempt\n"}
			low := router{Version: 2, VRID: 70, Interval: time.Second, Priority: 100}
			b := n.start(n.b, c.worse, low.conf())
			n.holder(vip, "b", low.down()+5*noise)
			since := time.Now()
			n.start(n.a, c.better, high.conf())
			time.Sleep(high.down() + low.Interval + noise)
			n.undisturbed("b", low, since)
			if _, heard := n.capture.Last("a", 70); heard {
				t.Error("the machine with nopreempt has sent an advert")
			}

			// The farewell of the master ends its restraint.
			if _, err := b.Stop(generous); err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "a", high.skew()+5*noise)
			bye, _ := n.capture.Last("b", 70)
			took, _ := n.watch.FirstAdded("a", vip, since)
			t.Logf("address %v after the farewell, skew time %v", took.Sub(bye.At), high.skew())
			if d := took.Sub(bye.At); bye.Priority != 0 || d > high.skew()+noise {
				t.Errorf("took over %v after %v", d, bye)
			}
		}))
	}
}

// TestPreemptDelay measures from the first advert heard until the address is
// taken: adverts are respected until the delay is over, and then the
// master-down interval runs out.
func TestPreemptDelay(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	const delay = 2500 * time.Millisecond
	for _, c := range []struct {
		name          string
		better, worse lab.Daemon
	}{{"holdfast waits", us, them}, {"keepalived waits", them, us}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "delay")
			high := router{Version: 2, VRID: 71, Interval: time.Second, Priority: 150, Extra: "  preempt_delay 2.5\n"}
			low := router{Version: 2, VRID: 71, Interval: time.Second, Priority: 100}
			b := n.start(n.b, c.worse, low.conf())
			n.holder(vip, "b", low.down()+5*noise)
			// Start between two adverts, so that the first one heard is known.
			last, _ := n.capture.Last("b", 71)
			if !lab.WaitFor(generous, func() bool {
				a, _ := n.capture.Last("b", 71)
				return a.At.After(last.At)
			}) {
				t.Fatal("the master is silent")
			}
			since := time.Now()
			a := n.start(n.a, c.better, high.conf())
			n.holder(vip, "a", delay+high.down()+5*noise)
			took, _ := n.watch.FirstAdded("a", vip, since)
			var heard []time.Time
			for _, adv := range n.capture.Adverts(since) {
				if adv.From == "b" {
					heard = append(heard, adv.At)
				}
			}
			if len(heard) < 4 {
				t.Fatalf("%d adverts of the master until the takeover", len(heard))
			}
			want := 2*low.Interval + high.down() // the third advert is the last one respected
			got := took.Sub(heard[0])
			t.Logf("took over %v after the first advert heard, want %v", got, want)
			if (got - want).Abs() > noise {
				t.Errorf("took over %v after the first advert heard, want %v", got, want)
			}
			if o := n.watch.Overlap(vip, since); o > high.Interval+noise {
				t.Errorf("two holders for %v", o)
			}
			for _, p := range []*lab.Process{a, b} {
				for _, line := range complaintsIn(p.Log()) {
					t.Errorf("%s complains: %s", p.Host.Name, line)
				}
			}
		}))
	}
}
