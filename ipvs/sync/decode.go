package sync

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Sizes of the wire.
const (
	header0   = 4
	header1   = 8
	entry0    = 24
	entry4    = 36
	entry6    = 72
	seqLen    = 24
	maxPEData = 255
	maxPEName = 16
	// MaxMessage is what a UDP datagram over IPv4 can hold.
	MaxMessage = 65507
)

// Options of a version 1 entry.
const (
	optSeq      = 1
	optPEData   = 2
	optPEName   = 3
	optOptional = 0x40 // one that is not known may be passed over
)

// typeIPv6 is the one bit of an entry's type.
const typeIPv6 = 1

// ErrMessage is wrapped by the errors of [Parse] and [Message.Next]: the
// kernel drops the datagram, or what is left of it.
var ErrMessage = errors.New("not a sync message")

// ErrOption is wrapped by the errors of [Message.Next] for an entry with an
// option that is not known and must be: the kernel drops that entry and goes
// on with the next.
var ErrOption = errors.New("unknown option")

// Message is a datagram of which entries are still to be read.
type Message struct {
	Version uint8 // 0 or 1
	SyncID  uint8
	Count   int // entries, as the header says

	rest []byte
	left int
}

// Parse reads the header of a datagram. Entries keep parts of b.
func Parse(b []byte) (Message, error) {
	if len(b) < header0 {
		return Message{}, fmt.Errorf("%w: %d bytes", ErrMessage, len(b))
	}
	if size := int(binary.BigEndian.Uint16(b[2:])); size != len(b) {
		return Message{}, fmt.Errorf("%w: %d bytes, says %d", ErrMessage, len(b), size)
	}
	m := Message{SyncID: b[1]}
	if len(b) >= header1 && b[0] == 0 && b[5] == 1 && b[6] == 0 && b[7] == 0 {
		m.Version, m.Count, m.rest = 1, int(b[4]), b[header1:]
	} else {
		m.Count, m.rest = int(b[0]), b[header0:]
	}
	m.left = m.Count
	return m, nil
}

// Next reads the next entry into e. ok is false at the end. After an error
// that wraps ErrOption the next call goes on with the next entry; any other
// ends the message.
func (m *Message) Next(e *Entry) (ok bool, err error) {
	if m.left == 0 {
		return false, nil
	}
	m.left--
	if m.Version == 0 {
		err = m.next0(e)
	} else {
		err = m.next1(e)
	}
	if err != nil && !errors.Is(err, ErrOption) {
		m.left = 0
	}
	return err == nil, err
}

func (m *Message) next0(e *Entry) error {
	b := m.rest
	if len(b) < entry0 {
		return fmt.Errorf("%w: %d bytes for an entry", ErrMessage, len(b))
	}
	port := func(at int) uint16 { return binary.BigEndian.Uint16(b[at:]) }
	addr := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at:])) }
	*e = Entry{
		Protocol: b[1],
		Client:   netip.AddrPortFrom(addr(8), port(2)),
		Virtual:  netip.AddrPortFrom(addr(12), port(4)),
		Dest:     netip.AddrPortFrom(addr(16), port(6)),
		Flags:    Flags(binary.BigEndian.Uint16(b[20:])),
		State:    binary.BigEndian.Uint16(b[22:]),
	}
	b = b[entry0:]
	if e.Flags&seqMask != 0 {
		if len(b) < seqLen {
			return fmt.Errorf("%w: %d bytes of sequence data", ErrMessage, len(b))
		}
		e.setSeq(binary.NativeEndian, b) // the kernel does not convert them
		b = b[seqLen:]
	}
	m.rest = b
	return nil
}

func (m *Message) next1(e *Entry) error {
	b := m.rest
	if len(b) < entry4 {
		return fmt.Errorf("%w: %d bytes for an entry", ErrMessage, len(b))
	}
	word := binary.BigEndian.Uint16(b[2:])
	size, version := int(word&0xfff), word>>12
	if version != 0 {
		return fmt.Errorf("%w: entry of version %d", ErrMessage, version)
	}
	fixed := entry4
	switch {
	case b[0]&typeIPv6 != 0:
		fixed = entry6
	case b[0] != 0:
		return fmt.Errorf("%w: entry of type %#x", ErrMessage, b[0])
	}
	if size > len(b) || size < fixed {
		return fmt.Errorf("%w: entry of %d bytes, %d are there", ErrMessage, size, len(b))
	}
	m.rest = b[min((size+3)&^3, len(b)):]
	b = b[:size:size]
	addr := func(i int) netip.Addr {
		if fixed == entry6 {
			return netip.AddrFrom16([16]byte(b[24+16*i:]))
		}
		return netip.AddrFrom4([4]byte(b[24+4*i:]))
	}
	port := func(i int) uint16 { return binary.BigEndian.Uint16(b[10+2*i:]) }
	*e = Entry{
		Protocol: b[1],
		Flags:    Flags(binary.BigEndian.Uint32(b[4:])),
		State:    binary.BigEndian.Uint16(b[8:]),
		FWMark:   binary.BigEndian.Uint32(b[16:]),
		Timeout:  binary.BigEndian.Uint32(b[20:]),
		Client:   netip.AddrPortFrom(addr(0), port(0)),
		Virtual:  netip.AddrPortFrom(addr(1), port(1)),
		Dest:     netip.AddrPortFrom(addr(2), port(2)),
	}
	return e.options(b[fixed:])
}

// options reads what follows the fixed part.
func (e *Entry) options(b []byte) error {
	seen := 0
	for len(b) > 0 {
		if len(b) < 2 || b[1] == 0 || 2+int(b[1]) > len(b) {
			return fmt.Errorf("%w: an option is cut short", ErrMessage)
		}
		kind, data := int(b[0]&^optOptional), b[2:2+int(b[1])]
		longest := 0
		switch kind {
		case optSeq:
			if longest = seqLen; len(data) == seqLen {
				e.setSeq(binary.BigEndian, data)
			} else {
				longest = 0
			}
		case optPEData:
			longest, e.PEData = maxPEData, data
		case optPEName:
			longest, e.PEName = maxPEName, data
		default:
			if b[0]&optOptional == 0 {
				return fmt.Errorf("%w %d", ErrOption, kind)
			}
			longest, kind = maxPEData, 0
		}
		if len(data) > longest || kind > 0 && seen&(1<<kind) != 0 {
			return fmt.Errorf("%w: option %d has %d bytes or is there twice", ErrMessage, kind, len(data))
		}
		seen |= 1 << kind
		b = b[2+len(data):]
	}
	return nil
}

func (e *Entry) setSeq(order binary.ByteOrder, b []byte) {
	for i, s := range [...]*Sequence{&e.In, &e.Out} {
		b := b[12*i:]
		*s = Sequence{order.Uint32(b), order.Uint32(b[4:]), order.Uint32(b[8:])}
	}
}
