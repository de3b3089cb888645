package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// stillness records when a processor of this machine stood still: a virtual
// machine's processors are taken away by its host now and then, for tens of
// milliseconds, and what happens in that time says nothing about a daemon.
type stillness struct {
	done chan struct{}
	wg   sync.WaitGroup

	mu   sync.Mutex
	list []stall
}

type stall struct{ from, to time.Time }

// Times of the threads that watch.
const (
	stallTick = time.Millisecond
	// leastStall is what is kept: less is every kernel's own.
	leastStall = 500 * time.Microsecond
)

// watchStillness starts one thread on each processor that wants to run every
// millisecond, before everything else: when it could not, nothing could.
func watchStillness() (*stillness, error) {
	var usable unix.CPUSet
	if err := unix.SchedGetaffinity(0, &usable); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	s := &stillness{done: make(chan struct{})}
	var errs []error
	for cpu := range len(usable) * 64 {
		if !usable.IsSet(cpu) {
			continue
		}
		ready := make(chan error)
		s.wg.Go(func() { s.watch(cpu, ready) })
		errs = append(errs, <-ready)
	}
	if err := errors.Join(errs...); err != nil {
		s.close()
		return nil, fmt.Errorf("watch the processors: %w", err)
	}
	return s, nil
}

// watch runs on one processor. Its thread ends with it, as it is not unlocked.
func (s *stillness) watch(cpu int, ready chan<- error) {
	runtime.LockOSThread()
	var own unix.CPUSet
	own.Set(cpu)
	err := errors.Join(
		os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, &own)),
		os.NewSyscallError("sched_setattr", unix.SchedSetAttr(0, &unix.SchedAttr{
			Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 90,
		}, 0)))
	ready <- err
	if err != nil {
		return
	}
	for last := time.Now(); ; {
		select {
		case <-s.done:
			return
		default:
		}
		// Not time.Sleep: the runtime wakes goroutines in threads of its own.
		ts := unix.NsecToTimespec(int64(stallTick))
		_ = unix.Nanosleep(&ts, nil)
		now := time.Now()
		if now.Sub(last) > stallTick+leastStall {
			s.mu.Lock()
			s.list = append(s.list, stall{last.Add(stallTick), now})
			s.mu.Unlock()
		}
		last = now
	}
}

// between is for how much of the time between from and to at least one processor
// stood still.
func (s *stillness) between(from, to time.Time) (sum time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortFunc(s.list, func(a, b stall) int { return a.from.Compare(b.from) })
	for _, st := range s.list {
		if st.from.After(from) {
			from = st.from
		}
		end := st.to
		if end.After(to) {
			end = to
		}
		if end.After(from) {
			sum += end.Sub(from)
			from = end
		}
	}
	return sum
}

// close ends the watch.
func (s *stillness) close() {
	close(s.done)
	s.wg.Wait()
}
