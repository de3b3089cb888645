package lvs

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// router is what is known of a virtual router.
type router struct {
	told   bool
	master bool
	vips   []netip.Addr // as told last, beside those of the configuration
	// settles is when a router that began as backup, or was stopped, is taken for
	// one; zero: it is what was told.
	settles time.Time
	// faultBy is until when FAULT may put that off; zero: nothing was told since the
	// start or the stop.
	faultBy time.Time
	// As told last, see RouterState.
	fault, stopped bool
}

// turns reports whether connection sync is to follow what was told: a daemon that
// stops ends its role, and does not begin the other one for that moment.
func (r *router) turns() bool { return r != nil && r.told && !r.stopped }

// RouterState is what is told of a virtual router.
type RouterState struct {
	Name   string
	Master bool
	VIPs   []netip.Addr // nil: they are as before
	// Stopped: it is not master because the daemon stops.
	Stopped bool
	// Fault: it takes no part in the election, for it is in FAULT or waits for its
	// interface.
	Fault bool
}

// RouterStates tells the states of virtual routers; those of one call are
// worked on together. After one that is master TableReady is called for its
// router when the services that follow it are in the kernel; at once if they
// are, or if none does; for one that is not in the configuration, after the
// reload that brings it.
func (l *LVS) RouterStates(list ...RouterState) {
	l.inbox.post(func() { l.routerStates(list) })
}

func (l *LVS) routerStates(list []RouterState) {
	touch := func() {
		for i := range list {
			l.table.dirtyOne(l.follow.of(list[i].Name)...)
		}
	}
	touch() // also what follows it no more
	moved, synced := false, false
	for i := range list {
		s := &list[i]
		if !l.follow.names[s.Name] && !s.Master && s.VIPs == nil {
			// It went with the last reload. What stayed of it would speak
			// for a later router of that name.
			delete(l.routers, s.Name)
			delete(l.gates, s.Name)
			continue
		}
		r := l.routers[s.Name]
		if r == nil {
			r = &router{}
			l.routers[s.Name] = r
		}
		if s.Master {
			r.settles = time.Time{}
		} else if s.Stopped && l.deps.Keep {
			r.settles, r.faultBy = time.Now().Add(keepTime), time.Time{}
		} else if !r.settles.IsZero() || l.starting[s.Name] && l.foundTable(s.Name) {
			l.settle(s.Name, r, s.Fault, time.Now())
		}
		delete(l.starting, s.Name)
		r.told, r.master, r.fault, r.stopped = true, s.Master, s.Fault, s.Stopped
		if s.VIPs != nil {
			moved = moved || r.vips == nil || !slices.Equal(r.vips, s.VIPs)
			r.vips = slices.Clone(s.VIPs)
		}
		delete(l.gates, s.Name)
		if s.Master {
			l.gates[s.Name] = true
		}
		synced = synced || syncFollows(l.cfg, s.Name)
	}
	if moved {
		l.follow.index()
		touch()
	}
	if synced {
		l.daemons.dirty = true
		if err := l.openPackets(); err != nil { // before TableReady
			l.log.Error("connection sync", "err", err)
		}
	}
	l.pause()
}

// forgetRouters drops what was told of routers that a reload takes away.
func (l *LVS) forgetRouters() {
	gone := func(name string) bool { return !l.follow.names[name] }
	maps.DeleteFunc(l.routers, func(name string, _ *router) bool { return gone(name) })
	maps.DeleteFunc(l.gates, func(name string, _ bool) bool { return gone(name) })
}

// pause lets the checks of services rest or run as mastership says.
func (l *LVS) pause() {
	if !l.follow.rests() {
		return // they all run
	}
	var rest, run []string
	for _, it := range l.services.items {
		if l.follow.paused(l.services.refs[it.Key].service) {
			rest = append(rest, it.Key)
		} else {
			run = append(run, it.Key)
		}
	}
	l.runner.Pause(rest...)
	l.runner.Resume(run...)
}
