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
// before in nothing but that there is no source address any more.
func (e *Engine) keepSource(r *router, was link.Port) {
	r.srcLost = false
	if !r.open || !was.Source.IsValid() || r.core.State() != vrrp.Master {
		return
	}
	without := was
	without.Source = netip.Addr{}
	now := r.port
	now.TTL = was.TTL // which place leaves out with the source
	if now == without {
		r.port, r.hasPort, r.srcLost = was, true, true
	}
}

// findSource sets what a router's adverts leave from, once its port is open,
// and remembers what a master had before.
func (e *Engine) findSource(r *router) {
	had := r.src
	r.src, r.lastSrc = netip.Addr{}, netip.Addr{}
	if r.open && !r.srcLost {
		r.src, _ = e.wire.SourceOf(r.port)
	}
	if r.open && !r.src.IsValid() && r.core.State() == vrrp.Master {
		r.lastSrc = had
	}
}
