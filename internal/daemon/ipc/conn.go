// Package ipc carries typed messages between holdfast's processes on a Unix
// stream socket: a small header as numbered fields (package wire), a body in JSON
// that only its reader decodes, and an optional descriptor.
package ipc

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"holdfast/internal/wire"
)

// MaxMessage bounds the body of one message in bytes. The largest is the
// status of a hundred thousand real servers; configurations travel in a
// memfd and do not count.
const MaxMessage = 256 << 20

// maxHeader bounds everything but the body: the type, a number and the text of
// an error.
const maxHeader = 64 << 10

// maxErr bounds the text of an error in bytes.
const maxErr = 8 << 10

// Message is one message: its type and, by type, a body.
type Message struct {
	Type string
	ID   uint64 // joins an answer to its question
	Err  string
	Body json.RawMessage // JSON, not looked at on the way

	// File came with the message; the receiver closes it.
	File *os.File
}

// headerFields are those of the header. There is no reflection in it, and so none
// in a start before the kernel's table is written.
func headerFields(f *wire.Fields, m *Message) {
	wire.String(f, 1, &m.Type)
	wire.Uint(f, 2, &m.ID)
	wire.String(f, 3, &m.Err)
}

// New makes a message with body encoded as JSON (nil: none).
func New(typ string, body any) (Message, error) {
	m := Message{Type: typ}
	if body == nil {
		return m, nil
	}
	b, err := json.Marshal(body)
	if err != nil {
		return m, fmt.Errorf("message %s: %w", typ, err)
	}
	m.Body = b
	return m, nil
}

// Decode decodes the body into v.
func (m Message) Decode(v any) error {
	if err := json.Unmarshal(m.Body, v); err != nil {
		return fmt.Errorf("message %s: %w", m.Type, err)
	}
	return nil
}

// Conn is one end of a message stream. Send may be called from any goroutine,
// Receive from one at a time.
type Conn struct {
	uc    *net.UnixConn
	mu    sync.Mutex // one writer at a time
	files []*os.File // received with bytes of a message not read whole yet
	oob   []byte
}

// FromFile makes a Conn of an inherited or received socket and closes f.
func FromFile(f *os.File) (*Conn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("message stream: %w", err)
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("message stream: not a unix socket")
	}
	return &Conn{uc: uc, oob: make([]byte, unix.CmsgSpace(4))}, nil
}

// Pair returns the two ends of a new stream as close-on-exec files.
func Pair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "ipc"), os.NewFile(uintptr(fds[1]), "ipc"), nil
}

// Send writes m. With f, the descriptor travels along and f stays the caller's.
// An error that does not wrap ErrMessage means that the stream is of no more use.
func (c *Conn) Send(m Message, f *os.File) error {
	if len(m.Err) > maxErr {
		m.Err = cut(m.Err, maxErr) + " …"
	}
	buf := wire.Append(&wire.Fields{}, make([]byte, 8, 32+len(m.Type)+len(m.Err)), &m, headerFields)
	head := len(buf) - 8
	if head > maxHeader || len(m.Body) > MaxMessage {
		return fmt.Errorf("%w %.20s: %d bytes are too long", ErrMessage, m.Type, head+len(m.Body))
	}
	binary.BigEndian.PutUint32(buf, uint32(head))
	binary.BigEndian.PutUint32(buf[4:], uint32(len(m.Body)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if f != nil {
		// The descriptor goes with the first byte, so that it has arrived
		// when the message is whole.
		n, _, err := c.uc.WriteMsgUnix(buf[:1], unix.UnixRights(int(f.Fd())), nil)
		if err != nil {
			return fmt.Errorf("message %s: %w", m.Type, err)
		}
		buf = buf[n:]
	}
	parts := net.Buffers{buf, m.Body}
	if _, err := parts.WriteTo(c.uc); err != nil {
		return fmt.Errorf("message %s: %w", m.Type, err)
	}
	return nil
}

// cut is the beginning of a longer text, of n bytes at most and without a part of a
// character at its end.
func cut(text string, n int) string {
	for end := n; end > n-utf8.UTFMax; end-- {
		if utf8.RuneStart(text[end]) {
			return text[:end]
		}
	}
	return text[:n] // it is no text
}

// ErrMessage is wrapped by errors of Send about the message, not the stream:
// nothing of it was written.
var ErrMessage = errors.New("message")

// Receive waits for one message; io.EOF when the other end is gone.
func (c *Conn) Receive() (Message, error) {
	var lengths [8]byte
	if err := c.read(lengths[:]); err != nil {
		return Message{}, err
	}
	n, body := binary.BigEndian.Uint32(lengths[:]), binary.BigEndian.Uint32(lengths[4:])
	if n > maxHeader || body > MaxMessage {
		return Message{}, fmt.Errorf("message of %d and %d bytes is too long", n, body)
	}
	b := make([]byte, n+body)
	if err := c.read(b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Message{}, err
	}
	var m Message
	if rest, err := wire.Read(&wire.Fields{}, b[:n], &m, headerFields); err != nil {
		return Message{}, fmt.Errorf("message: %w", err)
	} else if len(rest) > 0 {
		return Message{}, fmt.Errorf("message: %d bytes behind its header", len(rest))
	}
	if body > 0 {
		m.Body = b[n:]
	}
	if len(c.files) > 0 {
		m.File, c.files = c.files[0], c.files[1:]
	}
	return m, nil
}

func (c *Conn) read(b []byte) error {
	for len(b) > 0 {
		n, oobn, _, _, err := c.uc.ReadMsgUnix(b, c.oob)
		if oobn > 0 {
			c.take(c.oob[:oobn])
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return io.EOF
		}
		b = b[n:]
	}
	return nil
}

func (c *Conn) take(oob []byte) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			c.files = append(c.files, os.NewFile(uintptr(fd), "received"))
		}
	}
}

// Close ends the stream; the other end receives io.EOF. No Receive may be
// running: it is the one that files belong to.
func (c *Conn) Close() error {
	for _, f := range c.files {
		f.Close()
	}
	c.files = nil
	return c.uc.Close()
}
