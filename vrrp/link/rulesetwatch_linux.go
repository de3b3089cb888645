package link

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The pauses between two looks at the ruleset: the first is for whoever removes
// one thing after another to be done, the others are after a repair. Two that
// undo each other's work must not do so all the time.
const (
	rulesetSettle = 10 * time.Millisecond
	rulesetPause  = time.Second
	rulesetLimit  = 30 * time.Second
)

// rulesetWatch looks after nftables tables: when something of one of the names is
// removed, by whomever, or news were lost, look is called; it says whether it
// found something to repair.
type rulesetWatch struct {
	look func() (repaired bool)

	mu    sync.Mutex
	names map[string]bool
	conn  *netlink.Conn // nil: nothing is followed
	kick  chan struct{}
	quit  chan struct{}
	done  sync.WaitGroup
}

// follow sets the names of the tables; without one nothing is watched.
func (w *rulesetWatch) follow(names map[string]bool) error {
	w.mu.Lock()
	w.names = names
	running := w.conn != nil
	w.mu.Unlock()
	switch {
	case len(names) > 0 && !running:
		return w.open()
	case len(names) == 0 && running:
		w.stop()
	}
	return nil
}

func (w *rulesetWatch) open() error {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err == nil {
		if err = conn.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
			conn.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("link: watch nftables: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	kick, quit := make(chan struct{}, 1), make(chan struct{})
	w.conn, w.kick, w.quit = conn, kick, quit
	w.done.Go(func() { w.read(conn, kick, quit) })
	w.done.Go(func() { w.work(kick, quit) })
	return nil
}

// read waits for news until conn is closed.
func (w *rulesetWatch) read(conn *netlink.Conn, kick chan<- struct{}, quit <-chan struct{}) {
	for {
		msgs, err := conn.Receive()
		if err == nil && !w.concerned(msgs) {
			continue
		}
		select {
		case <-quit:
			return
		case kick <- struct{}{}:
		default: // it has been told already
		}
		if err != nil { // news were lost
			select {
			case <-quit:
				return
			case <-time.After(rulesetPause):
			}
		}
	}
}

// concerned says whether something of our tables was removed.
func (w *rulesetWatch) concerned(msgs []netlink.Message) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range msgs {
		switch m.Header.Type {
		case nft(unix.NFT_MSG_DELTABLE), nft(unix.NFT_MSG_DELCHAIN), nft(unix.NFT_MSG_DELRULE), nft(unix.NFT_MSG_DELSET), nft(unix.NFT_MSG_DELSETELEM):
			if w.names[tableIn(m.Data)] {
				return true
			}
		}
	}
	return false
}

func nft(msg netlink.HeaderType) netlink.HeaderType { return unix.NFNL_SUBSYS_NFTABLES<<8 | msg }

// tableIn is the name of the table that a message is about: in all of them it is
// attribute 1, behind a struct nfgenmsg.
func tableIn(b []byte) string {
	const header, table = 4, 1
	if len(b) < header {
		return ""
	}
	ad, err := netlink.NewAttributeDecoder(b[header:])
	if err != nil {
		return ""
	}
	for ad.Next() {
		if ad.Type() == table {
			name, _, _ := bytes.Cut(ad.Bytes(), []byte{0})
			return string(name)
		}
	}
	return ""
}

// work looks when it is told to, until quit is closed.
func (w *rulesetWatch) work(kick <-chan struct{}, quit <-chan struct{}) {
	pause := rulesetPause
	var last time.Time // repair
	wait := func(d time.Duration) bool {
		select {
		case <-quit:
			return false
		case <-time.After(d):
			return true
		}
	}
	for {
		select {
		case <-quit:
			return
		case <-kick:
		}
		if !wait(rulesetSettle) {
			return
		}
		if !w.look() {
			continue
		}
		if pause = min(2*pause, rulesetLimit); time.Since(last) > 2*rulesetLimit {
			pause = rulesetPause
		}
		last = time.Now()
		if !wait(pause) {
			return
		}
	}
}

// stop ends watching; a look may run still, which may wait for the caller.
func (w *rulesetWatch) stop() {
	w.mu.Lock()
	conn := w.conn
	w.conn = nil
	w.mu.Unlock()
	if conn != nil {
		close(w.quit)
		conn.Close()
	}
}

// close is stop, and waits for the last look.
func (w *rulesetWatch) close() {
	w.stop()
	w.done.Wait()
}
