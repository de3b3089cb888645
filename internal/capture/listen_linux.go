package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// Listener hands out what passes an interface on its way to a group.
type Listener struct {
	conn   *packet.Conn
	member net.PacketConn // in the group, so that the switch and the card let it pass
	buf    []byte
	stop   func() bool
}

// Listen joins a multicast group on an interface of the calling thread's
// network namespace until ctx ends. It needs CAP_NET_RAW: only a packet socket
// sees what this machine itself sends.
func Listen(ctx context.Context, name string, group netip.Addr) (*Listener, error) {
	wrap := func(err error) error { return fmt.Errorf("capture: %s on %s: %w", group, name, err) }
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err // without how it was asked for
		}
		return nil, fmt.Errorf("capture: interface %s: %w", name, err)
	}
	l := &Listener{buf: make([]byte, 1<<16)}
	if l.conn, err = listenPacket(ifi, group); err != nil {
		return nil, wrap(err)
	}
	if l.member, err = join(ifi, group); err != nil {
		_ = l.conn.Close()
		return nil, wrap(err)
	}
	l.stop = context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
	return l, nil
}

// receiveBuffer holds what comes while the reader prints.
const receiveBuffer = 4 << 20

func listenPacket(ifi *net.Interface, group netip.Addr) (*packet.Conn, error) {
	filter, err := bpf.Assemble(toGroup(group))
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(ifi, packet.Datagram, unix.ETH_P_ALL, &packet.Config{Filter: filter})
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w (root or CAP_NET_RAW)", err)
	}
	if err != nil {
		return nil, err
	}
	raw, err := c.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { // more than the limit is for root only
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
			}
		})
	}
	return c, nil
}

// toGroup lets packets pass whose destination is the group; they begin with
// their IP header.
func toGroup(group netip.Addr) []bpf.Instruction {
	version, at, words := uint32(4), uint32(16), group.AsSlice()
	if group.Is6() {
		version, at = 6, 24
	}
	list := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: version << 4, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
	}
	for i := 0; i < len(words); i += 4 {
		w := uint32(words[i])<<24 | uint32(words[i+1])<<16 | uint32(words[i+2])<<8 | uint32(words[i+3])
		list = append(list,
			bpf.LoadAbsolute{Off: at + uint32(i), Size: 4},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: w, SkipTrue: 1},
			bpf.RetConstant{Val: 0})
	}
	return append(list, bpf.RetConstant{Val: 1 << 17})
}

// join makes this machine a member of the group. Nothing is read from the
// socket, and nothing comes there: its port is its own.
func join(ifi *net.Interface, group netip.Addr) (net.PacketConn, error) {
	addr := &net.UDPAddr{IP: group.AsSlice()}
	if group.Is4() {
		c, err := net.ListenPacket("udp4", "0.0.0.0:0")
		if err != nil {
			return nil, err
		}
		if err := ipv4.NewPacketConn(c).JoinGroup(ifi, addr); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("join: %w", err)
		}
		return c, nil
	}
	c, err := net.ListenPacket("udp6", "[::]:0")
	if err != nil {
		return nil, err
	}
	if err := ipv6.NewPacketConn(c).JoinGroup(ifi, addr); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("join: %w", err)
	}
	return c, nil
}

// Next waits for a packet; it begins with its IP header. The error wraps
// os.ErrDeadlineExceeded when the context of Listen has ended.
func (l *Listener) Next(to *Frame) error {
	n, _, err := l.conn.ReadFrom(l.buf)
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	*to = Frame{At: time.Now(), Link: RawIP, Data: l.buf[:n]}
	return nil
}

// Missed is how many packets came too fast to be read, until now.
func (l *Listener) Missed() uint64 {
	st, err := l.conn.Stats()
	if err != nil {
		return 0
	}
	return uint64(st.Drops)
}

// Close leaves the group.
func (l *Listener) Close() error {
	l.stop()
	return errors.Join(l.conn.Close(), l.member.Close())
}
