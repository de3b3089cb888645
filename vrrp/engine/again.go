package engine

import (
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// againLimit is the longest time between two attempts to bring the kernel to
// what a router wants after it refused: each asks for everything once more.
const againLimit = time.Minute

// refusedByKernel takes what the applier says of a router's addresses, routes and
// rules: what could not be set, or not be removed, is tried again, after a second
// at first and then ever more rarely.
func (e *Engine) refusedByKernel(now time.Time, r *router, err error) {
	was := r.applyErr
	r.applyErr = err
	switch {
	case err == nil:
		r.againAt, r.againIn = time.Time{}, 0
		if was == nil {
			return
		}
		e.log.Info("what the kernel refused is done", r.attrs()...)
		if r.wanted {
			e.step(now, r, &vrrp.Event{Kind: vrrp.EventAnnounce})
		}
		return
	case was == nil || was.Error() != err.Error():
		e.log.Error("setting addresses, routes or rules failed", append(r.attrs(), "error", err)...)
	}
	r.live = e.there(r.live)
	r.againIn = min(max(2*r.againIn, retryTime), againLimit)
	r.againAt = now.Add(r.againIn)
	e.againAt = earlier(e.againAt, r.againAt)
}

// there are those of list that the kernel has.
func (e *Engine) there(list []link.Address) []link.Address {
	present, err := e.addressesNow()
	if err != nil {
		e.log.Error("cannot read the addresses", "error", err)
		return list
	}
	out := make([]link.Address, 0, len(list))
	for _, a := range list {
		if present[link.LostAddress{Ifindex: a.Ifindex, Prefix: a.Prefix}] {
			out = append(out, a)
		}
	}
	return out
}

// dueAgain asks again for what is due.
func (e *Engine) dueAgain(now time.Time) {
	if e.againAt.IsZero() || e.againAt.After(now) {
		return
	}
	e.againAt = time.Time{}
	for _, r := range e.routers {
		switch {
		case r == nil || r.againAt.IsZero():
		case r.againAt.After(now):
			e.againAt = earlier(e.againAt, r.againAt)
		default:
			r.againAt = time.Time{}
			if r.set == r.done && r.gate.IsZero() {
				e.set(r)
			}
		}
	}
}

// hurry asks at once for what was refused: an interface is not what it was.
func (e *Engine) hurry(now time.Time) {
	for _, r := range e.routers {
		if r != nil && !r.againAt.IsZero() {
			r.againAt, r.againIn = now, 0
			e.againAt = now
		}
	}
	e.dueAgain(now)
}
