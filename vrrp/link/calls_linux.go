package link

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of the hot path. Those that never block are made without telling
// Go's scheduler: for a call of more than 20 µs it would wake its monitor
// thread, give this thread's place away and have it fetch another.

func recvmmsg(fd int, msgs []unix.Mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(msgs))),
		uintptr(len(msgs)), msgWanted, 0, 0)
	return int(n), errno
}

func sendmmsg(fd int, msgs []unix.Mmsghdr, flags uintptr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(msgs))),
		uintptr(len(msgs)), flags, 0, 0)
	return int(n), errno
}

// epollWait waits for timeout milliseconds, for ever when that is negative.
func epollWait(fd int, events []unix.EpollEvent, timeout int) (int, unix.Errno) {
	var n uintptr
	var errno unix.Errno
	if timeout == 0 {
		n, _, errno = unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
			uintptr(len(events)), 0, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
			uintptr(len(events)), uintptr(timeout), 0, 0)
	}
	return int(n), errno
}

// timerfdSettime sets a timer to fire once at a time of its clock, ns.
func timerfdSettime(fd int, at int64) unix.Errno {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(at)}
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(fd), unix.TFD_TIMER_ABSTIME, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	return errno
}
