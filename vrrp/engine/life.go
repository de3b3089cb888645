package engine

import (
	"fmt"
	"time"

	"holdfast/vrrp/link"
)

// start reads the interfaces, removes left-overs, opens the ports and starts
// every router whose interface is there.
func (e *Engine) start() error {
	now := e.wire.Now()
	e.startDevices()
	list, err := e.deps.Watcher.List()
	if err != nil {
		return fmt.Errorf("engine: list interfaces: %w", err)
	}
	e.setInterfaces(list)
	e.choose()
	e.known(now)
	var remove link.Wanted
	remove.Add(e.deps.LeftOvers)
	keep := e.staticsWanted()
	for _, r := range e.routers {
		if r.resume {
			keep.Add(e.wantedOf(r))
		} else {
			remove.Add(e.wantedOf(r))
		}
	}
	if err := e.deps.Applier.Sweep(remove, keep); err != nil {
		// Nothing to end for: a peer's adverts show who is master, and what
		// is left is taken over or announced anew by the master.
		e.log.Error("removing left-over addresses failed", "error", err)
	}
	// What was there is gone now; the routers must not look for it again.
	if list, err = e.deps.Watcher.List(); err != nil {
		return fmt.Errorf("engine: list interfaces: %w", err)
	}
	e.setInterfaces(list)
	e.promote()
	e.placeStatics(now, true)
	e.reopen(now)
	for _, r := range e.routers {
		if r.ifindex == 0 {
			e.log.Warn("the interface does not exist, waiting for it", r.attrs()...)
		}
	}
	e.startWatch()
	return nil
}

// choose finds the routers that go on where a predecessor stopped: no peer may
// have had the time to take over. An advert of the future proves nothing.
func (e *Engine) choose() {
	for _, s := range e.deps.Resume {
		r := e.byName[s.Name]
		if r == nil {
			continue
		}
		if r.before = s.LastAdvert; r.before == 0 {
			e.log.Info("predecessor was master", append(r.attrs(), "age", "unknown", "resumed", false)...)
			continue
		}
		now := e.deps.Boot()
		r.resume = r.inTime(now)
		e.log.Info("predecessor was master", append(r.attrs(), "age", now-r.before, "resumed", r.resume)...)
	}
}

// inTime says whether a router whose predecessor sent its last advert at
// before can send the next one, now by Deps.Boot, before a peer takes over. An eighth
// of an interval is for that to happen in; in the same time whoever removes the
// addresses of routers that are not taken up hears that this one was.
func (r *router) inTime(now time.Duration) bool {
	return now >= r.before && now < r.limit()
}

// limit is when it is too late, by Deps.Boot.
func (r *router) limit() time.Duration { return r.before + r.dead - r.cfg.AdvertInt/8 }

// outrun gives up a router that should go on where a predecessor stopped, when
// coming so far took too long.
func (e *Engine) outrun(r *router) {
	if !r.resume {
		return
	}
	now := e.deps.Boot()
	if r.inTime(now) {
		return
	}
	r.resume = false
	e.log.Warn("too late to go on as master", append(r.attrs(), "age", now-r.before)...)
}

// stop releases everything: priority 0 of every master at once, then the
// addresses, and when those are gone, or after two seconds, the news.
func (e *Engine) stop() {
	now := e.wire.Now()
	e.stopping = true
	for _, r := range e.routers {
		if r != nil {
			e.abandon(r)
		}
	}
	e.turn++
	e.acts = e.dir.Shutdown(now, e.acts)
	e.dispatch(now)
	limit := now.Add(stopTime)
	e.settle(limit)
	e.removeStatics() // the routers' own may need them
	e.settle(limit)
	if e.unanswered() {
		e.log.Error("addresses may be left: the kernel did not answer in time")
	}
	e.stopping = false
	for _, c := range e.changes {
		c.Time = e.wire.Now()
		e.tell(c)
	}
	e.changes = nil
}

// settle waits, until limit, for the applier's answers.
func (e *Engine) settle(limit time.Time) {
	for e.unanswered() && e.wire.Now().Before(limit) {
		if _, err := e.wire.Wait(limit); err != nil {
			return
		}
		now := e.wire.Now()
		e.drain(now)
		e.dispatch(now)
	}
}

// unanswered says whether the applier still works on something.
func (e *Engine) unanswered() bool {
	for _, r := range e.routers {
		if r != nil && r.set != r.done {
			return true
		}
	}
	for _, s := range e.statics {
		if s.set != s.done {
			return true
		}
	}
	return false
}

// end answers everyone who still waits.
func (e *Engine) end() { close(e.ended) }
