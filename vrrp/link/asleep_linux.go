package link

import (
	"time"

	"golang.org/x/sys/unix"
)

// wallStep is how far the wall clock may move against the monotonic one
// without anything having happened.
const wallStep = time.Millisecond

// asleep finds out how long the machine was suspended. CLOCK_MONOTONIC, on
// which everything here runs, stands still then, and CLOCK_BOOTTIME does not.
// Asking for both is two system calls; the wall clock, which comes for nothing
// and jumps at a resume, says when it is worth it.
type asleep struct {
	offset time.Duration // of the wall clock against the monotonic one
	base   time.Duration // CLOCK_BOOTTIME - CLOCK_MONOTONIC at the beginning
	slept  time.Duration
}

func newAsleep(c clock) asleep {
	return asleep{offset: c.wallOffset(), base: bootOffset()}
}

// wallOffset is how far the wall clock has moved against the monotonic one
// since the clock was made.
func (c clock) wallOffset() time.Duration {
	now := time.Now()
	return now.Round(0).Sub(c.epoch.Round(0)) - now.Sub(c.epoch)
}

// SinceBoot is the time since the machine started, with all the time that it was
// suspended (CLOCK_BOOTTIME): one clock for all processes, which nobody sets. It is
// a system call. 0: the kernel does not say.
func SinceBoot() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// bootOffset is how long this boot has slept; 0 if the kernel does not say.
func bootOffset() time.Duration {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}

// since looks at the clocks; boot reads how long the machine has slept.
func (a *asleep) since(offset time.Duration, boot func() time.Duration) time.Duration {
	if d := offset - a.offset; d < wallStep && d > -wallStep {
		a.offset = offset // it drifts
		return a.slept
	}
	a.offset = offset
	// The two readings are not of one moment.
	if s := boot() - a.base; s-a.slept > wallStep {
		a.slept = s
	}
	return a.slept
}

// Asleep is how long the machine was suspended since the wire was opened.
func (w *EpollWire) Asleep() time.Duration {
	return w.asleep.since(w.clock.wallOffset(), bootOffset)
}
