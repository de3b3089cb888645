package capture

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Blocks of the format (draft-ietf-opsawg-pcapng).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockSimple    = 3
	blockEnhanced  = 6
	blockOld       = 2

	orderMagic  = 0x1a2b3c4d
	optTSResol  = 9
	optTSOffset = 14
	maxIfaces   = 4096
	maxBlock    = maxFrame
)

// iface is an interface of a section.
type iface struct {
	link    LinkType
	snaplen uint32
	power   uint8 // ticks are 10^power, or with the highest bit 2^power, a second
	offset  int64 // seconds
}

func (f *File) nextNG(to *Frame) error {
	for {
		if _, err := f.r.Peek(1); err != nil {
			return err
		}
		kind, body, err := f.block()
		if err != nil {
			return err
		}
		switch kind {
		case blockSection:
			f.ifaces = nil
		case blockInterface:
			if len(body) < 8 || len(f.ifaces) == maxIfaces {
				return fmt.Errorf("%w: interface", ErrFormat)
			}
			i := iface{link: LinkType(f.order.Uint16(body)), snaplen: f.order.Uint32(body[4:]), power: 6}
			i.options(f.order, body[8:])
			f.ifaces = append(f.ifaces, i)
		case blockEnhanced, blockOld:
			if len(body) < 20 {
				return fmt.Errorf("%w: packet", ErrFormat)
			}
			n := f.order.Uint32(body)
			if kind == blockOld {
				n = uint32(f.order.Uint16(body))
			}
			return f.packet(to, n, uint64(f.order.Uint32(body[4:]))<<32|uint64(f.order.Uint32(body[8:])), f.order.Uint32(body[12:]), body[20:])
		case blockSimple:
			if len(body) < 4 || len(f.ifaces) == 0 {
				return fmt.Errorf("%w: packet", ErrFormat)
			}
			n := f.order.Uint32(body)
			if s := f.ifaces[0].snaplen; s > 0 {
				n = min(n, s)
			}
			return f.packet(to, 0, 0, n, body[4:])
		}
	}
}

func (f *File) packet(to *Frame, n uint32, ticks uint64, length uint32, data []byte) error {
	if int64(n) >= int64(len(f.ifaces)) || int64(length) > int64(len(data)) {
		return fmt.Errorf("%w: packet", ErrFormat)
	}
	i := f.ifaces[n]
	*to = Frame{Link: i.link, Data: data[:length]}
	if ticks > 0 {
		to.At = i.time(ticks)
	}
	return nil
}

// block reads one; a section's sets the byte order.
func (f *File) block() (kind uint32, body []byte, err error) {
	head, err := f.r.Peek(12)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: cut short: %w", ErrFormat, noEOF(err))
	}
	if binary.LittleEndian.Uint32(head) == blockSection {
		switch uint32(orderMagic) {
		case binary.LittleEndian.Uint32(head[8:]):
			f.order = binary.LittleEndian
		case binary.BigEndian.Uint32(head[8:]):
			f.order = binary.BigEndian
		default:
			return 0, nil, fmt.Errorf("%w: section", ErrFormat)
		}
	}
	kind = f.order.Uint32(head)
	size := f.order.Uint32(head[4:])
	if size < 12 || size%4 != 0 {
		return 0, nil, fmt.Errorf("%w: block of %d bytes", ErrFormat, size)
	}
	b, err := f.read(size)
	if err != nil {
		return 0, nil, err
	}
	return kind, b[8 : size-4], nil
}

// options reads the resolution and the offset of time.
func (i *iface) options(order binary.ByteOrder, b []byte) {
	for len(b) >= 4 {
		kind, n := order.Uint16(b), int(order.Uint16(b[2:]))
		if b = b[4:]; n > len(b) || kind == 0 {
			return
		}
		switch {
		case kind == optTSResol && n == 1:
			i.power = b[0]
		case kind == optTSOffset && n == 8:
			i.offset = int64(order.Uint64(b))
		}
		b = b[min((n+3)&^3, len(b)):]
	}
}

// time is that of so many ticks.
func (i *iface) time(ticks uint64) time.Time {
	if i.power&0x80 != 0 {
		p := min(i.power&0x7f, 63)
		part := ticks & (1<<p - 1)
		return time.Unix(i.offset+int64(ticks>>p), int64(float64(part)/float64(uint64(1)<<p)*1e9))
	}
	second := uint64(1)
	for range min(i.power, 19) {
		second *= 10
	}
	return time.Unix(i.offset+int64(ticks/second), int64(float64(ticks%second)/float64(second)*1e9))
}
