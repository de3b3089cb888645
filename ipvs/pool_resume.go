package ipvs

// Past is what the table that a predecessor left says of a virtual server.
type Past struct {
	// Servers are those that it says something of; others begin as in [NewPool].
	Servers map[DestKey]PastServer
	Sorry   bool // the sorry server was in service
}

// PastServer is what it says of a real server that has checks.
type PastServer struct {
	Up bool // in service: its checks count as up until their first verdict, otherwise as down
	// Check is the one that gave the server Weight (misc_dynamic); empty: none.
	Check  string
	Weight int
}

// ResumePool is [NewPool] for a process that takes the place of one that died:
// what was in service counts as up and what was not as down until a check says
// otherwise, whatever [Check.Alpha] says. past is nil, or returns nil, where
// nothing is known.
func ResumePool(services []VirtualServer, past func(*VirtualServer) *Past) (*Pool, []Event) {
	p := &Pool{services: map[ServiceKey]*virtual{}, timed: map[ServiceKey]bool{}, past: past}
	events := p.Reload(services)
	p.past = nil
	return p, events
}

// resume gives a server that has just been made the state that it had.
func (r *real) resume(w PastServer) {
	r.failed = 0
	for _, c := range r.checks {
		if c.up = w.Up; !c.up {
			r.failed++
		}
	}
	r.told = r.failed > 0
	if c := r.checks[w.Check]; c != nil && w.Up {
		c.weight = w.Weight
	}
}

// resume gives a service that has just been made the state that it had, so
// far as its table says, and returns what is to be told of that.
func (s *virtual) resume(past *Past) []Event {
	if past == nil {
		return nil
	}
	for i := range s.reals {
		if w, ok := past.Servers[s.reals[i].DestKey]; ok {
			s.reals[i].resume(w)
		}
	}
	// A service that is up stays so below the quorum, as far as the hysteresis
	// goes.
	sum := s.sum()
	quorum, hysteresis := s.quorum()
	if s.up = !past.Sorry && sum >= quorum-hysteresis; !s.up {
		return nil
	}
	return []Event{{Service: s.ServiceKey, Up: true, Sum: sum, Quorum: quorum + hysteresis}}
}
