package ipc

import (
	"context"
	"errors"
	"os"
	"sync"

	"holdfast/internal/stack"
)

// Mailbox sends messages in order from a goroutine of its own, so that the
// caller never waits for the process at the other end. It is unbounded: both
// ends are ours, and one that no longer reads is replaced as a whole.
type Mailbox struct {
	mu      sync.Mutex
	wake    *sync.Cond
	queue   []outgoing
	conn    *Conn
	sending bool
	closed  bool
	idle    *sync.Cond // told when there is nothing to send any more
	failed  func(error)
}

type outgoing struct {
	m Message
	f *os.File
}

// NewMailbox starts sending to c (nil: to nobody). failed (may be nil) hears, in
// the mailbox's goroutine, of messages that cannot be sent and of the error that
// ends the stream. What is posted after that, and until Redirect, is dropped.
func NewMailbox(c *Conn, failed func(error)) *Mailbox {
	b := &Mailbox{conn: c, failed: failed}
	b.wake, b.idle = sync.NewCond(&b.mu), sync.NewCond(&b.mu)
	go b.run()
	return b
}

// Post queues m; f (may be nil) travels along and is closed afterwards.
func (b *Mailbox) Post(m Message, f *os.File) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.conn == nil {
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

// Flush waits until everything posted so far was handed to the kernel, the
// stream has failed, or ctx ends.
func (b *Mailbox) Flush(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.idle.Broadcast()
	})()
	b.mu.Lock()
	defer b.mu.Unlock()
	for (len(b.queue) > 0 || b.sending) && !b.closed && ctx.Err() == nil {
		b.idle.Wait()
	}
}

// Close drops what is queued and ends the goroutine.
func (b *Mailbox) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.drop()
	b.wake.Signal()
	b.idle.Broadcast()
}

// Redirect drops what is queued and sends to c from now on: the process at
// the other end was replaced and gets the whole state anew. The former stream
// stays its owner's.
func (b *Mailbox) Redirect(c *Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop()
	b.conn = c
	b.wake.Signal()
}

// drop empties the queue; b.mu is held.
func (b *Mailbox) drop() {
	for _, o := range b.queue {
		if o.f != nil {
			o.f.Close()
		}
	}
	b.queue = nil
}

func (b *Mailbox) run() {
	stack.Reserve()
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for !b.closed && len(b.queue) == 0 {
			b.idle.Broadcast()
			b.wake.Wait()
		}
		if b.closed {
			return
		}
		o, c := b.queue[0], b.conn
		b.queue[0] = outgoing{} // it may be large, and the array lives on
		b.queue = b.queue[1:]
		b.sending = true
		b.mu.Unlock()
		err := c.Send(o.m, o.f)
		if o.f != nil {
			o.f.Close()
		}
		if err != nil && b.failed != nil {
			b.failed(err)
		}
		b.mu.Lock()
		b.sending = false
		if err != nil && !errors.Is(err, ErrMessage) && b.conn == c {
			// Nobody reads it any more. Whoever replaces the other end is
			// told the whole state, so this need not be kept.
			b.conn = nil
			b.drop()
		}
	}
}
