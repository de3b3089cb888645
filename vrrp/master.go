package vrrp

import (
	"net/netip"
	"time"
)

const (
	// lostLimit addresses may be lost and put back within lostWindow; when
	// they go once more, another election is the answer, as keepalived's to
	// the first loss.
	lostLimit  = 3
	lostWindow = 10 * time.Second

	// tellDelay is how long telling MASTER waits for the addresses.
	tellDelay = time.Second
)

// takeOver becomes master: the advert first, then the addresses; announcing
// and telling wait for EventApplied. The adverts' phase begins here.
func (r *Router) takeOver(now time.Time, reason Reason, out []Action) []Action {
	r.stopTimers()
	r.learned = r.cfg.AdvertInt
	peer := noPeer
	if reason == ReasonPreempt {
		peer = r.master
	}
	r.enter(now, Master, reason, peer)
	r.holdUntil = time.Time{}
	out = r.send(r.advertised(now), out)
	r.timer = r.nextAdvert(now)
	out = r.addresses(true, out)
	r.promoted = true
	r.tellBy = now.Add(tellDelay)
	return out
}

// yield leaves MASTER for BACKUP and waits for wait.
func (r *Router) yield(now time.Time, reason Reason, peer netip.Addr, wait time.Duration, out []Action) []Action {
	out = r.addresses(false, out)
	r.stopTimers()
	r.timer = now.Add(wait)
	r.expiry = ReasonTimeout
	r.enter(now, Backup, reason, peer)
	return r.tell(reason, out)
}

// wasApplied announces the addresses of the newest generation and tells a
// promotion.
func (r *Router) wasApplied(now time.Time, gen uint64, out []Action) []Action {
	if gen != r.gen || r.applied || gen == 0 {
		return out
	}
	r.applied = true
	if r.state != Master {
		return out
	}
	if r.announce {
		out = r.announceSet(r.cfg.GARP.Repeat, out)
		r.announce = false
	}
	if r.promoted {
		r.promoted = false
		r.announcePromotion(now)
	}
	r.tellBy = time.Time{}
	return r.tell(r.reason, out)
}

// masterAdvert is RFC 9568 section 6.4.3, clauses A3 to A5, with keepalived's
// answers to an advert of lower priority.
func (r *Router) masterAdvert(now time.Time, ev *Event, out []Action) []Action {
	a := ev.Advert
	if a.Priority == 0 {
		out = r.send(r.advertised(now), out)
		r.timer = r.nextAdvert(now)
		// Whoever sent it was master a moment ago, and its neighbours may think so
		// still.
		return r.announceLower(now, out)
	}
	order := int(a.Priority) - int(r.advertised(now))
	if order == 0 {
		if ev.NoTie {
			return out
		}
		order = ev.Src.Compare(ev.Local)
		if order == 0 {
			r.count.SameAddress++ // somebody has our address: nothing to decide
			return out
		}
	}
	if order > 0 {
		if r.cfg.HigherPrioSendAdvert {
			out = r.send(r.advertised(now), out)
		}
		r.heard(ev)
		r.learn(a)
		return r.yield(now, ReasonHigherAdvert, ev.Src, r.masterDown(), out)
	}
	if r.yieldsDeaf(now, a) {
		r.heard(ev)
		r.listened()
		r.learn(a)
		return r.yield(now, ReasonDeaf, ev.Src, r.masterDown(), out)
	}
	r.listened()
	r.rivalHeard(now, ev.Src, a)
	r.heardLower = true
	if !r.cfg.LowerPrioNoAdvert {
		out = r.send(r.advertised(now), out)
		r.timer = r.nextAdvert(now)
	}
	out = r.announceLower(now, out)
	return append(out, Action{
		Kind: ActionEvent, ID: r.id, Priority: r.effective,
		From: r.state, To: r.state, Reason: ReasonLowerAdvert, Peer: ev.Src,
	})
}

// expireMaster acts on the timers that only a master has.
func (r *Router) expireMaster(now time.Time, out []Action) []Action {
	if due(r.tellBy, now) {
		r.tellBy = time.Time{}
		out = r.tell(r.reason, out)
	}
	return r.expireAnnouncements(now, out)
}

// addressLost puts addresses that a stranger removed back at once. Losses
// that come before the last repair is in the kernel belong to the same
// incident. After too many incidents the router does what keepalived does at
// the first: it gives mastership up and is back after the skew time, unless a
// peer is quicker.
func (r *Router) addressLost(now time.Time, out []Action) []Action {
	if r.state != Master {
		return out
	}
	if r.applied {
		oldest := r.lost[r.lostN%lostLimit]
		if r.lostN >= lostLimit && now.Sub(oldest) < lostWindow {
			out = r.send(0, out)
			return r.yield(now, ReasonAddressLost, noPeer, r.skew(), out)
		}
		r.lost[r.lostN%lostLimit] = now
		r.lostN++
		r.count.AddressesLost++
	}
	return r.addresses(true, out)
}
