package proc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// siginfo is the kernel's siginfo_t as waitid fills it; x/sys leaves the
// fields of the child union unnamed.
type siginfo struct{ raw unix.Siginfo }

// child returns the SIGCHLD fields: pid, (uid), status. They follow three
// ints, aligned to a pointer.
func (s *siginfo) child() (pid, status int) {
	b := siginfoBytes(&s.raw)
	at := 12
	if strconv.IntSize == 64 {
		at = 16
	}
	pid = int(int32(binary.NativeEndian.Uint32(b[at:])))
	status = int(int32(binary.NativeEndian.Uint32(b[at+8:])))
	return pid, status
}

func (s *siginfo) pid() int {
	pid, _ := s.child()
	return pid
}

// outcome is the exit status (-1 after a signal) and the signal (0: none).
func (s *siginfo) outcome() (exit, signal int) {
	const cldExited = 1
	_, status := s.child()
	if s.raw.Code == cldExited {
		return status, 0
	}
	return -1, status
}

// waitid is unix.Waitid that goes on after EINTR.
func waitid(kind, id int, info *siginfo, options int) error {
	for {
		var raw *unix.Siginfo
		if info != nil {
			raw = &info.raw
		}
		err := unix.Waitid(kind, id, raw, options, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// groupLook is how often the group of a leader that has ended is looked for, between
// its SIGTERM and its SIGKILL.
const groupLook = 100 * time.Millisecond

// groupHasOthers reports whether a process other than the leader is in the
// group. It reads /proc, and only after a timeout; if that cannot be read the
// answer is yes.
func groupHasOthers(pgid int) bool {
	dir, err := os.Open("/proc")
	if err != nil {
		return true
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return true
	}
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil || pid == pgid {
			continue
		}
		// pid (comm) state ppid pgrp …; comm may hold anything, so count
		// from the last parenthesis.
		b, err := os.ReadFile("/proc/" + n + "/stat")
		if err != nil {
			continue
		}
		i := bytes.LastIndexByte(b, ')')
		if i < 0 {
			continue
		}
		f := bytes.Fields(b[i+1:])
		if len(f) >= 3 && string(f[2]) == strconv.Itoa(pgid) && string(f[0]) != "Z" {
			return true
		}
	}
	return false
}
