// Package timerslack widens the timers of a process that is not in a hurry (timer slack,
// prctl(2)). The Go runtime has a thread that looks after the others; while they work
// it wakes every 20 microseconds, and where there is one processor it takes that
// from them: a fifteenth of the time of a large table. With wide timers the kernel
// wakes it with something else, and what is due at nearly the same moment at once.
//
// The slack is a thread's, and a process begins with that of the thread that started
// it; the thread of the runtime is there before any line of the program.
package timerslack

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Slack of timers, in nanoseconds.
const (
	usual = 50_000 // the kernel's own
	// wide is how much later than asked for a process may wake. It is odd, so that it
	// is known again in a process that began with it.
	wide = 4_000_001
)

// processors are those of this process; a variable for tests.
var processors = runtime.NumCPU()

// Widen gives what this thread, which the caller has locked, starts from now on
// timers that may be 4 ms late, until undo is called. Nothing happens where there
// are several processors, and where somebody else has chosen (TimerSlackNSec of
// systemd.exec(5)).
func Widen() (undo func()) {
	if processors > 1 || get() != usual {
		return func() {}
	}
	set(wide)
	return func() { set(usual) }
}

// Narrow undoes in this thread, which the caller has locked, what is left of Widen in
// the process that was started with it: other programs must not inherit it.
func Narrow() {
	if get() == wide {
		set(usual)
	}
}

func get() int {
	n, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0
	}
	return n
}

// set cannot fail but where a filter of system calls forbids it, and then nothing is
// lost but time.
func set(ns uintptr) { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, ns, 0, 0, 0) }
