package role

import (
	"cmp"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
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
	worthwhile = 8 << 20
	// room is how much may be allocated by large work before garbage is
	// collected. Most of what it allocates stays until its end, so that
	// collecting takes much time and gives little memory; but there is an end
	// to that.
	room = 32 << 20
)

// Spare is about the memory for large work, as reading a configuration: see
// Work. Its zero value is ready; any goroutine may use it.
type Spare struct {
	mu      sync.Mutex
	works   int
	collect func() // ends what CollectLate began for these works
	untidy  bool   // the last one's garbage is not collected yet
	had     uint64 // bytes that the heap had from the system at its end
	release func() // lets the runtime give unused memory back; nil: it may
	timer   *time.Timer
	rest    time.Duration // in place of tidyTime, for tests; zero: that
}

// Work notes that large work begins; end, which may be called again, that it is
// done. Garbage is not collected before so and so much of it was allocated, and
// then as usual. What is left over is collected soon after the end, so that it
// serves the next work first, and goes back to the system once there was no work
// for a minute: getting it again would take longer than the work.
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
		s.collect, s.untidy = CollectLate(room), true
	}
	return sync.OnceFunc(s.done)
}

func (s *Spare) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works--; s.works == 0 {
		s.had = heapSize()
		s.collect()
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

// keep has the runtime keep the memory that the last work left. By itself it
// gives back within seconds what it does not expect to need before the next
// collection, so that is put off until as much is in use again.
func (s *Spare) keep() {
	live := max(1, heap("/gc/heap/live:bytes"))
	if s.release != nil || s.had < worthwhile || s.had <= live || tuned() {
		return
	}
	usual := debug.SetGCPercent(int(min((s.had-live)*100/live, math.MaxInt32)))
	s.release = func() { debug.SetGCPercent(usual) }
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

// heapSize is what the heap has from the system, in use or not, in bytes.
func heapSize() uint64 {
	return heap("/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes", "/memory/classes/heap/free:bytes")
}

// heap is the sum of figures of the runtime about its heap, in bytes.
func heap(names ...string) (sum uint64) {
	for _, f := range figures(names...) {
		sum += f
	}
	return sum
}

// figures are some of the runtime's, of one moment.
func figures(names ...string) []uint64 {
	list := make([]metrics.Sample, len(names))
	for i, name := range names {
		list[i].Name = name
	}
	metrics.Read(list)
	out := make([]uint64, len(list))
	for i, f := range list {
		out[i] = f.Value.Uint64()
	}
	return out
}

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
	// All but what the heap has spare. runtime.ReadMemStats would fetch a hundred
	// pages of memory for its own account.
	f := figures("/memory/classes/total:bytes",
		"/memory/classes/heap/unused:bytes", "/memory/classes/heap/free:bytes", "/memory/classes/heap/released:bytes")
	debug.SetMemoryLimit(int64(f[0]-f[1]-f[2]-f[3]) + more)
	usual := debug.SetGCPercent(-1)
	collect = sync.OnceFunc(func() {
		debug.SetGCPercent(usual)
		debug.SetMemoryLimit(math.MaxInt64)
	})
	// The first collection finds that nobody needs this.
	runtime.AddCleanup(new([64]byte), func(f func()) { f() }, collect)
	return collect
}
