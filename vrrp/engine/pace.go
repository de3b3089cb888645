package engine

import (
	"runtime"
	"time"
)

// pace is how the engine waits: with a thread of its own, or as a goroutine
// like any other.
type pace uint8

const (
	unset pace = iota
	// ownThread: the engine is one locked thread, of a high priority where
	// that is allowed. Nothing but the kernel stands between a packet and it.
	ownThread
	// relaxed: peers wait for so long that what Go's scheduler may take does
	// not matter, and sleeping in its poller costs less than half.
	relaxed
)

// relaxedFrom is how long the peers of every router must wait, after an advert
// is due, for the engine to be relaxed.
const relaxedFrom = time.Second

// parker is a Wire that can wait in Go's poller.
type parker interface{ Park(on bool) }

// pace is what the configuration asks for.
func (e *Engine) pace() pace {
	if _, ok := e.wire.(parker); !ok || e.minSleep < relaxedFrom || e.ownThread {
		return ownThread
	}
	return relaxed
}

// setPace is called on the engine's goroutine; unset undoes everything.
func (e *Engine) setPace(to pace) {
	if e.paced == to {
		return
	}
	if e.paced == ownThread {
		if e.unpace != nil {
			e.unpace()
			runtime.UnlockOSThread()
		}
	}
	e.paced = to
	if p, ok := e.wire.(parker); ok {
		p.Park(to == relaxed)
	}
	if e.unpace = nil; to == ownThread && e.deps.Urgent != nil {
		runtime.LockOSThread()
		e.unpace = e.deps.Urgent()
	}
}
