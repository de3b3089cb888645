package vrrp

import "time"

// ownFault tells whether the router itself, its group aside, has a cause to
// be in FAULT. The causes are independent: the last one that goes ends it.
func (r *Router) ownFault() bool {
	if r.linkDown && !r.cfg.DontTrackPrimary {
		return true
	}
	for i := range r.tracks {
		if r.tracks[i].fault() {
			return true
		}
	}
	return false
}

// OwnFault tells whether the router itself, its sync group aside, has a cause
// to be in FAULT.
func (r *Router) OwnFault() bool { return r.ownFault() }

// Culprit is another member of the router's sync group whose own fault holds
// the router in FAULT; nil: there is none.
func (r *Router) Culprit() *Router {
	if r.group == nil {
		return nil
	}
	for _, m := range r.group.members {
		if m != r && m.ownFault() {
			return m
		}
	}
	return nil
}

// pendingFault: an unweighted track has not reported yet.
func (r *Router) pendingFault() bool {
	for i := range r.tracks {
		if r.tracks[i].Weight == 0 && !r.tracks[i].known() {
			return true
		}
	}
	return false
}

// link takes the state of the router's own interface.
func (r *Router) link(now time.Time, up bool, out []Action) []Action {
	r.linkDown = !up
	return r.settle(now, ReasonLink, out)
}

// result takes the result of a tracked thing; one that the router does not
// track is ignored.
func (r *Router) result(now time.Time, ev *Event, out []Action) []Action {
	i := findTrack(r.tracks, ev.Key)
	if i < 0 {
		return out
	}
	t := &r.tracks[i]
	t.kept = t.contribution()
	t.Up, t.value, t.Pending, t.assumed = ev.Up, min(max(ev.Value, -MaxTrackValue), MaxTrackValue), false, false
	first := len(out)
	out = r.reprioritise(out)
	out = r.settle(now, ReasonTrack, out)
	for i := range out[first:] {
		if a := &out[first+i]; a.Kind == ActionChanged || a.Kind == ActionEvent {
			a.Track = t.Key
		}
	}
	return out
}

// settle enters or leaves FAULT as the causes ask. FAULT because of pending
// tracks only is hidden: nothing is told, and a router that runs is left alone.
func (r *Router) settle(now time.Time, reason Reason, out []Action) []Action {
	if r.state == Init {
		return out
	}
	switch {
	case r.ownFault() || r.groupFault:
		if r.state != Fault {
			return r.fail(now, reason, out)
		}
		return r.tell(reason, out) // a hidden fault comes into the open
	case r.state == Fault && !r.pendingFault():
		if r.told == Init {
			reason = ReasonStart // was hidden until now
		}
		return r.recover(now, reason, out)
	}
	return out
}

// fail enters FAULT. The master-down timer is off there and adverts are ignored.
func (r *Router) fail(now time.Time, reason Reason, out []Action) []Action {
	if r.state == Master {
		out = r.send(0, out)
		out = r.addresses(false, out)
	}
	r.stopTimers()
	r.enter(now, Fault, reason, noPeer)
	return r.tell(reason, out)
}

// recover leaves FAULT for BACKUP with a full master-down wait, which is
// shorter for an owner that is to be master.
func (r *Router) recover(now time.Time, reason Reason, out []Action) []Action {
	wait := r.masterDown()
	if r.startsMaster() {
		wait = r.cfg.AdvertInt + r.skew()
	}
	from := now
	if r.startupUntil.After(now) {
		from = r.startupUntil
	}
	if reason == ReasonLink || reason == ReasonStart {
		wait += r.holdOff(from)
	}
	r.timer = from.Add(wait)
	r.expiry = ReasonTimeout
	r.enter(now, Backup, reason, noPeer)
	return r.tell(reason, out)
}
