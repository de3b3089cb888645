package control

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"holdfast/internal/proc"
)

// Silent is the error of Ask where a daemon listens that does not answer in time,
// as one that is stopped.
type Silent struct {
	PID   int    // of who listens; 0: the kernel does not say
	State string // why, as far as the kernel knows; empty: it does not
}

func (s *Silent) Error() string {
	switch {
	case s.PID == 0:
		return "the daemon does not answer: is it stopped?"
	case s.State != "":
		return fmt.Sprintf("the daemon (process %d) does not answer: %s", s.PID, s.State)
	}
	return fmt.Sprintf("the daemon (process %d) does not answer: is it stopped? kill -CONT %d lets it go on", s.PID, s.PID)
}

// silent is err, or in its place a *Silent if it says that time ran out at c.
func silent(c net.Conn, err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	s := &Silent{}
	// The kernel noted who listens when that began.
	if cred, err := peer(c); err == nil && cred.Pid > 0 {
		s.PID = int(cred.Pid)
		s.State = proc.Doing(s.PID)
	}
	return s
}

// full says whether a connection failed because more wait to be accepted already
// than the kernel keeps.
func full(err error) bool { return errors.Is(err, unix.EAGAIN) }
