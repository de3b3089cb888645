package vrrp

import "net/netip"

// ChecksumForm says which of the forms in use a message's checksum has.
type ChecksumForm uint8

// The forms. RFC 5798 section 5.2.8 asks for "a pseudo-header" and
// keepalived, FRR and tcpdump add one to IPv4 too; RFC 9568 section 5.2.8
// has it for IPv6 only.
const (
	ChecksumMessage    ChecksumForm = iota // message only: v2, and v3 over IPv4 as in RFC 9568
	ChecksumPseudo                         // with the pseudo-header of the carrying IP packet
	ChecksumOldUnicast                     // unicast with the multicast group in the pseudo-header (keepalived before 1.3.6)

	// NumChecksumForms is the number of forms.
	NumChecksumForms = int(ChecksumOldUnicast) + 1
)

// String is the short name used in status and metrics.
func (f ChecksumForm) String() string {
	switch f {
	case ChecksumMessage:
		return "message"
	case ChecksumPseudo:
		return "pseudo-header"
	case ChecksumOldUnicast:
		return "old-unicast"
	}
	return "unknown"
}

// protocol is VRRP's IP protocol number.
const protocol = 112

// groups of RFC 3768 section 5.2.2 and RFC 9568 section 5.1.2.2.
var (
	group4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	group6 = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
)

// sum adds b to s as big-endian 16-bit words; the carries stay in the upper
// half. A message has at most some 4 KiB, so 32 bits never overflow.
func sum(s uint32, b []byte) uint32 {
	for len(b) >= 2 {
		s += uint32(b[0])<<8 | uint32(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

// fold makes the one's complement sum of RFC 1071 of s.
func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// pseudo is the sum of the pseudo-header for n bytes of VRRP. The IPv4 form
// (RFC 793) and the IPv6 form (RFC 8200 section 8.1) give the same words.
func pseudo(src, dst netip.Addr, n int) uint32 {
	s := uint32(protocol) + uint32(n)
	for _, a := range [2]netip.Addr{src, dst} {
		if a.Is4() {
			b := a.As4()
			s = sum(s, b[:])
		} else if a.IsValid() {
			b := a.As16()
			s = sum(s, b[:])
		}
	}
	return s
}

// checksumForm finds the form in which the checksum inside message is right.
// payload is the message with a trailer, if there is one: keepalived's IPv6
// adverts with auth_hmac are summed by the kernel over all of it.
func checksumForm(version uint8, src, dst netip.Addr, message, payload []byte) (ChecksumForm, bool) {
	const right = 0xffff
	s := sum(0, message)
	if version == 2 || src.Is4() {
		if fold(s) == right {
			return ChecksumMessage, true
		}
		if version == 2 {
			return 0, false
		}
	}
	if fold(s+pseudo(src, dst, len(message))) == right {
		return ChecksumPseudo, true
	}
	if len(payload) > len(message) && fold(sum(s, payload[len(message):])+pseudo(src, dst, len(payload))) == right {
		return ChecksumPseudo, true
	}
	if !dst.IsMulticast() {
		if fold(s+pseudo(src, groupOf(src), len(message))) == right {
			return ChecksumOldUnicast, true
		}
	}
	return 0, false
}

// groupOf is the multicast group of a's family.
func groupOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return group4
	}
	return group6
}

// sumPayload sets the checksum of an IPv6 message with a trailer, which goes
// over both.
func sumPayload(payload []byte, src, dst netip.Addr) {
	payload[6], payload[7] = 0, 0
	c := ^fold(sum(0, payload) + pseudo(src, dst, len(payload)))
	payload[6], payload[7] = byte(c>>8), byte(c)
}
