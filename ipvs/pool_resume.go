package ipvs

import (
	"iter"
	"time"
)

// Past is what the table that a predecessor left says of a virtual server.
type Past struct {
	// Servers are those that it says something of; others begin as in [NewPool].
	Servers map[DestKey]PastServer
	Sorry   bool      // the sorry server was in service
	At      time.Time // when that was so
}

// PastServer is what it says of a real server that has checks.
type PastServer struct {
	Up bool // in service: its checks count as up until their first verdict, otherwise as down
	// Check is the one that gave the server Weight (misc_dynamic). Empty: none,
	// and a server with SlowStart that has less than its whole weight goes on
	// from Weight; 0: it has its whole weight.
	Check  string
	Weight int
}

// ResumePool is [NewPool] for a process that takes the place of one that died:
// what was in service counts as up and what was not as down until a check says
// otherwise, whatever [Check.Alpha] says. A table does not say what listeners
// were told. So it is told which services are up and which are not, and a server
// that stays down is told with its first verdict; some hear it twice. past is
// nil, or returns nil, where nothing is known. For count and services see
// [Pool.Reload].
func ResumePool(count int, services iter.Seq[VirtualServer], past func(*VirtualServer) *Past) (*Pool, []Event) {
	p := &Pool{timed: map[ServiceKey]bool{}, past: past}
	events := p.Reload(count, services)
	p.past, p.renewed = nil, nil
	return p, events
}

// resume gives a server that has just been made the state that it had.
func (r *real) resume(w PastServer, at time.Time) {
	r.failed = 0
	for _, c := range r.checks {
		c.left = true
		if c.up = w.Up; !c.up {
			r.failed++
		}
	}
	if r.untold = r.failed > 0; r.untold {
		return
	}
	if c := r.checks[w.Check]; c != nil {
		c.weight = w.Weight
	} else if whole := int(r.weight()); r.SlowStart > 0 && w.Weight > 0 && w.Weight < whole {
		r.step = int16(max(uint64(w.Weight)*rampSteps/uint64(whole), 1))
		r.own().ramp = at.Add(-time.Duration(r.step-1) * max(r.SlowStart/rampSteps, 1))
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
			s.reals[i].resume(w, past.At)
		}
	}
	// A service that is up stays so below the quorum, as far as the hysteresis
	// goes.
	sum := s.sum()
	quorum, hysteresis := s.quorum()
	if s.up = !past.Sorry && sum >= quorum-hysteresis; !s.up {
		if s.Sorry != nil {
			return nil // told as it takes over
		}
		return []Event{{Service: s.ServiceKey, Sum: sum, Quorum: quorum - hysteresis}}
	}
	return []Event{{Service: s.ServiceKey, Up: true, Sum: sum, Quorum: quorum + hysteresis}}
}
