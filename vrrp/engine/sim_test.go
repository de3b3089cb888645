package engine

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
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

// TestSimulation lets a few hosts with a few virtual routers live through
// accidents: loss, delay, duplication, partitions, pauses, sleeps of the
// machine, scripts that fail, kills, restarts, hand-overs, links that go down,
// strangers who remove addresses, reloads.
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
	done := 0
	for seed := uint64(1); seed <= uint64(n) && time.Now().Before(until); seed++ {
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
	paused, slow map[*node]bool
}

// simulate runs one seed in a bubble of its own; the error has the transcript.
func simulate(t *testing.T, seed uint64) (err error) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{lab: newLab(t, seed), rng: rand.New(rand.NewPCG(seed, 7)), slow: map[*node]bool{}, paused: map[*node]bool{}}
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
	hosts := 2 + w.rng.IntN(3)
	for i := range hosts {
		w.node(fmt.Sprintf("h%d", i), fmt.Sprintf("192.0.2.%d/24", i+1))
	}
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

// config of host i: every host has another priority for each router.
func (w *world) config(i int) Config {
	var c Config
	for v := range w.vrs {
		place := i + v
		if w.group { // members have one priority
			place = i
		}
		r := vr(uint8(v+1), uint8(100+10*(place%len(w.nodes))))
		r.Sticky, r.HoldOff = w.sticky, time.Duration(i)*w.every/2
		r.Tracks = []vrrp.Track{{Key: simScript, Up: true}}
		r.AdvertInt = w.every
		if w.v2 {
			r.Version = 2
		}
		r.VIPs, r.Addresses = nil, nil
		for k := range w.vips {
			p := vr(1, 1, fmt.Sprintf("192.0.2.%d/32", 100+10*v+k)).VIPs[0].Prefix
			r.VIPs = append(r.VIPs, VIP{Prefix: p})
			r.Addresses = append(r.Addresses, p.Addr())
		}
		c.Routers = append(c.Routers, r)
	}
	if w.group {
		g := Group{Name: "G"}
		for i := range c.Routers {
			g.Members = append(g.Members, c.Routers[i].Name)
		}
		c.Groups = []Group{g}
	}
	return c
}

// accident does one thing at random.
func (w *world) accident() {
	i := w.rng.IntN(len(w.nodes))
	n := w.nodes[i]
	kind := w.rng.IntN(17)
	if n.proc == nil {
		var resume []func(*Deps)
		if kind%2 == 0 && n.obs != nil {
			for _, r := range w.config(i).Routers {
				if n.obs.wasMaster(r.Name) {
					resume = append(resume, addResume(r.Name, w.lastSent(n.name, r.VRID)))
				}
			}
		}
		w.paused[n], w.slow[n] = false, false
		n.start(w.config(i), resume...)
		return
	}
	switch kind {
	case 0:
		w.say("%s is cut off", n.name)
		w.net.Partition(n.name, true)
	case 1:
		o := w.nodes[w.rng.IntN(len(w.nodes))]
		w.say("%s does not reach %s", n.name, o.name)
		w.net.Cut(n.name, o.name, true)
	case 2, 3:
		w.heal()
	case 4:
		w.say("%s is paused", n.name)
		n.proc.Pause()
		w.paused[n] = true
	case 5:
		w.say("%s continues", n.name)
		w.goOn(n)
	case 6:
		n.kill()
	case 7:
		w.goOn(n)
		n.stop()
	case 8:
		w.say("%s eth0 down", n.name)
		n.host.SetUp("eth0", false)
	case 9:
		w.say("%s eth0 up", n.name)
		n.host.SetUp("eth0", true)
	case 10:
		r := w.config(i).Routers[w.rng.IntN(w.vrs)]
		p := r.VIPs[w.rng.IntN(w.vips)].Prefix
		if n.host.RemoveAddress("eth0", p) == nil {
			w.say("a stranger removes %v", p)
		}
	case 11:
		w.goOn(n)
		c := w.config(i)
		c.Routers[w.rng.IntN(w.vrs)].Priority += uint8(w.rng.IntN(40))
		n.reload(c)
	case 12:
		w.say("%s's kernel is slow", n.name)
		w.slow[n] = true
		n.proc.ApplyDelay(time.Duration(w.rng.IntN(300)) * time.Millisecond)
	case 14:
		w.say("%s is suspended", n.name)
		n.proc.Suspend()
		w.paused[n] = true
	case 15, 16:
		w.say("the script of %s is up: %v", n.name, kind == 16)
		n.eng.Track(simScript, kind == 16)
	case 13:
		loss, dup := w.rng.Float64()/2, w.rng.Float64()/4
		w.say("loss %.2f, duplication %.2f", loss, dup)
		w.net.Change(func(m *linkNet) { m.Loss, m.Dup = loss, dup })
	}
}

func (w *world) goOn(n *node) {
	w.paused[n] = false
	n.proc.Continue()
}

func addResume(name string, at time.Time) func(*Deps) {
	return func(d *Deps) { d.Resume = append(d.Resume, Resume{Name: name, LastAdvert: at}) }
}

// wasMaster says what the parent of the daemon would know.
func (o *recorder) wasMaster(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	is := false
	for _, c := range o.changes {
		if c.Name == name && (!c.Event || c.TakingOver) {
			is = c.To == vrrp.Master
		}
	}
	return is
}

func (w *world) heal() {
	w.say("the network is whole")
	for _, n := range w.nodes {
		w.net.Partition(n.name, false)
	}
	w.net.Change(func(m *linkNet) { m.Loss, m.Dup = 0, 0 })
}

// mend undoes all accidents.
func (w *world) mend() {
	w.heal()
	// Nothing overtakes: a stop followed by an older advert is an accident.
	w.net.Change(func(m *linkNet) { m.Jitter = 0 })
	for i, n := range w.nodes {
		n.host.SetUp("eth0", true)
		if n.proc == nil {
			w.paused[n], w.slow[n] = false, false
			n.start(w.config(i))
			continue
		}
		w.goOn(n)
		n.proc.ApplyDelay(0)
		w.slow[n] = false
		n.eng.Track(simScript, true)
		n.reload(w.config(i))
	}
}

// bound is how long an election may take from any state: the longest
// master-down time for whoever waits for a lower priority's adverts to be
// ignored, once more when the first was interrupted by what was on its way, and
// once more when two sticky masters yield to each other; the longest hold-off;
// the second in which a slow kernel's answer is waited for, and some delay.
func (w *world) bound() time.Duration {
	return 3*4*w.every + time.Duration(len(w.nodes))*w.every + tellTime + 2*time.Second
}

const tellTime = time.Second

// always checks what holds at any time.
func (w *world) always() error {
	synctest.Wait()
	for i, n := range w.nodes {
		if n.proc != nil && !w.paused[n] && !w.slow[n] {
			for v, r := range w.config(i).Routers {
				for _, p := range r.Addresses {
					if s := n.router(v).State; n.host.Has(p) != (s == vrrp.Master) {
						return fmt.Errorf("%s is %v for router %d and holds %v: %v", n.name, s, v+1, p, n.host.Has(p))
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
	for v := range w.vrs {
		best := w.best(v)
		for i, n := range w.nodes {
			want := vrrp.Backup
			if n == best {
				want = vrrp.Master
			}
			if got := n.router(v).State; got != want {
				return fmt.Errorf("%s is %v for router %d, want %v", n.name, got, v+1, want)
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
	for v := range w.vrs {
		for _, n := range w.nodes {
			got := 0
			for _, s := range w.adverts(n.name, since) {
				if int(s.vrid) == v+1 {
					got++
				}
			}
			if master := n == w.best(v); master && got != 5 && got != 6 || !master && got != 0 {
				return fmt.Errorf("%s sent %d adverts of router %d", n.name, got, v+1)
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
