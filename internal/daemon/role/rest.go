package role

import (
	"cmp"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// restTime is how long nothing must have happened.
	restTime = 10 * time.Second
	// restLeast is how much memory has to be in vain before it is worth a
	// collection, in bytes.
	restLeast = 4 << 20
)

// Rest gives back to the system what a burst of work, as the start, a reload or
// a takeover of thousands of addresses, has left over of memory, once nothing
// has happened for ten seconds. The runtime by itself keeps most of it: a
// process that has little to do allocates too little for another collection. It
// is for a process whose bursts are short beside what they wait for; see Spare
// for one that should keep the memory for the next time.
//
// Its zero value is ready; any goroutine may use it. It does nothing where the
// operator said how often or how late garbage is collected (GOGC, GOMEMLIMIT).
type Rest struct {
	mu    sync.Mutex
	timer *time.Timer
	ended bool
	seen  atomic.Uint64 // bytes that had ever been allocated when memory was given back

	time  time.Duration // in place of restTime, for tests; zero: that
	least uint64        // in place of restLeast, likewise
	freed func()        // called after memory was given back; nil: nobody asks
}

// Stir notes that something happens.
func (r *Rest) Stir() {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ended || tuned():
	case r.timer == nil:
		r.timer = time.AfterFunc(cmp.Or(r.time, restTime), r.free)
	default:
		r.timer.Reset(cmp.Or(r.time, restTime))
	}
}

// End says that the process ends soon: nothing is given back any more.
func (r *Rest) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if r.timer != nil {
		r.timer.Stop()
	}
}

func (r *Rest) free() {
	// What the heap has and does not use, and what may be garbage: all that was
	// allocated since the last time.
	m := memory()
	if heapSize(m)-m.HeapAlloc+m.TotalAlloc-r.seen.Load() < cmp.Or(r.least, restLeast) {
		return
	}
	r.seen.Store(m.TotalAlloc)
	debug.FreeOSMemory()
	if r.freed != nil {
		r.freed()
	}
}
