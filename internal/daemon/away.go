package daemon

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/daemon/control"
)

// away is what the parent knows of a process that should run and has ended, or
// could not be started. Its zero value says nothing: the last one worked, or none
// was started yet.
type away struct {
	why   string
	since time.Time
	next  time.Time // when it is tried again; not after now: that was done
}

// ended notes the end of c.
func (a *away) ended(c *child, died time.Time, code int) {
	why := fmt.Sprintf("it ended with exit code %d", code)
	if name := unix.SignalName(syscall.Signal(code - 128)); code > 128 && name != "" {
		why = "it was ended by " + name
	}
	if c.lastWord != "" {
		why += " (" + strings.TrimPrefix(c.lastWord, string(c.role)+": ") + ")"
	}
	*a = away{why: why, since: died}
}

// how is why it is away, to be said after that it is.
func (a *away) how() string {
	if a.why == "" {
		return ""
	}
	return ": " + a.why
}

// notStarted notes that no process could be started.
func (a *away) notStarted(err error) {
	*a = away{why: "it could not be started (" + err.Error() + ")", since: time.Now()}
}

// missing notes in a status that the process of s is missing, and why, unless one
// runs that has only not answered.
func missing(st *control.Status, s *slot, runs bool) {
	st.Missing = append(st.Missing, string(s.role))
	if a := s.away; !runs && a.why != "" {
		n := control.NotRunning{Role: string(s.role), Why: a.why, Since: a.since}
		if s.child == nil {
			n.NextTry = a.next
		}
		st.NotRunning = append(st.NotRunning, n)
	}
}
