package link

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rest is how a Wait sleeps that has no thread of its own: its goroutine parks
// in Go's poller, which watches the wire's epoll as it watches any file.
//
// A thread that sleeps in a system call keeps its place among the running ones,
// and Go's monitor thread wakes dozens of times to take that away; on its return
// the monitor wakes again. With one advert a second that costs more than the
// advert. A goroutine that parks costs neither. It does cost a few system calls
// more, and the thread that it comes back on may be any.
type rest struct {
	file *os.File // a second descriptor of the wire's epoll
	raw  syscall.RawConn
	look func(fd uintptr) (done bool)

	events []unix.EpollEvent // of the call that runs
	n      int
	errno  unix.Errno
}

// newRest has Go's poller watch an epoll until close.
func newRest(epoll int) (*rest, error) {
	fd, err := unix.FcntlInt(uintptr(epoll), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("link: %w", os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err))
	}
	err = unix.SetNonblock(fd, true) // or the poller does not take it
	r := &rest{file: os.NewFile(uintptr(fd), "epoll")}
	if err == nil {
		if r.raw, err = r.file.SyscallConn(); err == nil {
			err = r.file.SetReadDeadline(time.Time{}) // refused where it was not taken
		}
	}
	if err != nil {
		r.file.Close()
		return nil, fmt.Errorf("link: poll the epoll: %w", err)
	}
	r.look = func(fd uintptr) bool {
		r.n, r.errno = epollWait(int(fd), r.events, 0)
		return r.n != 0 || r.errno != 0
	}
	return r, nil
}

// close takes the epoll out of Go's poller, which would else wake a thread for
// whatever arrives.
func (r *rest) close() { _ = r.file.Close() }

// wait returns when there are events.
func (r *rest) wait(events []unix.EpollEvent) (int, error) {
	r.events = events
	if err := r.raw.Read(r.look); err != nil {
		return 0, err
	}
	if r.errno != 0 {
		return 0, r.errno
	}
	return r.n, nil
}
