package vrrp

import "time"

// GroupConfig describes one sync group: its members are MASTER all together
// or not at all.
type GroupConfig struct {
	Name    string
	Members []ID
	Tracks  []Track // counted for every member; they win over a member's own of the same key
}

// GroupStatus is a copy of the state of one sync group.
type GroupStatus struct {
	Name    string
	State   State // as told by the last ActionGroupChanged
	Members []ID
}

// group is one sync group of a Director.
type group struct {
	name    string
	members []*Router
	told    State
}

// mayMaster tells whether r, which wants MASTER, may become it: all other
// members have to be master or to want it too. A router without group may.
func (g *group) mayMaster(r *Router) bool {
	if g == nil {
		return true
	}
	for _, m := range g.members {
		if m != r && m.state != Master && (m.state != Backup || !m.wantMaster) {
			return false
		}
	}
	return true
}

// joining tells whether r, which is about to start, comes to a group that is
// master already (a reload put it there): it follows at once. Members that
// have not started yet do the same.
func (g *group) joining(r *Router) bool {
	if g == nil || g.told != Master {
		return false
	}
	masters := 0
	for _, m := range g.members {
		switch {
		case m == r || m.state == Init:
		case m.state == Master:
			masters++
		default:
			return false
		}
	}
	return masters > 0
}

// unite makes the members agree after a reload put masters and backups
// together: a group that was master takes the newcomers along; a master that
// comes to a group that was not gives up, as the group's peer is master there.
// In a group that is new the backups follow: the adverts decide about the whole
// of it then.
func (g *group) unite(now time.Time, was State, out []Action) []Action {
	masters, backups := 0, 0
	for _, m := range g.members {
		switch m.state {
		case Master:
			masters++
		case Backup:
			backups++
		}
	}
	if masters == 0 || masters+backups < len(g.members) || backups == 0 {
		return out
	}
	for _, m := range g.members {
		switch {
		case was == Backup && m.state == Master:
			g.leadTo(m, Backup)
			out = m.send(0, out)
			out = m.yield(now, ReasonGroup, noPeer, m.masterDown(), out)
		case was != Backup && m.state == Backup:
			g.leadTo(m, Master)
			out = m.takeOver(now, ReasonGroup, out)
		}
	}
	return out
}

// leadTo has m, which is about to change to s, follow a member that is s.
func (g *group) leadTo(m *Router, s State) {
	for _, o := range g.members {
		if o != m && o.state == s {
			m.follows(o)
			return
		}
	}
}

// follows notes that the next change of r for the sake of its group is because of
// o, or of whom o followed.
func (r *Router) follows(o *Router) {
	r.lead, r.leadReason = o.cfg.Name, o.reason
	if o.reason == ReasonGroup && o.member != "" && o.member != r.cfg.Name {
		r.lead, r.leadReason = o.member, o.memberReason
	}
}

// starting tells whether members are still in INIT.
func (g *group) starting() bool {
	if g == nil {
		return false
	}
	for _, m := range g.members {
		if m.state == Init {
			return true
		}
	}
	return false
}

// spreadFault puts all members into FAULT while one of them has a cause, and
// lets them out when the last cause is gone: by is the member that acted; nil: it
// is none of them.
func (g *group) spreadFault(now time.Time, by *Router, out []Action) []Action {
	faults := 0
	for _, m := range g.members {
		if m.ownFault() {
			faults++
		}
	}
	for _, m := range g.members {
		others := faults
		if m.ownFault() {
			others--
		}
		if f := others > 0; f != m.groupFault {
			m.groupFault = f
			m.lead, m.leadReason = "", ReasonNone
			if c := m.Culprit(); c != nil {
				m.follows(c)
			} else if by != nil && by != m {
				m.follows(by)
			}
			out = m.settle(now, ReasonGroup, out)
		}
	}
	return out
}

// follow takes the other members along after r went from before to where it
// is now.
func (g *group) follow(now time.Time, r *Router, before State, out []Action) []Action {
	for _, m := range g.members {
		if m == r {
			continue
		}
		m.follows(r)
		switch {
		case r.state == Master && before != Master && m.state == Backup:
			out = m.takeOver(now, ReasonGroup, out)
		case before == Master && r.state != Master && m.state == Master:
			wait := m.masterDown()
			if r.reason == ReasonAddressLost || r.state == Init {
				out = m.send(0, out)
			}
			if r.reason == ReasonAddressLost {
				wait = m.skew()
			}
			out = m.yield(now, ReasonGroup, r.peer, wait, out)
		case r.heardLower:
			out = m.announceLower(now, out)
		}
	}
	r.heardLower = false
	return out
}

// state is the group's state by what was told of its members, so that on
// MASTER and STOP the instances are told before the group.
func (g *group) state() State {
	masters, faults, inits, away := 0, 0, 0, 0
	for _, m := range g.members {
		if m.state != Master && m.state != Init {
			away++
		}
		switch m.told {
		case Master:
			masters++
		case Fault:
			faults++
		case Init:
			inits++
		}
	}
	switch {
	case inits == len(g.members):
		return Init
	case faults > 0:
		return Fault
	case masters == len(g.members):
		return Master
	case g.told == Init && masters > 0 && inits > 0:
		return Init // being resumed, one after the other
	case g.told == Master && masters > 0 && away == 0:
		return Master // those who came to it have not been told yet, or will follow when they start
	}
	return Backup
}

// tell appends ActionGroupChanged when the group's state is not what was told.
func (g *group) tell(reason Reason, out []Action) []Action {
	s := g.state()
	if s == g.told {
		return out
	}
	out = append(out, Action{Kind: ActionGroupChanged, Group: g.name, From: g.told, To: s, Reason: reason})
	g.told = s
	return out
}
