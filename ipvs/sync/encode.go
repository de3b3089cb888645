package sync

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// ErrFull is returned by [Encoder.Add] when the entry does not fit into the
// message any more: take the message and add the entry again.
var ErrFull = errors.New("the message is full")

// Encoder packs entries into datagrams; [NewEncoder] makes one.
type Encoder struct {
	version uint8
	syncID  uint8
	maxLen  int
	buf     []byte // the message so far; its header is written by Message
	count   int
}

// DefaultMaxLen is what the kernel sends over IPv4 and an MTU of 1500.
const DefaultMaxLen = 1500 - 20 - 8

// NewEncoder makes an encoder of the version given, 0 or 1.
func NewEncoder(version, syncID uint8, maxLen int) (*Encoder, error) {
	if version > 1 {
		return nil, fmt.Errorf("sync: version %d", version)
	}
	if maxLen == 0 {
		maxLen = DefaultMaxLen
	}
	if maxLen < header1+entry6 || maxLen > MaxMessage {
		return nil, fmt.Errorf("sync: messages of %d bytes: want %d to %d", maxLen, header1+entry6, MaxMessage)
	}
	e := &Encoder{version: version, syncID: syncID, maxLen: maxLen, buf: make([]byte, 0, maxLen)}
	e.Reset()
	return e, nil
}

// wireFlags are those that a receiver takes from a message
// (IP_VS_CONN_F_BACKUP_MASK).
const wireFlags = MethodMask | NoOutput | Inactive | seqMask | NoPort | Template

// Reset forgets what was added.
func (e *Encoder) Reset() {
	e.buf, e.count = e.buf[:header0], 0
	if e.version == 1 {
		e.buf = e.buf[:header1]
	}
}

// Add adds an entry. The error is ErrFull, or says why the entry cannot be
// said in this version; the message is then as it was.
func (e *Encoder) Add(x *Entry) error {
	four := x.Client.Addr().Is4()
	for _, a := range [...]netip.AddrPort{x.Client, x.Virtual, x.Dest} {
		if !a.Addr().IsValid() || a.Addr().Is4() != four || a.Addr().Zone() != "" {
			return fmt.Errorf("sync: %s -> %s -> %s: not addresses of one family", x.Client, x.Virtual, x.Dest)
		}
	}
	if other := x.Flags &^ wireFlags; other != 0 {
		return fmt.Errorf("sync: flags %#x", uint32(other))
	}
	if len(x.PEData) > maxPEData || len(x.PEName) > maxPEName {
		return fmt.Errorf("sync: persistence data of %d and %d bytes", len(x.PEName), len(x.PEData))
	}
	size := e.size(x, four)
	if size < 0 {
		return errors.New("sync: version 0 knows no IPv6, no marks and no persistence engine")
	}
	pad := -len(e.buf) & 3 // each entry of version 1 begins at a multiple of 4
	if e.count == 255 || len(e.buf)+pad+size > e.maxLen {
		if e.count == 0 {
			return fmt.Errorf("sync: an entry of %d bytes in a message of %d", size, e.maxLen)
		}
		return ErrFull
	}
	if e.version == 0 {
		e.add0(x)
	} else {
		e.buf = append(e.buf, "\x00\x00\x00"[:pad]...)
		e.add1(x, size, four)
	}
	e.count++
	return nil
}

// size is that of the entry without padding; negative: it cannot be said.
func (e *Encoder) size(x *Entry, four bool) int {
	n := entry6
	if four {
		n = entry4
	}
	if e.version == 0 {
		if !four || x.FWMark != 0 || len(x.PEData) > 0 || len(x.PEName) > 0 {
			return -1
		}
		n = entry0
		if x.Flags&seqMask != 0 {
			n += seqLen
		}
		return n
	}
	if x.Flags&seqMask != 0 {
		n += 2 + seqLen
	}
	for _, s := range [...][]byte{x.PEData, x.PEName} {
		if len(s) > 0 {
			n += 2 + len(s)
		}
	}
	return n
}

func (e *Encoder) add0(x *Entry) {
	b := append(e.buf, 0, x.Protocol)
	for _, a := range [...]netip.AddrPort{x.Client, x.Virtual, x.Dest} {
		b = binary.BigEndian.AppendUint16(b, a.Port())
	}
	for _, a := range [...]netip.AddrPort{x.Client, x.Virtual, x.Dest} {
		ip := a.Addr().As4()
		b = append(b, ip[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(x.Flags))
	b = binary.BigEndian.AppendUint16(b, x.State)
	if x.Flags&seqMask != 0 {
		b = appendSeq(b, binary.NativeEndian, x)
	}
	e.buf = b
}

func (e *Encoder) add1(x *Entry, size int, four bool) {
	kind := byte(typeIPv6)
	if four {
		kind = 0
	}
	b := append(e.buf, kind, x.Protocol)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	b = binary.BigEndian.AppendUint32(b, uint32(x.Flags))
	b = binary.BigEndian.AppendUint16(b, x.State)
	for _, a := range [...]netip.AddrPort{x.Client, x.Virtual, x.Dest} {
		b = binary.BigEndian.AppendUint16(b, a.Port())
	}
	b = binary.BigEndian.AppendUint32(b, x.FWMark)
	b = binary.BigEndian.AppendUint32(b, x.Timeout)
	for _, a := range [...]netip.AddrPort{x.Client, x.Virtual, x.Dest} {
		if four {
			ip := a.Addr().As4()
			b = append(b, ip[:]...)
		} else {
			ip := a.Addr().As16()
			b = append(b, ip[:]...)
		}
	}
	if x.Flags&seqMask != 0 {
		b = appendSeq(append(b, optSeq, seqLen), binary.BigEndian, x)
	}
	if len(x.PEData) > 0 {
		b = append(append(b, optPEData, byte(len(x.PEData))), x.PEData...)
	}
	if len(x.PEName) > 0 {
		b = append(append(b, optPEName, byte(len(x.PEName))), x.PEName...)
	}
	e.buf = b
}

func appendSeq(b []byte, order binary.AppendByteOrder, x *Entry) []byte {
	for _, s := range [...]Sequence{x.In, x.Out} {
		for _, v := range [...]uint32{s.Init, s.Delta, s.Previous} {
			b = order.AppendUint32(b, v)
		}
	}
	return b
}

// Message is the datagram with what was added since the last Reset, valid until
// the next Add or Reset; nil: nothing was added.
func (e *Encoder) Message() []byte {
	if e.count == 0 {
		return nil
	}
	b := e.buf
	b[1] = e.syncID
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if e.version == 0 {
		b[0] = byte(e.count)
		return b
	}
	b[0], b[4], b[5], b[6], b[7] = 0, byte(e.count), 1, 0, 0
	return b
}
