package vrrp

import "time"

const (
	// defendPause is the least time between two answers to claims of others
	// (DEFEND_INTERVAL of RFC 5227 section 2.4): two masters that hear no advert
	// of each other must not outshout each other.
	defendPause = 10 * time.Second
	// askPause is the least time between two answers to questions.
	askPause = time.Second
)

// claimed takes the news that another machine announced one of the addresses as
// its own or, with asked, asked on the segment whether anybody has it. Either
// way neighbours may think that it is elsewhere.
//
// A holdfast that has just yielded in silence asks, and is answered at once. Whoever announces may be a better master whose advert
// is about to be read: it is answered after one interval and a half, if this
// router is master still.
func (r *Router) claimed(now time.Time, asked bool, out []Action) []Action {
	if r.state != Master || !r.applied {
		return out // what is applied later is announced then
	}
	if !asked {
		r.count.Claims++
		if r.garpDefend.IsZero() && !now.Before(r.defendFrom) {
			r.defendFrom = now.Add(defendPause)
			r.garpDefend = now.Add(r.cfg.AdvertInt * 3 / 2)
		}
		return out
	}
	if now.Before(r.answerFrom) {
		return out
	}
	r.answerFrom = now.Add(askPause)
	return r.announceSet(r.cfg.GARP.LowerPrioRep, out)
}
