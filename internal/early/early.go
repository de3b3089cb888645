// Package early catches the signals that would end a daemon before it has come to
// catch them itself: from the initialisation of this package on, which needs next
// to nothing else and so comes before nearly everything. What a process starts of
// this program begins with them blocked (Start, Block), so that there they wait for
// that.
package early

import (
	"math/bits"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signals are those that mean something to a daemon and do not end it: SIGHUP
// (reload), SIGUSR1 and SIGUSR2, and as numbers of glibc SIGRTMIN+2 (JSON) and
// SIGRTMAX-1 (clear statistics).
var Signals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, SigJSON, SigStatsClear}

// The signals of keepalived that have no name.
const (
	SigJSON       = syscall.Signal(36)
	SigStatsClear = syscall.Signal(63)
)

// RoleEnv is the environment variable that carries the role of a child process.
const RoleEnv = "HOLDFAST_ROLE"

var held = hold(os.Args, os.Getenv(RoleEnv))

// hold catches Signals in a process that looks like a daemon, or one of its
// children; nil: it does not.
func hold(args []string, role string) chan os.Signal {
	if role == "" && !looksLikeDaemon(args) {
		return nil
	}
	c := make(chan os.Signal, room)
	signal.Notify(c, Signals...)
	return c
}

// room is how many signals may wait.
const room = 8

// looksLikeDaemon goes by the command line alone: keepalived's has no word for it.
func looksLikeDaemon(args []string) bool {
	return len(args) > 0 && filepath.Base(args[0]) == "keepalived" || len(args) > 1 && args[1] == "run"
}

var once sync.Once

// Take is the channel of Signals for a daemon, with those that were caught so far,
// once each. It may have others notified to it. Only the first call returns what was
// caught early.
func Take() chan os.Signal {
	c := make(chan os.Signal, room)
	once.Do(func() {
		if held != nil {
			c = held
		}
	})
	signal.Notify(c, Signals...)
	return c
}

// LetGo is for a process that is no daemon after all: the signals are its end, also
// those that came already.
func LetGo() {
	once.Do(func() {
		if held == nil {
			return
		}
		signal.Stop(held)
		select {
		case s := <-held:
			_ = unix.Kill(os.Getpid(), s.(syscall.Signal))
		default:
		}
	})
}

// Block blocks Signals in this thread, which the caller has locked, until undo is
// called. A program that the thread starts meanwhile begins with them blocked; a Go
// program gets them once it asks for them.
func Block() (undo func()) {
	var old unix.Sigset_t
	if unix.PthreadSigmask(unix.SIG_BLOCK, set(), &old) != nil {
		return func() {}
	}
	return func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }
}

// Start calls start, which starts this program, with Signals blocked.
func Start(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer Block()()
	return start()
}

// Unblock undoes in this thread, which the caller has locked, what is left of Block
// in the process that was started with it: other programs must not inherit it.
func Unblock() { _ = unix.PthreadSigmask(unix.SIG_UNBLOCK, set(), nil) }

// set is Signals as the kernel has sets of signals.
func set() *unix.Sigset_t {
	var s unix.Sigset_t
	for _, sig := range Signals {
		n := int(sig.(syscall.Signal)) - 1
		s.Val[n/bits.UintSize] |= 1 << (n % bits.UintSize)
	}
	return &s
}
