package engine

import (
	"net/netip"
	"time"

	"holdfast/vrrp"
)

const (
	// mismatchLogTime is between two log lines about one router's mismatch.
	mismatchLogTime = time.Minute
	// mismatchLeast is the least silence after which one is over: not every
	// advert is looked at.
	mismatchLeast = 3 * time.Second
)

// Mismatch is another router that advertises an address of ours by a VRID that
// is not: neither hears the other, and both become master.
type Mismatch struct {
	VRID        uint8
	Source      netip.Addr // invalid: there never was one
	Address     netip.Addr // the first one of ours in its list
	Priority    uint8
	AdvertInt   time.Duration // that it tells
	Since, Last time.Time
}

// Now says whether it lives, as far as its adverts show.
func (m *Mismatch) Now(now time.Time) bool {
	return m.Source.IsValid() && m.Priority > 0 && now.Sub(m.Last) < max(4*m.AdvertInt, mismatchLeast)
}

// mismatched takes note of an advert of a VRID that is not ours for an address a
// of r. The first of several VRIDs is told while it lives.
func (e *Engine) mismatched(now time.Time, r *router, a, src netip.Addr, in *vrrp.Advert) {
	m := &r.mismatch
	if lives := m.Now(now); !lives {
		m.Since = now
	} else if m.VRID != in.VRID {
		return
	}
	m.VRID, m.Source, m.Address, m.Priority, m.Last = in.VRID, src, a, in.Priority, now
	m.AdvertInt = wireInterval(in.Version, in.AdvertInt)
	if in.Priority == 0 || !r.mismatchTold.IsZero() && now.Sub(r.mismatchTold) < mismatchLogTime {
		return
	}
	r.mismatchTold = now
	e.log.Warn("another router advertises an address of ours by another virtual_router_id: neither hears the other, and both become master",
		append(r.attrs(), "peer", src, "peer_vrid", in.VRID, "address", a, "peer_priority", in.Priority)...)
}
