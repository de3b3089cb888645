package vrrp

import "time"

// The sticky master is a policy of ours: whoever is master stays it as long as
// it lives. It does what people expect of nopreempt, which binds a backup that
// hears the master, and nobody else.
//
// Four rules make it, all of them within the protocol:
//
//   - A backup follows every master, whatever its priority.
//   - After a start and after its link came up a router waits hold-off longer
//     for adverts: a switch port may not pass anything on yet.
//   - A master says a higher priority on the wire than it has, and one that
//     grows with its age: who was master the longest wins when a parted segment
//     is whole again, a peer with a higher priority that starts (keepalived
//     too) finds a master above it, and tracked things with a weight move no
//     mastership.
//   - A young master that has never heard anybody since its start yields once
//     to whoever it hears first: it was deaf, and the other one lives.
//
// An address owner (priority 255) is never sticky.
const (
	// StickyPriority is the least priority that a sticky master advertises;
	// with its age it grows up to 254.
	StickyPriority = 250
	// stickyAge is the age at which the first step is made; each further one
	// takes ten times as long.
	stickyAge = 10 * time.Second
	// deafAge bounds for how long a master that has heard nobody takes itself
	// for deaf.
	deafAge = 10 * stickyAge
)

func (r *Router) sticky() bool { return r.cfg.Sticky && r.cfg.Priority != ownerPriority }

// stickyPriority is what a sticky master of some age advertises: 250 up to ten
// seconds, then 251, 252 from 100 s, 253 from 1,000 s, 254 from 10,000 s.
func stickyPriority(age time.Duration) uint8 {
	p := uint8(StickyPriority)
	for limit := stickyAge; age >= limit && p < ownerPriority-1; limit *= 10 {
		p++
	}
	return p
}

// Advertised is the priority on the wire now: the effective one, and more for
// a sticky master.
func (r *Router) Advertised(now time.Time) uint8 { return r.advertised(now) }

func (r *Router) advertised(now time.Time) uint8 {
	if r.state != Master || !r.sticky() {
		return r.effective
	}
	return max(r.effective, stickyPriority(now.Sub(r.since)))
}

// holdOff begins the wait after a start or after the link came up, and
// returns how long it is.
func (r *Router) holdOff(from time.Time) time.Duration {
	if !r.sticky() {
		return 0
	}
	r.deaf = true
	if r.cfg.HoldOff > 0 {
		r.holdUntil = from.Add(r.cfg.HoldOff)
	}
	return r.cfg.HoldOff
}

// listened notes that somebody was heard: there is nothing to hold off for.
func (r *Router) listened() {
	r.deaf = false
	r.holdUntil = time.Time{}
}

// yieldsDeaf says whether a master of lower priority is to be followed: it was
// there and could not be heard until now. Against one that is sticky itself
// the priorities decide.
func (r *Router) yieldsDeaf(now time.Time, a *Advert) bool {
	return r.sticky() && r.deaf && a.Priority < StickyPriority && now.Sub(r.since) < deafAge
}
