package link

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// claimWindow is how long one claim stands for all that are like it, and
	// claimLimit how many different ones are told in that time: whoever forges
	// them sends more than anybody wants to know.
	claimWindow = time.Second
	claimLimit  = 256
)

// Claims tells what other machines say by ARP about addresses on all
// interfaces. Only messages that say so wake it.
type Claims struct {
	file   *os.File
	closed atomic.Bool
	done   chan struct{}
}

// WatchClaims calls tell, from a goroutine of its own, for every Claim, but for
// repetitions within a second. It needs CAP_NET_RAW. log may be nil.
func WatchClaims(log *slog.Logger, tell func(Claim)) (*Claims, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("link: watch ARP: %w", os.NewSyscallError("socket", err))
	}
	// The filter first: until it is bound the socket hears nothing.
	err = attach(fd, claimProgram)
	if err == nil {
		err = os.NewSyscallError("setsockopt PACKET_IGNORE_OUTGOING", unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(etherTypeARP)}))
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("link: watch ARP: %w", err)
	}
	c := &Claims{file: os.NewFile(uintptr(fd), "arp"), done: make(chan struct{})}
	go c.run(log, tell)
	return c, nil
}

// claimProgram lets through ARP messages whose sender's address is nobody's or
// is the one asked for.
var claimProgram = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 24, Size: 4}, // target
	bpf.TAX{},
	bpf.LoadAbsolute{Off: 14, Size: 4}, // sender
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 2},
	bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: 1},
	bpf.RetConstant{Val: 0},
	bpf.RetConstant{Val: arpBody},
}

func (c *Claims) run(log *slog.Logger, tell func(Claim)) {
	defer close(c.done)
	conn, err := c.file.SyscallConn()
	if err != nil {
		log.Error("cannot watch ARP", "error", err)
		return
	}
	buf := make([]byte, arpBody)
	seen := make(map[Claim]bool)
	var since time.Time
	for {
		var n int
		var from unix.Sockaddr
		var got error
		if err := conn.Read(func(fd uintptr) bool {
			n, from, got = unix.Recvfrom(int(fd), buf, 0)
			return got != unix.EAGAIN
		}); err != nil {
			if !c.closed.Load() {
				log.Error("cannot watch ARP", "error", err)
			}
			return
		}
		at, ok := from.(*unix.SockaddrLinklayer)
		if got != nil || !ok {
			continue // an interface went away
		}
		claim, ok := claimOf(at.Ifindex, buf[:n])
		if now := time.Now(); now.Sub(since) >= claimWindow {
			since = now
			clear(seen)
		}
		if ok && !seen[claim] && len(seen) < claimLimit {
			seen[claim] = true
			tell(claim)
		}
	}
}

// Close ends watching.
func (c *Claims) Close() error {
	c.closed.Store(true)
	err := c.file.Close()
	<-c.done
	return err
}

// Ask asks, on an interface, whether anybody has the addresses, without saying
// that we have them; of more than 64 for the first ones. Any goroutine may call
// it.
func (a *PacketAnnouncer) Ask(ifindex int, hw net.HardwareAddr, addrs []netip.Addr) error {
	frames := make([]garpFrame, 0, min(len(addrs), garpBatch))
	for _, addr := range addrs[:cap(frames)] {
		frame, err := question(hw, addr)
		if err != nil {
			return err
		}
		frames = append(frames, garpFrame{ifindex, addr, frame})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	sent, failed := a.send(&a.direct, frames)
	a.stats.Sent += uint64(sent)
	a.stats.Failed += uint64(failed)
	return nil
}
