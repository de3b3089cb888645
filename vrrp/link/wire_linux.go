package link

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// DefaultCoalesce is how long a Wait that was woken by a packet waits for
	// further ones. Measured on a backup of 255 routers at 10 ms it halves the
	// cost of receiving.
	DefaultCoalesce = 200 * time.Microsecond
	// DefaultReceiveBuffer is asked for each socket, in bytes; the kernel
	// doubles it. It holds about 2,700 adverts.
	DefaultReceiveBuffer = 1 << 20

	// busyTime is how long after a packet the next one is taken for a part of
	// a stream. A packet that comes alone is read at once: a second sleep would
	// cost more than it saves.
	busyTime = int64(20 * time.Millisecond)

	// armSlack is how much earlier than the deadline the timer may be set.
	armSlack = int64(100 * time.Millisecond)

	// lateLimit is how late a timer may fire before Wait no longer believes
	// that the sockets, looked at in the same moment, are still empty: the
	// process may have been stopped in between.
	lateLimit = int64(time.Millisecond)
)

// WireConfig says how a wire is to work. The zero value is usable.
type WireConfig struct {
	Log *slog.Logger // nil: no log
	// Coalesce is how long Wait sleeps after the first packet before it reads,
	// when the deadline is farther away than that and the packet before came
	// less than 20 ms ago: packets that come close together then cost one
	// wake-up. 0: DefaultCoalesce; negative: never.
	Coalesce time.Duration
	// Watcher gives Open the addresses of the interfaces as it last read them,
	// so that Open, on the engine's thread, does not wait for netlink. nil: Open
	// reads them itself.
	Watcher *NetlinkWatcher
	// ReceiveBuffer is the size of a socket's queue in bytes.
	// 0: DefaultReceiveBuffer.
	ReceiveBuffer int
}

// EpollWire is the Wire of Linux: one epoll over a timerfd, an eventfd and the
// raw sockets of all ports.
type EpollWire struct {
	log      *slog.Logger
	coalesce int64 // ns
	rcvbuf   int
	buffers  map[Port]int // of ports that have another one
	clock    clock
	asleep   asleep
	watcher  *NetlinkWatcher
	own      bool // the watcher is the wire's own: read anew by every Open

	rest                *rest // where Wait sleeps; nil: in epoll_wait
	epoll, timer, event int
	wake                sync.Mutex  // keeps Close from closing the eventfd under a Wake
	woken               atomic.Bool // the eventfd is written and not yet seen
	armed               int64       // what the timerfd is set to, monotonic ns; 0: not set
	behind              bool        // the last Wait left messages in the sockets
	heard               int64       // when a packet last woke Wait, monotonic ns
	closed              bool

	ports   map[Port]*port
	byFD    map[int32]*port
	filters map[Port]VRIDs // wanted; a port without one hears all
	events  []unix.EpollEvent
	ready   []*port
	rx      receiver
	tx      *transmitter
	tx6     *transmitter6 // nil until there is a port of IPv6
	stats   WireStats
}

// WireStats counts what a wire did.
type WireStats struct {
	Wakeups   uint64 // returns of epoll_wait
	Coalesced uint64 // of these, with a sleep before reading
}

var _ Wire = (*EpollWire)(nil)

// NewWire opens a wire with the defaults of WireConfig. It needs CAP_NET_RAW
// and CAP_NET_ADMIN once ports are opened.
func NewWire(log *slog.Logger) (*EpollWire, error) { return OpenWire(WireConfig{Log: log}) }

// OpenWire opens a wire without any port.
func OpenWire(cfg WireConfig) (_ *EpollWire, err error) {
	w := &EpollWire{
		log:      cfg.Log,
		coalesce: int64(cfg.Coalesce),
		rcvbuf:   cfg.ReceiveBuffer,
		buffers:  make(map[Port]int),
		watcher:  cfg.Watcher,
		epoll:    -1, timer: -1, event: -1,
		ports:   make(map[Port]*port),
		byFD:    make(map[int32]*port),
		filters: make(map[Port]VRIDs),
		events:  make([]unix.EpollEvent, 16),
		rx:      newReceiver(),
		tx:      newTransmitter(),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.watcher == nil {
		w.watcher, w.own = NewWatcher(w.log), true
	}
	if cfg.Coalesce == 0 {
		w.coalesce = int64(DefaultCoalesce)
	}
	if w.rcvbuf <= 0 {
		w.rcvbuf = DefaultReceiveBuffer
	}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()

	var ts unix.Timespec
	before := time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return nil, fmt.Errorf("link: %w", os.NewSyscallError("clock_gettime", err))
	}
	w.clock = newClock(before, ts.Nano(), time.Now())
	w.asleep = newAsleep(w.clock)

	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("link: %w", os.NewSyscallError("epoll_create1", err))
	}
	if w.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("link: %w", os.NewSyscallError("timerfd_create", err))
	}
	if w.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("link: %w", os.NewSyscallError("eventfd", err))
	}
	// Edge-triggered, the two need no read: only that they fired matters.
	for _, fd := range []int{w.timer, w.event} {
		if err := w.watch(fd, unix.EPOLLIN|unix.EPOLLET); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Now is the wire's time. It starts as the wall clock and then follows the
// monotonic clock only, whatever happens to the wall clock.
func (w *EpollWire) Now() time.Time { return w.clock.now() }

// Wait implements Wire. A returned error means that the wire is unusable.
func (w *EpollWire) Wait(deadline time.Time) ([]Packet, error) {
	if w.closed {
		return nil, ErrClosed
	}
	w.rx.reset()
	due := int64(math.MaxInt64)
	if !deadline.IsZero() {
		due = w.clock.at(deadline)
	}
	woken := false
	for {
		polled := w.clock.nanos()
		timeout := 0
		if polled < due && !woken && !w.behind && len(w.rx.packets) == 0 {
			timeout = -1
			if err := w.arm(due, polled); err != nil {
				return nil, err
			}
		}
		n, err := w.poll(timeout)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("link: %w", os.NewSyscallError("epoll_wait", err))
		}
		w.stats.Wakeups++
		fired, called := w.sort(n)
		woken = woken || called
		now := w.clock.nanos()
		if fired && w.armed == due && now-due < lateLimit {
			polled = now // the sockets were looked at after the timer fired
		} else if timeout != 0 && !woken && len(w.ready) > 0 {
			if now-w.heard < busyTime && due-now > w.coalesce {
				w.nap()
			}
			w.heard = now
		}
		if fired {
			w.armed = 0
		}
		w.behind = false
		for _, p := range w.ready {
			w.rx.drain(p, w.clock)
		}
		w.behind = w.rx.full()
		switch {
		case polled >= due, w.behind:
			return w.rx.packets, nil
		case len(w.rx.packets) > 0 || woken:
			if w.clock.nanos() < due {
				return w.rx.packets, nil
			}
			// The deadline passed since the sockets were looked at: once more.
		}
	}
}

// poll fills w.events, for ever waiting when timeout is negative.
func (w *EpollWire) poll(timeout int) (int, error) {
	if timeout < 0 && w.rest != nil {
		return w.rest.wait(w.events)
	}
	n, errno := epollWait(w.epoll, w.events, timeout)
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

// Park makes Wait sleep as a goroutine does, and not as a thread: cheaper where
// there is little to do, and of no use to a thread that is locked or has
// a priority of its own. Where it is not possible Wait sleeps as before. The
// engine's thread.
func (w *EpollWire) Park(on bool) {
	if w.closed || on == (w.rest != nil) {
		return
	}
	if !on {
		w.rest.close()
		w.rest = nil
		return
	}
	var err error
	if w.rest, err = newRest(w.epoll); err != nil {
		w.log.Debug("waiting takes a thread", "error", err)
	}
}

// arm sets the timerfd so that it fires at due or a little before. A timer that
// fires too early costs one more turn; setting it anew for every packet of
// a stream that moves a backup's deadline costs more.
func (w *EpollWire) arm(due, now int64) error {
	if due == math.MaxInt64 || w.armed > now && w.armed <= due && due-w.armed < armSlack {
		return nil
	}
	if errno := timerfdSettime(w.timer, due); errno != 0 {
		return fmt.Errorf("link: %w", os.NewSyscallError("timerfd_settime", errno))
	}
	w.armed = due
	return nil
}

// sort takes n events apart: the ports that are readable go to w.ready.
func (w *EpollWire) sort(n int) (fired, woken bool) {
	w.ready = w.ready[:0]
	for i := range w.events[:n] {
		switch fd := w.events[i].Fd; int(fd) {
		case w.timer:
			fired = true
		case w.event:
			// Before the caller looks at what it was woken for, so that no
			// later Wake is lost.
			w.woken.Store(false)
			woken = true
		default:
			if p := w.byFD[fd]; p != nil {
				w.ready = append(w.ready, p)
			}
		}
	}
	return fired, woken
}

// nap waits for further packets.
func (w *EpollWire) nap() {
	if w.coalesce <= 0 {
		return
	}
	w.stats.Coalesced++
	ts := unix.NsecToTimespec(w.coalesce)
	_ = unix.Nanosleep(&ts, nil) // a signal only makes it shorter
}

// Send implements Wire. The Err of a datagram is ErrPortClosed or a
// unix.Errno as the kernel gave it.
func (w *EpollWire) Send(batch []Datagram) {
	for i := range batch {
		batch[i].Err = errPending
	}
	for i := range batch {
		if batch[i].Err != errPending {
			continue
		}
		p := w.ports[batch[i].Port]
		for j := i; j < len(batch); j++ {
			d := &batch[j]
			if d.Err != errPending || d.Port != batch[i].Port {
				continue
			}
			switch {
			case p == nil:
				d.Err = ErrPortClosed
			case d.Dst.Is4() == p.six:
				d.Err = unix.EAFNOSUPPORT
			case len(d.Body) == 0 || len(d.Body) > math.MaxUint16-ipv4MinHeader:
				d.Err = unix.EMSGSIZE
			case p.six && !w.tx6.add(p, j, d.Dst, d.Body):
				w.tx6.flush(p, batch)
				w.tx6.add(p, j, d.Dst, d.Body)
			case !p.six && !w.tx.add(j, d.Dst, d.Body):
				w.tx.flush(p, batch)
				w.tx.add(j, d.Dst, d.Body)
			}
		}
		switch {
		case p == nil:
		case p.six:
			w.tx6.flush(p, batch)
		default:
			w.tx.flush(p, batch)
		}
	}
}

// Wake implements Wire.
func (w *EpollWire) Wake() {
	if w.woken.Swap(true) {
		return // one that was not seen yet does for both
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	w.wake.Lock()
	defer w.wake.Unlock()
	if w.event >= 0 {
		_, _ = unix.Write(w.event, one[:])
	}
}

// Stats is what the wire has done so far.
func (w *EpollWire) Stats() WireStats { return w.stats }

// Close implements Wire. A Wake that comes later does nothing.
func (w *EpollWire) Close() error {
	w.wake.Lock()
	defer w.wake.Unlock()
	w.closed = true
	for _, p := range w.ports {
		w.drop(p)
	}
	if w.rest != nil {
		w.rest.close()
		w.rest = nil
	}
	for _, fd := range []*int{&w.epoll, &w.timer, &w.event} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
	if w.own {
		return w.watcher.Close()
	}
	return nil
}
