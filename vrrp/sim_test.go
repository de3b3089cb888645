package vrrp

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The simulation plays many short lives of a segment with two to five
// machines. A life begins with chaos, goes on in quiet, and ends with a
// machine that comes back, a master that is stopped and a master that dies.
// The invariants are explained in doc.go and stand in sim_check_test.go; the
// accidents are in sim_chaos_test.go. A seed that fails prints its life as a
// story: go test ./vrrp -run Simulation -seed N.

var (
	oneSeed = flag.Int64("seed", -1, "simulate this seed only and print its story")
	lives   = flag.Int("lives", 0, "seeds to simulate (0: 1000; make sim takes 10000)")
)

// knownSeeds failed once. They are played always, whatever else is.
var knownSeeds = []uint64{}

func TestSimulation(t *testing.T) {
	if *oneSeed >= 0 {
		var story strings.Builder
		_, err := live(uint64(*oneSeed), false, &story)
		t.Logf("seed %d: %v\n%s", *oneSeed, err, story.String())
		if err != nil {
			t.Fail()
		}
		return
	}
	n := 1000
	if *lives > 0 {
		n = *lives
	}
	simulate(t, n, false)
}

// TestSimulationNoFlap: with at most two adverts lost in a row and short
// delays, and addresses that are rolled out machine by machine, nobody ever
// changes state.
func TestSimulationNoFlap(t *testing.T) {
	simulate(t, max(200, *lives/10), true)
}

// simulate plays seeds 0 to n-1 on all processors, a tenth with -short.
func simulate(t *testing.T, n int, gentle bool) {
	if testing.Short() {
		n /= 10
	}
	seeds := append([]uint64(nil), knownSeeds...)
	for seed := range uint64(n) {
		seeds = append(seeds, seed)
	}
	var next, moves atomic.Int64
	var failed atomic.Int64
	failed.Store(-1)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for failed.Load() < 0 {
				k := int(next.Add(1)) - 1
				if k >= len(seeds) {
					return
				}
				m, err := live(seeds[k], gentle, nil)
				moves.Add(int64(m))
				if err != nil {
					failed.CompareAndSwap(-1, int64(seeds[k]))
				}
			}
		}()
	}
	wg.Wait()
	if seed := failed.Load(); seed >= 0 {
		var story strings.Builder
		_, err := live(uint64(seed), gentle, &story)
		t.Fatalf("seed %d: %v\n%s", seed, err, tail(story.String(), 80))
	}
	if moves.Load() < int64(n) {
		t.Errorf("only %d changes in %d lives: nothing was tested", moves.Load(), n)
	}
}

func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// trackKeys are what every machine tracks: one without and one with a weight.
var trackKeys = []string{"chk", "wgt"}

// policy is how the machines of a life think about preemption.
type policy int

const (
	preempt policy = iota
	noPreempt
	sticky
	mixed // every machine has its own
)

func (p policy) String() string {
	return [...]string{"preempt", "nopreempt", "sticky", "mixed policies"}[p]
}

// life is one segment with what is expected of it.
type life struct {
	*segment
	policy  policy
	routers int
	hold    time.Duration // hold-off and start-up delay, the longest
	preDel  time.Duration // preempt_delay, the longest
	refresh bool          // announcements are repeated
	start   time.Time     // of the quiet
	settled time.Time     // from when on nothing may change; zero: not yet
	without [][2]time.Time
	err     error
}

// live plays seed and returns how often a router changed its state.
func live(seed uint64, gentle bool, story *strings.Builder) (int, error) {
	rnd := rand.New(rand.NewPCG(seed, 99))
	intervals := []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second}
	l := &life{
		segment: &segment{
			rnd: rnd, now: epoch, interval: intervals[rnd.IntN(3)], story: story,
			lost: map[[3]int]int{}, deaf: map[[2]int]bool{}, arrived: map[[2]int]time.Time{}, changed: epoch,
		},
		policy:  policy(rnd.IntN(4)),
		routers: 1 + rnd.IntN(3),
		refresh: rnd.IntN(2) == 0,
	}
	l.segment.check, l.segment.broken = l.check, l.fail
	l.calm()
	l.apply = l.interval / 4
	l.holder = make([]*machine, l.routers)
	l.without = make([][2]time.Time, l.routers)
	for i := range l.without {
		l.without[i] = [2]time.Time{epoch, epoch}
	}
	l.populate()
	l.start = epoch.Add(100 * l.interval)
	if gentle {
		l.start = epoch
		l.loss, l.dup, l.inARow = 0.4, 0.2, 2
		l.settled = epoch.Add(l.bound())
		for _, m := range l.machines { // an address is rolled out machine by machine
			at := l.settled.Sub(l.now) + time.Duration(rnd.Int64N(int64(40*l.interval)))
			l.moreVIPs(m, at, at+30*l.interval)
		}
		l.run(l.settled.Add(100 * l.interval))
		return l.moves, l.err
	}
	for range rnd.IntN(14) {
		l.mischief()
	}
	l.chaos(l.start.Sub(l.now), l.heal)
	l.settle(l.start, "the chaos")
	l.run(l.settled.Add(20 * l.interval))
	l.aftermath()
	return l.moves, l.err
}

// settle expects peace from l.bound() after from on.
func (l *life) settle(from time.Time, after string) {
	l.settled = from.Add(l.bound())
	at := l.settled
	l.after(at.Sub(l.now), func() { l.tell("--- from here on nothing may change, %v after %s", at.Sub(from), after) })
}

// populate makes the machines.
func (l *life) populate() {
	rnd := l.rnd
	groups := [][]int(nil)
	switch k := rnd.IntN(3); {
	case k == 0 && l.routers > 1: // all together
		g := make([]int, l.routers)
		for i := range g {
			g[i] = i
		}
		groups = [][]int{g}
	case k == 1 && l.routers > 2: // two, and one alone
		groups = [][]int{{0, 2}}
	}
	versions := make([]uint8, l.routers)
	for i := range versions {
		versions[i] = 3
		if l.interval == time.Second && rnd.IntN(2) == 0 {
			versions[i] = 2
		}
	}
	var weights []string
	n := 2 + rnd.IntN(4)
	for k := range n {
		m := &machine{
			name: string(rune('A' + k)), at: k, addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(k + 1)}),
			link: true, tracks: map[string]bool{"chk": true, "wgt": true}, sick: map[int]bool{}, stolen: map[int]bool{}, groups: groups,
			offset: time.Duration(rnd.Int64N(int64(time.Hour))), ppm: rnd.Int64N(4001) - 2000,
			heard: make([]time.Time, l.routers), sent: make([]time.Time, l.routers), advert: make([]time.Time, l.routers),
		}
		prio, weight := l.priority(), [...]int{0, 30, -60}[rnd.IntN(3)]
		if k == 0 && rnd.IntN(10) == 0 {
			prio = 255
		}
		p := l.policy
		if p == mixed {
			p = policy(rnd.IntN(3))
		}
		odd := l.interval == time.Second && len(groups) == 0 && rnd.IntN(20) == 0
		for j := range l.routers {
			if len(groups) == 0 && prio != 255 {
				prio = l.priority()
			}
			c := Config{
				Name: fmt.Sprintf("%s%d", m.name, j+1), VRID: uint8(j + 1), Version: versions[j], Priority: prio, StartMaster: prio == 255,
				AdvertInt: l.interval, DownTimerAdverts: 3, NoPreempt: p == noPreempt, Sticky: p == sticky,
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + j)})},
				GARP:      defaultGARP, Tracks: []Track{{Key: "chk", Up: true}},
			}
			if odd {
				c.Version = 5 - c.Version
			}
			if weight != 0 {
				c.Tracks = append(c.Tracks, Track{Key: "wgt", Weight: weight, Reverse: k == 3, Up: true})
			}
			if l.refresh {
				c.GARP.Refresh = 5 * l.interval
			}
			c.HigherPrioSendAdvert, c.LowerPrioNoAdvert = k == 1 && seedBit(l, 1), k == 2 && seedBit(l, 2)
			m.cfgs = append(m.cfgs, c)
		}
		for j := range m.cfgs {
			switch {
			case p == sticky:
				m.cfgs[j].HoldOff = time.Duration(k) * l.interval
				l.hold = max(l.hold, m.cfgs[j].HoldOff)
			case p == preempt && k%2 == 1 && l.routers == 1:
				m.cfgs[j].PreemptDelay = 3 * l.interval
				l.preDel = max(l.preDel, m.cfgs[j].PreemptDelay)
			case k == 4:
				m.cfgs[j].StartupDelay = 2 * l.interval
				l.hold = max(l.hold, m.cfgs[j].StartupDelay)
			}
		}
		l.machines = append(l.machines, m)
		weights = append(weights, fmt.Sprintf("%s has priority %d, weight %d, %v, version %d", m.name, prio, weight, p, m.cfgs[0].Version))
		l.chaos(time.Duration(rnd.Int64N(int64(2*l.interval))), func() { l.segment.start(m) })
	}
	l.tell("interval %v, %d routers, groups %v, %v, announcements repeated: %v", l.interval, l.routers, groups, l.policy, l.refresh)
	for _, w := range weights {
		l.tell("%s", w)
	}
}

// seedBit draws a rare habit.
func seedBit(l *life, n int) bool { return l.rnd.IntN(8) == n }

// priority is 1..200, often the same, so that the skew time is longer than
// the segment's delay.
func (l *life) priority() uint8 {
	return [...]uint8{100, 100, 150, uint8(1 + l.rnd.IntN(200))}[l.rnd.IntN(4)]
}

// calm is a segment as it should be.
func (l *life) calm() {
	l.loss, l.dup = 0, 0
	l.delay = min(l.interval/20, 2*time.Millisecond)
	clear(l.deaf)
}
