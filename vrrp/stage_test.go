package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// epoch is when every test begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// self is our own address, peer that of another router with a higher one.
var (
	self  = ip("192.0.2.1")
	other = ip("192.0.2.14")
	lower = ip("192.0.2.0")
)

// v2 and v3 are configurations as keepalived's defaults make them.
func v2(prio uint8) Config {
	return Config{
		Name: "VI_1", VRID: 51, Version: 2, Priority: prio, AdvertInt: time.Second, DownTimerAdverts: 3,
		Addresses: []netip.Addr{ip("10.9.9.9")}, GARP: defaultGARP,
	}
}

var defaultGARP = GARP{Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1, LowerPrioRep: 5, LowerPrioDelay: 5 * time.Second}

func v3(prio uint8, interval time.Duration) Config {
	c := v2(prio)
	c.Version = 3
	c.AdvertInt = interval
	return c
}

// from is an advert of another router with cfg's addresses.
func from(cfg Config, prio uint8) *Advert {
	a := &Advert{}
	NewRouter(cfg).Advert(prio, a)
	return a
}

// bench drives one router in tests of single clauses.
type bench struct {
	t   *testing.T
	r   *Router
	now time.Time
}

func newBench(t *testing.T, cfg Config) *bench {
	return &bench{t: t, r: NewRouter(cfg), now: epoch}
}

// step steps ev at now.
func (b *bench) step(ev Event) []Action { return b.r.Step(b.now, &ev, nil) }

func (b *bench) start() []Action { return b.step(Event{Kind: EventStart}) }

// hear steps an advert of priority prio from src.
func (b *bench) hear(prio uint8, src netip.Addr) []Action {
	return b.step(Event{Kind: EventAdvert, Advert: from(b.r.cfg, prio), Src: src, Local: self})
}

// expire goes to the deadline and acts on it.
func (b *bench) expire() []Action {
	b.t.Helper()
	at := b.r.Deadline()
	if at.IsZero() {
		b.t.Fatal("no deadline")
	}
	b.now = at
	return b.r.Expire(b.now, nil)
}

// applied says that the newest addresses are in the kernel.
func (b *bench) applied() []Action {
	return b.step(Event{Kind: EventApplied, Gen: b.r.gen, Up: true})
}

// master makes the router master with its addresses applied.
func (b *bench) master() *bench {
	b.t.Helper()
	b.start()
	for b.r.state == Backup {
		b.expire()
	}
	b.applied()
	b.want(Master)
	return b
}

func (b *bench) want(s State) {
	b.t.Helper()
	if b.r.state != s {
		b.t.Fatalf("state %v, want %v", b.r.state, s)
	}
}

// wantWait checks how far away the deadline is.
func (b *bench) wantWait(d time.Duration) {
	b.t.Helper()
	if got := b.r.Deadline().Sub(b.now); got != d {
		b.t.Fatalf("deadline in %v, want %v", got, d)
	}
}

// wantActions compares what was done, as text.
func (b *bench) wantActions(got []Action, want ...string) {
	b.t.Helper()
	if len(got) != len(want) {
		b.t.Fatalf("actions %v, want %v", texts(got), want)
	}
	for i, g := range texts(got) {
		if g != want[i] {
			b.t.Fatalf("action %d is %q, want %q", i, g, want[i])
		}
	}
}

// stage plays several routers of one machine against the clock and writes
// down what they do.
type stage struct {
	d     *Director
	now   time.Time
	apply time.Duration // how long the kernel takes for addresses; <0: for ever
	queue []applied
	event func(now time.Time, a Action)
	acts  []Action
}

type applied struct {
	at  time.Time
	id  ID
	gen uint64
}

func newStage(event func(time.Time, Action)) *stage {
	return &stage{d: NewDirector(), now: epoch, event: event}
}

func (s *stage) step(id ID, ev Event) {
	s.do(s.d.Step(s.now, id, &ev, s.acts[:0]))
}

// do carries actions out: it tells them and has addresses applied later.
func (s *stage) do(acts []Action) {
	s.acts = acts
	for _, a := range acts {
		if s.event != nil {
			s.event(s.now, a)
		}
		if a.Kind == ActionAddresses && s.apply >= 0 {
			s.queue = append(s.queue, applied{s.now.Add(s.apply), a.ID, a.Gen})
		}
	}
}

// until runs everything that is due up to t.
func (s *stage) until(t time.Time) {
	for {
		at := s.d.Deadline()
		if len(s.queue) > 0 && (at.IsZero() || !at.Before(s.queue[0].at)) {
			q := s.queue[0]
			if q.at.After(t) {
				break
			}
			s.queue = s.queue[1:]
			s.now = q.at
			s.step(q.id, Event{Kind: EventApplied, Gen: q.gen, Up: true})
			continue
		}
		if at.IsZero() || at.After(t) {
			break
		}
		s.now = at
		s.do(s.d.Expire(at, s.acts[:0]))
	}
	s.now = t
}
