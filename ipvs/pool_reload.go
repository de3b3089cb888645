package ipvs

import "slices"

// Reload makes the pool that of another configuration. What is known is kept:
// of services by their key, of real servers by address and port, of checks by
// ID. A new check of a server that is up counts as up until its first verdict,
// so that a change of its checks takes no server out of service; one of a new
// server or of one that is down counts as [Check.Alpha] says.
//
// The events are those of what is gone (as keepalived tells them: a service
// that was up, its servers that were up), then those of what changed.
func (p *Pool) Reload(services []VirtualServer) []Event {
	old, oldOrder := p.services, p.order
	p.services = make(map[ServiceKey]*virtual, len(services))
	p.order = make([]ServiceKey, 0, len(services))
	clear(p.timed)
	p.renewed = slices.Grow(p.renewed[:0], len(services))
	var changed []Event
	if len(old) == 0 { // all are new, and most come up
		changed = make([]Event, 0, len(services))
	}
	for i := range services {
		vs := &services[i]
		if p.services[vs.ServiceKey] != nil {
			continue
		}
		s := old[vs.ServiceKey]
		renewed := s == nil || !s.VirtualServer.equal(vs)
		if renewed {
			var events []Event
			fresh := s == nil
			s, events = newVirtual(*vs, s)
			if fresh && p.past != nil {
				events = append(s.resume(p.past(vs)), s.initial(nil)...)
			}
			changed = append(changed, events...)
		}
		p.services[vs.ServiceKey] = s
		p.order = append(p.order, vs.ServiceKey)
		if events := s.judge(true); len(events) > 0 {
			changed = append(changed, events...)
			renewed = true
		}
		if renewed {
			p.renewed = append(p.renewed, vs.ServiceKey)
		}
		p.note(s)
	}
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

// newVirtual is the state of vs; old is nil for a new service.
func newVirtual(vs VirtualServer, old *virtual) (*virtual, []Event) {
	s := &virtual{VirtualServer: vs}
	s.Servers = unique(vs.Servers)
	if old != nil {
		s.order = old.order
	}
	s.reals = make([]real, len(s.Servers))
	if len(s.Servers) >= manyServers {
		s.index = make(map[DestKey]int, len(s.Servers))
	}
	for i := range s.Servers {
		c := &s.Servers[i]
		var prev *real
		if old != nil {
			prev = old.server(c.DestKey)
		}
		s.reals[i] = newReal(c, prev, s.order)
		if s.index != nil {
			s.index[c.DestKey] = i
		}
	}
	var events []Event
	if old == nil {
		return s, s.initial(nil)
	}
	s.up = old.up
	// Another sorry server has to take over anew.
	s.sorry = old.sorry && vs.Sorry != nil && vs.Sorry.DestKey == old.Sorry.DestKey
	for i := range old.reals {
		was := &old.reals[i]
		now := s.server(was.DestKey)
		switch {
		case now == nil && was.standing() != down:
			events = append(events, s.serverEvent(was, false))
		case now != nil && was.standing() != now.standing():
			e := s.serverEvent(now, now.standing() == up)
			e.Drain = now.standing() == draining || was.standing() == draining && e.Up
			now.told, now.untold = now.standing() == down, false
			events = append(events, e)
		}
	}
	return s, append(events, s.initial(old)...)
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
