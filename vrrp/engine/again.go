package engine

import (
	"slices"
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
func (e *Engine) refusedByKernel(now time.Time, r *router, a *link.Applied) {
	was := r.applyErr
	r.applyErr = a.Err
	switch {
	case a.Err == nil:
		r.againAt, r.againIn = time.Time{}, 0
		if was != nil && r.wanted {
			e.log.Info("what the kernel refused is done", r.attrs()...)
			e.step(now, r, &vrrp.Event{Kind: vrrp.EventAnnounce})
		}
		return
	case was == nil || was.Error() != a.Err.Error():
		e.log.Error("setting addresses, routes or rules failed", append(r.attrs(), "error", a.Err)...)
	}
	r.live = without(r.live, a.Failed)
	r.refusedAt = now
	r.againIn = min(max(2*r.againIn, retryTime), againLimit)
	r.againAt = now.Add(r.againIn)
	e.againAt = earlier(e.againAt, r.againAt)
}

// without are those of list that are not among failed. It leaves list as it is.
func without(list, failed []link.Address) []link.Address {
	if len(failed) == 0 {
		return list
	}
	missing := make(map[link.LostAddress]bool, len(failed)) // the applier may have changed the rest
	for _, a := range failed {
		missing[link.LostAddress{Ifindex: a.Ifindex, Prefix: a.Prefix}] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(a link.Address) bool {
		return missing[link.LostAddress{Ifindex: a.Ifindex, Prefix: a.Prefix}]
	})
}

// differs says whether an interface has changed in more than its addresses.
func differs(o, i *link.Interface) bool {
	return o.Index != i.Index || o.Up != i.Up || o.MTU != i.MTU || o.Multicast != i.Multicast ||
		o.LinkLocal != i.LinkLocal || o.Duplicate != i.Duplicate || o.VRFTable != i.VRFTable || !slices.Equal(o.HWAddr, i.HWAddr)
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

// hurry asks soon for what was refused to a router that has to do with an interface
// that is not what it was: at once, but not within retryTime of the last refusal.
// What the kernel refuses for an interface does not depend on the addresses there.
func (e *Engine) hurry(now time.Time, old map[string]*link.Interface, u *link.Update) {
	if e.againAt.IsZero() {
		return
	}
	some := setOf(u.LowMTU)
	for name, i := range e.ifaces {
		if o := old[name]; o == nil || differs(o, i) {
			some[i.Index] = true
		}
	}
	for _, r := range e.routers {
		if r == nil || r.againAt.IsZero() || !u.Fresh && !e.uses(r, some) {
			continue
		}
		at := r.refusedAt.Add(retryTime)
		if at.Before(now) {
			at = now
		}
		r.againAt, r.againIn = earlier(r.againAt, at), 0
		e.againAt = earlier(e.againAt, r.againAt)
	}
}
