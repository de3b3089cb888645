package lab

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// NA is a neighbour advertisement (RFC 4861 section 4.4) seen on a segment.
type NA struct {
	At       time.Time
	From     string
	Src, Dst netip.Addr
	Target   netip.Addr
	Flags    uint8 // 0x80 router, 0x40 solicited, 0x20 override
	Frame    []byte
}

// Unsolicited reports whether the message is sent to everyone and to nobody's
// question.
func (n NA) Unsolicited() bool { return n.Flags&0x40 == 0 && n.Dst.IsMulticast() }

// decodeNA reads a frame; nil: it holds no neighbour advertisement.
func decodeNA(frame []byte, from string, at time.Time) *NA {
	if len(frame) < etherLen+40+24 || binary.BigEndian.Uint16(frame[12:]) != 0x86dd {
		return nil
	}
	b := frame[etherLen:]
	if b[6] != 58 || b[40] != 136 {
		return nil
	}
	return &NA{
		At: at, From: from, Flags: b[44], Frame: frame,
		Src:    netip.AddrFrom16([16]byte(b[8:24])),
		Dst:    netip.AddrFrom16([16]byte(b[24:40])),
		Target: netip.AddrFrom16([16]byte(b[48:64])),
	}
}

// NAs is a copy of the neighbour advertisements since the time given (zero: all).
func (c *Capture) NAs(since time.Time) []NA {
	c.mu.Lock()
	defer c.mu.Unlock()
	return recorded(c.nas, since, func(n NA) time.Time { return n.At })
}
