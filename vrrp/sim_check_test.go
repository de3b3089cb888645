package vrrp

import (
	"fmt"
	"slices"
	"time"
)

// bound is the longest time in which a quiet segment settles: a router that
// has just started waits 3 intervals and the skew time (4 together), may do
// so twice in a group, or waits for preempt_delay and again; then adverts
// and addresses take their time.
func (l *life) bound() time.Duration {
	return 20*l.interval + 2*l.hold + 2*l.preDel
}

// absent is the longest time without a master where a machine could be it: 4
// intervals (3 and the longest skew time), one for the adverts on their way;
// once more where members of a group wait for each other, or where two sticky
// masters that were deaf yield to each other. An interval may be the double one
// of a machine that was reloaded.
func (l *life) absent() time.Duration {
	d := 5 * l.interval
	if l.start.After(l.now) {
		d *= 2
	}
	if len(l.machines[0].groups) > 0 || l.policy >= sticky {
		d *= 2
	}
	return d + l.hold + l.delay
}

func (l *life) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("after %v: %s", l.now.Sub(epoch), fmt.Sprintf(format, args...))
		l.tell("BROKEN: %v", l.err)
		l.story = nil // the rest is no part of the story
	}
}

// able: router i of the machine could be master: neither it nor a member of its
// group has a fault.
func (m *machine) able(i int) bool {
	if !m.alive || m.paused || !m.link || !m.tracks["chk"] || m.sick[i] {
		return false
	}
	for _, g := range m.groups {
		if slices.Contains(g, i) && slices.ContainsFunc(g, func(j int) bool { return m.sick[j] }) {
			return false
		}
	}
	return true
}

// check holds the segment to the invariants after every event.
func (l *life) check() {
	l.neverNone()
	l.neverDeaf()
	l.together()
	l.obedient()
	if !l.settled.IsZero() && l.now.After(l.settled) {
		l.oneMaster()
		l.rhythm()
		if l.moved.After(l.settled) {
			l.fail("a router changed its state without a cause")
		}
	}
}

// neverNone: wherever a machine is able, there is a master within the bound,
// counted from the last thing that happened to the machines or the network.
func (l *life) neverNone() {
	for i := range l.routers {
		for side := range 2 {
			able, master := false, false
			for _, m := range l.machines {
				if m.side != side {
					continue
				}
				able = able || m.able(i)
				// One that does not know yet that it should not is a master too.
				master = master || m.alive && !m.paused && m.link && m.state(i) == Master
			}
			if !able || master {
				l.without[i][side] = l.now
				continue
			}
			if since := later(l.without[i][side], l.changed); l.now.Sub(since) > l.absent() && l.loss == 0 {
				l.fail("router %d has had no master for %v on side %d", i+1, l.now.Sub(since), side)
			}
		}
	}
}

// neverDeaf: an able machine that is no master has heard one not long ago.
func (l *life) neverDeaf() {
	for _, m := range l.machines {
		if !m.alive {
			continue
		}
		for i := range m.ids {
			if !m.able(i) || m.state(i) == Master {
				m.heard[i] = l.now
			}
		}
		for i := range m.ids {
			since := m.heard[i]
			for _, g := range m.groups {
				if slices.Contains(g, i) {
					for _, j := range g {
						since = later(since, m.heard[j])
					}
				}
			}
			if l.now.Sub(since) > 2*l.absent() && l.now.Sub(l.changed) > 2*l.absent() {
				l.fail("%s: router %d is %v and has heard no master for %v", m.name, i+1, m.state(i), l.now.Sub(since))
			}
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// together: the members of a sync group are all master or none is, and all in
// FAULT or none.
func (l *life) together() {
	for _, m := range l.machines {
		if !m.alive {
			continue
		}
		for _, g := range m.groups {
			masters, faults := 0, 0
			for _, i := range g {
				switch m.state(i) {
				case Master:
					masters++
				case Fault:
					faults++
				}
			}
			if faults != 0 && faults != len(g) {
				l.fail("%s: %d of %d members of the group are in FAULT", m.name, faults, len(g))
			}
			if masters != 0 && masters != len(g) {
				l.fail("%s: %d of %d members of the group are master", m.name, masters, len(g))
			}
		}
	}
}

// obedient: a machine that was told of a fault is in FAULT, and its priority is
// what its scripts make of it.
func (l *life) obedient() {
	for _, m := range l.machines {
		if !m.alive || m.paused {
			continue
		}
		for i := range m.ids {
			if fault := !m.knows.link || !m.knows.chk[i]; fault && m.state(i) != Fault {
				l.fail("%s: router %d was told of a fault and is %v", m.name, i+1, m.state(i))
			}
			if got, want := m.d.Router(m.ids[i]).effective, m.worth(i); got != want {
				l.fail("%s: router %d has priority %d, want %d", m.name, i+1, got, want)
			}
		}
	}
}

// worth is the priority of router i by its configuration and its scripts.
func (m *machine) worth(i int) uint8 {
	p := int(m.cfgs[i].Priority)
	if p == ownerPriority {
		return ownerPriority
	}
	for _, t := range m.cfgs[i].Tracks {
		if t.Key == "wgt" && m.knows.wgt == (t.Weight > 0) {
			if t.Reverse {
				p -= t.Weight
			} else {
				p += t.Weight
			}
		}
	}
	return uint8(min(max(p, 1), 254))
}

// master is the master of router i among the machines of one version.
func (l *life) master(i int, version uint8) (master *machine, members int) {
	for _, m := range l.machines {
		if !m.alive || m.cfgs[i].Version != version {
			continue
		}
		members++
		if m.state(i) == Master {
			if master != nil {
				l.fail("router %d: %s and %s are master", i+1, master.name, m.name)
			}
			master = m
		}
	}
	return master, members
}

// oneMaster: on a quiet segment one machine is master of a router and holds
// the addresses, which nobody has announced since; and with preemption no other
// one has a higher priority.
func (l *life) oneMaster() {
	for i := range l.routers {
		for _, version := range []uint8{2, 3} {
			master, members := l.master(i, version)
			if members == 0 {
				continue
			}
			if master == nil {
				l.fail("router %d has no master", i+1)
				return
			}
			l.bestIsMaster(i, master)
			odd := false
			for _, m := range l.machines {
				odd = odd || m.cfgs[i].Version != version
			}
			if l.refresh && !odd && l.now.Sub(l.settled) > 6*l.interval && l.holder[i] != master {
				l.fail("router %d: %s is master, but %s announced the addresses last", i+1, master.name, l.holder[i].name)
			}
		}
		for _, m := range l.machines {
			if m.alive && m.holds[i] != (m.state(i) == Master) {
				l.fail("router %d: %s is %v and holds the addresses: %v", i+1, m.name, m.state(i), m.holds[i])
			}
		}
	}
}

// bestIsMaster: with preemption mastership follows priority; an owner is
// master in any case.
func (l *life) bestIsMaster(i int, master *machine) {
	mine := master.d.Router(master.ids[i]).effective
	for _, m := range l.machines {
		if !m.alive || m.cfgs[i].Version != master.cfgs[i].Version {
			continue
		}
		theirs := m.d.Router(m.ids[i]).effective
		if theirs > mine && (l.policy == preempt || theirs == ownerPriority) {
			l.fail("router %d: %s is master with priority %d, but %s has %d", i+1, master.name, mine, m.name, theirs)
		}
	}
}

// rhythm: a master advertises in its interval.
func (l *life) rhythm() {
	for _, m := range l.machines {
		if !m.alive {
			continue
		}
		for i := range m.ids {
			if m.state(i) == Master && l.now.Sub(m.sent[i]) > l.interval+l.interval/50 {
				l.fail("%s: router %d has not advertised for %v", m.name, i+1, l.now.Sub(m.sent[i]))
			}
		}
	}
}

// aftermath: on the quiet segment a machine that is no master goes and comes
// back, and nobody notices; a master is stopped, and the next one follows
// within the skew time; that one dies, and the next one follows within the
// master-down interval.
func (l *life) aftermath() {
	if l.err != nil {
		return
	}
	for _, m := range l.machines {
		if l.anyMaster(m) {
			continue
		}
		l.tell("--- %s goes and comes back", m.name)
		l.crash(m)
		before := l.masters()
		l.settled = l.now.Add(time.Hour)
		l.run(l.now.Add(5 * l.interval))
		l.changed = l.now
		l.segment.start(m)
		l.run(l.now.Add(l.bound()))
		if after := l.masters(); l.err == nil && after != before {
			l.fail("%s came back, and the masters are %s after %s", m.name, after, before)
		}
		break
	}
	l.leaves("is stopped", l.stop, l.interval+2*l.delay+time.Millisecond)
	l.leaves("dies", l.crash, l.absent())
}

func (l *life) anyMaster(m *machine) bool {
	for i := range m.ids {
		if m.state(i) == Master {
			return true
		}
	}
	return false
}

func (l *life) masters() string {
	s := ""
	for i := range l.routers {
		for _, version := range []uint8{2, 3} {
			if m, _ := l.master(i, version); m != nil {
				s += m.name
			}
		}
	}
	return s
}

// leaves takes the master of the first router away; within the limit there is
// another one, if another one can be.
func (l *life) leaves(how string, leave func(*machine), within time.Duration) {
	m, members := l.master(0, l.machines[0].cfgs[0].Version)
	if l.err != nil || m == nil || members < 2 {
		return
	}
	l.tell("--- %s, the master, %s", m.name, how)
	l.settled = l.now.Add(time.Hour)
	mine := []int{}
	for i := range m.ids {
		if m.state(i) == Master {
			mine = append(mine, i)
		}
	}
	l.changed = l.now
	leave(m)
	l.run(l.now.Add(within))
	for _, i := range mine {
		if next, n := l.master(i, m.cfgs[i].Version); l.err == nil && next == nil && n > 0 {
			l.fail("router %d has no master %v after %s left", i+1, within, m.name)
		}
	}
	l.run(l.now.Add(l.bound()))
	l.settled = l.now
	l.run(l.now.Add(10 * l.interval))
}
