package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"net/netip"
	"slices"
)

// The trailer of auth_hmac behind a VRRP message, as keepalived 2.4.2 and later
// write it:
//
//	0 type 1   1 key id   2 zero (2)   4 UTC seconds (4)
//	8 fraction of the second (2)   10 counter (2)   12 HMAC-SHA256, its first 16 bytes
//
// The HMAC goes over a pseudo-header of 20 bytes (family 4 or 6, version, VRID,
// zero, source address padded to 16), the message with its checksum zero, and
// the trailer with its HMAC zero. Seconds, fraction and counter together are the
// sequence: it grows with every advert of a sender.
const (
	trailerType = 1
	trailerMAC  = 12
	macLen      = trailerLen - trailerMAC
	// maxSenders bounds how many senders are remembered (keepalived: 4). Only
	// who has a key gets in.
	maxSenders = 16
)

// signer signs and verifies with HMAC-SHA256. It allocates nothing once made.
type signer struct {
	cfg     HMAC
	keys    []keyedHash
	last    uint64 // sequence that was sent
	senders [maxSenders]sender
	use     uint64 // grows with every advert accepted
	sum     [sha256.Size]byte
	head    [20]byte
	zero    [macLen]byte
}

type keyedHash struct {
	id  uint8
	mac hash.Hash
}

// sender is who signed an advert that was accepted.
type sender struct {
	addr netip.Addr
	last uint64
	used uint64
}

// newSigner takes what is known of senders, and the sequence, over from old.
func newSigner(c *HMAC, old *signer) *signer {
	s := &signer{cfg: *c}
	for _, k := range c.Keys {
		s.keys = append(s.keys, keyedHash{k.ID, hmac.New(sha256.New, k.Key)})
	}
	if old != nil {
		s.last, s.senders, s.use = old.last, old.senders, old.use
	}
	return s
}

// sequence is the time of day as the trailer has it, with the counter zero.
func sequence(wall int64) uint64 {
	const second = 1_000_000_000
	s, ns := wall/second, wall%second
	return uint64(uint32(s))<<32 | uint64(ns<<16/second)<<16
}

// after says how long the time of a sequence lies after wall, in nanoseconds.
func after(seq uint64, wall int64) int64 {
	const second = 1_000_000_000
	return int64(seq>>32)*second + int64(seq>>16&0xffff)*second>>16 - wall
}

// next is the sequence of the next advert: the time, or one more than the last
// one where the clock did not advance or went back a little. Where it went back
// by more than the window the new time counts, as peers would refuse the old
// one for being in the future; with Monotonic they do not look.
func (s *signer) next(wall int64) uint64 {
	q := sequence(wall)
	if q <= s.last && (s.cfg.Monotonic || after(s.last, wall) <= int64(s.cfg.Window)) {
		q = s.last + 1
	}
	s.last = q
	return q
}

// key finds the state of a key.
func (s *signer) key(id uint8) hash.Hash {
	for i := range s.keys {
		if s.keys[i].id == id {
			return s.keys[i].mac
		}
	}
	return nil
}

// sign appends the trailer to the message b[start:].
func (s *signer) sign(b []byte, start int, a *Advert, src netip.Addr) []byte {
	mac := s.key(s.cfg.Active)
	if mac == nil {
		return b
	}
	n := len(b)
	b = append(b, trailerType, s.cfg.Active, 0, 0)
	b = binary.BigEndian.AppendUint64(b, a.Sequence)
	b = append(b, s.zero[:]...)
	copy(b[n+trailerMAC:], s.digest(mac, a.Version, a.VRID, src, b[start:n], b[n:]))
	return b
}

// digest is the HMAC of a message with its trailer.
func (s *signer) digest(mac hash.Hash, version, vrid uint8, src netip.Addr, message, trailer []byte) []byte {
	h := &s.head
	*h = [20]byte{4, version, vrid}
	if src.Is4() {
		a := src.As4()
		copy(h[4:], a[:])
	} else {
		h[0] = 6
		a := src.As16()
		copy(h[4:], a[:])
	}
	mac.Reset()
	mac.Write(h[:])
	mac.Write(message[:6])
	mac.Write(s.zero[:2]) // the checksum
	mac.Write(message[8:])
	mac.Write(trailer[:trailerMAC])
	mac.Write(s.zero[:])
	return mac.Sum(s.sum[:0])[:macLen]
}

// check verifies an advert: what is cheap first, the digest last. Only an advert
// that passed changes what is remembered of its sender.
func (s *signer) check(a *Advert, m *Meta, note bool) DropReason {
	t := a.trailer
	if len(t) != trailerLen {
		if s.cfg.Mode == HMACEnforce {
			return DropUnsigned
		}
		return DropNone
	}
	if t[0] != trailerType || t[2] != 0 || t[3] != 0 {
		return DropTrailer
	}
	mac := s.key(t[1])
	if mac == nil {
		return DropKey
	}
	src := m.Src.Unmap()
	seq := binary.BigEndian.Uint64(t[4:])
	if ahead := after(seq, m.Wall); !s.cfg.Monotonic && (ahead > int64(s.cfg.Window) || ahead < -int64(s.cfg.Window)) {
		return DropClock
	}
	at := s.sender(src)
	// A last one that is farther in the future than the window is of a time
	// when our clock was ahead: it would shut out everyone until then.
	if at.addr == src && seq <= at.last && (s.cfg.Monotonic || after(at.last, m.Wall) <= int64(s.cfg.Window)) {
		return DropReplay
	}
	if !equal(t[trailerMAC:], s.digest(mac, a.Version, a.VRID, src, a.message, t)) {
		return DropDigest
	}
	if note {
		s.use++
		*at = sender{addr: src, last: seq, used: s.use}
	}
	a.Signed = true
	return DropNone
}

// sender is the place of src, which is that of the one heard longest ago when
// there is none yet.
func (s *signer) sender(src netip.Addr) *sender {
	if i := slices.IndexFunc(s.senders[:], func(x sender) bool { return x.addr == src }); i >= 0 {
		return &s.senders[i]
	}
	at := &s.senders[0]
	for i := range s.senders {
		if s.senders[i].used < at.used {
			at = &s.senders[i]
		}
	}
	return at
}

// equal compares in constant time.
func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
