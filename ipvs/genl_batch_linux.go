package ipvs

import (
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// batch is messages that go to the kernel in one system call. Its buffer is
// used again: fresh memory costs more than all the rest of writing a table.
type batch struct {
	family uint16
	buf    []byte
	first  uint32 // sequence number of the first message
	count  int
	last   int // where the last message begins
}

// begin is an empty batch; the one before it is no longer used.
func (g *genl) begin() *batch {
	g.out = batch{family: g.family, buf: g.out.buf[:0], first: g.seq + 1}
	return &g.out
}

// add appends a message with the body that is appended by body; on an error
// there is none.
func (b *batch) add(body func([]byte) ([]byte, error)) error {
	start := len(b.buf)
	var head [unix.NLMSG_HDRLEN]byte
	buf, err := body(append(b.buf, head[:]...))
	if err != nil {
		return err
	}
	for len(buf)%unix.NLMSG_ALIGNTO != 0 {
		buf = append(buf, 0)
	}
	h := buf[start:]
	binary.NativeEndian.PutUint32(h, uint32(len(h)))
	binary.NativeEndian.PutUint16(h[4:], b.family)
	binary.NativeEndian.PutUint16(h[6:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(h[8:], b.first+uint32(b.count))
	b.buf, b.last = buf, start
	b.count++
	return nil
}

// send sends a batch, asks for an acknowledgement of its last message only, and
// calls failed for each that the kernel refuses. An error says that the
// connection failed, and that the outcome is not known.
func (g *genl) send(b *batch, failed func(i int, err error)) error {
	if b.count == 0 {
		return nil
	}
	binary.NativeEndian.PutUint16(b.buf[b.last+6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	last := b.first + uint32(b.count) - 1
	g.seq = last
	if err := g.renew(); err != nil {
		return err
	}
	if err := g.write(b.buf); err != nil {
		return err
	}
	for {
		got, err := g.nl.Receive()
		var oe *netlink.OpError
		if errors.As(err, &oe) && oe.Sequence != 0 {
			if i := uint32(oe.Sequence) - b.first; i < uint32(b.count) {
				failed(int(i), oe.Err)
			}
			if uint32(oe.Sequence) == last {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, m := range got {
			if m.Header.Sequence == last {
				return nil
			}
		}
	}
}

// write gives the kernel all messages at once.
func (g *genl) write(b []byte) error {
	raw, err := g.nl.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(sent, unix.EAGAIN) && !errors.Is(sent, unix.EINTR)
	}); err != nil {
		return err
	}
	return sent
}
