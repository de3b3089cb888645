package link

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

const (
	// claimWindow is how long one claim stands for all that are like it, and
	// claimLimit how many different ones are told in that time: whoever forges
	// them sends more than anybody wants to know.
	claimWindow = time.Second
	claimLimit  = 256
)

// Claims tells what other machines say by ARP and neighbour discovery about
// addresses on all interfaces. Only messages that say so wake it.
type Claims struct {
	log    *slog.Logger
	tell   func(Claim)
	arp    *os.File
	nd     *net.IPConn // nil: the kernel has no IPv6
	closed atomic.Bool
	done   sync.WaitGroup
}

// WatchClaims calls tell, from goroutines of its own, for every Claim, but for
// repetitions within a second. It needs CAP_NET_RAW. log may be nil.
func WatchClaims(log *slog.Logger, tell func(Claim)) (*Claims, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Claims{log: log, tell: tell}
	var err error
	if c.arp, err = listenARP(); err != nil {
		return nil, fmt.Errorf("link: watch ARP: %w", err)
	}
	nd, err := listenND()
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		c.arp.Close()
		return nil, fmt.Errorf("link: watch neighbour discovery: %w", err)
	}
	c.done.Go(c.readARP)
	if err == nil {
		c.nd = nd.IPConn
		c.done.Go(func() { c.readND(nd.PacketConn) })
	}
	return c, nil
}

func listenARP() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
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
		return nil, err
	}
	return os.NewFile(uintptr(fd), "arp"), nil
}

// ndConn is a socket that hears neighbour discovery. It is not of packets, which
// would cost something for every packet of IPv6 that comes in: what the kernel
// takes for itself is enough, as it is in the groups of the addresses it has.
type ndConn struct {
	*net.IPConn
	*ipv6.PacketConn
}

func listenND() (_ ndConn, err error) {
	conn, err := net.ListenPacket("ip6:ipv6-icmp", "::")
	if err != nil {
		return ndConn{}, err
	}
	c := ndConn{conn.(*net.IPConn), ipv6.NewPacketConn(conn)}
	raw, err := c.SyscallConn()
	if err == nil {
		var aerr error
		err = raw.Control(func(fd uintptr) { aerr = attach(int(fd), claimProgram6) })
		err = errors.Join(err, aerr, c.SetControlMessage(ipv6.FlagInterface|ipv6.FlagHopLimit, true))
	}
	if err != nil {
		conn.Close()
	}
	return c, err
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

// claimProgram6 lets through advertisements that nobody asked for, and
// solicitations from nobody. It sees what follows the IP header.
var claimProgram6 = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 0, Size: 1}, // type
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: naType, SkipTrue: 9},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: nsType, SkipTrue: 10},
	bpf.LoadAbsolute{Off: netOff + 8, Size: 4}, // source
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 8},
	bpf.LoadAbsolute{Off: netOff + 12, Size: 4},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 6},
	bpf.LoadAbsolute{Off: netOff + 16, Size: 4},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 4},
	bpf.LoadAbsolute{Off: netOff + 20, Size: 4},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 3, SkipFalse: 2},
	bpf.LoadAbsolute{Off: 4, Size: 1}, // flags of an advertisement
	bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: 0x40, SkipTrue: 1},
	bpf.RetConstant{Val: 0},
	bpf.RetConstant{Val: 0xffff},
}

// netOff is where a filter finds the IP header (SKF_NET_OFF of linux/filter.h).
const netOff = 0xfff00000

func (c *Claims) readARP() {
	conn, err := c.arp.SyscallConn()
	if err != nil {
		c.log.Error("cannot watch ARP", "error", err)
		return
	}
	buf := make([]byte, arpBody)
	var fresh novelty
	for {
		var n int
		var from unix.Sockaddr
		var got error
		if err := conn.Read(func(fd uintptr) bool {
			n, from, got = unix.Recvfrom(int(fd), buf, 0)
			return got != unix.EAGAIN
		}); err != nil {
			if !c.closed.Load() {
				c.log.Error("cannot watch ARP", "error", err)
			}
			return
		}
		at, ok := from.(*unix.SockaddrLinklayer)
		if got != nil || !ok {
			continue // an interface went away
		}
		if claim, ok := claimOf(at.Ifindex, buf[:n]); ok && fresh.is(claim) {
			c.tell(claim)
		}
	}
}

func (c *Claims) readND(conn *ipv6.PacketConn) {
	buf := make([]byte, 1500)
	var fresh novelty
	for {
		n, at, _, err := conn.ReadFrom(buf)
		if err != nil {
			if !c.closed.Load() {
				c.log.Error("cannot watch neighbour discovery", "error", err)
			}
			return
		}
		if at == nil {
			continue
		}
		if claim, ok := claimOf6(at.IfIndex, at.HopLimit, buf[:n]); ok && fresh.is(claim) {
			c.tell(claim)
		}
	}
}

// novelty keeps repetitions, and what is too much, from being told.
type novelty struct {
	seen  map[Claim]bool
	since time.Time
}

func (n *novelty) is(c Claim) bool {
	if now := time.Now(); n.seen == nil || now.Sub(n.since) >= claimWindow {
		n.seen, n.since = make(map[Claim]bool), now
	}
	if n.seen[c] || len(n.seen) >= claimLimit {
		return false
	}
	n.seen[c] = true
	return true
}

// Close ends watching.
func (c *Claims) Close() error {
	c.closed.Store(true)
	err := c.arp.Close()
	if c.nd != nil {
		err = errors.Join(err, c.nd.Close())
	}
	c.done.Wait()
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
