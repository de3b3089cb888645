package track

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The process connector of the kernel (linux/cn_proc.h, linux/connector.h).
const (
	cnIdxProc     = 1
	cnValProc     = 1
	mcastListen   = 1
	nlHeader      = 16
	cnHeader      = 20
	eventHeader   = 16 // what, cpu, timestamp
	eventAt       = nlHeader + cnHeader
	dataAt        = eventAt + eventHeader
	procNone      = 0
	procFork      = 0x00000001
	procExec      = 0x00000002
	procComm      = 0x00000200
	procExit      = 0x80000000
	connectorRoom = 1 << 20 // of the receive buffer, bytes
	ackLimit      = 300 * time.Millisecond
)

// procEvent is one event: a process began, changed what it runs, or ended.
type procEvent struct {
	what        uint32
	pid, parent int // parent: of procFork
}

// errOverrun says that events were lost.
var errOverrun = errors.New("events were lost")

// connector is an open process connector. The kernel serves the first network
// namespace only, and nobody outside the first PID namespace.
type connector struct {
	file *os.File
	buf  []byte
}

// openConnector opens it in this network namespace or, where that is not the
// first one, in that of process 1 or of whoever started us. The error says what
// the kernel refuses.
func openConnector(room int) (*connector, error) {
	c, err := listen(room)
	if err == nil {
		return c, nil
	}
	errs := []error{err}
	for _, pid := range elders() {
		c, err := openIn("/proc/"+strconv.Itoa(pid)+"/ns/net", room)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// elders lists process 1 and those that started us, the nearest last; one of
// them is in the first network namespace unless that is out of reach.
func elders() []int {
	out := []int{1}
	pid := os.Getppid()
	for range maxElders {
		if pid <= 1 {
			break
		}
		out = append(out, pid)
		stat, err := readBounded("/proc/"+strconv.Itoa(pid)+"/stat", 1024)
		if err != nil {
			break
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 {
			break
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			break
		}
	}
	slices.Reverse(out[1:])
	return out
}

// maxElders bounds how far up we look.
const maxElders = 8

// openIn opens the connector in another network namespace.
func openIn(path string, room int) (*connector, error) {
	type result struct {
		c   *connector
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this function
		var r result
		defer func() { done <- r }()
		ns, err := os.Open(path)
		if err != nil {
			r.err = err
			return
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			r.err = fmt.Errorf("%s: %w", path, err)
			return
		}
		r.c, r.err = listen(room)
	}()
	r := <-done
	return r.c, r.err
}

// listen opens a socket and asks for events; the kernel acknowledges that.
func listen(room int) (*connector, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("process connector: %w", err)
	}
	c := &connector{file: os.NewFile(uintptr(fd), "connector"), buf: make([]byte, 4096)}
	fail := func(what string, err error) (*connector, error) {
		_ = c.file.Close()
		return nil, fmt.Errorf("process connector: %s: %w", what, err)
	}
	if room <= 0 {
		room = connectorRoom
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}); err != nil {
		return fail("bind", err)
	}
	if err := filter(fd); err != nil {
		return fail("filter", err)
	}
	if err := unix.Sendto(fd, listenMessage(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fail("listen", err)
	}
	_ = c.file.SetReadDeadline(time.Now().Add(ackLimit))
	for {
		ev, ok, err := c.next()
		if err != nil && !errors.Is(err, errOverrun) {
			return fail("no answer", err)
		}
		if ok && ev.what == procNone {
			if ev.pid != 0 {
				return fail("listen", unix.Errno(ev.pid))
			}
			break
		}
	}
	_ = c.file.SetReadDeadline(time.Time{})
	return c, nil
}

func listenMessage() []byte {
	b := make([]byte, nlHeader+cnHeader+4)
	ne := binary.NativeEndian
	ne.PutUint32(b, uint32(len(b)))
	ne.PutUint16(b[4:], unix.NLMSG_DONE)
	ne.PutUint32(b[nlHeader:], cnIdxProc)
	ne.PutUint32(b[nlHeader+4:], cnValProc)
	ne.PutUint16(b[nlHeader+16:], 4)
	ne.PutUint32(b[eventAt:], mcastListen)
	return b
}

// filter has the kernel drop what is of no interest: threads, and events other
// than fork, exec, comm and exit. It loads big-endian, the kernel writes as the
// machine does.
func filter(fd int) error {
	host := func(v uint32) uint32 {
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], v)
		return binary.BigEndian.Uint32(b[:])
	}
	word := func(off uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: 4} }
	prog, err := bpf.Assemble([]bpf.Instruction{
		/* 0*/ word(eventAt),
		/* 1*/ bpf.JumpIf{Cond: bpf.JumpEqual, Val: host(procNone), SkipTrue: 15},
		/* 2*/ bpf.JumpIf{Cond: bpf.JumpEqual, Val: host(procExec), SkipTrue: 14},
		/* 3*/ bpf.JumpIf{Cond: bpf.JumpEqual, Val: host(procFork), SkipTrue: 3},
		/* 4*/ bpf.JumpIf{Cond: bpf.JumpEqual, Val: host(procExit), SkipTrue: 6},
		/* 5*/ bpf.JumpIf{Cond: bpf.JumpEqual, Val: host(procComm), SkipTrue: 5},
		/* 6*/ bpf.RetConstant{Val: 0},
		/* 7*/ word(dataAt + 8), // child_pid
		/* 8*/ bpf.TAX{},
		/* 9*/ word(dataAt + 12), // child_tgid
		/*10*/ bpf.Jump{Skip: 3},
		/*11*/ word(dataAt), // pid
		/*12*/ bpf.TAX{},
		/*13*/ word(dataAt + 4), // tgid
		/*14*/ bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: 2},
		/*15*/ bpf.RetConstant{Val: 0},
		/*16*/ bpf.RetConstant{Val: 0},
		/*17*/ bpf.RetConstant{Val: 4096},
	})
	if err != nil {
		return err
	}
	raw := make([]unix.SockFilter, len(prog))
	for i, p := range prog {
		raw[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(raw)), Filter: &raw[0]})
}

// next waits for one event; ok is false for what is none. errOverrun says that
// some were lost.
func (c *connector) next() (ev procEvent, ok bool, err error) {
	rc, err := c.file.SyscallConn()
	if err != nil {
		return ev, false, err
	}
	var n int
	var from unix.Sockaddr
	var rerr error
	if err := rc.Read(func(fd uintptr) bool {
		n, from, rerr = unix.Recvfrom(int(fd), c.buf, 0)
		return rerr != unix.EAGAIN && rerr != unix.EINTR
	}); err != nil {
		return ev, false, err
	}
	if rerr == unix.ENOBUFS {
		return ev, false, errOverrun
	}
	if rerr != nil {
		return ev, false, rerr
	}
	if nl, isNL := from.(*unix.SockaddrNetlink); !isNL || nl.Pid != 0 {
		return ev, false, nil // not from the kernel
	}
	ev, ok = decodeProc(c.buf[:n])
	return ev, ok, nil
}

// decodeProc takes one message apart. In that which acknowledges the request
// pid is an error number.
func decodeProc(b []byte) (procEvent, bool) {
	ne := binary.NativeEndian
	if len(b) < dataAt+4 || ne.Uint32(b[nlHeader:]) != cnIdxProc || ne.Uint32(b[nlHeader+4:]) != cnValProc {
		return procEvent{}, false
	}
	word := func(at int) int {
		if at+4 > len(b) {
			return 0
		}
		return int(int32(ne.Uint32(b[at:])))
	}
	ev := procEvent{what: ne.Uint32(b[eventAt:])}
	switch ev.what {
	case procNone:
		ev.pid = word(dataAt)
	case procFork:
		ev.parent, ev.pid = word(dataAt+4), word(dataAt+12)
		return ev, ev.pid > 0 && ev.pid == word(dataAt+8)
	case procExit:
		ev.pid = word(dataAt + 4)
		return ev, ev.pid > 0 && ev.pid == word(dataAt)
	case procExec, procComm:
		ev.pid = word(dataAt + 4)
		return ev, ev.pid > 0
	default:
		return ev, false
	}
	return ev, true
}

func (c *connector) close() { _ = c.file.Close() }
