package link

import "time"

// clock relates the wire's time, which is what the engine sees, to the
// kernel's monotonic clock in nanoseconds, which is what a timerfd wants. Both
// run on the same counter: a step of the wall clock changes neither.
type clock struct {
	epoch time.Time // the moment of mono; its wall part is never read again
	mono  int64     // CLOCK_MONOTONIC at epoch, ns
}

// newClock takes a reading of the monotonic clock that was made between two
// readings of Go's clock and ties it to their middle.
func newClock(before time.Time, mono int64, after time.Time) clock {
	return clock{epoch: before.Add(after.Sub(before) / 2), mono: mono}
}

// now is the wire's time.
func (c clock) now() time.Time { return c.epoch.Add(time.Since(c.epoch)) }

// nanos is the present reading of the monotonic clock.
func (c clock) nanos() int64 { return c.mono + int64(time.Since(c.epoch)) }

// at is the reading of the monotonic clock at t.
func (c clock) at(t time.Time) int64 { return c.mono + int64(t.Sub(c.epoch)) }

// Wall is the time of day now, whoever set it. Only what other machines compare
// with their own clocks goes by it.
func Wall() time.Time { return time.Now() }
