// Package ipc carries typed messages between holdfast's processes: JSON
// behind a length on a Unix stream socket, with an optional descriptor.
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

	"golang.org/x/sys/unix"
)

// MaxMessage bounds the body of one message in bytes. The largest is the
// status of tens of thousands of real servers; configurations travel in a
// memfd and do not count.
const MaxMessage = 256 << 20

// Message is one message: its type and, by type, a body.
type Message struct {
	Type string          `json:"type"`
	ID   uint64          `json:"id,omitempty"` // joins an answer to its question
	Err  string          `json:"err,omitempty"`
	Body json.RawMessage `json:"body,omitempty"`

	// File came with the message; the receiver closes it.
	File *os.File `json:"-"`
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
func (c *Conn) Send(m Message, f *os.File) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("message %s: %w", m.Type, err)
	}
	if len(b) > MaxMessage {
		return fmt.Errorf("message %s: %d bytes are too long", m.Type, len(b))
	}
	buf := make([]byte, 4, 4+len(b))
	binary.BigEndian.PutUint32(buf, uint32(len(b)))
	buf = append(buf, b...)
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
	if _, err := c.uc.Write(buf); err != nil {
		return fmt.Errorf("message %s: %w", m.Type, err)
	}
	return nil
}

// Receive waits for one message; io.EOF when the other end is gone.
func (c *Conn) Receive() (Message, error) {
	var head [4]byte
	if err := c.read(head[:]); err != nil {
		return Message{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > MaxMessage {
		return Message{}, fmt.Errorf("message of %d bytes is too long", n)
	}
	b := make([]byte, n)
	if err := c.read(b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Message{}, err
	}
	var m Message
	if err := json.Unmarshal(b, &m); err != nil {
		return Message{}, fmt.Errorf("message: %w", err)
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

// Close ends the stream; the other end receives io.EOF.
func (c *Conn) Close() error {
	for _, f := range c.files {
		f.Close()
	}
	return c.uc.Close()
}
