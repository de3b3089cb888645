package vrrp

import (
	"testing"
	"time"
)

// Whoever asks for an address is answered at once, but not more often than every
// second; whoever announces one after an interval and a half, once in 10 s.
func TestClaims(t *testing.T) {
	b := announcing(t) // its interval is 10 s
	b.r.cfg.GARP.Delay, b.r.cfg.GARP.Refresh, b.r.cfg.GARP.Extra = 0, 0, 0
	b.announcements(20 * time.Second)
	b.wantActions(b.step(Event{Kind: EventClaim, Asked: true}), "announce 3 times")
	b.wantActions(b.step(Event{Kind: EventClaim, Asked: true}))
	b.now = b.now.Add(time.Second)
	b.wantActions(b.step(Event{Kind: EventClaim, Asked: true}), "announce 3 times")

	b.wantActions(b.step(Event{Kind: EventClaim}))
	wantAnnouncements(t, b.announcements(16*time.Second), map[time.Duration]string{15 * time.Second: "announce 3 times;"})
	b.wantActions(b.step(Event{Kind: EventClaim}))
	wantAnnouncements(t, b.announcements(9*time.Second), nil)
	b.wantActions(b.step(Event{Kind: EventClaim})) // one answer is under way
	wantAnnouncements(t, b.announcements(20*time.Second), map[time.Duration]string{6 * time.Second: "announce 3 times;"})
	b.wantActions(b.step(Event{Kind: EventClaim}))
	b.wantActions(b.step(Event{Kind: EventClaim}))
	if n := b.r.Status().Claims; n != 5 {
		t.Errorf("%d claims counted, want 5", n)
	}

	// Who yields meanwhile keeps silent, and a backup has nothing to say.
	b.hear(200, other)
	b.want(Backup)
	wantAnnouncements(t, b.announcements(20*time.Second), nil)
	b.wantActions(b.step(Event{Kind: EventClaim, Asked: true}))
	b.wantActions(b.step(Event{Kind: EventClaim}))
}

// garp_lower_prio_repeat 0 asks for silence.
func TestNoAnswerToClaims(t *testing.T) {
	b := announcing(t)
	b.r.cfg.GARP = GARP{}
	b.announcements(20 * time.Second)
	b.wantActions(b.step(Event{Kind: EventClaim, Asked: true}))
	b.step(Event{Kind: EventClaim})
	wantAnnouncements(t, b.announcements(20*time.Second), nil)
}
