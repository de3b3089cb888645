package link

import "time"

// Delay is how long an interface has to be down, and up again, before that
// counts (interface_up_down_delays). 0: at once.
type Delay struct{ Down, Up time.Duration }

// Settle holds changes of interfaces back until they have lasted. It is pure.
// An interface counts as what it is when it is first seen, or comes back under
// another index; one that vanishes is gone at once.
type Settle struct {
	delays map[string]Delay
	states map[string]*settling
}

type settling struct {
	index int
	up    bool      // as told
	raw   bool      // as it is
	since time.Time // raw differs from up since then
}

// Configure takes the delays by name of interface; changes that are held back
// go on waiting, for the new time from when they happened.
func (s *Settle) Configure(delays map[string]Delay) { s.delays = delays }

// Filter sets Up of every interface in list to what counts at now.
func (s *Settle) Filter(now time.Time, list []Interface) {
	next := make(map[string]*settling, len(s.delays))
	for i := range list {
		in := &list[i]
		if _, ok := s.delays[in.Name]; !ok {
			continue
		}
		st := s.states[in.Name]
		if st == nil || st.index != in.Index {
			st = &settling{index: in.Index, up: in.Up}
		}
		next[in.Name] = st
		switch {
		case in.Up == st.up:
			st.since = time.Time{}
		case st.since.IsZero():
			st.since = now
		}
		st.raw = in.Up
		if d := s.due(in.Name, st); !d.IsZero() && !d.After(now) {
			st.up, st.since = st.raw, time.Time{}
		}
		in.Up = st.up
	}
	s.states = next
}

// due is when a change that is held back counts; zero: there is none.
func (s *Settle) due(name string, st *settling) time.Time {
	if st.since.IsZero() {
		return time.Time{}
	}
	d := s.delays[name]
	if st.raw {
		return st.since.Add(d.Up)
	}
	return st.since.Add(d.Down)
}

// Deadline is when Filter wants to be called again; zero: with the next news.
func (s *Settle) Deadline() time.Time {
	var next time.Time
	for name, st := range s.states {
		if d := s.due(name, st); !d.IsZero() && (next.IsZero() || d.Before(next)) {
			next = d
		}
	}
	return next
}
