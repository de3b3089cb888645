package integration

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// TestClockStep steps the wall clock an hour forth, two back and one forth
// again, under a pair with short timers: no advert comes early or late, nobody
// takes over, and a takeover afterwards takes what it always does. Only the
// clock of a kernel that is a process of its own is ever touched.
func TestClockStep(t *testing.T) {
	lab.Require(t)
	if withClock(t) {
		patient(t, clockStep)
	}
}

// TestClockSetBackAtADeath sets the clock back by as much as has passed while a dead vrrp
// process was not heard of: its last advert is as old as it is, and the peer, which has
// taken over, keeps what it has.
func TestClockSetBackAtADeath(t *testing.T) {
	lab.Require(t)
	if withClock(t) {
		patient(t, func(t testing.TB) {
			parentStalled(t, ours(t), func(killed time.Time) { stepClock(t, -time.Since(killed)) })
		})
	}
}

// withClock says whether the test runs where the clock may be set, and has it run there
// otherwise.
func withClock(t *testing.T) bool {
	t.Helper()
	if inIPVS(t, 2*time.Minute) {
		return false
	}
	if cpu, err := os.ReadFile("/proc/cpuinfo"); err != nil || !strings.Contains(string(cpu), "User Mode Linux") {
		t.Skip("the clock of this machine is not ours to step")
	}
	return true
}

// stepClock sets the wall clock forth by d, or back.
func stepClock(t testing.TB, d time.Duration) {
	t.Helper()
	var now unix.Timeval
	if err := unix.Gettimeofday(&now); err != nil {
		t.Fatal(err)
	}
	now = unix.NsecToTimeval(now.Nano() + int64(d))
	if err := unix.Settimeofday(&now); err != nil {
		t.Fatal(err)
	}
}

func clockStep(t testing.TB) {
	n := directors(t, "clock")
	high := router{Version: 3, VRID: 36, Interval: 200 * time.Millisecond, Priority: 150}
	low := high
	low.Priority = 100
	a := n.start(n.a, ours(t), high.conf())
	n.holder(vip, "a", high.down()+10*noise)
	n.start(n.b, ours(t), low.conf())
	time.Sleep(low.down() + noise)

	begun := time.Now()
	for _, step := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour} {
		heard := len(n.capture.Adverts(time.Time{}))
		stepClock(t, step)
		const beats = 15
		asleep := time.Now() // with a monotonic part: the step is not in what follows
		time.Sleep(beats * high.Interval)
		list := n.capture.Adverts(time.Time{})[heard:]
		took := time.Since(asleep)
		t.Logf("%v: %d adverts in %v, history %s", step, len(list), took, brief(n.watch.History(vip, begun)))
		// A timer that follows the clock would be silent for an hour, or send
		// thousands; what a busy machine is late with is no such thing.
		if want := int(took / high.Interval); len(list) < want/2 || len(list) > want+2 {
			t.Errorf("after a step of %v: %d adverts in %v, want about %d", step, len(list), took, want)
		}
		for _, adv := range list {
			if adv.From != "a" {
				t.Errorf("after a step of %v: %v", step, adv)
			}
		}
	}
	if h := n.watch.History(vip, begun); len(h) != 1 || len(h[0].Hosts) != 1 || h[0].Hosts[0] != "a" {
		t.Errorf("the address moved: %s", brief(h))
	}

	// A dead master is still noticed in time, by a backup that saw a step.
	died := time.Now()
	if _, err := a.Crash(); err != nil {
		t.Fatal(err)
	}
	n.holder(vip, "b", low.down()+10*noise)
	took, _ := n.watch.FirstAdded("b", vip, died)
	t.Logf("takeover %v after the crash, master-down interval %v", took.Sub(died), low.down())
	if d := took.Sub(died); d > low.down()+noise || d < low.down()-high.Interval-noise/4 {
		t.Errorf("took over %v after the crash, master-down interval %v", d, low.down())
	}
}
