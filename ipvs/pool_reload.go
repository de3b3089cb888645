package ipvs

import (
	"iter"
	"slices"
)

// Reload makes the pool that of another configuration. What is known is kept:
// of services by their key, of real servers by address and port, of checks by
// ID. A new check of a server that is up counts as up until its first verdict,
// so that a change of its checks takes no server out of service; one of a new
// server or of one that is down counts as [Check.Alpha] says.
//
// count is about how many services there are. Each is used up before the next
// one is asked for: its list of servers may then be in the same memory, for the
// pool has its own. While it asks the pool is still the one before.
//
// The events are those of what is gone (as keepalived tells them: a service
// that was up, its servers that were up), then those of what changed.
func (p *Pool) Reload(count int, services iter.Seq[VirtualServer]) []Event {
	old, oldOrder := p.services, p.order
	now, order := make(map[ServiceKey]*virtual, count), make([]ServiceKey, 0, count)
	clear(p.timed)
	p.renewed = slices.Grow(p.renewed[:0], count)
	var changed []Event
	if len(old) == 0 { // all are new, and most come up
		changed = make([]Event, 0, count)
	}
	for vs := range services {
		if now[vs.ServiceKey] != nil {
			continue
		}
		s := old[vs.ServiceKey]
		renewed := s == nil || !s.VirtualServer.equal(&vs)
		switch {
		case s == nil:
			s = newVirtual(vs)
			if p.past != nil {
				changed = append(changed, s.resume(p.past(&s.VirtualServer))...)
			}
			changed = append(changed, s.initial(nil)...)
		case renewed:
			changed = append(changed, s.renew(vs)...)
		}
		now[vs.ServiceKey] = s
		order = append(order, vs.ServiceKey)
		if events := s.judge(true); len(events) > 0 {
			changed = append(changed, events...)
			renewed = true
		}
		if renewed {
			p.renewed = append(p.renewed, vs.ServiceKey)
		}
		p.note(s)
	}
	p.services, p.order = now, order
	var gone []Event
	for _, k := range oldOrder {
		if p.services[k] == nil {
			gone = append(gone, old[k].gone()...)
		}
	}
	if len(gone) == 0 {
		return changed
	}
	return append(gone, changed...)
}

// Service is a service as it is configured, with each of its servers once; nil:
// there is none. It is the pool's.
func (p *Pool) Service(k ServiceKey) *VirtualServer {
	if s := p.services[k]; s != nil {
		return &s.VirtualServer
	}
	return nil
}

// Renewed lists the services whose entry the last Reload may have changed;
// those that it removed are not among them. The list is the pool's until the
// next Reload.
func (p *Pool) Renewed() []ServiceKey { return p.renewed }

// equal reports whether two virtual servers are configured alike.
func (v *VirtualServer) equal(o *VirtualServer) bool {
	return v.Service == o.Service && v.Quorum == o.Quorum && v.Hysteresis == o.Hysteresis &&
		v.Omega == o.Omega && v.InitNotifies == o.InitNotifies &&
		(v.Sorry == nil) == (o.Sorry == nil) && (v.Sorry == nil || *v.Sorry == *o.Sorry) &&
		slices.EqualFunc(v.Servers, o.Servers, RealServer.equal)
}

func (r RealServer) equal(o RealServer) bool {
	return r.Destination == o.Destination && r.Inhibit == o.Inhibit && r.Order == o.Order &&
		r.SlowStart == o.SlowStart && slices.Equal(r.Checks, o.Checks)
}

// newVirtual is the state of a service that is new.
func newVirtual(vs VirtualServer) *virtual {
	s := &virtual{VirtualServer: vs}
	s.place(slices.Clone(unique(vs.Servers)), nil)
	return s
}

// renew gives a service another configuration. Where its servers are the same
// ones as before, as in most reloads, they stay where they are: to get memory
// for the servers of thousands of services takes longer than all the rest.
func (s *virtual) renew(vs VirtualServer) []Event {
	old := *s
	before := make([]standing, len(s.reals))
	for i := range s.reals {
		before[i] = s.reals[i].standing()
	}
	list := unique(vs.Servers)
	s.VirtualServer = vs
	s.up = old.up
	// Another sorry server has to take over anew.
	s.sorry = old.sorry && vs.Sorry != nil && vs.Sorry.DestKey == old.Sorry.DestKey
	if slices.EqualFunc(old.Servers, list, func(a, b RealServer) bool { return a.DestKey == b.DestKey }) {
		s.Servers = old.Servers
		copy(s.Servers, list)
		for i := range s.reals {
			s.reals[i] = newReal(&s.Servers[i], &s.reals[i], s.order)
		}
	} else {
		s.place(slices.Clone(list), &old)
	}
	var events []Event
	for i := range old.reals {
		was := &old.reals[i]
		now := s.server(was.DestKey)
		switch {
		case now == nil && before[i] != down:
			events = append(events, s.serverEvent(was, false))
		case now != nil && before[i] != now.standing():
			e := s.serverEvent(now, now.standing() == up)
			e.Drain = now.standing() == draining || before[i] == draining && e.Up
			now.told, now.untold = now.standing() == down, false
			events = append(events, e)
		}
	}
	return append(events, s.initial(&old)...)
}

// place gives a service these servers, of which old, if there is one, had some.
func (s *virtual) place(list []RealServer, old *virtual) {
	s.Servers, s.reals, s.index = list, make([]real, len(list)), nil
	if len(list) >= manyServers {
		s.index = make(map[DestKey]int, len(list))
	}
	for i := range list {
		c := &list[i]
		var was *real
		if old != nil {
			was = old.server(c.DestKey)
		}
		s.reals[i] = newReal(c, was, s.order)
		if s.index != nil {
			s.index[c.DestKey] = i
		}
	}
}

// initial tells of servers that are new and up (rs_init_notifies).
func (s *virtual) initial(old *virtual) []Event {
	var events []Event
	if !s.InitNotifies {
		return nil
	}
	for i := range s.reals {
		r := &s.reals[i]
		if known := old != nil && old.server(r.DestKey) != nil; !known && r.standing() == up {
			events = append(events, s.serverEvent(r, true))
		}
	}
	return events
}

// unique is the list without servers that stand in it before.
func unique(list []RealServer) []RealServer {
	doubled := func(i int) bool {
		return slices.ContainsFunc(list[:i], func(o RealServer) bool { return o.DestKey == list[i].DestKey })
	}
	if len(list) >= manyServers {
		seen := make(map[DestKey]int, len(list))
		for i := range list {
			if _, ok := seen[list[i].DestKey]; !ok {
				seen[list[i].DestKey] = i
			}
		}
		doubled = func(i int) bool { return seen[list[i].DestKey] != i }
	}
	var out []RealServer
	for i := range list {
		switch {
		case doubled(i):
			if out == nil {
				out = slices.Clone(list[:i])
			}
		case out != nil:
			out = append(out, list[i])
		}
	}
	if out == nil {
		return list
	}
	return out
}

func newReal(c *RealServer, old *real, service Order) real {
	r := real{RealServer: c}
	if len(c.Checks) > 0 {
		r.checks = make(map[string]*checkState, len(c.Checks))
	}
	if old != nil {
		r.told, r.untold = old.told, old.untold
	}
	r.inherit(old, service)
	for _, ch := range c.Checks {
		if r.checks[ch.ID] != nil {
			continue
		}
		st := &checkState{up: !ch.Alpha || old != nil && old.failed == 0, weight: -1}
		if old != nil && old.checks[ch.ID] != nil {
			*st = *old.checks[ch.ID]
		}
		if !st.up {
			r.failed++
		}
		r.checks[ch.ID] = st
	}
	return r
}
