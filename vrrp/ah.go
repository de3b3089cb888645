package vrrp

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"hash"
	"net/netip"
)

// Authentication type 2 of RFC 2338: the message comes in an IPsec
// authentication header (RFC 2402, IP protocol 51) with HMAC-MD5-96 (RFC 2403).
//
//	0 next header 112   1 length 4   2 zero (2)   4 SPI, the source address (4)
//	8 sequence number (4)   12 the first 12 bytes of the digest
//
// As keepalived has it, the digest goes over the IPv4 header with type of
// service, flags and offset, and checksum zero, but with identification and TTL
// as they are on the wire, over the authentication header with the digest zero,
// and over the message. The header therefore has to be ours and not the
// kernel's.
//
// The sequence number is one count of the whole virtual router: who becomes
// master goes on from what it heard. An advert that does not count further than
// all before is a replay.
const (
	ipLen      = 20
	ahLen      = AHLen
	ahDigest   = 12
	ahProtocol = 51
	tosControl = 0xc0 // as keepalived sends
)

// AHLen is the length of an authentication header in bytes.
const AHLen = 24

// header writes and verifies authentication headers. It allocates nothing once
// made.
type header struct {
	mac   hash.Hash
	last  uint32 // the count: of what was sent or accepted
	paths uint32 // where last was accepted, a bit for each path
	id    uint16 // identification of what was sent last
	begun bool   // last is known
	sum   [md5.Size]byte
	head  [ipLen]byte
	space [ipLen + ahLen]byte // zeros
}

// newHeader takes the count over from old.
func newHeader(pass [8]byte, old *header) *header {
	h := &header{mac: hmac.New(md5.New, pass[:])}
	if old != nil {
		h.last, h.paths, h.id, h.begun = old.last, old.paths, old.id, old.begun
	}
	return h
}

// ahEpoch is 2020-01-01, where the count of a master begins that heard nobody.
const ahEpoch = 1_577_836_800

// next is the number of the next advert: one more than any before. A master
// that heard nobody may be the successor of a process that counted for long, or
// have peers that did: it begins with the time in quarters of a second, which
// is ahead of all that was counted at one advert a second.
func (h *header) next(wall int64) uint32 {
	if !h.begun {
		h.begun = true
		h.last = uint32(max(0, wall/1_000_000_000-ahEpoch)) * 4
	}
	h.last++
	h.paths = ^uint32(0) // what comes with that number is our own
	return h.last
}

// sign fills in the headers before the message in b, a whole datagram.
func (h *header) sign(b []byte, src, dst netip.Addr, seq uint32, ttl uint8) {
	h.id++
	if h.id == 0 {
		h.id = 1 // the kernel would fill in one of its own
	}
	ip, ah := b[:ipLen], b[ipLen:ipLen+ahLen]
	h.ipHeader(ip, src, dst, len(b), h.id, ttl)
	spi := src.As4()
	ah[0], ah[1] = protocol, ahLen/4-2
	copy(ah[4:], spi[:])
	binary.BigEndian.PutUint32(ah[8:], seq)
	copy(ah[ahDigest:], h.digest(ip, ah, b[ipLen+ahLen:]))
	ip[1] = tosControl
	c := ^fold(sum(0, ip))
	binary.BigEndian.PutUint16(ip[10:], c)
}

// ipHeader writes an IPv4 header as the digest sees it.
func (h *header) ipHeader(b []byte, src, dst netip.Addr, length int, id uint16, ttl uint8) {
	s, d := src.As4(), dst.As4()
	clear(b)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(length))
	binary.BigEndian.PutUint16(b[4:], id)
	b[8], b[9] = ttl, ahProtocol
	copy(b[12:], s[:])
	copy(b[16:], d[:])
}

// digest is the HMAC over ip, which is written as the digest sees it, ah and
// message.
func (h *header) digest(ip, ah, message []byte) []byte {
	h.mac.Reset()
	h.mac.Write(ip)
	h.mac.Write(ah[:ahDigest])
	h.mac.Write(h.space[:ahLen-ahDigest])
	h.mac.Write(message)
	return h.mac.Sum(h.sum[:0])[:ahLen-ahDigest]
}

// check verifies an advert whose header Decode took off. Only one that passed
// moves the count. The same number may come once on each path.
func (h *header) check(a *Advert, m *Meta, note bool) DropReason {
	if len(a.ah) != ahLen {
		return DropAH
	}
	src, dst := m.Src.Unmap(), m.Dst.Unmap()
	if !src.Is4() || !dst.Is4() || netip.AddrFrom4([4]byte(a.ah[4:8])) != src {
		return DropAHHeader
	}
	seq := binary.BigEndian.Uint32(a.ah[8:])
	path := uint32(1) << (m.Path & 31)
	if h.begun && (seq < h.last || seq == h.last && h.paths&path != 0) {
		return DropReplay
	}
	h.ipHeader(h.head[:], src, dst, ipLen+ahLen+len(a.message), m.ID, m.TTL)
	if !equal(a.ah[ahDigest:], h.digest(h.head[:], a.ah, a.message)) {
		return DropDigest
	}
	a.Signed = true
	if !note {
		return DropNone
	}
	if !h.begun || seq != h.last {
		h.paths = 0
	}
	h.last, h.begun = seq, true
	h.paths |= path
	return DropNone
}
