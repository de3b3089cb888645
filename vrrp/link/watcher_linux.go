package link

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	mdnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	watchBuffer = 4 << 20
	// watchPause is the least time between two readings, and before one for the
	// sake of addresses: a batch of 255 addresses makes 255 messages, most often
	// while this process has better things to do.
	watchPause = 5 * time.Millisecond
	// watchShare is how much longer than the last reading took the pause is at
	// least, up to watchLimit: with thousands of addresses reading takes a while.
	watchShare = 3
	watchLimit = 100 * time.Millisecond
	// watchNap is how long the receiver leaves news of addresses in the socket,
	// so as not to wake for each of hundreds.
	watchNap = time.Millisecond
	// watchQuiet is for how long no address may have been added before the
	// addresses are read for the sake of those, and watchStream how long a stream
	// of them may put that off: a reading would keep whoever adds them waiting,
	// and be of no use as the next one comes at once.
	watchQuiet  = 5 * time.Millisecond
	watchStream = time.Second
	watchRetry  = 200 * time.Millisecond // after a socket that could not be opened or read
	// watchPatience is after how many readings in a row that a change has spoilt the
	// log says so.
	watchPatience = 100
	// listTries is how often List reads at most when changes spoil it.
	listTries = 20
)

// NetlinkWatcher is the Watcher of Linux.
type NetlinkWatcher struct {
	log *slog.Logger
	mu  sync.Mutex      // of nl
	nl  *netlink.Handle // for lists; nil until the first one and after an error

	sources atomic.Pointer[map[sourceKey]netip.Addr] // by the last reading

	roomMu    sync.Mutex
	room      ReceiveBuffer
	listening *mdnetlink.Conn // the socket with that buffer; nil: none is open
}

var _ Watcher = (*NetlinkWatcher)(nil)

// NewWatcher returns a watcher, which opens its sockets when they are needed.
// log may be nil.
func NewWatcher(log *slog.Logger) *NetlinkWatcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &NetlinkWatcher{log: log}
}

// List implements Watcher. Any goroutine may call it.
func (w *NetlinkWatcher) List() ([]Interface, error) {
	for try := 1; ; try++ {
		list, err := w.once()
		if !errors.Is(err, netlink.ErrDumpInterrupted) || try == listTries {
			return list, err
		}
		time.Sleep(watchPause)
	}
}

// once reads once; netlink.ErrDumpInterrupted says that something changed
// meanwhile and that the whole would be of no moment.
func (w *NetlinkWatcher) once() ([]Interface, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nl == nil {
		nl, err := newHandle(spoilt)
		if err != nil {
			return nil, err
		}
		w.nl = nl
	}
	list, sources, err := listInterfaces(w.nl)
	if err != nil {
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			w.nl.Close()
			w.nl = nil
		}
		return nil, err
	}
	w.sources.Store(&sources)
	return list, nil
}

// sourceOf is the address that each interface sends from, by the last reading
// or, when there was none, by one that is made now.
func (w *NetlinkWatcher) sourceOf() (map[sourceKey]netip.Addr, error) {
	if w.sources.Load() == nil {
		if _, err := w.List(); err != nil {
			return nil, err
		}
	}
	return *w.sources.Load(), nil
}

// Watch implements Watcher. It blocks until stop is closed and calls f on the
// calling goroutine; the first call tells the present set, so that nothing
// that happened since an earlier List is missed. The error says that the first
// subscription failed; later failures are logged and mended.
func (w *NetlinkWatcher) Watch(stop <-chan struct{}, f func(Update)) error {
	conn, err := w.subscribe()
	if err != nil {
		return err
	}
	w.follow(conn, stop, f)
	return nil
}

// subscribe opens a socket that is told of interfaces and addresses.
func (w *NetlinkWatcher) subscribe() (*mdnetlink.Conn, error) {
	conn, err := mdnetlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("link: watch: %w", err)
	}
	w.roomMu.Lock()
	defer w.roomMu.Unlock()
	err = w.room.set(conn, watchBuffer)
	for _, group := range []uint32{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR} {
		if err == nil {
			err = conn.JoinGroup(group)
		}
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("link: watch: %w", err)
	}
	w.listening = conn
	return conn, nil
}

// follow reads the present set whenever the socket has news, and once at the
// start of every subscription.
func (w *NetlinkWatcher) follow(conn *mdnetlink.Conn, stop <-chan struct{}, f func(Update)) {
	var last []Interface
	tell := func(fresh bool, removed []LostAddress, low []int) bool {
		now, err := w.undisturbed(stop)
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			return false // stopped
		}
		if err != nil {
			w.log.Error("cannot read the interfaces", "error", err)
			return false
		}
		lost := lostAddresses(last, now)
		lost = append(lost, stillMissing(removed, lost, now)...)
		if fresh || len(lost) > 0 || len(low) > 0 || !slices.EqualFunc(last, now, sameInterface) {
			select {
			case <-stop:
				return true
			default:
			}
			f(Update{Interfaces: now, Lost: lost, LowMTU: low, Fresh: fresh})
		}
		last = now
		return true
	}
	for {
		if conn != nil && tell(true, nil, nil) {
			w.read(conn, stop, tell)
		}
		if conn != nil {
			conn.Close()
		}
		select {
		case <-stop:
			return
		case <-time.After(watchRetry):
		}
		var err error
		if conn, err = w.subscribe(); err != nil {
			w.log.Error("cannot follow the interfaces", "error", err)
		}
	}
}

// read calls tell for every burst of news until stop is closed or the socket
// fails: news may be lost then, and everything has to begin anew.
func (w *NetlinkWatcher) read(conn *mdnetlink.Conn, stop <-chan struct{}, tell func(fresh bool, removed []LostAddress, low []int) bool) {
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-stop:
			// Ends the Receive below.
			_ = conn.SetReadDeadline(time.Unix(1, 0))
		case <-ended:
		}
	}()
	rest, failed := newPending(), make(chan error, 1)
	var gone removals
	go func() {
		in := newNewsReader(conn)
		for {
			msgs, err := in.receive()
			if err != nil {
				failed <- err
				return
			}
			gone.add(msgs)
			worst := worstOf(msgs)
			rest.put(worst)
			if worst != ofInterface {
				time.Sleep(watchNap)
			}
		}
	}()
	for {
		select {
		case <-rest.kick:
			rest.settle()
			began := time.Now()
			removed, low, lost := gone.take()
			told := tell(lost, removed, low)
			pause := min(max(watchPause, watchShare*time.Since(began)), watchLimit)
			if !told {
				_ = conn.SetReadDeadline(time.Unix(1, 0))
				<-failed
				return
			}
			time.Sleep(pause)
		case err := <-failed:
			select {
			case <-stop:
			default:
				w.log.Warn("news of the interfaces may be lost, reading everything", "error", err)
			}
			return
		}
	}
}

// undisturbed reads until nothing changes meanwhile, or stop is closed.
func (w *NetlinkWatcher) undisturbed(stop <-chan struct{}) ([]Interface, error) {
	pause := watchPause
	for try := 1; ; try++ {
		list, err := w.once()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return list, err
		}
		if try%watchPatience == 0 {
			w.log.Warn("the interfaces change faster than they can be read", "readings", try)
		}
		select {
		case <-stop:
			return nil, err
		case <-time.After(pause):
		}
		pause = min(2*pause, watchLimit)
	}
}

// sameInterface says whether nothing that a reader could see has changed.
func sameInterface(a, b Interface) bool {
	return a.Index == b.Index && a.Name == b.Name && a.Up == b.Up && a.MTU == b.MTU && a.Multicast == b.Multicast && a.LinkLocal == b.LinkLocal && a.Duplicate == b.Duplicate &&
		slices.Equal(a.HWAddr, b.HWAddr) && slices.Equal(a.Addrs, b.Addrs)
}

// lostAddresses are the addresses of interfaces that are still there which
// were in last and are not in now. Those of an interface that is gone went
// with it.
func lostAddresses(last, now []Interface) []LostAddress {
	var lost []LostAddress
	for _, b := range now {
		i := slices.IndexFunc(last, func(a Interface) bool { return a.Index == b.Index })
		if i < 0 {
			continue
		}
		present := make(map[addrKey]bool, len(b.Addrs))
		for _, p := range b.Addrs {
			present[addrKey{b.Index, p}] = true
		}
		for _, p := range last[i].Addrs {
			if !present[addrKey{b.Index, p}] {
				lost = append(lost, LostAddress{Ifindex: b.Index, Prefix: p})
			}
		}
	}
	return lost
}

// Close gives back what List opened; a Watch ends with its stop.
func (w *NetlinkWatcher) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nl != nil {
		w.nl.Close()
		w.nl = nil
	}
	return nil
}
