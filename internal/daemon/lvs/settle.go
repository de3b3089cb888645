package lvs

import (
	"slices"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// settleMargin is what a router may take to be told beyond its timers.
const settleMargin = time.Second

// keepTime is longer than the stop of a daemon that keeps its table may take from
// the release of its addresses to its end.
const keepTime = 5 * time.Minute

// settleTime is how long a virtual router that hears nobody takes to become
// master after its start, at most.
func settleTime(cfg *config.Config, name string) time.Duration {
	for i := range cfg.Instances {
		if in := &cfg.Instances[i]; in.Name == name {
			t := 4*in.AdvertInt + cfg.Global.VRRPStartupDelay + settleMargin // three intervals, and less than one of skew
			if in.StickyMaster {
				t += in.StickyHoldOff
			}
			return t
		}
	}
	return 0
}

// settle begins the time in which a router that begins as backup may be master
// again: what a predecessor of this daemon left in the kernel stays as it is
// until then. A service that were removed meanwhile would end its connections.
func (l *LVS) settle(name string, r *router, now time.Time) {
	if l.deps.Restarted || len(l.deps.Owned.Services) == 0 {
		return
	}
	if l.kept == nil {
		l.kept = make(map[ipvs.ServiceKey]bool, len(l.deps.Owned.Services))
		for _, k := range l.deps.Owned.Services {
			l.kept[k] = true
		}
	}
	if slices.ContainsFunc(l.follow.of(name), func(k ipvs.ServiceKey) bool { return l.kept[k] }) {
		r.settles = now.Add(settleTime(l.cfg, name))
	}
}

// hasten ends the time of a stopped router sooner, which is there again: another vrrp
// process took the place of one that ended while the daemon goes on. From what is
// told first it has the time of a start.
func (l *LVS) hasten(name string, r *router, now time.Time) {
	if r.settles.IsZero() {
		return
	}
	if end := now.Add(settleTime(l.cfg, name)); end.Before(r.settles) {
		r.settles = end
	}
}

// elected ends the time of routers that did not become master, and returns when
// the next one ends; zero: none does.
func (l *LVS) elected(now time.Time) (next time.Time) {
	for name, r := range l.routers {
		switch {
		case r.settles.IsZero():
		case !now.Before(r.settles):
			r.settles = time.Time{}
			l.table.dirtyOne(l.follow.of(name)...)
		case next.IsZero() || r.settles.Before(next):
			next = r.settles
		}
	}
	return next
}

// earlier is the earlier of two times, of which the zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
