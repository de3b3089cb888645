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
	var changed []Event
	for _, vs := range services {
		if p.services[vs.ServiceKey] != nil {
			continue
		}
		s, events := newVirtual(vs, old[vs.ServiceKey])
		p.services[vs.ServiceKey] = s
		p.order = append(p.order, vs.ServiceKey)
		changed = append(changed, events...)
		changed = append(changed, s.judge(true)...)
		p.note(s)
	}
	var gone []Event
	for _, k := range oldOrder {
		if p.services[k] == nil {
			gone = append(gone, old[k].gone()...)
		}
	}
	return append(gone, changed...)
}

// newVirtual is the state of vs; old is nil for a new service.
func newVirtual(vs VirtualServer, old *virtual) (*virtual, []Event) {
	s := &virtual{VirtualServer: vs, servers: make(map[DestKey]*real, len(vs.Servers))}
	s.Servers = slices.Clone(vs.Servers)
	if old != nil {
		s.order = old.order
	}
	s.Servers = slices.DeleteFunc(s.Servers, func(c RealServer) bool {
		if s.servers[c.DestKey] != nil {
			return true
		}
		var prev *real
		if old != nil {
			prev = old.servers[c.DestKey]
		}
		s.servers[c.DestKey] = newReal(c, prev, s.order)
		return false
	})
	var events []Event
	if old == nil {
		return s, s.initial(nil)
	}
	s.up = old.up
	// Another sorry server has to take over anew.
	s.sorry = old.sorry && vs.Sorry != nil && vs.Sorry.DestKey == old.Sorry.DestKey
	for _, c := range old.Servers {
		was := old.servers[c.DestKey]
		now := s.servers[c.DestKey]
		switch {
		case now == nil && was.standing() != down:
			events = append(events, s.serverEvent(was, false))
		case now != nil && was.standing() != now.standing():
			e := s.serverEvent(now, now.standing() == up)
			e.Drain = now.standing() == draining || was.standing() == draining && e.Up
			now.told = now.standing() == down
			events = append(events, e)
		}
	}
	return s, append(events, s.initial(old)...)
}

// initial tells of servers that are new and up (rs_init_notifies).
func (s *virtual) initial(old *virtual) []Event {
	var events []Event
	for _, c := range s.Servers {
		if known := old != nil && old.servers[c.DestKey] != nil; s.InitNotifies && !known && s.servers[c.DestKey].standing() == up {
			events = append(events, s.serverEvent(s.servers[c.DestKey], true))
		}
	}
	return events
}

func newReal(c RealServer, old *real, service Order) *real {
	r := &real{RealServer: c, checks: make(map[string]*checkState, len(c.Checks))}
	if old != nil {
		r.told = old.told
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
