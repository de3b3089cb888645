package engine

import (
	"time"

	"holdfast/vrrp"
)

// sleeper is a Wire that knows how long the machine was suspended, which the
// monotonic clock does not count, since the wire was opened.
type sleeper interface{ Asleep() time.Duration }

// suspended handles a sleep of the whole machine (suspend to RAM, a frozen
// virtual machine whose clocks were set forth). Nothing waits in the sockets
// then, and the timers stood still: a master may have been replaced and a
// backup's timer may be about to end although its master lives. So both listen
// first: see EventSlept.
func (e *Engine) suspended(now time.Time) {
	s, ok := e.wire.(sleeper)
	if !ok {
		return
	}
	asleep := s.Asleep()
	gap := asleep - e.asleep
	e.asleep = asleep
	if gap <= 0 {
		return
	}
	e.tieBoot()
	n := 0
	for _, r := range e.routers {
		if r == nil || !r.started || gap < r.dead-r.cfg.AdvertInt {
			continue
		}
		n++
		r.mute = now.Add(r.cfg.AdvertInt)
		e.step(now, r, &vrrp.Event{Kind: vrrp.EventSlept})
	}
	if n > 0 {
		e.late.suspended++
		e.log.Warn("the machine was suspended for longer than the peers wait: listening first", "routers", n, "for", gap)
	}
}

// tieBoot finds out when the machine started by the wire's clock, which stands still
// while the machine is suspended, so that each suspend moves it.
func (e *Engine) tieBoot() {
	boot := e.deps.Boot() // first: what passes until Now is read is missing from boottime
	e.booted = e.wire.Now().Add(-boot)
}

// boottime is the time since the machine started by the wire's clock, which costs no
// system call. It is never later than Boot: after a suspend that suspended has not
// found yet it is earlier by that, and an advert noted by it is taken for older than
// it is, which costs a takeover at most and gives no two masters.
func (e *Engine) boottime() time.Duration { return e.wire.Now().Sub(e.booted) }

// doubts says whether a master may have been replaced without knowing it: it
// said nothing for longer than its peers wait.
func (e *Engine) doubts(now time.Time, r *router) bool {
	return e.overslept && now.Sub(r.lastSent) > r.dead || now.Before(r.mute)
}
