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
	mu    sync.Mutex
	works int
	timer *time.Timer
	// granted is set while no garbage is collected, and grants counts how often
	// that was.
	granted bool
	grants  int
	usual   int // percentage of garbage to live memory (GOGC) otherwise
}

// Work notes that large work begins; end, which may be called again, that it is
// done. Garbage is not collected before so and so much of it was allocated, and
// then as usual. What is left over goes back to the system once there was no
// work for a minute: getting it again would take longer than the work.
func (s *Spare) Work() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works++; s.works == 1 {
		s.grant()
	}
	return sync.OnceFunc(s.done)
}

func (s *Spare) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.works--; s.works == 0 {
		s.withdraw()
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(spareTime, debug.FreeOSMemory)
		return
	}
	s.timer.Reset(spareTime)
}

// grant puts the first collection off, unless the operator said how often or
// how late garbage is collected (GOGC, GOMEMLIMIT).
func (s *Spare) grant() {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	if s.grants++; s.grants > 1 {
		runtime.GC() // what was left over serves first
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys-m.HeapSys+m.HeapAlloc) + room)
	s.usual, s.granted = debug.SetGCPercent(-1), true
	// The first collection finds that nobody needs this.
	runtime.AddCleanup(new([64]byte), func(grant int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if grant == s.grants {
			s.withdraw()
		}
	}, s.grants)
}

func (s *Spare) withdraw() {
	if s.granted {
		s.granted = false
		debug.SetGCPercent(s.usual)
		debug.SetMemoryLimit(math.MaxInt64)
	}
}
