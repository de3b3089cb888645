package vrrp

import "time"

// lowerPause is between two sets that answer another master: forged adverts
// must not turn into a storm of announcements.
const lowerPause = 50 * time.Millisecond

// announceSet appends rounds rounds of gratuitous ARP / NA.
func (r *Router) announceSet(rounds int, out []Action) []Action {
	if rounds <= 0 {
		return out
	}
	return append(out, Action{Kind: ActionAnnounce, ID: r.id, Count: rounds})
}

// announcePromotion begins the announcements of a new master.
func (r *Router) announcePromotion(now time.Time) {
	g := &r.cfg.GARP
	if g.Delay > 0 && g.Repeat > 0 {
		r.garpSecond = now.Add(g.Delay)
	}
	if g.Refresh > 0 {
		r.garpRefresh = now.Add(g.Refresh)
	}
	if g.Extra > 0 {
		r.garpExtra = now.Add(g.Extra)
	}
}

// announceAnew is EventAnnounce: both sets of a promotion once more.
func (r *Router) announceAnew(now time.Time, out []Action) []Action {
	if r.state != Master || !r.applied {
		return out // what is applied later is announced then
	}
	if g := &r.cfg.GARP; g.Delay > 0 && g.Repeat > 0 {
		r.garpSecond = now.Add(g.Delay)
	}
	return r.announceSet(r.cfg.GARP.Repeat, out)
}

// announceLower tells the segment again whose the addresses are, now and once
// more later, because another master was heard. Addresses that are not applied
// yet are announced then anyway.
func (r *Router) announceLower(now time.Time, out []Action) []Action {
	if r.state != Master || r.cfg.GARP.LowerPrioRep <= 0 || !r.applied {
		return out
	}
	if r.cfg.GARP.LowerPrioDelay > 0 {
		r.garpLower = now.Add(r.cfg.GARP.LowerPrioDelay)
	}
	if now.Sub(r.announcedLower) < lowerPause {
		return out
	}
	r.announcedLower = now
	return r.announceSet(r.cfg.GARP.LowerPrioRep, out)
}

// expireAnnouncements acts on the timers of a master's announcements.
func (r *Router) expireAnnouncements(now time.Time, out []Action) []Action {
	g := &r.cfg.GARP
	if due(r.garpSecond, now) {
		r.garpSecond = time.Time{}
		out = r.announceSet(g.Repeat, out)
	}
	if due(r.garpLower, now) {
		r.garpLower = time.Time{}
		out = r.announceSet(g.LowerPrioRep, out)
	}
	if due(r.garpDefend, now) {
		r.garpDefend = time.Time{}
		out = r.announceSet(g.LowerPrioRep, out)
	}
	if due(r.garpRefresh, now) {
		at := r.garpRefresh
		r.garpRefresh = time.Time{}
		if g.Refresh > 0 { // else switched off by a reload
			r.garpRefresh = nextOnGrid(at, now, g.Refresh)
			out = r.announceSet(g.RefreshRepeat, out)
		}
	}
	if due(r.garpExtra, now) {
		at := r.garpExtra
		r.garpExtra = time.Time{}
		if g.Extra > 0 {
			r.garpExtra = nextOnGrid(at, now, g.Extra)
			out = append(out, Action{Kind: ActionAnnounce, ID: r.id, Count: 1, Extra: true})
		}
	}
	return out
}

// reloadAnnouncements takes over other periods.
func (r *Router) reloadAnnouncements(now time.Time, old GARP) {
	g := &r.cfg.GARP
	if !r.applied {
		return
	}
	if g.Refresh > 0 && g.Refresh != old.Refresh {
		r.garpRefresh = now.Add(g.Refresh)
	}
	if g.Extra > 0 && g.Extra != old.Extra {
		r.garpExtra = now.Add(g.Extra)
	}
}

// stopAnnouncements forgets what was to be announced later.
func (r *Router) stopAnnouncements() {
	r.garpSecond, r.garpRefresh, r.garpLower, r.garpExtra = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	r.garpDefend = time.Time{}
}
