package link

import (
	"encoding/binary"
	"net/netip"
)

const (
	ipv4MinHeader = 20  // RFC 791 section 3.1, header without options
	protoAH       = 51  // RFC 2402
	protoVRRP     = 112 // IANA protocol number of VRRP, RFC 9568 section 5.1.1.4
)

// ipv4Header is what a receiver of raw IPv4 wants to know of the header.
type ipv4Header struct {
	Src, Dst netip.Addr
	TTL      uint8
	Protocol uint8
	ID       uint16
	// PayloadLen is total length less header length as the header states them;
	// the body that was received may be shorter when it did not fit the buffer.
	PayloadLen int
}

// parseIPv4 splits a datagram as a raw socket delivers it into header and
// body. It reports false for what cannot be an IPv4 datagram: too short, of
// another version, or with lengths that contradict each other. What the link
// padded behind the datagram is cut off.
func parseIPv4(b []byte) (ipv4Header, []byte, bool) {
	if len(b) < ipv4MinHeader || b[0]>>4 != 4 {
		return ipv4Header{}, nil, false
	}
	hlen := int(b[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(b[2:4]))
	if hlen < ipv4MinHeader || hlen > len(b) || total < hlen {
		return ipv4Header{}, nil, false
	}
	h := ipv4Header{
		Src:        netip.AddrFrom4([4]byte(b[12:16])),
		Dst:        netip.AddrFrom4([4]byte(b[16:20])),
		TTL:        b[8],
		Protocol:   b[9],
		ID:         binary.BigEndian.Uint16(b[4:6]),
		PayloadLen: total - hlen,
	}
	return h, b[hlen:min(total, len(b))], true
}
