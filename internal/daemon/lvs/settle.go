package lvs

import (
	"slices"
	"time"

	"holdfast/internal/config"
)

// settleMargin is what a router may take to be told beyond its timers.
const settleMargin = time.Second

// faultTime is how long what was left in the kernel waits for the end of FAULT: a port
// of a switch that comes up, a script that has run once. It is counted from the first
// that a router tells.
const faultTime = time.Minute

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

// foundTable reports whether a predecessor of this daemon left services in the kernel
// that follow a router.
func (l *LVS) foundTable(name string) bool {
	return !l.deps.Restarted && slices.ContainsFunc(l.follow.of(name), l.found.has)
}

// settle says until when a router that is not master may be it again: what a
// predecessor of this daemon, or of the vrrp process, left in the kernel stays as it
// is until then. A service that were removed meanwhile would end its connections. The
// time is that of an election, from the first word on. In FAULT there is none, so that
// it begins anew when FAULT ends, within faultTime; a router that stays in FAULT keeps
// what was left for so long.
func (l *LVS) settle(name string, r *router, fault bool, now time.Time) {
	end := now.Add(settleTime(l.cfg, name))
	switch {
	case r.faultBy.IsZero():
		// Also after a stop that ended the vrrp process alone, which has a successor:
		// the time that was given for the stop is of no use any more.
		r.settles, r.faultBy = end, now.Add(faultTime)
	case r.fault && !fault && now.Before(r.faultBy):
		r.settles = end
	}
	if fault && r.settles.Before(r.faultBy) {
		r.settles = r.faultBy
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
			l.log.Info("what was left in the kernel is not kept any longer: the virtual router is not master", "instance", name, "fault", r.fault)
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
