package ipc

import (
	"os"
	"sync"
)

// Mailbox sends messages in order from a goroutine of its own, so that the
// caller never waits for the process at the other end. It is unbounded: both
// ends are ours, and one that no longer reads is replaced as a whole.
type Mailbox struct {
	mu     sync.Mutex
	wake   *sync.Cond
	queue  []outgoing
	conn   *Conn
	closed bool
	failed func(error)
}

type outgoing struct {
	m Message
	f *os.File
}

// NewMailbox starts sending to c; failed (may be nil) hears of the error that
// ends it. c may be nil: messages then wait for Redirect.
func NewMailbox(c *Conn, failed func(error)) *Mailbox {
	b := &Mailbox{conn: c, failed: failed}
	b.wake = sync.NewCond(&b.mu)
	go b.run()
	return b
}

// Post queues m; f (may be nil) travels along and is closed afterwards.
func (b *Mailbox) Post(m Message, f *os.File) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		if f != nil {
			f.Close()
		}
		return
	}
	b.queue = append(b.queue, outgoing{m, f})
	b.wake.Signal()
}

// PostBody queues a message with the given body.
func (b *Mailbox) PostBody(typ string, body any) error {
	m, err := New(typ, body)
	if err != nil {
		return err
	}
	b.Post(m, nil)
	return nil
}

// Close drops what is queued and ends the goroutine.
func (b *Mailbox) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, o := range b.queue {
		if o.f != nil {
			o.f.Close()
		}
	}
	b.queue = nil
	b.wake.Signal()
}

// Redirect drops what is queued and sends to c from now on: the process at
// the other end was replaced and gets the whole state anew.
func (b *Mailbox) Redirect(c *Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = nil
	b.conn = c
	b.wake.Signal()
}

func (b *Mailbox) run() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for !b.closed && (len(b.queue) == 0 || b.conn == nil) {
			b.wake.Wait()
		}
		if b.closed {
			return
		}
		o, c := b.queue[0], b.conn
		b.queue = b.queue[1:]
		b.mu.Unlock()
		err := c.Send(o.m, o.f)
		if o.f != nil {
			o.f.Close()
		}
		b.mu.Lock()
		if err != nil && b.conn == c && !b.closed {
			b.conn = nil
			if b.failed != nil {
				b.failed(err)
			}
		}
	}
}
