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
	name   string
	addr   netip.Addr
	at     int // place among the machines
	d      *Director
	ids    []ID
	cfgs   []Config
	groups [][]int // routers of each sync group

	// Its clock: ahead of the segment's by offset, and faster by ppm.
	offset        time.Duration
	ppm           int64
	asked, answer time.Time // of when, the last time

	side    int  // of the partition
	alive   bool // process runs
	paused  bool
	link    bool // cable is in
	news    time.Duration
	tracks  map[string]bool
	inbox   []packet // arrived while paused
	slept   time.Time
	gen     []uint64 // the newest asked for
	holds   []bool   // addresses in this machine's kernel
	told    []State  // as the changes told add up
	heard   []time.Time
	advert  []time.Time // the last one heard, unless its sender has gone
	sent    []time.Time // last advert with a priority
	started time.Time
	quiet   []bool       // must not say anything with a priority: it overslept and another master was heard
	mute    time.Time    // listens only until then, after a sleep of the machine
	sick    map[int]bool // routers of which the script alone fails
	knows   knowledge
	stolen  map[int]bool
}

// knowledge is what a machine was told of its link and its scripts.
type knowledge struct {
	link bool
	chk  []bool // by router
	wgt  bool
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
	interval time.Duration
	delay    time.Duration // longest
	apply    time.Duration // longest time that the kernel takes
	loss     float64
	dup      float64
	inARow   int                  // most adverts lost one after the other on one path; 0: no limit
	lost     map[[3]int]int       // lost in a row by sender, receiver, router
	deaf     map[[2]int]bool      // adverts of the first do not reach the second
	inOrder  bool                 // nothing overtakes
	arrived  map[[2]int]time.Time // the last that was sent from the first to the second, if inOrder
	holder   []*machine           // of each router: who announced the addresses last
	story    *strings.Builder
	changed  time.Time // when something last happened to the machines or the network
	moved    time.Time // when a router last changed its state
	moves    int
	check    func() // after every event
	broken   func(format string, args ...any)
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

// clock is what the machine's clock says at t of the segment's.
func (m *machine) clock(t time.Time) time.Time {
	d := t.Sub(epoch)
	return t.Add(m.offset + time.Duration(int64(d)/1e6*m.ppm))
}

// when is the first moment of the segment at which the machine's clock says t.
func (m *machine) when(t time.Time) time.Time {
	if t.Equal(m.asked) {
		return m.answer
	}
	at := t.Add(-m.offset)
	for range 3 { // each time the error is a 500th
		at = at.Add(t.Sub(m.clock(at)))
	}
	for m.clock(at).Before(t) {
		at = at.Add(time.Microsecond)
	}
	m.asked, m.answer = t, at
	return at
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
			at := m.d.Deadline()
			if at.IsZero() {
				continue
			}
			if at = m.when(at); who == nil || at.Before(next) {
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
			if next.After(s.now) { // a deadline may have passed during a pause
				s.now = next
			}
			s.do(who, who.d.Expire(who.clock(s.now), s.acts[:0]))
		}
		s.check()
	}
	s.now = end
}

func (s *segment) step(m *machine, i int, ev Event) {
	s.do(m, m.d.Step(m.clock(s.now), m.ids[i], &ev, s.acts[:0]))
}

func (s *segment) stepAll(m *machine, ev Event) {
	for i := range m.ids {
		s.step(m, i, ev)
	}
}

func (m *machine) state(i int) State { return m.d.Router(m.ids[i]).State() }

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
				if m.d != d {
					return // of a process that is gone
				}
				if m.gen[i] == at.Gen { // older ones are answered, and not carried out
					m.holds[i] = at.Want
					delete(m.stolen, i)
				}
				if m.alive && !m.paused { // a sleeping process hears of it later, which changes nothing
					s.step(m, i, Event{Kind: EventApplied, Gen: at.Gen, Up: true})
				}
			})
		case ActionAnnounce:
			if !m.holds[i] && !m.stolen[i] { // what was stolen a moment ago is still ours to announce
				s.broken("%s: router %d announces addresses that it does not have", m.name, i+1)
			}
			if m.link {
				s.holder[i] = m
			}
		case ActionChanged:
			s.moved = s.now
			s.moves++
			s.tell("%s: router %d %s", m.name, i+1, text(a))
			if a.From != m.told[i] || a.From == a.To && a.To != Init {
				s.broken("%s: router %d is told to go from %v to %v, and was %v", m.name, i+1, a.From, a.To, m.told[i])
			}
			m.told[i] = a.To
		case ActionEvent:
			s.tell("%s: router %d %s", m.name, i+1, text(a))
		case ActionGroupChanged:
			s.tell("%s: group %s %s", m.name, a.Group, text(a))
		}
	}
}

// patient: whoever does not preempt takes nothing from a master that lives.
func (s *segment) patient(m *machine, i int) {
	r := m.d.Router(m.ids[i])
	c := &m.cfgs[i]
	if (c.NoPreempt || c.Sticky) && c.Priority != ownerPriority && r.reason == ReasonTimeout &&
		r.since.Equal(m.clock(s.now)) && s.now.Sub(m.advert[i]) < 2*s.interval && m.sent[i].Before(m.advert[i].Add(-3*s.interval)) {
		s.broken("%s: router %d does not preempt, and takes over from a master that it heard %v ago", m.name, i+1, s.now.Sub(m.advert[i]))
	}
}

// send puts an advert on the segment.
func (s *segment) send(m *machine, i int, prio uint8) {
	if prio == 0 {
		s.tell("%s: router %d says priority 0", m.name, i+1)
	} else {
		s.patient(m, i)
		want := m.worth(i)
		if sticky := m.cfgs[i].Sticky && want != ownerPriority; !sticky && prio != want || sticky && prio < max(want, StickyPriority) {
			s.broken("%s: router %d says priority %d, want %d", m.name, i+1, prio, want)
		}
		m.sent[i] = s.now
		if m.quiet[i] {
			s.broken("%s: router %d slept, and says priority %d before it has listened, or although it has heard another master", m.name, i+1, prio)
		}
	}
	if !m.link {
		return
	}
	m.d.Router(m.ids[i]).Advert(prio, &s.buf)
	p := packet{m.addr, s.buf.AppendTo(nil, m.addr, group4, true)}
	for j, to := range s.machines {
		if to == m || to.side != m.side || s.deaf[[2]int{m.at, j}] {
			continue
		}
		key := [3]int{m.at, j, i}
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
			d := time.Duration(s.rnd.Int64N(int64(s.delay)))
			if path := [2]int{m.at, j}; s.inOrder {
				d = max(d, s.arrived[path].Sub(s.now))
				s.arrived[path] = s.now.Add(d)
			}
			s.after(d, func() { s.deliver(to, p, false) })
		}
	}
}

// deliver lets m receive p; overslept says that the machine was paused for
// longer than its peers wait.
func (s *segment) deliver(m *machine, p packet, overslept bool) {
	if !m.alive || !m.link {
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
	if s.buf.Priority > 0 {
		m.heard[i], m.advert[i] = s.now, s.now
	} else {
		m.advert[i] = time.Time{}
		m.quiet[i] = false // the other one goes: it may answer
	}
	ev := Event{Kind: EventAdvert, Advert: &s.buf, Src: p.src, Local: m.addr}
	if (overslept || s.now.Before(m.mute)) && r.State() == Master && s.buf.Priority > 0 {
		m.quiet[i] = true
		ev.Kind = EventYield
		s.step(m, i, ev)
		ev.Kind = EventAdvert
	}
	s.step(m, i, ev)
}
