package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	garpBatch = 64 // frames in one sendmmsg
	// garpWindow is how often Announce itself sends up to garpBatch frames; a
	// frame costs some 4 µs, and a takeover of 255 routers is 255 calls.
	garpWindow = time.Millisecond
	garpQueue  = 8192 // frames that may wait: 255 addresses, 5 rounds, 6 times
	// garpLife is how long a frame may wait. One that is older could announce
	// what has moved on since.
	garpLife  = 100 * time.Millisecond
	garpPause = time.Millisecond // after the device's queue was full
)

// AnnouncerStats counts frames.
type AnnouncerStats struct {
	Sent    uint64
	Queued  uint64 // of these, not sent by Announce itself but later
	Dropped uint64 // the queue was full
	Stale   uint64 // waited for longer than 100 ms, or Forget
	Failed  uint64 // refused by the kernel, for example as the interface is gone
}

// PacketAnnouncer sends gratuitous ARP through one write-only packet socket.
type PacketAnnouncer struct {
	log *slog.Logger
	fd  int

	mu     sync.Mutex
	queue  []garpFrame
	busy   bool // the goroutine is sending a part of the queue
	closed bool
	stats  AnnouncerStats
	direct garpSender                                                 // of Announce
	routes map[int]forwarding                                         // by interface, for the router flag
	window time.Time                                                  // when Announce began to spend its budget
	spent  int                                                        // frames of it
	send   func(s *garpSender, frames []garpFrame) (sent, failed int) // a test may put its own

	more chan struct{} // tells the goroutine that there is work; one is enough
	done chan struct{}
}

type garpFrame struct {
	ifindex int
	addr    netip.Addr
	frame   []byte
	until   time.Time
}

var _ Announcer = (*PacketAnnouncer)(nil)

// NewAnnouncer opens an announcer. It needs CAP_NET_RAW. log may be nil.
func NewAnnouncer(log *slog.Logger) (*PacketAnnouncer, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	// Protocol 0 receives nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("link: open announcer: %w", os.NewSyscallError("socket", err))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("link: open announcer: %w", os.NewSyscallError("setsockopt SO_PRIORITY", err))
	}
	a := &PacketAnnouncer{log: log, fd: fd, more: make(chan struct{}, 1), done: make(chan struct{})}
	a.send = func(s *garpSender, frames []garpFrame) (int, int) { return s.send(fd, frames, log) }
	go a.flush()
	return a, nil
}

// Announce sends up to 64 frames in a millisecond itself and leaves the rest to
// the announcer's goroutine, which also retries for 100 ms what did not fit
// into the device's queue. The error tells of addresses that cannot be
// announced; the others are. Any goroutine may call it.
func (a *PacketAnnouncer) Announce(ifindex int, hw net.HardwareAddr, addrs []netip.Addr, rounds int) error {
	var errs []error
	round := make([]garpFrame, 0, len(addrs))
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	until := now.Add(garpLife)
	for _, addr := range addrs {
		frame, err := announcement(hw, addr, addr.Is6() && a.forwards(ifindex, now))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		round = append(round, garpFrame{ifindex: ifindex, addr: addr, frame: frame, until: until})
	}

	if a.closed {
		return ErrClosed
	}
	for range max(rounds, 0) {
		fit := min(len(round), garpQueue-len(a.queue))
		a.queue = append(a.queue, round[:fit]...)
		a.stats.Dropped += uint64(len(round) - fit)
	}
	if now.Sub(a.window) > garpWindow {
		a.window, a.spent = now, 0
	}
	if n := min(garpBatch-a.spent, len(a.queue)); !a.busy && n > 0 {
		a.spent += n
		sent, failed := a.send(&a.direct, a.queue[:n])
		a.stats.Sent += uint64(sent)
		a.stats.Failed += uint64(failed)
		a.cut(sent + failed)
	}
	if len(a.queue) > 0 {
		select {
		case a.more <- struct{}{}:
		default:
		}
	}
	return errors.Join(errs...)
}

// Forget drops the frames that still wait for addrs on the interface: after a
// release nothing may announce them any more. The up to 64 frames that are on
// their way at this moment are not called back. Any goroutine may call it.
func (a *PacketAnnouncer) Forget(ifindex int, addrs []netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 {
		return
	}
	gone := make(map[netip.Addr]bool, len(addrs))
	for _, addr := range addrs {
		gone[addr] = true
	}
	kept := a.queue[:0]
	for _, f := range a.queue {
		if f.ifindex == ifindex && gone[f.addr] {
			a.stats.Stale++
			continue
		}
		kept = append(kept, f)
	}
	clear(a.queue[len(kept):])
	a.queue = kept
}

// cut takes the first n frames off the queue.
func (a *PacketAnnouncer) cut(n int) {
	rest := copy(a.queue, a.queue[n:])
	clear(a.queue[rest:])
	a.queue = a.queue[:rest]
}

// flush is the announcer's goroutine: it empties the queue whenever it is told
// that something waits.
func (a *PacketAnnouncer) flush() {
	defer close(a.done)
	var s garpSender
	batch := make([]garpFrame, 0, garpBatch)
	for range a.more {
		for {
			batch = a.take(batch[:0])
			if len(batch) == 0 {
				break
			}
			sent, failed := a.send(&s, batch)
			a.mu.Lock()
			a.stats.Sent += uint64(sent)
			a.stats.Queued += uint64(sent)
			a.stats.Failed += uint64(failed)
			rest := batch[sent+failed:]
			if len(rest) > 0 {
				a.queue = append(append(make([]garpFrame, 0, len(rest)+len(a.queue)), rest...), a.queue...)
			}
			a.mu.Unlock()
			if len(rest) > 0 {
				time.Sleep(garpPause)
			}
		}
	}
}

// take moves up to garpBatch frames that are still true out of the queue.
func (a *PacketAnnouncer) take(batch []garpFrame) []garpFrame {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, n := time.Now(), 0
	for _, f := range a.queue {
		if len(batch) == garpBatch {
			break
		}
		n++
		if now.After(f.until) {
			a.stats.Stale++
			continue
		}
		batch = append(batch, f)
	}
	a.cut(n)
	a.busy = len(batch) > 0
	return batch
}

// Stats is what the announcer has done so far.
func (a *PacketAnnouncer) Stats() AnnouncerStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stats
}

// Close drops what still waits.
func (a *PacketAnnouncer) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return ErrClosed
	}
	a.closed = true
	a.stats.Stale += uint64(len(a.queue))
	a.queue = nil
	close(a.more)
	a.mu.Unlock()
	<-a.done
	return os.NewSyscallError("close", unix.Close(a.fd))
}

// garpSender keeps the headers of one sendmmsg of frames.
type garpSender struct {
	hdrs  [garpBatch]unix.Mmsghdr
	iovs  [garpBatch]unix.Iovec
	names [garpBatch]unix.RawSockaddrLinklayer
}

// send sends frames, at most garpBatch, and tells how many of them, counted
// from the first, went out and how many were refused for good; the rest did
// not fit into a queue for the moment.
func (s *garpSender) send(fd int, frames []garpFrame, log *slog.Logger) (sent, failed int) {
	for i, f := range frames {
		s.names[i] = unix.RawSockaddrLinklayer{
			Family:   unix.AF_PACKET,
			Protocol: htons(binary.BigEndian.Uint16(f.frame[12:])),
			Ifindex:  int32(f.ifindex),
			Halen:    6,
		}
		copy(s.names[i].Addr[:], f.frame[:6])
		s.iovs[i].Base = unsafe.SliceData(f.frame)
		s.iovs[i].SetLen(len(f.frame))
		h := &s.hdrs[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&s.names[i]))
		h.Namelen = unix.SizeofSockaddrLinklayer
		h.Iov = &s.iovs[i]
		h.SetIovlen(1)
	}
	for off := 0; off < len(frames); {
		n, errno := sendmmsg(fd, s.hdrs[off:len(frames)], unix.MSG_DONTWAIT)
		switch errno {
		case 0:
			sent += n
			off += n
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			return sent, failed
		default:
			if failed == 0 {
				log.Warn("announcing an address was refused", "address", frames[off].addr, "ifindex", frames[off].ifindex, "error", errno)
			}
			failed++
			off++
		}
	}
	return sent, failed
}

// htons gives v in network order.
func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
