package vrrp

import (
	"testing"
	"time"
)

// The first interval of a new master ends at the router's place in an interval
// of the clock, and so does one that begins with an answer to another master.
func TestSpread(t *testing.T) {
	const phase = 300 * time.Millisecond
	place := func(at time.Time) time.Duration { return time.Duration(at.UnixNano()) % time.Second }
	d := NewDirector()
	cfg := v3(150, time.Second)
	id := d.Add(cfg)
	r := d.Router(id)
	d.Spread(id, phase)
	now := epoch.Add(123 * time.Millisecond)
	d.Step(now, id, &Event{Kind: EventStart}, nil)
	for r.State() == Backup {
		now = d.Deadline()
		d.Expire(now, nil)
	}
	for range 3 {
		next := r.timer
		if wait := next.Sub(now); wait <= 0 || wait > time.Second || place(next) != phase {
			t.Fatalf("the next advert comes after %v, %v after the second", wait, place(next))
		}
		now = next
		d.Expire(now, nil)
	}
	now = now.Add(50 * time.Millisecond)
	d.Step(now, id, &Event{Kind: EventAdvert, Advert: from(cfg, 100), Src: ip("192.0.2.2"), Local: self}, nil)
	if place(r.timer) != phase {
		t.Errorf("after an answer the next advert comes %v after the second", place(r.timer))
	}
	before := r.timer
	if d.Spread(id, -1); r.timer != before {
		t.Error("a timer that ran was touched")
	}
	d.Step(now, id, &Event{Kind: EventAdvert, Advert: from(cfg, 100), Src: ip("192.0.2.2"), Local: self}, nil)
	if got := r.timer.Sub(now); got != time.Second {
		t.Errorf("without a place the next advert comes after %v", got)
	}
}
