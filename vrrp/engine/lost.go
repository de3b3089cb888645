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
func (e *Engine) lost(now time.Time, list []link.LostAddress) {
	gone := make(map[link.LostAddress]bool, len(list))
	for _, l := range list {
		gone[l] = true
	}
	for _, r := range e.routers {
		if r != nil && r.minds(gone) {
			e.verify(now, r)
		}
	}
	e.dispatch(now)
}

// seen is the first word of a watcher, or the first after news were lost: what
// was lost before it looked is in no list of losses.
func (e *Engine) seen(now time.Time) {
	if e.watched {
		return
	}
	e.watched = true
	for _, r := range e.routers {
		if r != nil {
			e.verify(now, r)
		}
	}
	e.dispatch(now)
}

// verify looks whether a router's addresses are there: at once, or after the
// applier's answer when one is due, for whatever removed them may have done so
// before or after the applier's work.
func (e *Engine) verify(now time.Time, r *router) {
	if !r.wanted {
		return
	}
	if r.done != r.set {
		r.doubt = true
		return
	}
	for _, a := range r.live {
		present, err := e.addressesNow()
		if err != nil {
			e.log.Error("cannot read the addresses", "error", err)
			return
		}
		if present[link.LostAddress{Ifindex: a.Ifindex, Prefix: a.Prefix}] || !r.tracks(a.Prefix) {
			continue
		}
		e.log.Warn("a virtual address was removed by someone else", append(r.attrs(), "address", a.Prefix)...)
		e.step(now, r, &vrrp.Event{Kind: vrrp.EventAddressLost})
		return
	}
}

// addressesNow are the addresses that the kernel has, read once for all the
// news that are handled together: what they tell of was done before.
func (e *Engine) addressesNow() (map[link.LostAddress]bool, error) {
	if e.present != nil {
		return e.present, nil
	}
	list, err := e.deps.Watcher.List()
	if err != nil {
		return nil, err
	}
	e.present = map[link.LostAddress]bool{}
	for _, i := range list {
		for _, p := range i.Addrs {
			e.present[link.LostAddress{Ifindex: i.Index, Prefix: p}] = true
		}
	}
	return e.present, nil
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
