package vrrpd

import (
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// realTimePriority is the lowest of the real-time priorities: above every
	// ordinary thread, below everything that somebody made real-time on purpose.
	realTimePriority = 1
	// runLimit is how long a thread may run without a pause before it is an
	// ordinary one again. A takeover of hundreds of routers takes a tenth.
	runLimit = 500 * time.Millisecond
)

// realTime makes threads real-time ones, so that a busy machine does not keep
// adverts from leaving and addresses from coming: at 10 ms a backup waits 36 ms,
// and an ordinary thread may wait longer for a processor. Threads and programs
// that they start are ordinary ones.
type realTime struct {
	log *slog.Logger

	mu      sync.Mutex
	raised  int          // calls of raise that are not undone
	threads map[int]bool // those that are real-time, by their id
	refused bool         // it is not allowed, or one of them ran wild
	before  unix.Rlimit
	want    realTimeSettings
	auto    int    // priorities added since because of late wake-ups
	end     func() // ends the guard; nil: there is none
}

// raise locks the goroutine to its thread and makes that a real-time one. Where
// it is not allowed the thread stays as it is. undo is called on the same
// goroutine. Any goroutine may call raise.
func (t *realTime) raise() (undo func()) {
	runtime.LockOSThread()
	tid := unix.Gettid()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.raised++
	if err := t.set(tid); err != nil {
		t.refused = true
		t.log.Debug("no real-time priority", "err", err)
	}
	return func() {
		t.lower(tid)
		runtime.UnlockOSThread()
	}
}

// set raises a thread; t.mu is held.
func (t *realTime) set(tid int) error {
	if t.refused {
		return nil
	}
	// A thread that runs wild must not take a machine with one processor along,
	// where nothing of Go's own could interrupt it: the kernel then sends a
	// signal. Without that guard there is no real time.
	if t.end == nil {
		var err error
		if t.before, err = limitRun(t.want.limit()); err != nil {
			return err
		}
		t.guard()
	}
	if err := t.urge(tid); err != nil {
		return err
	}
	if t.threads == nil {
		t.threads = map[int]bool{}
	}
	t.threads[tid] = true
	return nil
}

// lower undoes a raise.
func (t *realTime) lower(tid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.threads[tid] {
		ordinary(tid)
		delete(t.threads, tid)
	}
	if t.raised--; t.raised > 0 {
		return
	}
	t.refused = false
	if t.end != nil {
		t.end()
		t.end = nil
		_ = unix.Setrlimit(unix.RLIMIT_RTTIME, &t.before)
	}
}

// guard waits for the kernel's signal in a goroutine; t.mu is held.
func (t *realTime) guard() {
	exceeded, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(exceeded, unix.SIGXCPU)
	t.end = func() {
		signal.Stop(exceeded)
		close(done)
	}
	go func() {
		select {
		case <-exceeded:
			t.ranWild()
		case <-done:
		}
	}()
}

// ranWild makes all threads ordinary ones: which of them it was is not told.
func (t *realTime) ranWild() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.threads) == 0 {
		return
	}
	for tid := range t.threads {
		ordinary(tid)
	}
	clear(t.threads)
	t.refused = true
	t.log.Warn("a thread ran for too long without a pause: there is no real-time priority any more", "limit", t.want.limit())
}

// ordinary takes the real-time priority from a thread.
func ordinary(tid int) {
	_ = unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}, 0)
}

// limitRun sets how long a real-time thread may run without a pause before
// SIGXCPU; a stricter limit stays. It returns what was set before.
func limitRun(d time.Duration) (before unix.Rlimit, err error) {
	if err := unix.Getrlimit(unix.RLIMIT_RTTIME, &before); err != nil {
		return before, os.NewSyscallError("getrlimit", err)
	}
	now := before
	now.Cur = min(before.Cur, uint64(d.Microseconds()))
	return before, os.NewSyscallError("setrlimit", unix.Setrlimit(unix.RLIMIT_RTTIME, &now))
}
