package lvs

import (
	"time"

	"holdfast/ipvs"
	"holdfast/vrrp/link"
)

// leaveLimit bounds how long a service waits for its address to go, from the
// end of the reload here: the vrrp process hears of the reload up to 2 s later,
// and has 2 s from then on.
const leaveLimit = 4 * time.Second

// leave notes what a reload takes away together with its address: services
// that the old rules have in the kernel for a router that is master, and that
// does not have their address any more. As long as the address is here they
// stay as they are, or connections to it would be refused.
func (l *LVS) leave(old *follow, now time.Time) {
	held := func(k ipvs.ServiceKey) bool {
		for _, name := range l.follow.byAddr[k.Addr] {
			if r := l.routers[name]; r != nil && r.master && l.follow.configured(name, k.Addr) {
				return true
			}
		}
		return false
	}
	for k := range l.leaving {
		if held(k) {
			delete(l.leaving, k)
		}
	}
	for k := range l.table.have {
		if !k.Addr.IsValid() || !l.isOurs(k) || held(k) {
			continue
		}
		for _, name := range old.byAddr[k.Addr] {
			if r := l.routers[name]; r != nil && r.master {
				l.leaving[k] = now.Add(leaveLimit)
			}
		}
	}
	if len(l.leaving) > 0 {
		// What is known of addresses may be old: news are waited for.
		l.followLinks()
	}
}

// leaveFrom begins the time anew of what waits for its address to go: the vrrp
// process may hear of a reload only after all that one does here.
func (l *LVS) leaveFrom(now time.Time) {
	for k := range l.leaving {
		l.leaving[k] = now.Add(leaveLimit)
	}
}

// left lets go of services whose address is gone.
func (l *LVS) left() {
	if len(l.leaving) == 0 {
		return
	}
	here := addresses(l.links)
	for k := range l.leaving {
		if !here[k.Addr] {
			delete(l.leaving, k)
			l.table.dirtyOne(k)
		}
	}
}

// leftLate lets go of services whose address stays, and returns when that is
// due again; zero: never.
func (l *LVS) leftLate(now time.Time) (next time.Time) {
	for k, at := range l.leaving {
		switch {
		case !now.Before(at):
			delete(l.leaving, k)
			l.table.dirtyOne(k)
		case next.IsZero() || at.Before(next):
			next = at
		}
	}
	return next
}

// linkNews takes the interfaces of this machine.
func (l *LVS) linkNews(list []link.Interface) {
	l.links = list
	l.left()
	l.localNews()
	c := l.cfg.Global.LVSSyncDaemon
	if c == nil {
		return
	}
	if now := linkOf(list, c.Interface); !now.equal(l.daemons.link) {
		l.daemons.link, l.daemons.dirty = now, true
	}
}
