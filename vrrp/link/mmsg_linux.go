package link

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	bufSize   = 2048 // an IPv4 advert of 255 addresses is 1,096 bytes with its header
	slabSize  = 128  // messages in one slab
	slabMax   = 32   // slabs at most: 4,096 messages between two Waits
	txMax     = 256  // datagrams in one sendmmsg
	msgWanted = unix.MSG_DONTWAIT
)

// slab is room for slabSize received messages with the headers that recvmmsg
// wants for them, linked together once.
type slab struct {
	hdrs [slabSize]unix.Mmsghdr
	iovs [slabSize]unix.Iovec
	data []byte
}

func newSlab() *slab {
	s := &slab{data: make([]byte, slabSize*bufSize)}
	for i := range s.hdrs {
		s.iovs[i].Base = &s.data[i*bufSize]
		s.iovs[i].SetLen(bufSize)
		s.hdrs[i].Hdr.Iov = &s.iovs[i]
		s.hdrs[i].Hdr.SetIovlen(1)
	}
	return s
}

// receiver keeps the messages of one Wait. Slabs are added when more comes in
// than ever before and are kept, so that receiving allocates nothing.
type receiver struct {
	slabs   []*slab
	used    int // messages taken since reset
	slabs6  []*slab6
	used6   int
	packets []Packet
}

func newReceiver() receiver {
	return receiver{slabs: []*slab{newSlab()}, packets: make([]Packet, 0, slabSize)}
}

func (r *receiver) reset() {
	r.used, r.used6 = 0, 0
	r.packets = r.packets[:0]
}

// full says that no further message can be kept.
func (r *receiver) full() bool { return r.used+r.used6 >= slabSize*slabMax }

// drain reads p until nothing is left or the receiver is full.
func (r *receiver) drain(p *port, c clock) {
	if p.six {
		r.drain6(p, c)
		return
	}
	for !r.full() {
		i := r.used / slabSize
		if i == len(r.slabs) {
			r.slabs = append(r.slabs, newSlab())
		}
		s, off := r.slabs[i], r.used%slabSize
		room := slabSize - off
		n := p.read(s.hdrs[off:])
		r.used += n
		r.parse(p, s, off, n, c)
		if n < room {
			return // recvmmsg stops early only when nothing is left
		}
	}
}

// read fills hdrs with messages that wait and returns how many.
func (p *port) read(hdrs []unix.Mmsghdr) int {
	for {
		n, errno := recvmmsg(p.fd, hdrs)
		switch errno {
		case 0:
			return n
		case unix.EINTR:
		case unix.EAGAIN:
			return 0
		default:
			// A pending error of the socket; reading it has cleared it.
			p.stats.RecvErrors++
			return 0
		}
	}
}

// parse appends the sound ones of n messages from off on.
func (r *receiver) parse(p *port, s *slab, off, n int, c clock) {
	arrived := c.now()
	for i := off; i < off+n; i++ {
		m := &s.hdrs[i]
		if m.Hdr.Flags&unix.MSG_TRUNC != 0 {
			p.stats.Truncated++
		}
		start := i * bufSize
		h, body, ok := parseIPv4(s.data[start : start+min(int(m.Len), bufSize)])
		if !ok || h.Protocol != p.key.protocol() {
			p.stats.Malformed++
			continue
		}
		p.stats.Received++
		r.packets = append(r.packets, Packet{
			Port:     p.key,
			Src:      h.Src,
			Dst:      h.Dst,
			TTL:      h.TTL,
			ID:       h.ID,
			AH:       p.key.AH,
			TotalLen: h.PayloadLen,
			Body:     body,
			Arrived:  arrived,
		})
	}
}

// transmitter keeps the headers that sendmmsg wants for one socket's share of
// a batch.
type transmitter struct {
	hdrs  [txMax]unix.Mmsghdr
	iovs  [txMax]unix.Iovec
	names [txMax]unix.RawSockaddrInet4
	index [txMax]int // the datagram's place in the batch
	n     int
}

func newTransmitter() *transmitter {
	t := new(transmitter)
	for i := range t.hdrs {
		t.names[i].Family = unix.AF_INET
		h := &t.hdrs[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&t.names[i]))
		h.Namelen = unix.SizeofSockaddrInet4
		h.Iov = &t.iovs[i]
		h.SetIovlen(1)
	}
	return t
}

// add takes one datagram up; it reports false when there is no room.
func (t *transmitter) add(i int, dst netip.Addr, body []byte) bool {
	if t.n == txMax {
		return false
	}
	t.names[t.n].Addr = dst.As4()
	t.iovs[t.n].Base = unsafe.SliceData(body)
	t.iovs[t.n].SetLen(len(body))
	t.index[t.n] = i
	t.n++
	return true
}

// flush sends what was taken up through p and tells each datagram its fate.
func (t *transmitter) flush(p *port, batch []Datagram) {
	p.transmit(t.hdrs[:t.n], t.index[:t.n], batch)
	for i := range t.iovs[:t.n] {
		t.iovs[i].Base = nil // the body belongs to the caller again
	}
	t.n = 0
}

// transmit sends hdrs through p; index tells which datagram of the batch each
// of them is.
func (p *port) transmit(hdrs []unix.Mmsghdr, index []int, batch []Datagram) {
	again := -1 // the datagram that was tried a second time
	for off := 0; off < len(hdrs); {
		n, errno := sendmmsg(p.fd, hdrs[off:], p.flags|msgWanted)
		if errno == unix.ENOBUFS && again != off {
			// A device's queue was full for the moment. A farewell is sent once only.
			again = off
			continue
		}
		switch errno {
		case 0:
			for _, i := range index[off : off+n] {
				batch[i].Err = nil
			}
			p.stats.Sent += uint64(n)
			off += n
		case unix.EINTR:
		case unix.EAGAIN:
			// The send buffer is full, and it will be for the rest as well.
			for _, i := range index[off:] {
				batch[i].Err = errno
			}
			p.stats.SendErrors += uint64(len(hdrs) - off)
			off = len(hdrs)
		default:
			batch[index[off]].Err = errno
			p.stats.SendErrors++
			p.broken = p.broken || errno == unix.ENODEV || errno == unix.ENXIO
			off++
		}
	}
}
