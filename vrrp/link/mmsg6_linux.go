package link

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// bufSize6 holds an advert of 255 IPv6 addresses with keepalived's trailer:
	// 8 + 255*16 + 28 bytes.
	bufSize6  = 4160
	slabSize6 = 64
)

// slab6 is room for received messages of IPv6: the sender comes in a name and
// the rest of the header as ancillary data.
type slab6 struct {
	hdrs  [slabSize6]unix.Mmsghdr
	iovs  [slabSize6]unix.Iovec
	names [slabSize6]unix.RawSockaddrInet6
	ctl   []byte
	data  []byte
}

func newSlab6() *slab6 {
	s := &slab6{data: make([]byte, slabSize6*bufSize6), ctl: make([]byte, slabSize6*cmsg6Space)}
	for i := range s.hdrs {
		s.iovs[i].Base = &s.data[i*bufSize6]
		s.iovs[i].SetLen(bufSize6)
		h := &s.hdrs[i].Hdr
		h.Iov = &s.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&s.names[i]))
		h.Control = &s.ctl[i*cmsg6Space]
	}
	return s
}

// arm gives the kernel back the room that it has told the use of.
func (s *slab6) arm(from int) {
	for i := from; i < slabSize6; i++ {
		h := &s.hdrs[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(cmsg6Space)
	}
}

// drain6 reads an IPv6 port until nothing is left or the receiver is full.
func (r *receiver) drain6(p *port, c clock) {
	for !r.full() {
		i := r.used6 / slabSize6
		if i == len(r.slabs6) {
			r.slabs6 = append(r.slabs6, newSlab6())
		}
		s, off := r.slabs6[i], r.used6%slabSize6
		s.arm(off)
		n := p.read(s.hdrs[off:])
		r.used6 += n
		r.parse6(p, s, off, n, c)
		if n < slabSize6-off {
			return // recvmmsg stops early only when nothing is left
		}
	}
}

// parse6 appends the sound ones of n messages from off on.
func (r *receiver) parse6(p *port, s *slab6, off, n int, c clock) {
	arrived := c.now()
	for i := off; i < off+n; i++ {
		m := &s.hdrs[i]
		size := int(m.Len)
		if m.Hdr.Flags&unix.MSG_TRUNC != 0 {
			p.stats.Truncated++
			size = bufSize6 + 1 // longer than what is here: the decoder refuses it
		}
		at := i * cmsg6Space
		a, ok := parseCmsg6(s.ctl[at : at+min(int(m.Hdr.Controllen), cmsg6Space)])
		if !ok || m.Hdr.Namelen < unix.SizeofSockaddrInet6 || s.names[i].Family != unix.AF_INET6 {
			p.stats.Malformed++
			continue
		}
		p.stats.Received++
		start := i * bufSize6
		r.packets = append(r.packets, Packet{
			Port:     p.key,
			Src:      netip.AddrFrom16(s.names[i].Addr),
			Dst:      a.dst,
			TTL:      a.hops,
			TotalLen: size,
			Body:     s.data[start : start+min(size, bufSize6)],
			Arrived:  arrived,
		})
	}
}

// transmitter6 is transmitter for IPv6.
type transmitter6 struct {
	hdrs  [txMax]unix.Mmsghdr
	iovs  [txMax]unix.Iovec
	names [txMax]unix.RawSockaddrInet6
	index [txMax]int // the datagram's place in the batch
	n     int
}

func newTransmitter6() *transmitter6 {
	t := new(transmitter6)
	for i := range t.hdrs {
		t.names[i].Family = unix.AF_INET6
		h := &t.hdrs[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&t.names[i]))
		h.Namelen = unix.SizeofSockaddrInet6
		h.Iov = &t.iovs[i]
		h.SetIovlen(1)
	}
	return t
}

// add takes one datagram up; it reports false when there is no room.
func (t *transmitter6) add(p *port, i int, dst netip.Addr, body []byte) bool {
	if t.n == txMax {
		return false
	}
	name := &t.names[t.n]
	name.Addr, name.Scope_id = dst.As16(), 0
	if scoped(dst) {
		name.Scope_id = uint32(p.key.Ifindex)
	}
	t.iovs[t.n].Base = unsafe.SliceData(body)
	t.iovs[t.n].SetLen(len(body))
	h := &t.hdrs[t.n].Hdr
	h.Control = unsafe.SliceData(p.pktinfo.b)
	h.SetControllen(len(p.pktinfo.b))
	t.index[t.n] = i
	t.n++
	return true
}

// flush sends what was taken up through p and tells each datagram its fate.
func (t *transmitter6) flush(p *port, batch []Datagram) {
	p.transmit(t.hdrs[:t.n], t.index[:t.n], batch)
	for i := range t.iovs[:t.n] {
		t.iovs[i].Base = nil // the body belongs to the caller again
		t.hdrs[i].Hdr.Control = nil
	}
	t.n = 0
}
