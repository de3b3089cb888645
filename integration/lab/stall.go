package lab

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// stallTick is how often each processor is looked at.
	stallTick = 10 * time.Millisecond
	// leastStall is the shortest delay that is kept. Below it are a kernel with a
	// clock of 100 Hz and a processor with something else to do.
	leastStall = 20 * time.Millisecond
)

// stalls are the times in which a processor of this machine did not run what was
// due on it.
var stalls struct {
	once sync.Once
	mu   sync.Mutex
	list []span
}

// WatchStalls begins to look how late this machine is: a thread on each processor
// wakes every 10 ms and keeps when it was late. It does so until the process ends;
// further calls do nothing.
func WatchStalls() {
	stalls.once.Do(func() {
		var all unix.CPUSet
		if unix.SchedGetaffinity(0, &all) != nil {
			ownThread(func() { watchStalls(nil) })
			return
		}
		for cpu, left := 0, all.Count(); left > 0; cpu++ {
			if !all.IsSet(cpu) {
				continue
			}
			left--
			one := &unix.CPUSet{}
			one.Set(cpu)
			ownThread(func() { watchStalls(one) })
		}
	})
}

// watchStalls looks at one processor, or at any, from a thread of its own, which
// is not the main one: what that is bound to is what this process is taken for.
func watchStalls(on *unix.CPUSet) {
	if on != nil {
		_ = unix.SchedSetaffinity(0, on)
	}
	pause := unix.NsecToTimespec(int64(stallTick))
	for {
		from := time.Now()
		_ = unix.Nanosleep(&pause, nil)
		if to := time.Now(); to.Sub(from)-stallTick >= leastStall {
			stalls.mu.Lock()
			stalls.list = append(stalls.list, span{from.Add(stallTick), to})
			stalls.mu.Unlock()
		}
	}
}

// Stalls is the longest time, of those that touch the time given, in which a
// processor of this machine did not run what was due; 0: none as long as 20 ms.
// WatchStalls has to be called before.
func Stalls(since, until time.Time) (longest time.Duration) {
	stalls.mu.Lock()
	defer stalls.mu.Unlock()
	for _, s := range stalls.list {
		if s.to.After(since) && s.from.Before(until) {
			longest = max(longest, s.to.Sub(s.from))
		}
	}
	return longest
}

// Stalled is for how much of the time given one processor of this machine, or
// more of them, did not run what was due; what Stalls leaves out is no part of it.
func Stalled(since, until time.Time) (sum time.Duration) {
	stalls.mu.Lock()
	list := slices.Clone(stalls.list)
	stalls.mu.Unlock()
	slices.SortFunc(list, func(a, b span) int { return a.from.Compare(b.from) })
	for _, s := range list {
		if s.from.Before(since) {
			s.from = since
		}
		if s.to.After(until) {
			s.to = until
		}
		if s.to.After(s.from) {
			sum += s.to.Sub(s.from)
			since = s.to // another processor's stall counts once
		}
	}
	return sum
}
