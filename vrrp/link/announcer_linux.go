package link

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	garpBatch = 64 // frames in one sendmmsg
	// garpWindow is how often up to garpBatch frames leave: by Announce itself,
	// on the engine's time (a frame costs some 4 µs, and a takeover of 255
	// routers is 255 calls), and by the announcer's goroutine, so that 4,000
	// addresses do not overrun the queues of whoever is to hear them.
	garpWindow = time.Millisecond
	garpQueue  = 1 << 16 // addresses that may wait
	// garpLate is how late the goroutine may wake before it gives the engine
	// garpGrace to read what came in while the process did not run: the
	// addresses may be another machine's by now, and Forget is called then.
	garpLate  = 50 * time.Millisecond
	garpGrace = 20 * time.Millisecond
	garpPause = time.Millisecond // after the device's queue was full
)

// AnnouncerStats counts frames.
type AnnouncerStats struct {
	Sent    uint64
	Queued  uint64 // of these, not sent by Announce itself but later
	Dropped uint64 // addresses for which the queue had no room
	Stale   uint64 // called back by Forget or Close
	Failed  uint64 // refused by the kernel, for example as the interface is gone
}

// PacketAnnouncer sends gratuitous ARP and unsolicited neighbour advertisements
// through one write-only packet socket.
type PacketAnnouncer struct {
	log *slog.Logger
	fd  int

	mu     sync.Mutex
	queue  announceQueue
	busy   bool // the goroutine is sending
	closed bool
	stats  AnnouncerStats
	direct garpSender                                                 // of Announce
	routes map[int]forwarding                                         // by interface, for the router flag
	window time.Time                                                  // when Announce began to spend its budget
	spent  int                                                        // frames of it
	picked []garpFrame                                                // by Announce
	send   func(s *garpSender, frames []garpFrame) (sent, failed int) // a test may put its own

	more chan struct{} // tells the goroutine that there is work; one is enough
	done chan struct{}
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
// the announcer's goroutine: what is over that, what has to wait for the gap of
// its Pace, and what does not fit into the device's queue. Of several waiting
// calls every one has its first round before any has its second; a call for
// addresses that are waiting already only makes sure that as many rounds follow.
// The error tells that none of them can be announced. Any goroutine may call it.
func (a *PacketAnnouncer) Announce(ifindex int, hw net.HardwareAddr, addrs []netip.Addr, rounds int) error {
	if len(addrs) == 0 || rounds <= 0 {
		return nil
	}
	if len(hw) != len(etherBroadcast) {
		return fmt.Errorf("link: announce %v: hardware address %q is not of Ethernet", addrs[0], hw.String())
	}
	for _, x := range addrs {
		if !x.IsValid() {
			return fmt.Errorf("link: announce on interface %d: no address", ifindex)
		}
	}
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.stats.Dropped += uint64(a.queue.add(ifindex, hw, addrs, rounds))
	if now.Sub(a.window) > garpWindow {
		a.window, a.spent = now, 0
	}
	if room := garpBatch - a.spent; !a.busy && room > 0 {
		a.picked = a.pick(a.picked[:0], now, room)
		a.spent += len(a.picked)
		sent, failed := 0, 0
		if len(a.picked) > 0 {
			sent, failed = a.send(&a.direct, a.picked)
		}
		a.stats.Sent += uint64(sent)
		a.stats.Failed += uint64(failed)
		a.queue.putBack(a.picked[sent+failed:])
	}
	if !a.queue.empty() {
		a.wake()
	}
	return nil
}

// pick takes frames that may leave now off the queue; a.mu is held.
func (a *PacketAnnouncer) pick(to []garpFrame, now time.Time, limit int) []garpFrame {
	to, stale := a.queue.pick(to, now, limit, func(ifindex int) bool { return a.forwards(ifindex, now) })
	a.stats.Stale += uint64(stale)
	return to
}

// Pace sets how announcements on the interfaces are spaced from now on, by
// interface index; those that are not named have no gaps. Any goroutine may
// call it.
func (a *PacketAnnouncer) Pace(paces map[int]Pace) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue.pace(paces)
	if !a.queue.empty() && !a.closed {
		a.wake()
	}
}

// wake tells the goroutine; a.mu is held.
func (a *PacketAnnouncer) wake() {
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// Forget calls back what still waits for addrs on the interface: after a
// release nothing may announce them any more. The up to 64 frames that are on
// their way at this moment are not called back. Any goroutine may call it.
func (a *PacketAnnouncer) Forget(ifindex int, addrs []netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue.forget(ifindex, addrs)
}

// flush is the announcer's goroutine: it sends what waits when it may leave.
func (a *PacketAnnouncer) flush() {
	defer close(a.done)
	var s garpSender
	batch := make([]garpFrame, 0, garpBatch)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var due time.Time // when the next frame may leave; zero: nothing waits
		batch, due = a.take(batch[:0])
		switch {
		case len(batch) > 0:
			sent, failed := a.send(&s, batch)
			a.mu.Lock()
			a.stats.Sent += uint64(sent)
			a.stats.Queued += uint64(sent)
			a.stats.Failed += uint64(failed)
			rest := batch[sent+failed:]
			a.queue.putBack(rest)
			a.busy = false
			a.mu.Unlock()
			due = time.Now().Add(garpWindow)
			if len(rest) > 0 {
				due = due.Add(garpPause)
			}
		case due.IsZero():
			if _, ok := <-a.more; !ok {
				return
			}
			continue
		case !due.After(time.Now()):
			continue // what was due has been called back
		}
		timer.Reset(time.Until(due))
		select {
		case _, ok := <-a.more:
			if !ok {
				return
			}
			if len(batch) == 0 {
				continue // something else may leave earlier
			}
			time.Sleep(time.Until(due))
		case <-timer.C:
		}
		if time.Since(due) > garpLate {
			time.Sleep(garpGrace)
		}
	}
}

// take moves up to garpBatch frames out of the queue and marks the announcer
// as busy with them; when there are none, due is when there will be.
func (a *PacketAnnouncer) take(batch []garpFrame) (_ []garpFrame, due time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return batch, time.Time{}
	}
	batch = a.pick(batch, time.Now(), garpBatch)
	a.busy = len(batch) > 0
	if a.busy {
		return batch, time.Time{}
	}
	return batch, a.queue.due()
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
	a.stats.Stale += uint64(a.queue.clear())
	close(a.more)
	a.mu.Unlock()
	<-a.done
	return os.NewSyscallError("close", unix.Close(a.fd))
}
