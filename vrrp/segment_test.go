package vrrp

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// machine is one director on the modelled segment. It behaves as the engine
// has to: everything that has arrived is read before a due deadline is acted
// on, and a machine that overslept yields to another master.
type machine struct {
	name    string
	addr    netip.Addr
	d       *Director
	ids     []ID
	cfgs    []Config
	side    int  // of the partition
	alive   bool // process runs
	paused  bool
	linkUp  bool
	trackUp bool
	inbox   []packet // arrived while paused
	slept   time.Time
	gen     []uint64 // the newest asked for
	holds   []bool   // addresses in this machine's kernel
}

type packet struct {
	src  netip.Addr
	wire []byte
}

// happening is something that comes at a certain time.
type happening struct {
	at  time.Time
	seq int
	do  func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// segment is the network and the machines on it, with one virtual clock.
type segment struct {
	rnd      *rand.Rand
	now      time.Time
	events   happenings
	seq      int
	machines []*machine
	groups   bool
	interval time.Duration
	delay    time.Duration // longest
	apply    time.Duration // longest time that the kernel takes
	loss     float64
	dup      float64
	inARow   int            // most adverts lost one after the other on one path; 0: no limit
	lost     map[[3]int]int // lost in a row by sender, receiver, router
	story    *strings.Builder
	changed  time.Time // when something last happened to the machines or the network
	moved    time.Time // when a router last changed its state
	moves    int
	check    func() // after every event
	acts     []Action
	buf      Advert
}

func (s *segment) tell(format string, args ...any) {
	if s.story != nil {
		fmt.Fprintf(s.story, "%9.4f  %s\n", s.now.Sub(epoch).Seconds(), fmt.Sprintf(format, args...))
	}
}

func (s *segment) after(d time.Duration, f func()) {
	s.seq++
	heap.Push(&s.events, happening{s.now.Add(d), s.seq, f})
}

// chaos is after, for what happens to machines or the network.
func (s *segment) chaos(d time.Duration, f func()) {
	s.after(d, func() {
		s.changed = s.now
		f()
	})
}

// run lets everything happen up to end.
func (s *segment) run(end time.Time) {
	for {
		var next time.Time
		var who *machine
		for _, m := range s.machines {
			if !m.alive || m.paused {
				continue
			}
			if at := m.d.Deadline(); !at.IsZero() && (who == nil || at.Before(next)) {
				next, who = at, m
			}
		}
		// What arrives at the same time is read first.
		if len(s.events) > 0 && (who == nil || !s.events[0].at.After(next)) {
			e := s.events[0]
			if e.at.After(end) {
				break
			}
			heap.Pop(&s.events)
			s.now = e.at
			e.do()
		} else {
			if who == nil || next.After(end) {
				break
			}
			s.now = next
			s.do(who, who.d.Expire(next, s.acts[:0]))
		}
		s.check()
	}
	s.now = end
}

func (s *segment) step(m *machine, i int, ev Event) {
	s.do(m, m.d.Step(s.now, m.ids[i], &ev, s.acts[:0]))
}

func (s *segment) stepAll(m *machine, ev Event) {
	for i := range m.ids {
		s.step(m, i, ev)
	}
}

// do carries out what the Director of m asks for.
func (s *segment) do(m *machine, acts []Action) {
	s.acts = acts
	for _, a := range acts {
		i := int(a.ID)
		switch a.Kind {
		case ActionSend:
			s.send(m, i, a.Priority)
		case ActionAddresses:
			d, at := m.d, a
			m.gen[i] = a.Gen
			s.after(time.Duration(s.rnd.Int64N(int64(s.apply))), func() {
				if m.d != d || m.gen[i] != at.Gen {
					return // of a process that is gone, or not the newest
				}
				m.holds[i] = at.Want
				s.step(m, i, Event{Kind: EventApplied, Gen: at.Gen, Up: true})
			})
		case ActionChanged:
			s.moved = s.now
			s.moves++
			s.tell("%s: router %d %s", m.name, i+1, text(a))
		case ActionEvent, ActionGroupChanged:
			s.tell("%s: router %d %s", m.name, i+1, text(a))
		}
	}
}

// send puts an advert on the segment.
func (s *segment) send(m *machine, i int, prio uint8) {
	if prio == 0 {
		s.tell("%s: router %d says priority 0", m.name, i+1)
	}
	if !m.linkUp {
		return
	}
	m.d.Router(m.ids[i]).Advert(prio, &s.buf)
	p := packet{m.addr, s.buf.AppendTo(nil, m.addr, group4, true)}
	for j, to := range s.machines {
		if to == m || to.side != m.side {
			continue
		}
		key := [3]int{int(m.addr.As4()[3]), j, i}
		if s.rnd.Float64() < s.loss && (s.inARow == 0 || s.lost[key] < s.inARow) {
			s.lost[key]++
			s.tell("%s: an advert of %s for router %d is lost", to.name, m.name, i+1)
			continue
		}
		s.lost[key] = 0
		copies := 1
		if s.rnd.Float64() < s.dup {
			copies = 2
		}
		for range copies {
			s.after(time.Duration(s.rnd.Int64N(int64(s.delay))), func() { s.deliver(to, p, false) })
		}
	}
}

// deliver lets m receive p; overslept says that the machine was paused for
// longer than its peers wait.
func (s *segment) deliver(m *machine, p packet, overslept bool) {
	if !m.alive || !m.linkUp {
		return
	}
	if m.paused {
		m.inbox = append(m.inbox, p)
		return
	}
	meta := Meta{Src: p.src, Dst: group4, TTL: 255, TotalLen: len(p.wire)}
	if d := Decode(&s.buf, &meta, p.wire); d != DropNone {
		panic(d)
	}
	i := int(s.buf.VRID) - 1
	r := m.d.Router(m.ids[i])
	if r.Check(&s.buf, &meta) != DropNone {
		return
	}
	ev := Event{Kind: EventAdvert, Advert: &s.buf, Src: p.src, Local: m.addr}
	if overslept && r.State() == Master && s.buf.Priority > 0 {
		ev.Kind = EventYield
		s.step(m, i, ev)
		ev.Kind = EventAdvert
	}
	s.step(m, i, ev)
}

// start starts the process of m; left-over addresses are removed first.
func (s *segment) start(m *machine) {
	if m.alive {
		return
	}
	s.tell("%s: starts", m.name)
	m.alive, m.paused, m.inbox = true, false, nil
	m.d = NewDirector()
	m.ids, m.holds, m.gen = nil, make([]bool, len(m.cfgs)), make([]uint64, len(m.cfgs))
	for _, c := range m.cfgs {
		m.ids = append(m.ids, m.d.Add(c))
	}
	if s.groups {
		s.do(m, m.d.SetGroups(s.now, []GroupConfig{{Name: "G", Members: m.ids}}, s.acts[:0]))
	}
	s.stepAll(m, Event{Kind: EventLink, Up: m.linkUp})
	s.stepAll(m, Event{Kind: EventTrack, Key: "chk", Up: m.trackUp})
	s.stepAll(m, Event{Kind: EventStart})
}

func (s *segment) crash(m *machine) {
	if m.alive {
		s.tell("%s: crashes", m.name)
		m.alive = false
		m.holds = make([]bool, len(m.cfgs))
	}
}

func (s *segment) stop(m *machine) {
	if m.alive && !m.paused {
		s.tell("%s: is stopped", m.name)
		s.do(m, m.d.Shutdown(s.now, s.acts[:0]))
		m.alive = false
		m.holds = make([]bool, len(m.cfgs))
	}
}

func (s *segment) pause(m *machine) {
	if m.alive && !m.paused {
		s.tell("%s: is paused", m.name)
		m.paused, m.slept = true, s.now
	}
}

func (s *segment) wake(m *machine) {
	if !m.paused {
		return
	}
	m.paused = false
	if !m.alive {
		return
	}
	slept := s.now.Sub(m.slept)
	s.tell("%s: wakes up after %v with %d adverts waiting", m.name, slept, len(m.inbox))
	for _, p := range m.inbox {
		s.deliver(m, p, slept > 2*s.interval)
	}
	m.inbox = nil
}

func (s *segment) link(m *machine, up bool) {
	if m.linkUp == up {
		return
	}
	s.tell("%s: link up %v", m.name, up)
	m.linkUp = up
	if m.alive {
		s.stepAll(m, Event{Kind: EventLink, Up: up})
	}
}

func (s *segment) track(m *machine, up bool) {
	if m.trackUp == up {
		return
	}
	s.tell("%s: script up %v", m.name, up)
	m.trackUp = up
	if m.alive {
		s.stepAll(m, Event{Kind: EventTrack, Key: "chk", Up: up})
	}
}
