package engine

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
)

// maxPeers bounds how many senders are remembered for a router.
const maxPeers = 8

// Peer is one sender of adverts that were accepted.
type Peer struct {
	Addr      netip.Addr
	Priority  uint8
	AdvertInt uint16 // as on the wire: v2 seconds, v3 centiseconds
	Last      time.Time
	Agrees    bool // its last advert lists our addresses
	// Foreign: none of its addresses is ours. It is another virtual router
	// that was given the same VRID.
	Foreign bool
}

// hear remembers who was heard, in place of the one heard longest ago when
// there are too many.
func (r *router) hear(now time.Time, src netip.Addr, a *vrrp.Advert) {
	at := &r.heard[0]
	for i := range r.heard {
		p := &r.heard[i]
		if p.Addr == src {
			at = p
			break
		}
		if p.Last.Before(at.Last) {
			at = p
		}
	}
	agrees := r.core.Agrees()
	foreign := !agrees && at.Foreign
	if !agrees && (at.Addr != src || at.Agrees) { // compared once, not for every advert
		foreign = !slices.ContainsFunc(a.Addrs, func(o netip.Addr) bool { return slices.Contains(r.cfg.Addresses, o) })
	}
	*at = Peer{Addr: src, Priority: a.Priority, AdvertInt: a.AdvertInt, Last: now, Agrees: agrees, Foreign: foreign}
}
