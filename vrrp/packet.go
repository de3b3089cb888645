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
	Trailer bool
	// Signed: Router.Check verified a trailer or an authentication header.
	Signed bool
	// Sequence is the number that authentication sends with it, see
	// Router.Stamp.
	Sequence uint64

	message, trailer, ah []byte // parts of what was decoded
}

// Meta is what the IP layer says about a received packet.
type Meta struct {
	Src, Dst netip.Addr
	TTL      uint8
	Ifindex  int
	TotalLen int  // IP payload length announced by the header, to compare with len(body); 0: not known
	AH       bool // the packet came in an IPsec authentication header, with which the body begins

	ID   uint16 // identification of the IPv4 header; for AH
	Wall int64  // wall clock in ns since 1970, where Router.NeedsWall
	Path int    // place in the list of paths of the router; 0: its interface
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
	if m.TotalLen > 0 {
		if len(body) < m.TotalLen {
			return DropLength
		}
		body = body[:m.TotalLen]
	}
	a.ah = nil
	if m.AH {
		if len(body) < ahLen {
			return DropLength
		}
		a.ah, body = body[:ahLen], body[ahLen:]
		if a.ah[0] != protocol || a.ah[1] != ahLen/4-2 {
			return DropAHHeader
		}
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
	a.Trailer, a.Signed, a.Sequence = len(body) > n, false, 0
	a.message, a.trailer = body[:n], body[n:]
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

// AppendTo is AppendForm with the pseudo-header (keepalived's default) or, for
// version 3 over IPv4, without it.
func (a *Advert) AppendTo(b []byte, src, dst netip.Addr, pseudoHeader bool) []byte {
	if pseudoHeader {
		return a.AppendForm(b, src, dst, ChecksumPseudo)
	}
	return a.AppendForm(b, src, dst, ChecksumMessage)
}

// AppendForm appends the wire form of a to b, byte for byte as keepalived
// writes it. src and dst go into the pseudo-header, which v3 over IPv6 always
// has, v2 never, and v3 over IPv4 unless form is ChecksumMessage (RFC 9568
// section 5.2.8, keepalived's v3_checksum_as_v2). At most 255 addresses are
// written.
func (a *Advert) AppendForm(b []byte, src, dst netip.Addr, form ChecksumForm) []byte {
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
	if a.Version != 2 && (form != ChecksumMessage || !src.Is4()) {
		if form == ChecksumOldUnicast {
			dst = groupOf(src)
		}
		s += pseudo(src, dst, len(message))
	}
	c := ^fold(s)
	message[6], message[7] = byte(c>>8), byte(c)
	return b
}
