package engine

import (
	"cmp"
	"slices"
	"time"
)

const (
	// spreadSize is how many routers of one interval may change together for
	// each moment that there is between two of their adverts: so many addresses
	// take the kernel one or two milliseconds.
	spreadSize = 64
	// spreadGap is between two such moments at least: each wakes this machine
	// and its peers.
	spreadGap = 5 * time.Millisecond
	// spreadMax is how many such moments there are in an interval at most.
	spreadMax = 16
)

// spread shares hundreds of routers out over their interval. Adverts that leave
// together cost the least, but the peers' timers then end together, too: the
// last of 4,000 addresses would be waiting for the 3,999 before it.
func (e *Engine) spread() {
	phases := make(map[*router]time.Duration, len(e.routers))
	byInterval := map[time.Duration][]*router{}
	for _, r := range e.routers {
		if r != nil {
			byInterval[r.cfg.AdvertInt] = append(byInterval[r.cfg.AdvertInt], r)
		}
	}
	for interval, list := range byInterval {
		n := min(len(list)/spreadSize, int(interval/spreadGap), spreadMax)
		if n < 2 {
			n = 0
		}
		// Those of an interface stay together, as one system call serves them.
		slices.SortStableFunc(list, func(a, b *router) int { return cmp.Compare(a.cfg.Interface, b.cfg.Interface) })
		for i, r := range list {
			phases[r] = -1
			if n > 0 {
				phases[r] = time.Duration(i*n/len(list)) * interval / time.Duration(n)
			}
		}
	}
	for _, g := range e.groups {
		e.together(g, phases)
	}
	for r, phase := range phases {
		e.dir.Spread(r.id, phase)
	}
}

// together has the members of a sync group go by the first: they change when
// one of them does.
func (e *Engine) together(g Group, phases map[*router]time.Duration) {
	var first *router
	for _, name := range g.Members {
		r := e.byName[name]
		switch {
		case r == nil:
		case first == nil:
			first = r
		case r.cfg.AdvertInt == first.cfg.AdvertInt:
			phases[r] = phases[first]
		}
	}
}
