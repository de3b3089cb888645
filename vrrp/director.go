package vrrp

import (
	"slices"
	"time"
)

// Director is all virtual routers of one machine with their sync groups and
// deadlines. It is pure and not safe for concurrent use.
type Director struct {
	routers   []*Router // by ID; nil: free
	groups    []*group
	deadlines deadlines
}

// NewDirector returns a Director without routers.
func NewDirector() *Director { return &Director{} }

// Add makes a router, which stays in INIT until EventStart. EventLink and
// EventTrack are taken before that too: sent first, they let a group start in
// the state it will keep.
func (d *Director) Add(cfg Config) ID {
	r := NewRouter(cfg)
	i := slices.Index(d.routers, nil)
	if i < 0 {
		i = len(d.routers)
		d.routers = append(d.routers, nil)
	}
	r.id = ID(i)
	d.routers[i] = r
	return r.id
}

// Router returns the router of id, nil when there is none. It is for Check,
// Advert, Drop and Status; Step and Expire go through the Director.
func (d *Director) Router(id ID) *Router {
	if id < 0 || int(id) >= len(d.routers) {
		return nil
	}
	return d.routers[id]
}

// Step is Router.Step for router id with the rules of its group. An unknown
// id does nothing. A track of a group has to be stepped for every member;
// keys that a router does not track are ignored.
func (d *Director) Step(now time.Time, id ID, ev *Event, out []Action) []Action {
	r := d.Router(id)
	if r == nil {
		return out
	}
	from, before := len(out), r.state
	out = r.Step(now, ev, out)
	return d.after(now, r, before, from, out)
}

// after applies the group's rules once r acted and brings the deadlines up to
// date. out[from:] is what r did.
func (d *Director) after(now time.Time, r *Router, before State, from int, out []Action) []Action {
	g := r.group
	if g == nil {
		d.wait(r)
		return out
	}
	out = g.spreadFault(now, r, out)
	out = g.follow(now, r, before, out)
	starts := g.told == Init
	told := len(out)
	out = g.tell(r.reason, out)
	if starts && len(out) > told && out[told].To != Master {
		out = groupFirst(out, from)
	}
	for _, m := range g.members {
		d.wait(m)
	}
	return out
}

// groupFirst moves the group's change, which is the last action, before the
// first change of a member in out[from:]: at start keepalived tells the group
// first.
func groupFirst(out []Action, from int) []Action {
	last := len(out) - 1
	for i := from; i < last; i++ {
		if out[i].Kind == ActionChanged {
			a := out[last]
			copy(out[i+1:], out[i:last])
			out[i] = a
			break
		}
	}
	return out
}

// Deadline is when Expire wants to be called next; zero: never.
func (d *Director) Deadline() time.Time {
	_, at, _ := d.deadlines.first()
	return at
}

// Expire acts on every deadline that is due at now, the earliest first. See
// Router.Expire for what being late means.
func (d *Director) Expire(now time.Time, out []Action) []Action {
	for {
		id, at, ok := d.deadlines.first()
		if !ok || at.After(now) {
			return out
		}
		r := d.routers[id]
		from, before := len(out), r.state
		out = r.Expire(now, out)
		out = d.after(now, r, before, from, out)
	}
}

// wait brings the deadline of r up to date.
func (d *Director) wait(r *Router) { d.deadlines.set(r.id, r.Deadline()) }

// Update gives router id a new configuration for the same virtual router: its
// state, timers, learned values and the results of tracks with the same key
// stay. Changed addresses are applied and announced by a master; a changed
// priority or interval is used from the next advert. No advert is sent.
func (d *Director) Update(now time.Time, id ID, cfg Config, out []Action) []Action {
	r := d.Router(id)
	if r == nil {
		return out
	}
	from, before := len(out), r.state
	out = r.update(now, cfg, out)
	return d.after(now, r, before, from, out)
}

// Spread has router id, from the next time on that it becomes master, go on
// with its adverts at moments that lie phase after a whole number of intervals
// of the clock. Routers that become master together then do not change together
// when this machine dies. The first interval is shorter than the others for
// that; no timer that runs is touched. A negative phase undoes it.
func (d *Director) Spread(id ID, phase time.Duration) {
	if r := d.Router(id); r != nil {
		r.spread, r.phase = phase >= 0, phase
	}
}

// Reapply asks for the addresses of a master again and announces them, for
// what the core does not see: an excluded address or a prefix that changed.
func (d *Director) Reapply(id ID, out []Action) []Action {
	if r := d.Router(id); r != nil && r.state == Master {
		out = r.addresses(true, out)
	}
	return out
}

// Remove stops router id as a shutdown does and forgets it; its group goes on
// without it. Notifying FAULT or DELETED in place of STOP is the caller's affair.
func (d *Director) Remove(now time.Time, id ID, out []Action) []Action {
	r := d.Router(id)
	if r == nil {
		return out
	}
	out = r.shutdown(now, out)
	d.deadlines.remove(r.id)
	d.routers[id] = nil
	if g := r.group; g != nil {
		g.members = slices.DeleteFunc(g.members, func(m *Router) bool { return m == r })
		r.group = nil
		if len(g.members) == 0 {
			return out
		}
		out = g.spreadFault(now, nil, out)
		out = g.tell(ReasonReload, out)
		for _, m := range g.members {
			d.wait(m)
		}
	}
	return out
}

// SetGroups replaces the sync groups. A group keeps its told state by its
// name; members that do not exist are left out, and a router belongs to the
// first group that names it.
func (d *Director) SetGroups(now time.Time, groups []GroupConfig, out []Action) []Action {
	old := d.groups
	d.groups = nil
	for _, r := range d.routers {
		if r != nil {
			r.group, r.groupTracks = nil, nil
		}
	}
	for i := range groups {
		c := &groups[i]
		g := &group{name: c.Name}
		if j := slices.IndexFunc(old, func(o *group) bool { return o.name == c.Name }); j >= 0 {
			g.told = old[j].told
		}
		for _, id := range c.Members {
			if r := d.Router(id); r != nil && r.group == nil {
				r.group, r.groupTracks = g, slices.Clone(c.Tracks)
				g.members = append(g.members, r)
			}
		}
		if len(g.members) > 0 {
			d.groups = append(d.groups, g)
		}
	}
	for _, r := range d.routers {
		if r == nil {
			continue
		}
		r.mergeTracks()
		out = r.reprioritise(out)
		if r.group == nil {
			r.groupFault = false
		}
		out = r.settle(now, ReasonReload, out)
		d.wait(r)
	}
	for _, g := range d.groups {
		out = g.spreadFault(now, nil, out)
		out = g.unite(now, g.told, out)
		out = g.tell(ReasonReload, out)
		for _, m := range g.members {
			d.wait(m)
		}
	}
	return out
}

// Shutdown releases everything: first the adverts with priority 0 of all
// masters, then the addresses, then the changes of the instances and last
// those of the groups.
func (d *Director) Shutdown(now time.Time, out []Action) []Action {
	for _, r := range d.routers {
		if r != nil && r.state == Master {
			out = r.send(0, out)
		}
	}
	for _, r := range d.routers {
		if r != nil && r.state == Master {
			out = r.addresses(false, out)
		}
	}
	for _, r := range d.routers {
		if r != nil && r.state != Init {
			out = r.stopped(now, out)
			d.wait(r)
		}
	}
	for _, g := range d.groups {
		out = g.tell(ReasonShutdown, out)
	}
	return out
}

// GroupStatus returns a copy of the groups' states.
func (d *Director) GroupStatus() []GroupStatus {
	list := make([]GroupStatus, 0, len(d.groups))
	for _, g := range d.groups {
		s := GroupStatus{Name: g.name, State: g.told}
		for _, m := range g.members {
			s.Members = append(s.Members, m.id)
		}
		list = append(list, s)
	}
	return list
}
