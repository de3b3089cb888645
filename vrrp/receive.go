package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// Check makes the receive checks that need the router's configuration, in
// keepalived's order, on a message that Decode accepted, and counts a drop.
// Only what passes goes into Step as EventAdvert.
func (r *Router) Check(a *Advert, m *Meta) DropReason {
	d := r.check(a, m)
	if d != DropNone {
		r.drops[d]++
	}
	return d
}

// Dropped is how many messages were dropped for a reason.
func (r *Router) Dropped(d DropReason) uint64 { return r.drops[d] }

// EffectivePriority is the priority with what is tracked.
func (r *Router) EffectivePriority() uint8 { return r.effective }

// Drop counts a message that was for this router but that Decode refused.
func (r *Router) Drop(d DropReason) {
	if d != DropNone && int(d) < NumDropReasons {
		r.drops[d]++
	}
}

// Overheard judges an advert that Check left aside for the state alone: ok says
// that a router in FAULT would have accepted it, agrees that it lists our
// addresses. It changes nothing of the router, counts nothing and allocates
// nothing: who advertises is known then, and the protocol does not act on it.
func (r *Router) Overheard(a *Advert, m *Meta) (ok, agrees bool) {
	if r.state != Fault || r.checkMessage(a, m, false) != DropNone || r.checkPeer(m) != DropNone {
		return false, false
	}
	agrees = r.compareAddresses(a, m.Src) == DropNone
	return agrees || !r.refusesList(a), agrees
}

func (r *Router) check(a *Advert, m *Meta) DropReason {
	if r.state == Init || r.state == Fault {
		return DropState
	}
	if d := r.checkMessage(a, m, true); d != DropNone {
		return d
	}
	if d := r.checkAddresses(a, m.Src); d != DropNone {
		return d
	}
	return r.checkPeer(m)
}

// checkMessage makes the checks before those of the addresses; note is that of
// checkAuth.
func (r *Router) checkMessage(a *Advert, m *Meta, note bool) DropReason {
	c := &r.cfg
	if m.AH != (r.auth.ah != nil) {
		return DropAH
	}
	if !c.Unicast && m.TTL != 255 {
		return DropTTL
	}
	if a.Version != c.Version {
		return DropVersion
	}
	if a.VRID != c.VRID {
		return DropUnknownVRID
	}
	// What costs nothing and does not depend on who sent it goes before the
	// digests; keepalived has it behind them.
	if m.Dst.IsMulticast() == c.Unicast {
		return DropDestination
	}
	if d := r.checkAuth(a, m, note); d != DropNone {
		return d
	}
	if a.Version == 2 {
		if time.Duration(a.AdvertInt)*time.Second != c.AdvertInt {
			return DropInterval
		}
	} else if a.AdvertInt == 0 {
		return DropInterval
	}
	if c.OwnerIgnoreAdverts && c.Priority == ownerPriority {
		return DropOwner
	}
	return DropNone
}

// checkPeer makes the checks of check_unicast_src, min_ttl and max_ttl.
func (r *Router) checkPeer(m *Meta) DropReason {
	c := &r.cfg
	if !c.Unicast || !c.CheckPeers {
		return DropNone
	}
	i := slices.Index(c.Peers, m.Src)
	if i < 0 {
		return DropPeer
	}
	if i < len(c.PeerTTLs) && (m.TTL < c.PeerTTLs[i].Min || m.TTL > c.PeerTTLs[i].Max) {
		return DropPeerTTL
	}
	return DropNone
}

// checkAddresses compares the lists. A difference is normal while a new list
// is rolled out, so that it is only counted (keepalived since 2.3.3) unless
// StrictAddresses asks for the older way.
func (r *Router) checkAddresses(a *Advert, src netip.Addr) DropReason {
	d := r.compareAddresses(a, src)
	r.disagree = d != DropNone
	if d == DropNone {
		return d
	}
	r.count.AddressMismatch++
	if r.refusesList(a) {
		return d
	}
	return DropNone
}

// compareAddresses says how an advert's list differs from ours.
func (r *Router) compareAddresses(a *Advert, src netip.Addr) DropReason {
	switch {
	case len(a.Addrs) != len(r.cfg.Addresses):
		return DropCount
	case r.cfg.SkipCheckAdvAddr && src == r.master:
	case !r.sameAddresses(a.Addrs):
		return DropAddresses
	}
	return DropNone
}

// refusesList says that an advert with another list than ours is dropped.
func (r *Router) refusesList(a *Advert) bool {
	return r.cfg.StrictAddresses || len(a.Addrs) == 0
}

// Agrees says whether the last advert that was checked lists our addresses.
func (r *Router) Agrees() bool { return !r.disagree }

// sameAddresses compares as sets, first in the order on the wire, which is
// the rule.
func (r *Router) sameAddresses(list []netip.Addr) bool {
	if slices.Equal(list, r.cfg.Addresses) {
		return true
	}
	if len(list) != len(r.sorted) {
		return false
	}
	r.scratch = append(r.scratch[:0], list...)
	slices.SortFunc(r.scratch, netip.Addr.Compare)
	return slices.Equal(r.scratch, r.sorted)
}

// Advert fills a with what the router sends with priority p (the one of
// ActionSend). a.Addrs is used again.
func (r *Router) Advert(p uint8, a *Advert) {
	c := &r.cfg
	*a = Advert{Version: c.Version, VRID: c.VRID, Priority: p, Addrs: append(a.Addrs[:0], c.Addresses...)}
	if c.Version == 2 {
		a.AuthType = c.AuthType
		if c.AuthType == AuthPassword {
			a.AuthData = c.AuthPass
		}
	}
	a.AdvertInt = r.WireInterval()
}

// WireInterval is advert_int as adverts carry it: v2 seconds, v3 centiseconds.
func (r *Router) WireInterval() uint16 {
	if r.cfg.Version == 2 {
		return uint16(min(r.cfg.AdvertInt/time.Second, 255))
	}
	return uint16(min(r.cfg.AdvertInt/centisecond, maxInterval3))
}
