package role

import (
	"cmp"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tidyTime is how long after its end what work has left over is collected:
	// when nobody waits for its outcome any more.
	tidyTime = 200 * time.Millisecond
	// spareTime is how long memory that is not in use is kept for the next
	// work.
	spareTime = time.Minute
	// worthwhile is the least memory that is kept: less is there again in a
	// moment.
	worthwhile = 2 << 20
	// room is how much may be allocated by large work before garbage is
	// collected. Most of what it allocates stays until its end, so that
	// collecting takes much time and gives little memory; but there is an end
	// to that.
	room = 32 << 20
	// bare is about what the runtime has in use when a process begins, in bytes.
	bare = 4 << 20
)

// Spare is about the memory for large work, as reading a configuration: see
// Work. Its zero value is ready; any goroutine may use it.
type Spare struct {
	mu      sync.Mutex
	works   int
	collect func() // ends what CollectLate began for these works, once they are tidied up
	untidy  bool   // the last one's garbage is not collected yet
	had     uint64 // bytes that the heap had from the system soon after its end
	release func() // lets the runtime give unused memory back; nil: it may
	timer   *time.Timer
	rest    time.Duration // in place of tidyTime, for tests; zero: that
}

// Work notes that large work begins; end, which may be called again, that it is
// done. Garbage is not collected before so and so much of it was allocated, and
// then as usual, and no memory goes back to the system. What is left over is
// collected soon after the end, so that it serves the next work first, and goes
// back once there was no work for a minute: getting it again would take longer than
// the work.
func (s *Spare) Work() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works++; s.works == 1 {
		if s.timer != nil {
			s.timer.Stop()
		}
		s.unkeep()
		if s.untidy { // work follows work
			runtime.GC()
		}
		if s.collect != nil {
			s.collect()
		}
		s.collect, s.untidy = CollectLate(room), true
	}
	return sync.OnceFunc(s.done)
}

func (s *Spare) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works--; s.works == 0 {
		s.timer = time.AfterFunc(cmp.Or(s.rest, tidyTime), s.tidy)
	}
}

// tidy collects what was left over.
func (s *Spare) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works > 0 || !s.untidy {
		return
	}
	s.untidy = false
	s.had = heapSize(memory())
	// Before the collection: what the runtime keeps by itself goes by the goal that
	// this one had.
	s.collect()
	s.timer = time.AfterFunc(spareTime, s.free)
	go func() { // nobody has to wait for it here
		runtime.GC()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.works == 0 && !s.untidy {
			s.keep()
		}
	}()
}

// keep, for right after a collection, has the runtime keep the memory that the last
// work left. By itself it gives back within seconds what it does not expect to need
// before the next collection, so that is put off until as much is in use again.
func (s *Spare) keep() {
	m := memory()
	inUse.Store(int64(m.Sys - m.HeapSys + m.HeapAlloc))
	live := max(1, m.HeapAlloc)
	if s.release != nil || s.had < worthwhile || s.had <= live || tuned() {
		return
	}
	percent := int(min((s.had-live)*100/live, math.MaxInt32))
	usual := debug.SetGCPercent(percent)
	if s.release = func() { debug.SetGCPercent(usual) }; percent <= usual {
		s.unkeep() // that keeps as much
	}
}

func (s *Spare) unkeep() {
	if s.release != nil {
		s.release()
		s.release = nil
	}
}

// free gives back what is not in use.
func (s *Spare) free() {
	s.mu.Lock()
	if s.works > 0 {
		s.mu.Unlock()
		return
	}
	s.unkeep()
	s.mu.Unlock()
	debug.FreeOSMemory()
}

// memory are the runtime's figures, for when nobody waits: all stops for a moment.
// Package runtime/metrics would have them for less, but what it does as soon as it is
// linked is a twentieth of all pages that a start touches.
func memory() *runtime.MemStats {
	m := new(runtime.MemStats)
	runtime.ReadMemStats(m)
	return m
}

// heapSize is what the heap has from the system, in use or not, in bytes.
func heapSize(m *runtime.MemStats) uint64 { return m.HeapSys - m.HeapReleased }

// tuned reports whether the operator said how often or how late garbage is
// collected.
func tuned() bool {
	return os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != ""
}

// CollectLate puts garbage collection off until so many bytes more are
// allocated, or the function returned is called, which may be called at any time
// and again; from then on it is as before. It does nothing where the operator
// said how often or how late garbage is collected (GOGC, GOMEMLIMIT).
func CollectLate(more int64) (collect func()) {
	if tuned() || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(cmp.Or(inUse.Load(), bare) + more)
	usual := debug.SetGCPercent(-1)
	collect = sync.OnceFunc(func() {
		debug.SetGCPercent(usual)
		debug.SetMemoryLimit(math.MaxInt64)
	})
	// The first collection finds that nobody needs this.
	runtime.AddCleanup(new([64]byte), func(f func()) { f() }, collect)
	return collect
}

// inUse is what the runtime counted against its limit when there was time to ask it
// last, in bytes: all but what the heap has spare. 0: it was not asked yet.
var inUse atomic.Int64
