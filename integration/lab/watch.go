package lab

import (
	"fmt"
	"net/netip"
	"sort"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// AddrEvent is an address that appeared on a host or went away.
type AddrEvent struct {
	At    time.Time
	Host  string
	Addr  netip.Addr
	Added bool
}

// Watch records which host holds which address, by the kernel's own
// notifications.
type Watch struct {
	lab  *Lab
	done chan struct{}
	stop func()

	mu     sync.Mutex
	events []AddrEvent
	held   map[string]map[netip.Addr]time.Time // by host: since when
	errs   []error
}

// Watch starts to record the addresses of the hosts given (none: all hosts
// there are now). Addresses already present are recorded as added.
func (l *Lab) Watch(hosts ...*Host) (*Watch, error) {
	if len(hosts) == 0 {
		hosts = l.Hosts()
	}
	w := &Watch{lab: l, done: make(chan struct{}), held: map[string]map[netip.Addr]time.Time{}}
	w.stop = sync.OnceFunc(func() { close(w.done) })
	for _, h := range hosts {
		ch := make(chan netlink.AddrUpdate, 4096)
		ns := netns.NsHandle(h.space.net.Fd())
		err := netlink.AddrSubscribeWithOptions(ch, w.done, netlink.AddrSubscribeOptions{
			Namespace: &ns, ListExisting: true, ReceiveBufferSize: 8 << 20, ReceiveBufferForceSize: true,
			ErrorCallback: func(err error) {
				select {
				case <-w.done: // closing the socket is reported as an error
				default:
					w.mu.Lock()
					w.errs = append(w.errs, fmt.Errorf("lab: watch %s: %w", h.Name, err))
					w.mu.Unlock()
				}
			},
		})
		if err != nil {
			w.stop()
			return nil, fmt.Errorf("lab: watch %s: %w", h.Name, err)
		}
		go func() {
			for u := range ch {
				now := time.Now()
				addr, ok := netip.AddrFromSlice(u.LinkAddress.IP)
				if !ok || u.Flags&unix.IFA_F_TENTATIVE != 0 {
					continue
				}
				w.mu.Lock()
				w.record(AddrEvent{At: now, Host: h.Name, Addr: addr.Unmap(), Added: u.NewAddr})
				w.mu.Unlock()
			}
		}()
	}
	l.onClose(w.Close)
	return w, nil
}

// record takes an event up; w.mu is held. The kernel tells of an address that
// is there already again when its flags change.
func (w *Watch) record(e AddrEvent) {
	w.events = append(w.events, e)
	if w.held[e.Host] == nil {
		w.held[e.Host] = map[netip.Addr]time.Time{}
	}
	_, there := w.held[e.Host][e.Addr]
	switch {
	case !e.Added:
		delete(w.held[e.Host], e.Addr)
	case !there:
		w.held[e.Host][e.Addr] = e.At
	}
}

// Close ends the recording; what was recorded stays readable.
func (w *Watch) Close() { w.stop() }

// Err is what went wrong with the recording, if anything.
func (w *Watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.errs) > 0 {
		return w.errs[0]
	}
	return nil
}

// Events is a copy of everything recorded, in order of time.
func (w *Watch) Events() []AddrEvent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]AddrEvent(nil), w.events...)
}

// Holders are the hosts that hold the address now, whether cut off or not.
func (w *Watch) Holders(addr netip.Addr) []string {
	held := map[string]bool{}
	for _, e := range w.Events() {
		if e.Addr == addr {
			held[e.Host] = e.Added
		}
	}
	var names []string
	for name, ok := range held {
		if ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// Held counts the addresses of a prefix that a host holds now, and tells when
// it got the last of them.
func (w *Watch) Held(host string, in netip.Prefix) (n int, last time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for addr, at := range w.held[host] {
		if in.Contains(addr) {
			n++
			if at.After(last) {
				last = at
			}
		}
	}
	return n, last
}

// Hold is a piece of time in which the reachable holders of an address were
// the same.
type Hold struct {
	From, To time.Time // To of the last one is the time of the question
	Hosts    []string  // sorted; empty: nobody
}

// History tells who held the address from since on. A host that was cut off
// counts as holding nothing while it was.
func (w *Watch) History(addr netip.Addr, since time.Time) []Hold {
	type change struct {
		at   time.Time
		host string
		cut  bool // the change is of the link, not of the address
		on   bool
	}
	var changes []change
	for _, e := range w.Events() {
		if e.Addr == addr {
			changes = append(changes, change{at: e.At, host: e.Host, on: e.Added})
		}
	}
	for _, h := range w.lab.Hosts() {
		for _, s := range h.cutSpans() {
			changes = append(changes, change{at: s.from, host: h.Name, cut: true, on: true})
			if !s.to.IsZero() {
				changes = append(changes, change{at: s.to, host: h.Name, cut: true})
			}
		}
	}
	sort.SliceStable(changes, func(i, j int) bool { return changes[i].at.Before(changes[j].at) })
	held, cut := map[string]bool{}, map[string]bool{}
	now := func() []string {
		var names []string
		for name, ok := range held {
			if ok && !cut[name] {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		return names
	}
	var out []Hold
	at := since
	for _, c := range changes {
		if c.at.After(at) {
			out = appendHold(out, Hold{From: at, To: c.at, Hosts: now()})
			at = c.at
		}
		if c.cut {
			cut[c.host] = c.on
		} else {
			held[c.host] = c.on
		}
	}
	return appendHold(out, Hold{From: at, To: time.Now(), Hosts: now()})
}

func appendHold(list []Hold, h Hold) []Hold {
	if n := len(list); n > 0 && fmt.Sprint(list[n-1].Hosts) == fmt.Sprint(h.Hosts) {
		list[n-1].To = h.To
		return list
	}
	return append(list, h)
}

// Overlap is the longest time, since the given one, in which two or more
// reachable hosts held the address.
func (w *Watch) Overlap(addr netip.Addr, since time.Time) time.Duration {
	var longest time.Duration
	for _, h := range w.History(addr, since) {
		if len(h.Hosts) > 1 {
			longest = max(longest, h.To.Sub(h.From))
		}
	}
	return longest
}

// Gap is the longest time, since the given one, in which nobody reachable held
// the address.
func (w *Watch) Gap(addr netip.Addr, since time.Time) time.Duration {
	var longest time.Duration
	for _, h := range w.History(addr, since) {
		if len(h.Hosts) == 0 {
			longest = max(longest, h.To.Sub(h.From))
		}
	}
	return longest
}

// FirstAdded is when the host got the address for the first time since the
// given time.
func (w *Watch) FirstAdded(host string, addr netip.Addr, since time.Time) (time.Time, bool) {
	for _, e := range w.Events() {
		if e.Host == host && e.Addr == addr && e.Added && !e.At.Before(since) {
			return e.At, true
		}
	}
	return time.Time{}, false
}

// WaitHolder waits until exactly the named host is the reachable holder.
func (w *Watch) WaitHolder(addr netip.Addr, host string, limit time.Duration) error {
	ok := WaitFor(limit, func() bool {
		h := w.History(addr, time.Time{})
		last := h[len(h)-1].Hosts
		return len(last) == 1 && last[0] == host
	})
	if !ok {
		h := w.History(addr, time.Time{})
		return fmt.Errorf("lab: %s is held by %v, not by %s, after %v", addr, h[len(h)-1].Hosts, host, limit)
	}
	return nil
}
