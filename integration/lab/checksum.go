package lab

import (
	"encoding/binary"
	"net/netip"
)

// Group is the routers' multicast group of IPv4.
var Group = [4]byte{224, 0, 0, 18}

// Checksum is that of an advert's message, or of an IPv4 header, with the
// pseudo-header of a packet to Group or without (RFC 5798 and RFC 9568,
// section 5.2.8); over a right one it is 0. It is written again here so that
// the program's own is tested by another.
func Checksum(body []byte, src netip.Addr, pseudo bool) uint16 {
	sum := uint32(0)
	add := func(b []byte) {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		if len(b)%2 == 1 {
			sum += uint32(b[len(b)-1]) << 8
		}
	}
	if pseudo {
		a := src.As4()
		add(a[:])
		add(Group[:])
		add([]byte{0, 112, byte(len(body) >> 8), byte(len(body))})
	}
	add(body)
	for sum>>16 > 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
