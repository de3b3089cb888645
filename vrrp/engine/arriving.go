package engine

import (
	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// Arriving tells that some of the addresses that a router asked for are there,
// before all are. x is the engine's from now on. Any goroutine.
func (e *Engine) Arriving(x link.Arriving) { e.put(note{arrives: &x}) }

// arriving announces the first addresses of a takeover once, while the kernel is
// busy with the others: of thousands the last one is there half a second later.
// All are announced as configured when all are there. Where announcements have
// gaps one more round would only be in the way of the others.
func (e *Engine) arriving(x *link.Arriving) {
	r := e.router(vrrp.ID(x.Owner))
	if r == nil || x.Gen != r.set || !r.arriving || r.core.State() != vrrp.Master || r.cfg.GARP.Repeat <= 0 || !e.pacing.none() {
		return
	}
	e.announceList(r, x.There, 1)
}
