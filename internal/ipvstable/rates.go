package ipvstable

import (
	"time"

	"holdfast/ipvs"
)

// Since replaces the kernel's estimates of rates by what was counted since an
// earlier listing, elapsed before. What was not listed then keeps its
// estimate.
func (l *Listing) Since(before *Listing, elapsed time.Duration) {
	if elapsed <= 0 {
		return
	}
	type place struct {
		service ipvs.ServiceKey
		server  ipvs.DestKey
	}
	old := map[place]*Counters{}
	for i := range before.Services {
		s := &before.Services[i]
		old[place{service: s.Key}] = &s.Counters
		for j := range s.Servers {
			old[place{s.Key, s.Servers[j].Key}] = &s.Servers[j].Counters
		}
	}
	for i := range l.Services {
		s := &l.Services[i]
		s.since(old[place{service: s.Key}], elapsed)
		for j := range s.Servers {
			s.Servers[j].since(old[place{s.Key, s.Servers[j].Key}], elapsed)
		}
	}
}

func (c *Counters) since(before *Counters, elapsed time.Duration) {
	if before == nil {
		return
	}
	rate := func(now, then uint64) uint64 {
		if now < then { // zeroed, or made anew
			then = 0
		}
		return uint64(float64(now-then)/elapsed.Seconds() + 0.5)
	}
	c.Rates = Rates{
		rate(c.Connections, before.Connections),
		rate(c.InPackets, before.InPackets), rate(c.OutPackets, before.OutPackets),
		rate(c.InBytes, before.InBytes), rate(c.OutBytes, before.OutBytes),
	}
}
