package lvs

import (
	"sync"
	"time"
)

// What keeps an answer from coming.
const (
	busyStart  = "the start"
	busyReload = "a reload"
	busyTable  = "the kernel's IPVS table"
	busyStop   = "the stop"
)

// Busy is a work that keeps the answers to others waiting.
type Busy struct {
	With  string    `json:"with"` // as "a reload"
	Since time.Time `json:"since"`
	// CameOn is when a part of it was done last.
	CameOn time.Time `json:"-"`
	// Reading says that no more than the kernel's counters are waited for.
	Reading bool `json:"-"`
}

// busy is what the loop of Run works at, for others.
type busy struct {
	mu  sync.Mutex
	now Busy // With is empty: nothing
}

func (b *busy) begin(with string) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = Busy{With: with, Since: now.Round(0), CameOn: now}
}

func (b *busy) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = Busy{}
}

// cameOn asks one clock and not that of the day as well, after each part of a large
// table: in a user-mode kernel each is a system call.
func (b *busy) cameOn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now.With != "" {
		b.now.CameOn = b.now.CameOn.Add(time.Since(b.now.CameOn))
	}
}

func (b *busy) get() Busy {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Busy says what keeps Status from returning; nil: nothing that is known. Any
// goroutine.
func (l *LVS) Busy() *Busy {
	if b := l.busy.get(); b.With != "" {
		return &b
	}
	if b := l.stats.reading.get(); b.With != "" {
		b.Reading = true
		return &b
	}
	return nil
}
