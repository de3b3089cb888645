package link

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// newsBuffer holds any message of the kernel, in bytes.
const newsBuffer = 1 << 16

// newsReader takes what waits in a netlink socket, all of it in one go: the
// kernel tells of every address by itself, and a takeover adds thousands.
type newsReader struct {
	conn *mdnetlink.Conn
	buf  []byte
	msgs []mdnetlink.Message
}

func newNewsReader(conn *mdnetlink.Conn) *newsReader {
	return &newsReader{conn: conn, buf: make([]byte, newsBuffer)}
}

// newsLimit bounds how many messages are taken in one go.
const newsLimit = 1 << 12

// receive waits for news and returns all that are there; they are valid until
// the next call.
func (r *newsReader) receive() ([]mdnetlink.Message, error) {
	raw, err := r.conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("link: watch: %w", err)
	}
	clear(r.msgs)
	r.msgs = r.msgs[:0]
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for failed == nil && len(r.msgs) < newsLimit {
			n, _, flags, _, err := unix.Recvmsg(int(fd), r.buf, nil, unix.MSG_DONTWAIT)
			switch {
			case errors.Is(err, unix.EINTR):
			case errors.Is(err, unix.EAGAIN):
				return len(r.msgs) > 0
			case err != nil:
				failed = os.NewSyscallError("recvmsg", err)
			case flags&unix.MSG_TRUNC != 0:
				failed = fmt.Errorf("link: watch: a message is longer than %d bytes", len(r.buf))
			default:
				failed = r.take(r.buf[:n])
			}
		}
		return true
	})
	return r.msgs, errors.Join(failed, err)
}

// take takes one datagram apart. What it holds is copied.
func (r *newsReader) take(data []byte) error {
	list, err := syscall.ParseNetlinkMessage(append([]byte(nil), data...))
	if err != nil {
		return fmt.Errorf("link: watch: %w", err)
	}
	for _, m := range list {
		r.msgs = append(r.msgs, mdnetlink.Message{Header: mdnetlink.Header{Type: mdnetlink.HeaderType(m.Header.Type)}, Data: m.Data})
	}
	return nil
}

// newsKind says how soon news are to be looked at.
type newsKind int

// The kinds, the least urgent first.
const (
	noNews      newsKind = iota
	ofAddition           // an address is there
	ofRemoval            // one is gone, or something else
	ofInterface          // at once
)

// worstOf is the most urgent kind among the messages.
func worstOf(msgs []mdnetlink.Message) newsKind {
	worst := noNews
	for _, m := range msgs {
		kind := ofRemoval
		switch m.Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			kind = ofInterface
		case unix.RTM_NEWADDR:
			kind = ofAddition
		}
		worst = max(worst, kind)
	}
	return worst
}

// pending is the news that nobody has looked at yet.
type pending struct {
	kick chan struct{} // there are some

	mu   sync.Mutex
	kind newsKind
	last time.Time // when the newest came
}

func newPending() *pending { return &pending{kick: make(chan struct{}, 1)} }

// put tells of news.
func (p *pending) put(kind newsKind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kind, p.last = max(p.kind, kind), time.Now()
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// settle waits until it is time to look, after a kick, and takes the news.
func (p *pending) settle() {
	for began := time.Now(); ; {
		wait := p.wait(time.Now(), began)
		if wait <= 0 {
			return
		}
		time.Sleep(min(wait, watchPause))
	}
}

// wait is how long to wait yet; not at all: everything counts as looked at.
func (p *pending) wait(now, began time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	var until time.Time
	switch p.kind {
	case ofRemoval:
		until = began.Add(watchPause)
	case ofAddition:
		until = p.last.Add(watchQuiet)
		if limit := began.Add(watchStream); until.After(limit) {
			until = limit
		}
	}
	if wait := until.Sub(now); wait > 0 {
		return wait
	}
	p.kind = noNews
	select {
	case <-p.kick:
	default:
	}
	return 0
}
