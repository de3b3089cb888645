package role

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// The exit codes by which a child says that starting it again is of no use.
// They are not keepalived's 1, 2 and 4, because the Go runtime ends a program
// that panics with 2: such a child is to be replaced.
const (
	ExitFatal      = 101 // cannot work here at all
	ExitPermission = 104 // a permission is missing
)

// The exit codes of the daemon, which are keepalived's.
const (
	DaemonFatal      = 1
	DaemonConfig     = 2
	DaemonPermission = 4
)

// Permanent tells whether a child that ended with an exit code is not to be
// started again, and the exit code of the daemon that follows from it.
func Permanent(code int) (daemon int, permanent bool) {
	switch code {
	case ExitFatal:
		return DaemonFatal, true
	case ExitPermission:
		return DaemonPermission, true
	}
	return 0, false
}

// ScriptGrace is what scripts have between SIGTERM and SIGKILL when the daemon
// ends.
const ScriptGrace = 500 * time.Millisecond

// exitAgain is the code of a child that failed and may be started again.
const exitAgain = 100

// ExitCode is the exit code of a child that ended with err. What fails in the
// first process of a role before it worked ends the daemon, so that whoever
// started it is told; after that (worked: this one did, or a predecessor) it is
// tried again. A permission that is missing does not come back.
func ExitCode(err error, worked bool) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return ExitPermission
	case worked:
		return exitAgain
	}
	return ExitFatal
}
