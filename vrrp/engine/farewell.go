package engine

import (
	"net/netip"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// A master whose interface loses the address that adverts come from ends in
// FAULT. Its peers must not find that out by waiting: one last advert, of
// priority 0, leaves from the address that it had, over the port that is open.

// keepSource keeps the port of a master whose new place differs from the one
// before in nothing but that no source address was found any more; sought: the
// one before was found, too, and not configured.
func (e *Engine) keepSource(r *router, was link.Port, sought bool) {
	r.srcLost = false
	r.stays = r.open && r.hasPort && r.port == was
	if !r.open || !sought || !r.sought || !was.Source.IsValid() || r.port.Source.IsValid() || r.core.State() != vrrp.Master {
		return
	}
	without := was
	without.Source = netip.Addr{}
	now := r.port
	now.TTL = was.TTL // which place leaves out with the source
	if now == without {
		r.port, r.hasPort, r.srcLost, r.stays = was, true, true, true
	}
}

// findSource sets what a router's adverts leave from, once its port is open,
// and remembers what a master had before. On an interface that is down nothing
// could leave any more.
func (e *Engine) findSource(r *router) {
	had := r.src
	r.src, r.lastSrc = netip.Addr{}, netip.Addr{}
	if r.open && !r.srcLost {
		r.src, _ = e.wire.SourceOf(r.port)
	}
	i := e.byIndex[r.port.Ifindex]
	if r.open && r.stays && !r.src.IsValid() && i != nil && i.Up && r.core.State() == vrrp.Master {
		r.lastSrc = had
	}
}
