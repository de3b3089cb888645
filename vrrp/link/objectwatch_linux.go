package link

import (
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// objectWatch tells when somebody removes a route or a rule that we installed.
// It costs nothing as long as there is none.
type objectWatch struct {
	lost func(owner int)

	mu     sync.Mutex
	owners map[objectKey][]int
	ours   uint32 // the netlink port of our own changes
	conn   *netlink.Conn
	done   chan struct{} // closed when the reader of conn has ended
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
			if key, _, ok := keyOf(o.Kind, []byte(o.Body)); ok && !o.NoTrack {
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
	w.conn, w.done = conn, make(chan struct{})
	go w.read(conn, w.done)
	return nil
}

// read passes on news until the socket is closed. After an overrun, when news
// are lost, everybody asks anew for what is wanted.
func (w *objectWatch) read(conn *netlink.Conn, done chan struct{}) {
	defer close(done)
	for {
		msgs, err := conn.Receive()
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
			w.lost(o)
		}
		time.Sleep(watchRetry)
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
		key, _, ok := keyOf(kind, m.Data)
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
	w.closed = true
	conn, done := w.conn, w.done
	w.conn = nil
	w.mu.Unlock()
	if conn == nil {
		return
	}
	_ = conn.SetReadDeadline(time.Unix(1, 0)) // ends the Receive
	<-done
	conn.Close()
}
