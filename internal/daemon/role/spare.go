package role

import (
	"runtime/debug"
	"sync"
	"time"
)

// spareTime is how long memory that is not in use is kept for the next work.
const spareTime = time.Minute

// Spare gives memory back to the system that large work has left over, once
// there was no more of it for a minute: getting it again would take longer than
// the work. Its zero value is ready; any goroutine may use it.
type Spare struct {
	mu    sync.Mutex
	timer *time.Timer
}

// Later notes that there was work.
func (s *Spare) Later() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		s.timer = time.AfterFunc(spareTime, debug.FreeOSMemory)
		return
	}
	s.timer.Reset(spareTime)
}
