package role

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// spareTime is how long memory that is not in use is kept for the next
	// work.
	spareTime = time.Minute
	// room is how much may be allocated by large work before garbage is
	// collected. Most of what it allocates stays until its end, so that
	// collecting takes much time and gives little memory; but there is an end
	// to that.
	room = 24 << 20
)

// Spare is about the memory for large work, as reading a configuration: see
// Work. Its zero value is ready; any goroutine may use it.
type Spare struct {
	mu      sync.Mutex
	works   int
	collect func() // ends what CollectLate began for these works
	timer   *time.Timer
}

// Work notes that large work begins; end, which may be called again, that it is
// done. Garbage is not collected before so and so much of it was allocated, and
// then as usual. What is left over goes back to the system once there was no
// work for a minute: getting it again would take longer than the work.
func (s *Spare) Work() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works++; s.works == 1 {
		if s.timer != nil { // there was work before
			runtime.GC() // what it left over serves first
		}
		s.collect = CollectLate(room)
	}
	return sync.OnceFunc(s.done)
}

func (s *Spare) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works--; s.works == 0 {
		s.collect()
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(spareTime, debug.FreeOSMemory)
		return
	}
	s.timer.Reset(spareTime)
}

// CollectLate puts garbage collection off until so many bytes more are
// allocated, or the function returned is called, which may be called at any time
// and again; from then on it is as before. It does nothing where the operator
// said how often or how late garbage is collected (GOGC, GOMEMLIMIT).
func CollectLate(more int64) (collect func()) {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys-m.HeapSys+m.HeapAlloc) + more)
	usual := debug.SetGCPercent(-1)
	collect = sync.OnceFunc(func() {
		debug.SetGCPercent(usual)
		debug.SetMemoryLimit(math.MaxInt64)
	})
	// The first collection finds that nobody needs this.
	runtime.AddCleanup(new([64]byte), func(f func()) { f() }, collect)
	return collect
}
