package vrrp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The simulation plays many short lives of a segment with two to four
// machines. A life begins with chaos (adverts lost, delayed and doubled, the
// segment parted, machines crashed, stopped, paused, links and scripts down,
// addresses stolen, priorities reloaded) and ends in quiet. The invariants are
// explained in doc.go. A seed that fails prints its life as a story.

func TestSimulation(t *testing.T) {
	seeds := 3000
	if testing.Short() {
		seeds = 300
	}
	masters := 0
	for seed := range uint64(seeds) {
		n, err := live(seed, false, nil)
		masters += n
		if err != nil {
			var story strings.Builder
			_, _ = live(seed, false, &story)
			t.Fatalf("seed %d: %v\n%s", seed, err, tail(story.String(), 60))
		}
	}
	if masters < seeds {
		t.Errorf("only %d changes in %d lives: nothing was tested", masters, seeds)
	}
}

// TestSimulationNoFlap: with at most two adverts lost in a row and short
// delays, and nothing else, nobody ever changes state.
func TestSimulationNoFlap(t *testing.T) {
	seeds := 1000
	if testing.Short() {
		seeds = 100
	}
	for seed := range uint64(seeds) {
		if _, err := live(seed, true, nil); err != nil {
			var story strings.Builder
			_, _ = live(seed, true, &story)
			t.Fatalf("seed %d: %v\n%s", seed, err, tail(story.String(), 60))
		}
	}
}

func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// life is one segment with what is expected of it.
type life struct {
	*segment
	preempt bool
	routers int
	start   time.Time // of the quiet
	settled time.Time // from when on nothing may change
	without []time.Time
	err     error
}

// live plays seed and returns how often a router changed its state.
func live(seed uint64, gentle bool, story *strings.Builder) (int, error) {
	rnd := rand.New(rand.NewPCG(seed, 99))
	intervals := []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second}
	l := &life{
		segment: &segment{
			rnd: rnd, now: epoch, interval: intervals[rnd.IntN(3)], story: story,
			groups: rnd.IntN(3) == 0, lost: map[[3]int]int{}, changed: epoch,
		},
		preempt: rnd.IntN(4) != 0,
		routers: 1 + rnd.IntN(2),
	}
	l.segment.check = l.check
	l.delay = min(l.interval/20, 2*time.Millisecond)
	l.apply = l.interval / 4
	l.without = make([]time.Time, l.routers)
	for i := range l.without {
		l.without[i] = epoch
	}
	version := uint8(3)
	if l.interval == time.Second && rnd.IntN(2) == 0 {
		version = 2
	}
	for i := range 2 + rnd.IntN(3) {
		m := &machine{name: string(rune('A' + i)), addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), linkUp: true, trackUp: true}
		prio := l.priority()
		for j := range l.routers {
			if !l.groups {
				prio = l.priority()
			}
			m.cfgs = append(m.cfgs, Config{
				Name: fmt.Sprintf("%s%d", m.name, j+1), VRID: uint8(j + 1), Version: version, Priority: prio,
				AdvertInt: l.interval, DownTimerAdverts: 3, NoPreempt: !l.preempt,
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + j)})},
				GARP:      defaultGARP, Tracks: []Track{{Key: "chk", Up: true}},
			})
		}
		if l.preempt && rnd.IntN(5) == 0 {
			for j := range m.cfgs {
				m.cfgs[j].PreemptDelay = 3 * l.interval
			}
		}
		l.machines = append(l.machines, m)
		l.chaos(time.Duration(rnd.Int64N(int64(2*l.interval))), func() { l.segment.start(m) })
		l.tell("%s has priority %d", m.name, prio)
	}
	l.tell("interval %v, version %d, %d routers, group %v, preempt %v", l.interval, version, l.routers, l.groups, l.preempt)
	l.start = epoch.Add(100 * l.interval)
	if gentle {
		l.start = epoch
		l.loss, l.dup, l.inARow = 0.4, 0.2, 2
		l.settled = epoch.Add(l.bound())
		l.run(epoch.Add(150 * l.interval))
		return l.moves, l.err
	}
	for range rnd.IntN(12) {
		l.mischief()
	}
	l.settled = l.start.Add(l.bound())
	l.chaos(l.start.Sub(l.now), l.heal)
	l.run(l.settled.Add(20 * l.interval))
	return l.moves, l.err
}

// priority is 1..200, often the same, so that the skew time is longer than
// the segment's delay.
func (l *life) priority() uint8 {
	return [...]uint8{100, 100, 150, uint8(1 + l.rnd.IntN(200))}[l.rnd.IntN(4)]
}

// bound is the longest time in which a quiet segment settles: a router that
// has just started waits 3 intervals and the skew time (4 together), may do
// so twice in a group, or waits for preempt_delay and again; then adverts
// and addresses take their time.
func (l *life) bound() time.Duration {
	return 20 * l.interval
}

// absent is the longest time without a master where a machine could be it.
func (l *life) absent() time.Duration {
	d := 4*l.interval + l.delay
	if l.groups {
		d *= 2
	}
	return d + l.interval
}

// heal ends the chaos.
func (l *life) heal() {
	l.tell("--- quiet from here on")
	l.loss, l.dup = 0, 0
	for _, m := range l.machines {
		m.side = 0
		l.wake(m)
		l.link(m, true)
		l.track(m, true)
		l.segment.start(m)
	}
}

// mischief plans one bad thing and its end.
func (l *life) mischief() {
	m := l.machines[l.rnd.IntN(len(l.machines))]
	at := 8*l.interval + time.Duration(l.rnd.Int64N(int64(80*l.interval)))
	end := at + time.Duration(l.rnd.Int64N(int64(20*l.interval)))
	switch l.rnd.IntN(9) {
	case 0:
		l.chaos(at, func() { l.crash(m) })
		l.chaos(end, func() { l.segment.start(m) })
	case 1:
		l.chaos(at, func() { l.stop(m) })
		l.chaos(end, func() { l.segment.start(m) })
	case 2:
		l.chaos(at, func() { l.pause(m) })
		l.chaos(end, func() { l.wake(m) })
	case 3:
		l.chaos(at, func() {
			for _, m := range l.machines {
				m.side = l.rnd.IntN(2)
				l.tell("%s: is on side %d of the partition", m.name, m.side)
			}
		})
		l.chaos(end, func() {
			l.tell("the partition ends")
			for _, m := range l.machines {
				m.side = 0
			}
		})
	case 4:
		rate := l.rnd.Float64()
		l.chaos(at, func() { l.loss, l.dup = rate, 0.3; l.tell("%.0f %% of the adverts are lost", 100*rate) })
		l.chaos(end, func() { l.loss, l.dup = 0, 0 })
	case 5:
		l.chaos(at, func() { l.link(m, false) })
		l.chaos(end, func() { l.link(m, true) })
	case 6:
		l.chaos(at, func() { l.track(m, false) })
		l.chaos(end, func() { l.track(m, true) })
	case 7:
		for i := range 1 + l.rnd.IntN(6) {
			l.chaos(at+time.Duration(i)*l.interval/2, func() {
				if m.alive && !m.paused {
					l.tell("%s: an address is stolen", m.name)
					l.step(m, l.rnd.IntN(l.routers), Event{Kind: EventAddressLost})
				}
			})
		}
	case 8:
		prio := l.priority()
		l.chaos(at, func() {
			for i := range m.cfgs {
				m.cfgs[i].Priority = prio
				if m.alive && !m.paused {
					l.do(m, m.d.Update(l.now, m.ids[i], m.cfgs[i], l.acts[:0]))
				} else if m.alive {
					l.crash(m) // reloads are not for sleeping machines: it starts anew
				}
			}
			l.tell("%s: has priority %d now", m.name, prio)
		})
	}
}

func (l *life) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("after %v: %s", l.now.Sub(epoch), fmt.Sprintf(format, args...))
		l.tell("BROKEN: %v", l.err)
		l.story = nil // the rest is no part of the story
	}
}

// able: the machine could be master.
func (m *machine) able() bool { return m.alive && !m.paused && m.linkUp && m.trackUp }

// check holds the segment to the invariants after every event.
func (l *life) check() {
	l.neverNone()
	l.together()
	if l.now.After(l.settled) {
		l.oneMaster()
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
				if m.side == side && m.able() {
					able = true
					master = master || m.d.Router(m.ids[i]).State() == Master
				}
			}
			if able && !master {
				if since := later(l.without[i], l.changed); l.now.Sub(since) > l.absent() {
					l.fail("router %d has had no master for %v on side %d", i+1, l.now.Sub(since), side)
				}
				continue
			}
			if master && !l.parted() {
				l.without[i] = l.now
			}
		}
	}
}

func (l *life) parted() bool {
	for _, m := range l.machines {
		if m.side != 0 {
			return true
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// together: the members of a sync group are all master or none is.
func (l *life) together() {
	if !l.groups {
		return
	}
	for _, m := range l.machines {
		if !m.alive {
			continue
		}
		masters := 0
		for _, id := range m.ids {
			if m.d.Router(id).State() == Master {
				masters++
			}
		}
		if masters != 0 && masters != len(m.ids) {
			l.fail("%s: %d of %d members of the group are master", m.name, masters, len(m.ids))
		}
	}
}

// oneMaster: on a quiet segment one machine is master and holds the
// addresses, and with preemption it is the one of the highest priority and
// then the highest address.
func (l *life) oneMaster() {
	for i := range l.routers {
		var master *machine
		for _, m := range l.machines {
			state := m.d.Router(m.ids[i]).State()
			if state == Master && master != nil {
				l.fail("router %d: %s and %s are master", i+1, master.name, m.name)
			}
			if state == Master {
				master = m
			}
			if m.holds[i] != (state == Master) {
				l.fail("router %d: %s is %v and holds the addresses: %v", i+1, m.name, state, m.holds[i])
			}
		}
		if master == nil {
			l.fail("router %d has no master", i+1)
			return
		}
		if !l.preempt {
			continue
		}
		for _, m := range l.machines {
			if m.cfgs[i].Priority > master.cfgs[i].Priority {
				l.fail("router %d: %s is master, but %s has the higher priority", i+1, master.name, m.name)
			}
		}
	}
}
