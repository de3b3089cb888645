package vrrp

import "fmt"

// What happens to the machines of the modelled segment.

// start starts the process of m; left-over addresses are removed first.
func (s *segment) start(m *machine) {
	if m.alive {
		return
	}
	s.tell("%s: starts", m.name)
	m.alive, m.paused, m.inbox, m.started = true, false, nil, s.now
	m.d = NewDirector()
	n := len(m.cfgs)
	m.ids, m.holds, m.gen, m.told, m.quiet = nil, make([]bool, n), make([]uint64, n), make([]State, n), make([]bool, n)
	for i := range m.cfgs {
		m.ids = append(m.ids, m.d.Add(m.cfgs[i]))
		m.heard[i] = s.now
	}
	s.regroup(m)
	s.hearLink(m)
	s.results(m)
	s.stepAll(m, Event{Kind: EventStart})
}

// regroup tells the Director of m its groups.
func (s *segment) regroup(m *machine) {
	var groups []GroupConfig
	for k, g := range m.groups {
		c := GroupConfig{Name: fmt.Sprintf("G%d", k+1)}
		for _, i := range g {
			c.Members = append(c.Members, m.ids[i])
		}
		groups = append(groups, c)
	}
	s.do(m, m.d.SetGroups(m.clock(s.now), groups, s.acts[:0]))
}

func (s *segment) crash(m *machine) {
	if m.alive {
		s.tell("%s: crashes", m.name)
		m.alive = false
		clear(m.holds)
	}
}

func (s *segment) stop(m *machine) {
	if m.alive && !m.paused {
		s.tell("%s: is stopped", m.name)
		s.do(m, m.d.Shutdown(m.clock(s.now), s.acts[:0]))
		m.alive = false
		clear(m.holds)
	}
}

// hand replaces the process of m: the new one resumes what the old one was
// master of, as its peers have not waited long enough yet.
func (s *segment) hand(m *machine) {
	if !m.alive || m.paused {
		return
	}
	s.tell("%s: its process is killed and replaced at once", m.name)
	var was []bool
	for i := range m.ids {
		was = append(was, m.state(i) == Master)
	}
	holds := append([]bool(nil), m.holds...)
	n := len(m.cfgs)
	m.d = NewDirector()
	m.ids, m.gen, m.told, m.quiet = nil, make([]uint64, n), make([]State, n), make([]bool, n)
	for i := range m.cfgs {
		m.ids = append(m.ids, m.d.Add(m.cfgs[i]))
		m.heard[i] = s.now
	}
	m.started = s.now
	s.regroup(m)
	s.hearLink(m)
	s.results(m)
	for i := range m.ids {
		ev := Event{Kind: EventStart}
		if was[i] {
			ev.Kind = EventResume
		}
		m.holds[i] = holds[i] && was[i]
		s.step(m, i, ev)
		m.holds[i] = m.holds[i] && m.state(i) == Master
	}
	for i := range m.ids {
		if was[i] && m.state(i) != Master && m.state(i) != Fault {
			s.broken("%s: router %d was master, and its new process is %v", m.name, i+1, m.state(i))
		}
	}
}

func (s *segment) pause(m *machine) {
	if m.alive && !m.paused {
		s.tell("%s: is paused", m.name)
		m.paused, m.slept = true, s.now
	}
}

// suspend is a pause of the whole machine: nothing that is sent meanwhile is
// there to be read.
func (s *segment) resume(m *machine, suspended bool) {
	if !m.paused {
		return
	}
	m.paused = false
	if !m.alive {
		return
	}
	slept := s.now.Sub(m.slept)
	if suspended {
		s.tell("%s: is awake again after %v; what was sent meanwhile is lost", m.name, slept)
		m.inbox = nil
		if slept > 2*s.interval {
			s.listen(m)
		}
	} else {
		s.tell("%s: wakes up after %v with %d adverts waiting", m.name, slept, len(m.inbox))
	}
	for _, p := range m.inbox {
		s.deliver(m, p, slept > 2*s.interval)
	}
	m.inbox = nil
	s.fresh(m) // what the kernel told meanwhile
	for i := range m.ids {
		// The kernel was at work all the time; its answers come now.
		if m.holds[i] == (m.state(i) == Master) {
			s.step(m, i, Event{Kind: EventApplied, Gen: m.gen[i], Up: true})
		}
		m.quiet[i] = s.now.Before(m.mute)
		m.heard[i] = s.now
	}
}

// listen is what follows a sleep: an interval in which nothing is said.
func (s *segment) listen(m *machine) {
	m.mute = s.now.Add(s.interval - s.interval/100) // by its own clock it may be a little less
	s.after(m.mute.Sub(s.now), func() { clear(m.quiet) })
	for i := range m.ids {
		m.quiet[i] = true
	}
	s.stepAll(m, Event{Kind: EventSlept})
}

// cable pulls or plugs the cable; the machine hears of it when the news come.
func (s *segment) cable(m *machine, up bool) {
	if m.link == up {
		return
	}
	s.tell("%s: link up %v, which it learns %v later", m.name, up, m.news)
	m.link = up
	s.after(m.news, func() {
		if m.alive && !m.paused {
			s.changed = s.now
			s.hearLink(m)
		}
	})
}

// track lets a script succeed or fail.
func (s *segment) track(m *machine, key string, up bool) {
	if m.tracks[key] == up {
		return
	}
	s.tell("%s: %s up %v", m.name, key, up)
	m.tracks[key] = up
	if m.alive && !m.paused {
		s.results(m)
	}
}

// hearLink tells every router whether the cable is in.
func (s *segment) hearLink(m *machine) {
	m.knows.link = m.link
	s.stepAll(m, Event{Kind: EventLink, Up: m.link})
}

// results tells every router what its scripts say.
func (s *segment) results(m *machine) {
	m.knows.wgt, m.knows.chk = m.tracks["wgt"], make([]bool, len(m.ids))
	for i := range m.ids {
		m.knows.chk[i] = m.tracks["chk"] && !m.sick[i]
		s.step(m, i, Event{Kind: EventTrack, Key: "wgt", Up: m.knows.wgt})
		s.step(m, i, Event{Kind: EventTrack, Key: "chk", Up: m.knows.chk[i]})
	}
}

// ail lets the script of one router alone fail or succeed.
func (s *segment) ail(m *machine, i int, up bool) {
	s.tell("%s: the script of router %d alone, up %v", m.name, i+1, up)
	if delete(m.sick, i); !up {
		m.sick[i] = true
	}
	if m.alive && !m.paused {
		s.results(m)
	}
}

// fresh is what follows a lost notification: the machine looks at everything.
func (s *segment) fresh(m *machine) {
	if !m.alive || m.paused {
		return
	}
	s.hearLink(m)
	s.results(m)
}

// reload gives m its configuration anew. A machine that sleeps starts anew.
func (s *segment) reload(m *machine) {
	switch {
	case m.alive && m.paused:
		s.crash(m)
	case m.alive:
		s.tell("%s: reloads", m.name)
		for i := range m.cfgs {
			s.do(m, m.d.Update(m.clock(s.now), m.ids[i], m.cfgs[i], s.acts[:0]))
		}
		s.regroup(m)
	}
}
