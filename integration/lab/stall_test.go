package lab

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStalls keeps a processor from a thread that is bound to it.
func TestStalls(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	stalls.mu.Lock()
	stalls.list = append(stalls.list, span{at(10), at(12)}, span{at(20), at(21)}, span{at(41), at(44)}, span{at(40), at(43)})
	stalls.mu.Unlock()
	for _, c := range []struct {
		since, until int64
		longest, sum time.Duration // in seconds
	}{{0, 10, 0, 0}, {0, 11, 2, 1}, {11, 30, 2, 2}, {12, 30, 1, 1}, {20, 20, 0, 0}, {21, 30, 0, 0}, {0, 50, 3, 7}, {42, 43, 3, 1}} {
		longest, sum := Stalls(at(c.since), at(c.until)), Stalled(at(c.since), at(c.until))
		if longest != c.longest*time.Second || sum != c.sum*time.Second {
			t.Errorf("from %d to %d: %v and %v, want %v s and %v s", c.since, c.until, longest, sum, int(c.longest), int(c.sum))
		}
	}

	// A thread of a higher class takes one processor for a while.
	WatchStalls()
	if runtime.NumCPU() > 1 {
		var cpus unix.CPUSet
		if err := unix.SchedGetaffinity(unix.Getpid(), &cpus); err != nil || cpus.Count() < 2 {
			t.Errorf("the main thread is bound to %d processors, %v", cpus.Count(), err)
		}
	}
	since := time.Now()
	hog := func() error {
		if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0); err != nil {
			return err
		}
		for begun := time.Now(); time.Since(begun) < 200*time.Millisecond; {
		}
		return nil
	}
	// The threads that watch begin when a busy machine lets them, which may be after
	// the first time.
	if !WaitFor(time.Minute, func() bool {
		ended := make(chan error, 1)
		ownThread(func() { ended <- hog() })
		if err := <-ended; err != nil {
			t.Skipf("no real-time priority here: %v", err)
		}
		return Stalls(since, time.Now()) >= leastStall
	}) {
		t.Error("nothing was noticed of threads that left no time to others for 200 ms")
	}
}
