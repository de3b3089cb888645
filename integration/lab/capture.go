package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Capture records the adverts, ARP messages and neighbour advertisements that the hosts of a lab send,
// on all segments.
type Capture struct {
	lab  *Lab
	fd   int
	done chan struct{}
	stop func()

	mu      sync.Mutex
	adverts []Advert
	arps    []ARP
	nas     []NA
	lost    int
	onFrame func(Advert)
}

// Capture starts to record. Frames cut off on the way (a cut host's) are not
// seen: it listens where a frame enters the segment.
func (l *Lab) Capture() (*Capture, error) {
	c := &Capture{lab: l, done: make(chan struct{})}
	err := l.wire.do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		c.fd = fd
		return c.configure()
	})
	if err != nil {
		return nil, fmt.Errorf("lab: capture: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.run()
	}()
	// Closing the socket would not wake its reader; the receive timeout does.
	c.stop = sync.OnceFunc(func() {
		close(c.done)
		<-ended
		_ = unix.Close(c.fd)
	})
	l.onClose(c.Close)
	return c, nil
}

func (c *Capture) configure() error {
	prog, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0806, SkipTrue: 7},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipFalse: 2},
		bpf.LoadAbsolute{Off: 14 + 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 112, SkipTrue: 4, SkipFalse: 5},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipFalse: 4},
		bpf.LoadAbsolute{Off: 14 + 6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 112, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 58, SkipFalse: 1},
		bpf.RetConstant{Val: 65535},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(prog))
	for i, r := range prog {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("timestamps: %w", err)
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		return fmt.Errorf("receive buffer: %w", err)
	}
	tv := unix.Timeval{Usec: 50_000}
	if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return fmt.Errorf("receive timeout: %w", err)
	}
	all := uint16(unix.ETH_P_ALL)
	return unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8})
}

func (c *Capture) run() {
	buf, oob := make([]byte, 65536), make([]byte, 256)
	for {
		select {
		case <-c.done:
			return
		default: // the receive timeout brings us back here even on a silent wire
		}
		n, oobn, _, from, err := unix.Recvmsg(c.fd, buf, oob, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENETDOWN):
			continue // a port was set down
		case err != nil:
			c.mu.Lock()
			c.lost++
			c.mu.Unlock()
			return
		}
		ll, ok := from.(*unix.SockaddrLinklayer)
		if !ok || ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		host := c.lab.hostOf(ll.Ifindex)
		if host == nil {
			continue // the bridge's own view of a frame already seen at its port
		}
		frame := append([]byte(nil), buf[:n]...)
		at := stamp(oob[:oobn])
		adv, arp := decode(frame, host.Name, at)
		na := decodeNA(frame, host.Name, at)
		c.mu.Lock()
		f := c.onFrame
		if adv != nil {
			c.adverts = append(c.adverts, *adv)
		}
		if arp != nil {
			c.arps = append(c.arps, *arp)
		}
		if na != nil {
			c.nas = append(c.nas, *na)
		}
		c.mu.Unlock()
		if f != nil && adv != nil {
			f(*adv)
		}
	}
}

// hostOf finds whose port an interface of the bridges' namespace is.
func (l *Lab) hostOf(ifindex int) *Host {
	l.mu.Lock()
	hosts := l.hosts
	l.mu.Unlock()
	for _, h := range hosts {
		h.mu.Lock()
		for _, p := range h.ports {
			if p.link.Attrs().Index == ifindex {
				h.mu.Unlock()
				return h
			}
		}
		h.mu.Unlock()
	}
	return nil
}

// stamp reads the kernel's receive time; without one it is now.
func stamp(oob []byte) time.Time {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err == nil {
		for _, m := range msgs {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
				sec := int64(binary.NativeEndian.Uint64(m.Data))
				nsec := int64(binary.NativeEndian.Uint64(m.Data[8:]))
				return time.Unix(sec, nsec)
			}
		}
	}
	return time.Now()
}

// Adverts is a copy of what was heard since the time given (zero: all).
func (c *Capture) Adverts(since time.Time) []Advert {
	c.mu.Lock()
	defer c.mu.Unlock()
	return recorded(c.adverts, since, func(a Advert) time.Time { return a.At })
}

// recorded are the entries of a record since the time given.
func recorded[T any](list []T, since time.Time, at func(T) time.Time) []T {
	var out []T
	for _, e := range list {
		if !at(e).Before(since) {
			out = append(out, e)
		}
	}
	return out
}

// ARPs is a copy of the ARP messages since the time given (zero: all).
func (c *Capture) ARPs(since time.Time) []ARP {
	c.mu.Lock()
	defer c.mu.Unlock()
	return recorded(c.arps, since, func(a ARP) time.Time { return a.At })
}

// Last is the newest advert of a virtual router that a host sent.
func (c *Capture) Last(host string, vrid uint8) (Advert, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.adverts) - 1; i >= 0; i-- {
		if a := c.adverts[i]; a.From == host && a.VRID == vrid {
			return a, true
		}
	}
	return Advert{}, false
}

// OnAdvert has f called, from the capture's goroutine, with every advert from
// now on; nil ends that.
func (c *Capture) OnAdvert(f func(Advert)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onFrame = f
}

// Reset forgets everything recorded.
func (c *Capture) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adverts, c.arps, c.nas = nil, nil, nil
}

// Close ends the recording; what was recorded stays readable.
func (c *Capture) Close() { c.stop() }
