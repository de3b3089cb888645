package vrrp

import "time"

// advert takes an advert that passed Check.
func (r *Router) advert(now time.Time, ev *Event, out []Action) []Action {
	if ev.Advert == nil {
		return out
	}
	if r.state == Init || r.state == Fault || now.Before(r.startupUntil) {
		r.drops[DropState]++
		return out
	}
	r.count.Received++
	if ev.Advert.Priority == 0 {
		r.count.ZeroReceived++
	}
	if int(ev.Advert.Checksum) < NumChecksumForms {
		r.count.Checksums[ev.Advert.Checksum]++
		r.lastForm = ev.Advert.Checksum
	}
	r.lastHeard = now
	if r.state == Master {
		return r.masterAdvert(now, ev, out)
	}
	r.backupAdvert(now, ev)
	return out
}

// backupAdvert is RFC 9568 section 6.4.2, clauses B3 to B5, with keepalived's
// preempt_delay. Addresses are not compared in BACKUP.
func (r *Router) backupAdvert(now time.Time, ev *Event) {
	a := ev.Advert
	r.heard(ev)
	r.listened()
	switch {
	case a.Priority == 0:
		r.timer = now.Add(r.skew())
		r.expiry = ReasonMasterStopped
	case a.Priority >= r.effective:
		r.preemptAt = time.Time{}
		r.accept(now, a)
	case (r.cfg.NoPreempt || r.cfg.Sticky) && r.effective != ownerPriority:
		r.accept(now, a)
	case r.cfg.PreemptDelay > 0:
		if r.preemptAt.IsZero() {
			r.preemptAt = now.Add(r.cfg.PreemptDelay)
		}
		if now.Before(r.preemptAt) {
			r.accept(now, a)
			return
		}
		r.outranked()
	default:
		r.outranked()
	}
}

// outranked discards an advert of lower priority: the timer goes on and ends in
// MASTER. Where it was shortened for another reason, that one stays.
func (r *Router) outranked() {
	if r.expiry == ReasonTimeout {
		r.expiry = ReasonPreempt
	}
}

// accept takes the sender as the master: its interval is learned with v3 and
// the master-down timer starts again.
func (r *Router) accept(now time.Time, a *Advert) {
	r.learn(a)
	r.wantMaster = false
	r.timer = now.Add(r.masterDown())
	r.expiry = ReasonTimeout
}

// learn takes the master's interval over (v3).
func (r *Router) learn(a *Advert) {
	if r.cfg.Version == 3 && a.AdvertInt != 0 {
		r.learned = time.Duration(a.AdvertInt) * centisecond
	}
}

const centisecond = 10 * time.Millisecond

// heard notes who sent the last advert.
func (r *Router) heard(ev *Event) {
	r.master = ev.Src
	r.masterPriority = ev.Advert.Priority
}

// expireBackup: the master is gone, or may be preempted (clause B2). In a
// sync group every other member has to want MASTER too.
func (r *Router) expireBackup(now time.Time, out []Action) []Action {
	r.wantMaster = true
	if !r.group.mayMaster(r) {
		r.timer = now.Add(r.masterDown())
		if r.expiry != ReasonOwner {
			r.expiry = ReasonTimeout
		}
		if r.told == Init && !r.group.starting() { // an owner that its group holds back
			return r.tell(ReasonStart, out)
		}
		return out
	}
	return r.takeOver(now, r.expiry, out)
}
