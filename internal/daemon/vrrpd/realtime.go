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
	// runLimit is how long the engine may run without a pause before it is an
	// ordinary thread again. A takeover of hundreds of routers takes a tenth.
	runLimit = 500 * time.Millisecond
)

// realTime locks the goroutine to its thread and makes that thread a real-time
// one, so that a busy machine does not keep adverts from leaving: at 10 ms a
// backup waits 36 ms, and an ordinary thread may wait longer for a processor.
// Threads and programs that it starts are ordinary ones. Where it is not
// allowed the thread stays as it is. undo is called on the same goroutine.
func realTime(log *slog.Logger) (undo func()) {
	runtime.LockOSThread()
	tid := unix.Gettid()
	attr := &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: realTimePriority,
		Flags: unix.SCHED_FLAG_RESET_ON_FORK,
	}
	// An engine that runs wild must not take a machine with one processor along,
	// where nothing of Go's own could interrupt it: the kernel then sends a
	// signal. Without that guard there is no real time.
	before, err := limitRun(runLimit)
	if err == nil {
		err = unix.SchedSetAttr(tid, attr, 0)
	}
	if err != nil {
		log.Debug("no real-time priority for the engine", "err", err)
		return runtime.UnlockOSThread
	}
	exceeded, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(exceeded, unix.SIGXCPU)
	var guard sync.WaitGroup
	guard.Go(func() {
		select {
		case <-exceeded:
			ordinary(tid)
			log.Warn("the engine ran for too long without a pause and has no real-time priority any more", "limit", runLimit)
		case <-done:
		}
	})
	return func() {
		close(done)
		guard.Wait()
		ordinary(tid)
		signal.Stop(exceeded)
		_ = unix.Setrlimit(unix.RLIMIT_RTTIME, &before)
		runtime.UnlockOSThread()
	}
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
