package ipvs

import (
	"iter"
	"slices"
)

// Reload makes the pool that of another configuration. What is known is kept:
// of services by their key, of real servers by address and port, of checks by
// ID. A new check of a server that is up counts as up until its first verdict,
// so that a change of its checks takes no server out of service; one of a new
// server or of one that is down counts as [Check.Alpha] says. So does a check
// without a verdict whose Alpha is another one now.
//
// count is about how many services there are. Each is used up before the next
// one is asked for: its list of servers may then be in the same memory, for the
// pool has its own. While it asks the pool is still the one before.
//
// The events are those of what is gone (as keepalived tells them: a service
// that was up, its servers that were up), then those of what changed.
func (p *Pool) Reload(count int, services iter.Seq[VirtualServer]) []Event {
	old, now := p.services, newVirtuals(count)
	clear(p.timed)
	p.renewed = p.renewed[:0]
	var changed []Event
	if len(old.list) == 0 { // all are new, and most come up
		changed = make([]Event, 0, count)
	}
	for vs := range services {
		if now.get(vs.ServiceKey) != nil {
			continue
		}
		s := old.get(vs.ServiceKey)
		renewed := false
		switch {
		case s == nil && vs.stays:
			continue // there is none
		case s == nil:
			renewed = true
			vs.Servers = unique(vs.Servers)
			s = newVirtual(&vs)
			if p.past != nil {
				v := vs
				changed = append(changed, s.resume(p.past(&v))...)
			}
			changed = append(changed, s.initial(nil)...)
		case vs.stays:
			s.InitNotifies = vs.InitNotifies
		case !s.is(&vs):
			renewed = true
			changed = append(changed, s.renew(&vs)...)
		}
		now.add(s)
		told := len(changed)
		if changed = s.judge(changed, true); len(changed) > told {
			renewed = true
		}
		if renewed && len(old.list) > 0 {
			p.renewed = append(p.renewed, vs.ServiceKey)
		}
		p.note(s)
	}
	p.services = now
	var gone []Event
	for _, s := range old.list {
		if now.get(s.ServiceKey) == nil {
			gone = append(gone, s.gone()...)
		}
	}
	if len(gone) == 0 {
		return changed
	}
	return append(gone, changed...)
}

// Unchanged is what [Pool.Reload] takes for a service that is configured as before,
// but for InitNotifies, which may be set.
func (p *Pool) Unchanged(k ServiceKey) VirtualServer {
	return VirtualServer{Service: Service{ServiceKey: k}, stays: true}
}

// Service is a service as it is configured, without its servers; nil: there is none.
// It is the pool's.
func (p *Pool) Service(k ServiceKey) *VirtualServer {
	if s := p.services.get(k); s != nil {
		return &s.VirtualServer
	}
	return nil
}

// Renewed lists the services whose entry the last Reload may have changed;
// those that it removed are not among them, and none are where all are new. The
// list is the pool's until the next Reload.
func (p *Pool) Renewed() []ServiceKey { return p.renewed }

// is reports whether the service is configured so already.
func (s *virtual) is(o *VirtualServer) bool {
	if s.Service != o.Service || s.Quorum != o.Quorum || s.Hysteresis != o.Hysteresis ||
		s.Omega != o.Omega || s.InitNotifies != o.InitNotifies ||
		(s.Sorry == nil) != (o.Sorry == nil) || s.Sorry != nil && *s.Sorry != *o.Sorry ||
		len(s.reals) != len(o.Servers) {
		return false
	}
	for i := range s.reals {
		if r := &s.reals[i]; *r.Destination != o.Servers[i].Destination || !r.serverSettings.of(&o.Servers[i]) {
			return false
		}
	}
	return true
}

// newVirtual is the state of a service that is new, of whose servers each is there
// once.
func newVirtual(vs *VirtualServer) *virtual {
	s := &virtual{VirtualServer: *vs}
	s.Servers = nil
	s.place(vs.Servers, nil)
	return s
}

// renew gives a service another configuration. Where its servers are the same
// ones as before, as in most reloads, they stay where they are: to get memory
// for the servers of thousands of services takes longer than all the rest.
func (s *virtual) renew(vs *VirtualServer) []Event {
	old := *s
	before := make([]standing, len(s.reals))
	for i := range s.reals {
		before[i] = s.reals[i].standing()
	}
	list := unique(vs.Servers)
	s.VirtualServer = *vs
	s.Servers = nil
	// Another sorry server has to take over anew.
	s.sorry = old.sorry && vs.Sorry != nil && vs.Sorry.DestKey == old.Sorry.DestKey
	if slices.EqualFunc(s.servers, list, func(a Destination, b RealServer) bool { return a.DestKey == b.DestKey }) {
		if !slices.EqualFunc(s.servers, list, func(a Destination, b RealServer) bool { return a == b.Destination }) {
			s.servers = destinations(list)
		}
		for i := range s.reals {
			r := &s.reals[i]
			*r = newReal(&s.servers[i], settingsOf(&list[i], r.serverSettings), r, s.order)
		}
	} else {
		s.place(list, &old)
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

// destinations are those of servers, in memory of their own.
func destinations(list []RealServer) []Destination {
	out := make([]Destination, len(list))
	for i := range list {
		out[i] = list[i].Destination
	}
	return out
}

// place gives a service these servers, of which old, if there is one, had some.
func (s *virtual) place(list []RealServer, old *virtual) {
	s.servers, s.reals, s.index = destinations(list), make([]real, len(list)), nil
	s.inOrder = slices.IsSortedFunc(s.servers, func(a, b Destination) int { return a.DestKey.Compare(b.DestKey) })
	if len(list) >= manyServers {
		s.index = make(map[DestKey]int, len(list))
	}
	var set *serverSettings
	for i := range list {
		c := &list[i]
		var was *real
		if old != nil {
			was = old.server(c.DestKey)
		}
		set = settingsOf(c, set)
		s.reals[i] = newReal(&s.servers[i], set, was, s.order)
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

func newReal(d *Destination, set *serverSettings, old *real, service *Order) real {
	r := real{Destination: d, serverSettings: set, history: noHistory}
	if len(set.Checks) > 0 {
		r.own().checks = make(map[string]*checkState, len(set.Checks))
	}
	if old != nil {
		r.told, r.untold = old.told, old.untold
	}
	r.inherit(old, service)
	for _, ch := range set.Checks {
		if r.checks[ch.ID] != nil {
			continue
		}
		st := &checkState{up: !ch.Alpha || old != nil && old.failed == 0, alpha: ch.Alpha, weight: -1}
		if old != nil {
			if was := old.checks[ch.ID]; was != nil && (was.known || was.left || was.alpha == ch.Alpha) {
				*st = *was
				st.alpha = ch.Alpha
			}
		}
		if !st.up {
			r.failed++
		}
		r.checks[ch.ID] = st
	}
	return r
}
