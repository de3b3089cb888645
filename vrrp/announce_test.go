package vrrp

import (
	"testing"
	"time"
)

// announcing is a master that announces in every way.
func announcing(t *testing.T) *bench {
	c := v3(100, 10*time.Second)
	c.GARP = GARP{
		Repeat: 4, Delay: 3 * time.Second, Refresh: 7 * time.Second, RefreshRepeat: 2,
		LowerPrioRep: 3, LowerPrioDelay: time.Second, Extra: 4 * time.Second,
	}
	return newBench(t, c).master()
}

// until acts on every deadline before d from now and returns what was
// announced, with the seconds.
func (b *bench) announcements(d time.Duration) map[time.Duration]string {
	out := map[time.Duration]string{}
	start := b.now
	for b.r.Deadline().Sub(start) <= d {
		for _, a := range b.expire() {
			if a.Kind == ActionAnnounce {
				out[b.now.Sub(start)] += text(a) + ";"
			}
		}
	}
	b.now = start.Add(d)
	return out
}

func wantAnnouncements(t *testing.T, got map[time.Duration]string, want map[time.Duration]string) {
	t.Helper()
	for at, what := range want {
		if got[at] != what {
			t.Errorf("after %v: %q, want %q", at, got[at], what)
		}
	}
	for at, what := range got {
		if want[at] == "" {
			t.Errorf("after %v: %q, want nothing", at, what)
		}
	}
}

func TestAnnouncementsOfAMaster(t *testing.T) {
	b := announcing(t)
	const extra = "announce one on each other interface 1 times;"
	wantAnnouncements(t, b.announcements(15*time.Second), map[time.Duration]string{
		3 * time.Second: "announce 4 times;", 4 * time.Second: extra, 7 * time.Second: "announce 2 times;",
		8 * time.Second: extra, 12 * time.Second: extra, 14 * time.Second: "announce 2 times;",
	})
}

// Whoever was heard as another master, or was one until now, is answered with
// announcements, but not more often than every 50 ms.
func TestAnnouncementsAgainstAnotherMaster(t *testing.T) {
	for _, prio := range []uint8{0, 50} {
		b := announcing(t)
		b.r.cfg.GARP.Delay, b.r.cfg.GARP.Refresh, b.r.cfg.GARP.Extra = 0, 0, 0
		b.announcements(20 * time.Second)
		n := 0
		for range 10 {
			for _, a := range b.hear(prio, other) {
				if a.Kind == ActionAnnounce && a.Count == 3 {
					n++
				}
			}
			b.now = b.now.Add(10 * time.Millisecond)
		}
		if n != 2 {
			t.Errorf("priority %d: %d sets in 100 ms, want 2", prio, n)
		}
		last := 10 * time.Millisecond
		wantAnnouncements(t, b.announcements(5*time.Second), map[time.Duration]string{time.Second - last: "announce 3 times;"})
	}
}

func TestAnnounceAnew(t *testing.T) {
	b := announcing(t)
	b.announcements(5 * time.Second)
	b.wantActions(b.step(Event{Kind: EventAnnounce}), "announce 4 times")
	got := b.announcements(3 * time.Second)
	if got[3*time.Second] != "announce one on each other interface 1 times;announce 4 times;" && got[3*time.Second] != "announce 4 times;announce one on each other interface 1 times;" {
		t.Errorf("the second set: %v", got)
	}
	b.hear(200, other)
	b.want(Backup)
	b.wantActions(b.step(Event{Kind: EventAnnounce}))
}

// Periods that a reload switches on or off begin and end with it.
func TestAnnouncementsAfterReload(t *testing.T) {
	b := announcing(t)
	b.announcements(5 * time.Second)
	c := b.r.cfg
	c.GARP.Refresh, c.GARP.Extra = 0, 6*time.Second
	b.r.update(b.now, c, nil)
	wantAnnouncements(t, b.announcements(10*time.Second), map[time.Duration]string{
		6 * time.Second: "announce one on each other interface 1 times;",
	})
}
