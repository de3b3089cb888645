package vrrp

import (
	"net/netip"
	"time"
)

// Rival is a second master: one whose adverts a master hears although its own
// should have silenced it.
type Rival struct {
	Addr     netip.Addr // invalid: none was heard yet
	Priority uint8
	Since    time.Time // first advert of this incident
	Last     time.Time
	Adverts  uint64 // of this incident
}

// Rival is the last second master heard.
func (r *Router) Rival() Rival { return r.rival }

// rivalHeard notes a second master. Adverts belong to one incident until the
// rival was silent for as long as makes a master dead.
func (r *Router) rivalHeard(now time.Time, src netip.Addr, a *Advert) {
	if !r.rivalNow(now) {
		r.rival = Rival{Since: now}
		r.count.SecondMaster++
	}
	r.rival.Addr, r.rival.Priority, r.rival.Last = src, a.Priority, now
	r.rival.Adverts++
}

// rivalNow says whether a second master lives, as far as this router knows.
func (r *Router) rivalNow(now time.Time) bool {
	return r.rival.Addr.IsValid() && now.Sub(r.rival.Last) < r.masterDown()
}
