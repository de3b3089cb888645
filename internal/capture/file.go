package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// LinkType is what a frame begins with (LINKTYPE_* of libpcap).
type LinkType uint16

// The link types that [Datagrams] knows.
const (
	Null      LinkType = 0 // BSD loopback
	Ethernet  LinkType = 1
	RawIPOld  LinkType = 12
	RawIP     LinkType = 101
	Loop      LinkType = 108
	LinuxSLL  LinkType = 113
	IPv4      LinkType = 228
	IPv6      LinkType = 229
	LinuxSLL2 LinkType = 276
)

// maxFrame bounds one record; libpcap itself takes no longer ones.
const maxFrame = 256 << 10

// ErrFormat is wrapped by errors about files that are no captures, or broken.
var ErrFormat = errors.New("not a capture file")

// Frame is one record.
type Frame struct {
	At   time.Time // zero: not recorded
	Link LinkType
	Data []byte // valid until the next one is read
}

// File is a capture that is being read.
type File struct {
	r     *bufio.Reader
	order binary.ByteOrder
	buf   []byte
	next  func(*Frame) error

	// of libpcap's format
	link LinkType
	unit time.Duration
	// of pcapng's format
	ifaces []iface
}

// Open reads the beginning of a capture file.
func Open(r io.Reader) (*File, error) {
	f := &File{r: bufio.NewReaderSize(r, 1<<16)}
	magic, err := f.r.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, noEOF(err))
	}
	switch binary.LittleEndian.Uint32(magic) {
	case 0xa1b2c3d4:
		f.order, f.unit = binary.LittleEndian, time.Microsecond
	case 0xd4c3b2a1:
		f.order, f.unit = binary.BigEndian, time.Microsecond
	case 0xa1b23c4d:
		f.order, f.unit = binary.LittleEndian, time.Nanosecond
	case 0x4d3cb2a1:
		f.order, f.unit = binary.BigEndian, time.Nanosecond
	case blockSection:
		f.next = f.nextNG
		return f, nil
	default:
		return nil, fmt.Errorf("%w: begins with %x", ErrFormat, magic)
	}
	head, err := f.read(24)
	if err != nil {
		return nil, err
	}
	f.link = LinkType(f.order.Uint32(head[20:]))
	f.next = f.nextPcap
	return f, nil
}

// Next reads the next frame; io.EOF is the end, any other error wraps
// ErrFormat or is the reader's.
func (f *File) Next(to *Frame) error { return f.next(to) }

func (f *File) nextPcap(to *Frame) error {
	if _, err := f.r.Peek(1); err != nil {
		return err
	}
	h, err := f.read(16)
	if err != nil {
		return err
	}
	at := time.Unix(int64(f.order.Uint32(h)), int64(f.order.Uint32(h[4:]))*int64(f.unit))
	data, err := f.read(f.order.Uint32(h[8:]))
	if err != nil {
		return err
	}
	*to = Frame{At: at, Link: f.link, Data: data}
	return nil
}

// read reads so many bytes into the one buffer.
func (f *File) read(n uint32) ([]byte, error) {
	if n > maxFrame {
		return nil, fmt.Errorf("%w: a record of %d bytes", ErrFormat, n)
	}
	if int(n) > cap(f.buf) {
		f.buf = make([]byte, n)
	}
	b := f.buf[:n]
	if _, err := io.ReadFull(f.r, b); err != nil {
		return nil, fmt.Errorf("%w: cut short: %w", ErrFormat, noEOF(err))
	}
	return b, nil
}

// noEOF keeps the end of a file within a record from being taken for its
// orderly end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
