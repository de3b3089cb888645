package capture

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Datagram is a UDP datagram.
type Datagram struct {
	At       time.Time
	Src, Dst netip.AddrPort
	Payload  []byte // as long as it was captured; valid until the next call
	Length   int    // of the payload, as the header says
}

// maxPartial is how many datagrams may wait for their fragments.
const maxPartial = 64

// Datagrams finds UDP in frames. The zero value is ready.
type Datagrams struct {
	// Fragments counts those that belong to no datagram whose beginning was
	// seen, and Short frames that end within a header.
	Fragments, Short uint64

	partial []partial // oldest first
}

// partial is a datagram of which fragments are missing.
type partial struct {
	src, dst netip.Addr
	id       uint32
	data     []byte
}

const (
	etherVLAN = 0x8100
	etherQinQ = 0x88a8
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	protoUDP  = 17
)

// UDP returns the datagram that ends with this frame, if one does.
func (d *Datagrams) UDP(f *Frame, to *Datagram) bool {
	b, kind, ok := network(f.Link, f.Data)
	if !ok {
		return false
	}
	if kind == 0 && len(b) > 0 { // raw
		kind = map[byte]uint16{4: etherIPv4, 6: etherIPv6}[b[0]>>4]
	}
	to.At = f.At
	switch kind {
	case etherIPv4:
		return d.ipv4(b, to)
	case etherIPv6:
		return d.ipv6(b, to)
	}
	return false
}

// network returns what the link layer carries; kind 0: IP of any version.
func network(l LinkType, b []byte) (rest []byte, kind uint16, ok bool) {
	cut := func(n, at int) ([]byte, uint16, bool) {
		if len(b) < n {
			return nil, 0, false
		}
		return b[n:], binary.BigEndian.Uint16(b[at:]), true
	}
	switch l {
	case Ethernet:
		rest, kind, ok = cut(14, 12)
		for ok && (kind == etherVLAN || kind == etherQinQ) {
			if len(rest) < 4 {
				return nil, 0, false
			}
			kind, rest = binary.BigEndian.Uint16(rest[2:]), rest[4:]
		}
		return rest, kind, ok
	case LinuxSLL:
		return cut(16, 14)
	case LinuxSLL2:
		return cut(20, 0)
	case Null, Loop:
		rest, _, ok = cut(4, 0)
		return rest, 0, ok
	case RawIP, RawIPOld, IPv4, IPv6:
		return b, 0, true
	}
	return nil, 0, false
}

func (d *Datagrams) ipv4(b []byte, to *Datagram) bool {
	if len(b) < 20 || int(b[0]&15)*4 < 20 || int(b[0]&15)*4 > len(b) {
		d.Short++
		return false
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if b[9] != protoUDP || total < head {
		return false
	}
	src, dst := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	frag := binary.BigEndian.Uint16(b[6:])
	id := uint32(binary.BigEndian.Uint16(b[4:]))
	data := b[head:min(total, len(b))] // without the padding of a short Ethernet frame
	if data = d.whole(src, dst, id, int(frag&0x1fff)*8, frag&0x2000 != 0, data); data == nil {
		return false
	}
	return d.udp(src, dst, data, to)
}

// maxExtensions bounds the extension headers of one packet.
const maxExtensions = 8

func (d *Datagrams) ipv6(b []byte, to *Datagram) bool {
	if len(b) < 40 {
		d.Short++
		return false
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	next, data := b[6], b[40:min(40+int(binary.BigEndian.Uint16(b[4:])), len(b))]
	for range maxExtensions {
		switch next {
		case protoUDP:
			return d.udp(src, dst, data, to)
		case 0, 43, 60, 44: // hop-by-hop, routing, destination options, fragment
		default:
			return false
		}
		if len(data) < 8 {
			d.Short++
			return false
		}
		if next == 44 {
			off, id := binary.BigEndian.Uint16(data[2:]), binary.BigEndian.Uint32(data[4:])
			if next = data[0]; next != protoUDP {
				return false
			}
			if data = d.whole(src, dst, id, int(off&^7), off&1 != 0, data[8:]); data == nil {
				return false
			}
			continue
		}
		n := 8 + 8*int(data[1])
		if n > len(data) {
			d.Short++
			return false
		}
		next, data = data[0], data[n:]
	}
	return false
}

// whole puts a datagram together from fragments in order; nil: more are to
// come, or the beginning is missing.
func (d *Datagrams) whole(src, dst netip.Addr, id uint32, at int, more bool, data []byte) []byte {
	if at == 0 && !more {
		return data
	}
	if at == 0 {
		if len(d.partial) == maxPartial {
			d.partial = append(d.partial[:0], d.partial[1:]...)
			d.Fragments++
		}
		d.partial = append(d.partial, partial{src, dst, id, append([]byte(nil), data...)})
		return nil
	}
	for i := range d.partial {
		p := &d.partial[i]
		if p.src != src || p.dst != dst || p.id != id || len(p.data) != at || at+len(data) > 1<<16 {
			continue
		}
		p.data = append(p.data, data...)
		if more {
			return nil
		}
		all := p.data
		d.partial = append(d.partial[:i], d.partial[i+1:]...)
		return all
	}
	d.Fragments++
	return nil
}

func (d *Datagrams) udp(src, dst netip.Addr, b []byte, to *Datagram) bool {
	if len(b) < 8 {
		d.Short++
		return false
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < 8 {
		return false
	}
	to.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
	to.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	to.Payload, to.Length = b[8:min(n, len(b))], n-8
	return true
}
