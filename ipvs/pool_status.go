package ipvs

// ServiceState is what a pool knows of a virtual server.
type ServiceState struct {
	Key                ServiceKey
	Up                 bool // the quorum is reached
	Sorry              bool // the sorry server is in service
	Sum                uint64
	Quorum, Hysteresis uint64 // in force
	Servers            []ServerState
}

// ServerState is what a pool knows of a real server.
type ServerState struct {
	Key    DestKey
	Method Method
	Tunnel string // [Destination.Encapsulation]
	Alive  bool   // by its checks
	Up     bool   // it takes connections: alive, not draining and not taken out
	Weight uint32 // that it has, or would have if it were in service
	// Order is the one in force, if any, and From who gave it.
	Order Order
	From  Source
	// Ramp is the part of the weight that it has of late, in percent; 100 but
	// for a server with SlowStart that came up a moment ago.
	Ramp   int
	Checks []CheckState
}

// CheckState is what a pool knows of a check.
type CheckState struct {
	ID    string
	Up    bool
	Known bool // there was a verdict
}

// State returns what is known of a service.
func (p *Pool) State(k ServiceKey) (ServiceState, bool) {
	s := p.services.get(k)
	if s == nil {
		return ServiceState{}, false
	}
	st := ServiceState{Key: k, Up: s.up, Sorry: s.sorry}
	st.Quorum, st.Hysteresis = s.quorum()
	for i := range s.reals {
		r := &s.reals[i]
		ss := ServerState{
			Key: r.DestKey, Method: r.Method, Tunnel: r.Encapsulation(), Alive: r.failed == 0, Up: r.standing() == up, Weight: r.weight(),
			Ramp: 100 * int(r.step) / rampSteps,
		}
		ss.Order, ss.From = r.order()
		if ss.Up {
			st.Sum += uint64(ss.Weight)
		}
		for _, ch := range r.Checks {
			cs := r.checks[ch.ID]
			ss.Checks = append(ss.Checks, CheckState{ID: ch.ID, Up: cs.up, Known: cs.known})
		}
		st.Servers = append(st.Servers, ss)
	}
	return st, true
}
