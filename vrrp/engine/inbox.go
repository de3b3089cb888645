package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// inbox takes events from other goroutines.
type inbox struct {
	mu    sync.Mutex
	notes []note
	spare []note // the engine's: the slice that it read last
}

// note is one event from another goroutine; one of its fields is set.
type note struct {
	applied *link.Applied
	arrives *link.Arriving
	track   *trackNote
	ready   string // TableReady
	tables  *bool  // Tables
	update  *link.Update
	look    *look
	devices []link.DeviceState
	reload  *reloadNote
	status  func(Status)
	turn    chan<- struct{} // Turn
	watch   error           // the watcher ended
	lost    *int            // owner of a route or a rule that somebody removed
	claim   *link.Claim
	doubted *int // owner whose routes and rules may be gone
}

type trackNote struct {
	key string
	result
}

// result is the last one of a tracked thing; of a scaled one the value counts.
type result struct {
	up    bool
	value int
}

type reloadNote struct {
	cfg  Config
	done chan<- error
}

func (e *Engine) put(n ...note) {
	e.inbox.mu.Lock()
	e.inbox.notes = append(e.inbox.notes, n...)
	e.inbox.mu.Unlock()
	e.wire.Wake()
}

// Applied takes answers of the applier; those of one batch are handled in one
// turn. list is the engine's from now on. Any goroutine.
func (e *Engine) Applied(list ...link.Applied) {
	notes := make([]note, len(list))
	for i := range list {
		notes[i].applied = &list[i]
	}
	e.put(notes...)
}

// Track tells that the tracked thing key ("script NAME", "process NAME", "bfd
// NAME") is up or not, to every router and group that tracks it. What is told
// before Run counts from the start. Any goroutine.
func (e *Engine) Track(key string, up bool) {
	e.put(note{track: &trackNote{key, result{up: up}}})
}

// TrackValue is Track for a thing that has a number ("file NAME"), which the
// weight of the track multiplies. Any goroutine.
func (e *Engine) TrackValue(key string, value int) {
	e.put(note{track: &trackNote{key, result{value: value}}})
}

// known takes the results that were told before the engine ran, so that every
// router starts in the state it will keep.
func (e *Engine) known(now time.Time) {
	e.inbox.mu.Lock()
	defer e.inbox.mu.Unlock()
	e.inbox.notes = slices.DeleteFunc(e.inbox.notes, func(n note) bool {
		if n.track == nil {
			return false
		}
		e.results[n.track.key] = n.track.result
		e.trackAll(now, n.track.key, n.track.result)
		return true
	})
}

// ObjectLost tells that a route or a rule of an owner of the applier was removed
// by somebody else. Any goroutine.
func (e *Engine) ObjectLost(owner int) { e.put(note{lost: &owner}) }

// ObjectInDoubt tells that routes or rules of an owner of the applier may have
// been removed, as news were lost: they are asked for again, and that is all.
// Any goroutine.
func (e *Engine) ObjectInDoubt(owner int) { e.put(note{doubted: &owner}) }

// TableReady tells that the IPVS table for a router is installed: its
// addresses need not wait any longer. Any goroutine.
func (e *Engine) TableReady(router string) { e.put(note{ready: router}) }

// Tables tells whether there is anybody who will call TableReady. While there is
// nobody no takeover waits, and those that wait go on at once. Until the first
// call somebody is expected. Any goroutine.
func (e *Engine) Tables(there bool) { e.put(note{tables: &there}) }

// Reload takes over a configuration: what is in both is changed in place, by
// family, interface, VRID and group or unicast source, whatever its name. No
// extra advert is sent and no timer restarted. It returns when that is done,
// or with an error and nothing changed. Any goroutine.
func (e *Engine) Reload(ctx context.Context, cfg Config) error {
	done := make(chan error, 1) // the engine never waits for a reader
	e.put(note{reload: &reloadNote{cfg, done}})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-e.ended:
		return ErrStopped
	}
}

// Inspect has f called with a copy of the state on the engine's thread, hence
// in order with what the Observer hears: whoever keeps a picture of the state
// by both is never set back by a copy older than the last change told. f must
// not block, and is not called once the engine has ended. Any goroutine.
func (e *Engine) Inspect(f func(Status)) { e.put(note{status: f}) }

// Status asks the engine for a copy of its state. Any goroutine.
func (e *Engine) Status(ctx context.Context) (Status, error) {
	reply := make(chan Status, 1) // the engine never waits for a reader
	e.Inspect(func(s Status) { reply <- s })
	select {
	case s := <-reply:
		return s, nil
	case <-ctx.Done():
		return Status{}, ctx.Err()
	case <-e.ended:
		return Status{}, ErrStopped
	}
}

// Turns is how often the engine's loop has come round. Any goroutine.
func (e *Engine) Turns() uint64 { return e.turns.Load() }

// Turn returns when the engine has come round to it: its loop turns. Any
// goroutine.
func (e *Engine) Turn(ctx context.Context) error {
	done := make(chan struct{}, 1) // the engine never waits for a reader
	e.put(note{turn: done})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.ended:
		return ErrStopped
	}
}

// drain handles everything that was put in.
func (e *Engine) drain(now time.Time) {
	e.inbox.mu.Lock()
	notes := e.inbox.notes
	if len(notes) == 0 {
		e.inbox.mu.Unlock()
		return
	}
	e.inbox.notes = e.inbox.spare[:0]
	e.inbox.mu.Unlock()
	for i := range notes {
		e.take(now, &notes[i])
	}
	clear(notes)
	e.inbox.spare = notes
}

func (e *Engine) take(now time.Time, n *note) {
	switch {
	case n.applied != nil:
		e.applied(now, n.applied)
	case n.arrives != nil:
		e.arriving(n.arrives)
	case n.status != nil:
		e.dispatch(now) // what has happened is told before it is shown
		n.status(e.status(now))
	case n.turn != nil:
		n.turn <- struct{}{}
	case n.reload != nil:
		if e.stopping {
			n.reload.done <- ErrStopped
			return
		}
		n.reload.done <- e.reload(now, n.reload.cfg)
	case e.stopping:
	case n.track != nil:
		if slices.ContainsFunc(e.acts, func(a vrrp.Action) bool { return a.Track == n.track.key }) {
			e.dispatch(now) // what its last result did is told as long as it holds
		}
		e.results[n.track.key] = n.track.result
		e.trackAll(now, n.track.key, n.track.result)
	case n.ready != "":
		if r := e.byName[n.ready]; r != nil && !r.gate.IsZero() {
			e.openGate(r)
		}
	case n.tables != nil:
		e.tables(*n.tables)
	case n.lost != nil:
		e.objectLost(now, *n.lost)
	case n.doubted != nil:
		e.objectInDoubt(*n.doubted)
	case n.claim != nil:
		e.claimed(now, n.claim)
	case n.devices != nil:
		e.devicesDone(now, n.devices)
	case n.update != nil:
		e.links(now, n.update)
	case n.look != nil:
		e.looked(now, n.look)
	case n.watch != nil:
		e.log.Error("watching interfaces failed", "error", n.watch)
		e.watchAt = now.Add(retryTime)
	}
}

// tables takes what Tables tells.
func (e *Engine) tables(there bool) {
	e.tableless = !there
	if there {
		return
	}
	for _, r := range e.routers {
		if r != nil && !r.gate.IsZero() {
			e.openGate(r)
		}
	}
}

// trackAll tells a result to everyone who depends on it.
func (e *Engine) trackAll(now time.Time, key string, res result) {
	for _, r := range e.routers {
		if r == nil {
			continue
		}
		for _, k := range e.tracking(r) {
			if k == key {
				e.step(now, r, &vrrp.Event{Kind: vrrp.EventTrack, Key: key, Up: res.up, Value: res.value})
			}
		}
	}
}
