package engine

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
)

var (
	simSeed = flag.Uint64("sim.seed", 0, "simulate this seed only, with its transcript")
	simN    = flag.Int("sim.n", 2000, "seeds to simulate, a twentieth of it with -short")
	simTime = flag.Duration("sim.time", 20*time.Second, "stop simulating after so long")
)

// knownSeeds failed once. They are simulated always, whatever else is.
//
//   - 21203: an advert and the farewell of the same instant changed places on
//     their way, which no wire does.
var knownSeeds = []uint64{21203}

// TestSimulation lets a few hosts with a few virtual routers live through
// accidents: loss, delay, duplication, partitions, pauses, sleeps of the
// machine, scripts that fail, kills, restarts, hand-overs, links that go down,
// interfaces that are unplugged and come back as another one, strangers who
// remove addresses, news of the kernel that are lost, reloads. The routers are
// of IPv4, of IPv6, or of both in a sync group.
//
// All the time: the kernels have nothing to refuse, the changes told follow
// from each other, and where a process runs and its kernel is quick, the
// addresses of a virtual router are there exactly while it is master. When the
// accidents end, within a bound: one master for every virtual router, the one
// with the highest priority; then nothing changes any more, and the adverts
// come in their rhythm; and when the master stops, the next one takes over
// within the skew time.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		if err := simulate(t, *simSeed); err != nil {
			t.Fatal(err)
		}
		return
	}
	n := *simN
	if testing.Short() {
		n /= 20
	}
	until := time.Now().Add(*simTime)
	seeds := slices.Clone(knownSeeds)
	for seed := range uint64(n) {
		seeds = append(seeds, seed+1)
	}
	done := 0
	for i, seed := range seeds {
		if i >= len(knownSeeds) && !time.Now().Before(until) {
			break
		}
		if err := simulate(t, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		done++
	}
	if done == 0 {
		t.Fatal("nothing simulated")
	}
	t.Logf("%d seeds", done)
}

// world is one run of a seed.
type world struct {
	*lab
	rng          *rand.Rand
	vrs          int
	vips         int
	every        time.Duration // interval
	v2           bool
	group        bool // the routers of a host are one sync group
	sticky       bool // whoever is master stays it
	v4, v6       bool // with both every virtual router is a pair of one VRID
	paused, slow map[*node]bool
	deaf         map[*node]bool // its news of interfaces and addresses are lost
	without      map[*node]bool // its eth0 is unplugged
}

// simulate runs one seed in a bubble of its own; the error has the transcript.
func simulate(t *testing.T, seed uint64) (err error) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{lab: newLab(t, seed), rng: rand.New(rand.NewPCG(seed, 7)), slow: map[*node]bool{}, paused: map[*node]bool{}, deaf: map[*node]bool{}, without: map[*node]bool{}}
		err = w.live()
		for _, n := range w.nodes {
			n.kill()
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, strings.Join(w.lines, "\n"))
		}
	})
	return err
}

func (w *world) live() error {
	w.vrs, w.vips = 1+w.rng.IntN(2), 1+w.rng.IntN(2)
	w.every = []time.Duration{time.Second, 100 * time.Millisecond, 30 * time.Millisecond}[w.rng.IntN(3)]
	if w.v2 = w.rng.IntN(3) == 0; w.v2 {
		w.every = time.Second
	}
	w.group, w.sticky = w.vrs > 1 && w.rng.IntN(3) == 0, w.rng.IntN(4) == 0
	switch w.rng.IntN(5) {
	case 0:
		w.v6 = true
	case 1, 2:
		w.v4, w.v6 = true, true
	default:
		w.v4 = true
	}
	hosts := 2 + w.rng.IntN(3)
	for i := range hosts {
		w.plugIn(w.node(fmt.Sprintf("h%d", i), ""), i)
	}
	w.net.DAD = time.Duration(1+w.rng.IntN(1500)) * time.Millisecond
	w.net.Delay, w.net.Jitter = 50*time.Microsecond, time.Duration(1+w.rng.IntN(1000))*time.Microsecond
	for i, n := range w.nodes {
		time.Sleep(time.Duration(w.rng.Int64N(int64(w.every))))
		n.start(w.config(i))
	}
	for range 10 + w.rng.IntN(30) {
		time.Sleep(time.Duration(w.rng.Int64N(int64(2 * w.every))))
		w.accident()
		if err := w.always(); err != nil {
			return err
		}
	}
	w.mend()
	w.say("the accidents end")
	time.Sleep(w.bound())
	synctest.Wait()
	if err := errors.Join(w.always(), w.settled()); err != nil {
		return err
	}
	before := w.told()
	w.say("quiet")
	at := time.Now()
	time.Sleep(5*w.every + w.every/2)
	synctest.Wait()
	if got := w.told(); got != before {
		return fmt.Errorf("%d changes in quiet times", got-before)
	}
	if err := w.adverts5(at); err != nil {
		return err
	}
	return w.farewell()
}

// bound is how long an election may take from any state: the longest
// master-down time for whoever waits for a lower priority's adverts to be
// ignored, once more when the first was interrupted by what was on its way, and
// once more when two sticky masters yield to each other; the longest hold-off;
// the second in which a slow kernel's answer is waited for, the time without a
// link-local address, and some delay.
func (w *world) bound() time.Duration {
	return 3*4*w.every + time.Duration(len(w.nodes))*w.every + tellTime + w.net.DAD + 2*time.Second
}

const tellTime = time.Second

// always checks what holds at any time.
func (w *world) always() error {
	synctest.Wait()
	for i, n := range w.nodes {
		if n.proc != nil && !w.paused[n] && !w.slow[n] && !w.deaf[n] {
			states := n.status().Routers
			for v, r := range w.config(i).Routers {
				for _, p := range r.Addresses {
					if s := states[v].State; n.host.Has(p) != (s == vrrp.Master) {
						return fmt.Errorf("%s is %v for %s and holds %v: %v", n.name, s, r.Name, p, n.host.Has(p))
					}
				}
			}
		}
		if r := n.host.Refused(); len(r) > 0 {
			return fmt.Errorf("kernel refused: %v", r)
		}
		if n.obs == nil {
			continue
		}
		if err := n.obs.chain(); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
	}
	return nil
}

// chain checks that every change begins where the last one ended.
func (o *recorder) chain() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := map[string]vrrp.State{}
	for _, c := range o.changes {
		if c.Event {
			continue
		}
		if c.From != at[c.Name] || c.From == c.To {
			return fmt.Errorf("%s: told %v to %v, was %v", c.Name, c.From, c.To, at[c.Name])
		}
		at[c.Name] = c.To
	}
	return nil
}

func (w *world) told() (n int) {
	for _, n2 := range w.nodes {
		n += len(n2.obs.told())
	}
	return n
}

// simScript is what every router tracks.
const simScript = "script chk"

// best is the host with the highest priority for router v; of sticky ones it is
// whoever is master.
func (w *world) best(v int) *node {
	best := w.nodes[0]
	high := uint8(0)
	for i, n := range w.nodes {
		if w.sticky {
			if n.router(v).State == vrrp.Master {
				return n
			}
			continue
		}
		if p := w.config(i).Routers[v].Priority; p > high {
			best, high = n, p
		}
	}
	return best
}

// settled checks that the right host, and no other, is master of each router
// and holds its addresses.
func (w *world) settled() error {
	for v, r := range w.config(0).Routers {
		best := w.best(v)
		for i, n := range w.nodes {
			want := vrrp.Backup
			if n == best {
				want = vrrp.Master
			}
			if got := n.router(v).State; got != want {
				return fmt.Errorf("%s is %v for %s, want %v", n.name, got, r.Name, want)
			}
			for _, p := range w.config(i).Routers[v].Addresses {
				if n.host.Has(p) != (n == best) {
					return fmt.Errorf("%s holds %v: %v", n.name, p, n.host.Has(p))
				}
			}
		}
	}
	return nil
}

// adverts5 checks that five intervals had five adverts of each router (six
// when the window begins just before one), all from the master.
func (w *world) adverts5(since time.Time) error {
	for v, r := range w.config(0).Routers {
		for _, n := range w.nodes {
			got := 0
			for _, s := range w.adverts(n.name, since) {
				if s.vrid == r.VRID && s.dst.Is6() == r.is6() {
					got++
				}
			}
			if master := n == w.best(v); master && got != 5 && got != 6 || !master && got != 0 {
				return fmt.Errorf("%s sent %d adverts of %s", n.name, got, r.Name)
			}
		}
	}
	return nil
}

// farewell stops the hosts one by one, best of router 0 first: the next one
// takes over within its skew time, and whoever left holds nothing.
func (w *world) farewell() error {
	n := w.best(0)
	at := time.Now()
	if err := n.stop(); err != nil {
		return err
	}
	for _, p := range w.config(0).Routers[0].Addresses {
		if n.host.Has(p) {
			return fmt.Errorf("%s left %v behind", n.name, p)
		}
	}
	skew := w.every // v3: less than an interval
	time.Sleep(skew + 10*time.Millisecond)
	synctest.Wait()
	masters := 0
	for _, o := range w.nodes {
		if o != n && o.router(0).State == vrrp.Master {
			masters++
		}
	}
	if masters != 1 {
		return fmt.Errorf("%d masters %v after %s stopped", masters, time.Since(at), n.name)
	}
	return nil
}
