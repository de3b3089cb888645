package vrrp

import "net/netip"

// Advert is one decoded VRRP advertisement. Addrs may point into storage of
// the decoder and is valid until its next use.
type Advert struct {
	Version   uint8
	VRID      uint8
	Priority  uint8
	AuthType  uint8   // v2
	AuthData  [8]byte // v2
	AdvertInt uint16  // v2: seconds, v3: centiseconds
	Addrs     []netip.Addr

	// Checksum is the form in which a received message was summed.
	Checksum ChecksumForm
	// Trailer: the 28 bytes of keepalived's auth_hmac follow the message.
	// They are not verified.
	Trailer bool
}

// Meta is what the IP layer says about a received packet.
type Meta struct {
	Src, Dst netip.Addr
	TTL      uint8
	Ifindex  int
	TotalLen int  // IP payload length announced by the header, to compare with len(body); 0: not known
	AH       bool // the packet came in an IPsec authentication header
}

const (
	headerLen  = 8  // both versions
	authLen    = 8  // v2, always there (RFC 3768 section 5.3.10)
	trailerLen = 28 // auth_hmac

	typeAdvertisement = 1
	maxInterval3      = 0x0fff // centiseconds, 12 bits
)

// PeekVRID returns version and VRID of a message without checking more; ok is
// false when it is too short to have them.
func PeekVRID(body []byte) (version, vrid uint8, ok bool) {
	if len(body) < 2 {
		return 0, 0, false
	}
	return body[0] >> 4, body[1], true
}

// Decode decodes body into a and makes the checks that need no router:
// length, version, type and checksum. It returns DropNone for a good message
// and otherwise the reason, with a in an unspecified state. A body longer
// than m.TotalLen is padding of the Ethernet frame and cut. a.Addrs is used
// again, so that decoding into the same Advert allocates nothing.
//
// The family of the addresses is that of m.Src (RFC 9568 section 5.2.9).
func Decode(a *Advert, m *Meta, body []byte) DropReason {
	if m.AH {
		return DropAH
	}
	if m.TotalLen > 0 {
		if len(body) < m.TotalLen {
			return DropLength
		}
		body = body[:m.TotalLen]
	}
	if len(body) < headerLen {
		return DropLength
	}
	src := m.Src.Unmap()
	dst := m.Dst.Unmap()
	a.Version = body[0] >> 4
	if a.Version != 3 && (a.Version != 2 || !src.Is4()) {
		return DropVersion
	}
	count, size := int(body[3]), 16
	if src.Is4() {
		size = 4
	}
	addrs := headerLen + count*size
	n := addrs
	if a.Version == 2 {
		n += authLen
	}
	if len(body) != n && len(body) != n+trailerLen {
		return DropLength
	}
	if body[0]&0x0f != typeAdvertisement {
		return DropType
	}
	form, ok := checksumForm(a.Version, src, dst, body[:n], body)
	if !ok {
		return DropChecksum
	}
	a.VRID = body[1]
	a.Priority = body[2]
	a.Checksum = form
	a.Trailer = len(body) > n
	a.AuthType = 0
	a.AuthData = [8]byte{}
	if a.Version == 2 {
		a.AuthType = body[4]
		a.AdvertInt = uint16(body[5])
		copy(a.AuthData[:], body[addrs:n])
	} else {
		a.AdvertInt = (uint16(body[4])<<8 | uint16(body[5])) & maxInterval3
	}
	a.Addrs = a.Addrs[:0]
	for b := body[headerLen:addrs]; len(b) > 0; b = b[size:] {
		if size == 4 {
			a.Addrs = append(a.Addrs, netip.AddrFrom4([4]byte(b)))
		} else {
			a.Addrs = append(a.Addrs, netip.AddrFrom16([16]byte(b)))
		}
	}
	return DropNone
}

// AppendTo appends the wire form of a to b, byte for byte as keepalived
// writes it. src and dst go into the pseudo-header, which v3 over IPv6 always
// has, v2 never, and v3 over IPv4 with pseudo (keepalived's default; without
// it as RFC 9568 section 5.2.8 and keepalived's v3_checksum_as_v2). At most
// 255 addresses are written.
func (a *Advert) AppendTo(b []byte, src, dst netip.Addr, pseudoHeader bool) []byte {
	start := len(b)
	list := a.Addrs[:min(len(a.Addrs), 255)]
	b = append(b, a.Version<<4|typeAdvertisement, a.VRID, a.Priority, byte(len(list)))
	if a.Version == 2 {
		b = append(b, a.AuthType, byte(a.AdvertInt))
	} else {
		i := a.AdvertInt & maxInterval3
		b = append(b, byte(i>>8), byte(i))
	}
	b = append(b, 0, 0)
	for _, ip := range list {
		if ip.Is4() {
			v := ip.As4()
			b = append(b, v[:]...)
		} else {
			v := ip.As16()
			b = append(b, v[:]...)
		}
	}
	if a.Version == 2 {
		b = append(b, a.AuthData[:]...)
	}
	message := b[start:]
	s := sum(0, message)
	if a.Version != 2 && (pseudoHeader || !src.Is4()) {
		s += pseudo(src, dst, len(message))
	}
	c := ^fold(s)
	message[6], message[7] = byte(c>>8), byte(c)
	return b
}
