package engine

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// lost takes the addresses that disappeared. Those that we removed are among
// them, so what counts is whether one is wanted, was there, and is missing now.
func (e *Engine) lost(list []link.LostAddress) {
	gone := make(map[link.LostAddress]bool, len(list))
	for _, l := range list {
		gone[l] = true
	}
	for _, r := range e.routers {
		if r != nil && r.minds(gone) {
			e.suspect(r)
		}
	}
}

// seen is the first word of a watcher, or the first after news were lost: what
// was lost before it looked is in no list of losses.
func (e *Engine) seen() {
	if e.watched {
		return
	}
	e.watched = true
	for _, r := range e.routers {
		if r != nil {
			e.suspect(r)
		}
	}
}

// look is one reading of the addresses that the kernel has.
type look struct {
	n       uint64
	present map[link.LostAddress]bool
	ifaces  map[int]bool // by index
	err     error
}

// looks are the readings for the sake of routers that are in doubt. Each is made
// in a goroutine of its own: one of thousands of addresses takes its time, and
// where they change meanwhile it waits and begins anew.
type looks struct {
	n       uint64 // begun
	running bool
	done    chan struct{} // closed at the end of the last one begun; nil: none was
	err     error         // of the last one taken
	againAt time.Time     // after err: to be made again; zero: not due
}

// suspect has the kernel asked whether a router's addresses are there: at once,
// or after the applier's answer when one is due, for whatever removed them may
// have done so before or after the applier's work. Only a look that begins after
// now shows it, and until one has, the doubt remains.
func (e *Engine) suspect(r *router) {
	if !r.wanted {
		return
	}
	r.doubt = e.looks.n + 1
	if r.done == r.set {
		e.look()
	}
}

// look begins a look, or leaves it to the end of the one that runs.
func (e *Engine) look() {
	l := &e.looks
	if l.running {
		return
	}
	l.n++
	l.running, l.againAt = true, time.Time{}
	n, done := l.n, make(chan struct{})
	l.done = done
	go func() {
		defer close(done)
		list, err := e.deps.Watcher.List()
		e.put(note{look: newLook(n, list, err)})
	}()
}

func newLook(n uint64, list []link.Interface, err error) *look {
	l := &look{n: n, present: map[link.LostAddress]bool{}, ifaces: make(map[int]bool, len(list)), err: err}
	for i := range list {
		l.ifaces[list[i].Index] = true
		for _, p := range list[i].Addrs {
			l.present[link.LostAddress{Ifindex: list[i].Index, Prefix: p}] = true
		}
	}
	return l
}

// looked takes a look. One that failed is made again.
func (e *Engine) looked(now time.Time, l *look) {
	was := e.looks.err
	e.looks.running, e.looks.err = false, l.err
	if l.err != nil {
		if was == nil || was.Error() != l.err.Error() {
			e.log.Error("cannot read the addresses", "error", l.err)
		}
		e.looks.againAt = now.Add(retryTime)
		return
	}
	again := false
	for _, r := range e.routers {
		switch {
		case r == nil || r.doubt == 0:
		case !r.wanted:
			r.doubt = 0
		case r.done != r.set: // the applier's answer begins another one
		case r.doubt > l.n:
			again = true
		default:
			r.doubt = 0
			e.verify(now, r, l)
		}
	}
	e.dispatch(now)
	if again {
		e.look()
	}
}

// dueLook looks again where that failed.
func (e *Engine) dueLook(now time.Time) {
	if !e.looks.againAt.IsZero() && !e.looks.againAt.After(now) {
		e.look()
	}
}

// end waits for the one that runs.
func (l *looks) end() {
	if l.done != nil {
		<-l.done
	}
}

// verify finds whether one of a router's addresses is missing. Those of an
// interface that is gone went with it, which is other news.
func (e *Engine) verify(now time.Time, r *router, l *look) {
	for _, a := range r.live {
		if l.present[link.LostAddress{Ifindex: a.Ifindex, Prefix: a.Prefix}] || !l.ifaces[a.Ifindex] || !r.tracks(a.Prefix) {
			continue
		}
		e.log.Warn("a virtual address was removed by someone else", append(r.attrs(), "address", a.Prefix)...)
		e.step(now, r, &vrrp.Event{Kind: vrrp.EventAddressLost})
		return
	}
}

// lookStatus tells of a router whose addresses are in doubt because they cannot
// be read.
func (e *Engine) lookStatus(r *router, s *RouterStatus) {
	if r.doubt != 0 && e.looks.err != nil && s.ApplyError == "" {
		s.ApplyError = "cannot read the addresses: " + e.looks.err.Error()
	}
}

// minds says whether a router wants one of the addresses and minds its loss.
func (r *router) minds(gone map[link.LostAddress]bool) bool {
	return r.wanted && slices.ContainsFunc(r.asked, func(a link.Address) bool {
		return gone[link.LostAddress{Ifindex: a.Ifindex, Prefix: a.Prefix}] && r.tracks(a.Prefix)
	})
}

// tracks says whether the loss of an address is to be noticed.
func (r *router) tracks(p netip.Prefix) bool {
	return slices.ContainsFunc(r.cfg.VIPs, func(v VIP) bool { return v.Prefix == p && !v.NoTrack })
}
