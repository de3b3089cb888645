package engine

import (
	"time"

	"holdfast/vrrp"
)

// rivalLogTime is between two log lines about one router's second master.
const rivalLogTime = time.Minute

// event logs an event. Every advert of a second master is one; the log says
// so once a minute.
func (e *Engine) event(now time.Time, r *router, a *vrrp.Action) {
	if a.Reason != vrrp.ReasonLowerAdvert {
		e.log.Info("event", e.causes(r, a, append(r.attrs(), "reason", a.Reason.String(), "priority", a.Priority))...)
		return
	}
	if !r.rivalTold.IsZero() && now.Sub(r.rivalTold) < rivalLogTime {
		return
	}
	r.rivalTold = now
	rival := r.core.Rival()
	e.log.Warn("a second master is heard: this one stays, as its priority or else its address is higher",
		append(r.attrs(), "peer", rival.Addr, "peer_priority", rival.Priority,
			"priority", r.core.Advertised(now), "adverts", rival.Adverts, "since", rival.Since.Round(0))...)
}
