package link

import (
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// doubtLimit bounds the pause after an overrun: a machine that takes a whole
// routing table from its neighbours overruns the socket again and again.
const doubtLimit = 5 * time.Second

// objectWatch tells when somebody removes a route or a rule that we installed.
// It costs nothing as long as there is none.
type objectWatch struct {
	lost  func(owner int)
	doubt func(owner int) // news were lost: what it has may be gone

	mu     sync.Mutex
	owners map[objectKey][]int
	ours   uint32 // the netlink port of our own changes
	conn   *netlink.Conn
	quit   chan struct{} // closed to wake the reader of conn from a pause
	done   chan struct{} // closed when it has ended
	closed bool
}

// objectGroups are the groups of news about routes and rules.
var objectGroups = []uint32{unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE}

// follow takes over what is installed; it starts with the first object and ends
// with the last one.
func (w *objectWatch) follow(objects map[int][]Object, ours uint32) error {
	owners := make(map[objectKey][]int)
	for owner, list := range objects {
		for _, o := range list {
			if key, ok := keyOf(o.Kind, []byte(o.Body)); ok && !o.NoTrack {
				owners[key] = append(owners[key], owner)
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owners, w.ours = owners, ours
	if len(owners) == 0 || w.conn != nil || w.closed || w.lost == nil {
		return nil
	}
	return w.open()
}

// open starts a reader; w.mu is held.
func (w *objectWatch) open() error {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	err = conn.SetReadBuffer(watchBuffer)
	for _, g := range objectGroups {
		if err == nil {
			err = conn.JoinGroup(g)
		}
	}
	if err != nil {
		conn.Close()
		return err
	}
	w.conn, w.quit, w.done = conn, make(chan struct{}), make(chan struct{})
	go w.read(conn.Receive, w.quit, w.done)
	return nil
}

// read passes on news until the socket is closed. After an overrun, when news
// are lost, everybody asks anew for what is wanted; that is no loss, as nothing
// may have happened to it.
func (w *objectWatch) read(receive func() ([]netlink.Message, error), quit <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	pause := watchRetry
	var last time.Time // end of the last pause
	for {
		msgs, err := receive()
		if err == nil {
			w.news(msgs)
			continue
		}
		w.mu.Lock()
		if w.closed {
			w.mu.Unlock()
			return
		}
		told := make(map[int]bool)
		for _, owners := range w.owners {
			for _, o := range owners {
				told[o] = true
			}
		}
		w.mu.Unlock()
		for o := range told {
			w.doubt(o)
		}
		if pause = min(2*pause, doubtLimit); time.Since(last) > doubtLimit {
			pause = watchRetry
		}
		select {
		case <-quit:
		case <-time.After(pause):
		}
		last = time.Now()
	}
}

// news looks for removals of what is ours by anybody else: our own changes
// carry the port that they were asked for with.
func (w *objectWatch) news(msgs []netlink.Message) {
	told := make(map[int]bool)
	for _, m := range msgs {
		var kind ObjectKind
		switch m.Header.Type {
		case unix.RTM_DELROUTE:
			kind = ObjectRoute
		case unix.RTM_DELRULE:
			kind = ObjectRule
		default:
			continue
		}
		key, ok := keyOf(kind, m.Data)
		if !ok {
			continue
		}
		w.mu.Lock()
		owners := w.owners[key]
		if m.Header.PID == w.ours && w.ours != 0 {
			owners = nil
		}
		for _, o := range owners {
			told[o] = true
		}
		w.mu.Unlock()
	}
	for o := range told {
		w.lost(o)
	}
}

func (w *objectWatch) close() {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	conn, done := w.conn, w.done
	w.conn = nil
	w.mu.Unlock()
	if conn == nil || closed {
		return
	}
	close(w.quit)
	_ = conn.SetReadDeadline(time.Unix(1, 0)) // ends the Receive
	<-done
	conn.Close()
}
