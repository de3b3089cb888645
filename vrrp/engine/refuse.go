package engine

import (
	"net/netip"
	"time"

	"holdfast/vrrp"
)

// refuseLogTime is between two log lines about adverts that a router refuses
// for the same reason.
const refuseLogTime = time.Minute

// Refusal is the last advert that a router dropped for a reason.
type Refusal struct {
	Reason vrrp.DropReason
	Source netip.Addr
	Last   time.Time
}

// refusals are kept for a router once something was refused.
type refusals [vrrp.NumDropReasons]struct {
	source netip.Addr
	last   time.Time
	logged time.Time
}

// refuse takes note of an advert that was dropped, and logs the source and the
// reason, once a minute for each reason. Adverts in INIT and FAULT are no news.
func (e *Engine) refuse(now time.Time, r *router, src netip.Addr, d vrrp.DropReason) {
	if d == vrrp.DropState {
		return
	}
	if r.refused == nil {
		r.refused = new(refusals)
	}
	x := &r.refused[d]
	x.source, x.last = src, now
	if x.logged.IsZero() || now.Sub(x.logged) >= refuseLogTime {
		x.logged = now
		e.log.Warn("an advert was dropped", append(r.attrs(), "source", src, "reason", d.String(), "because", "such adverts "+d.Text(), "dropped", r.core.Dropped(d))...)
	}
}

// refusalStatus lists what was refused.
func (r *router) refusalStatus() []Refusal {
	if r.refused == nil {
		return nil
	}
	var out []Refusal
	for d := range r.refused {
		if x := &r.refused[d]; !x.last.IsZero() {
			out = append(out, Refusal{vrrp.DropReason(d), x.source, x.last})
		}
	}
	return out
}
