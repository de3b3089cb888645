package engine

import (
	"fmt"
	"net/netip"
	"time"

	"holdfast/vrrp"
)

// config of host i: every host has another priority for each router.
func (w *world) config(i int) Config {
	var c Config
	for v := range w.vrs {
		place := i + v
		if w.group { // members have one priority
			place = i
		}
		var vips4, vips6 []string
		for k := range w.vips {
			vips4 = append(vips4, fmt.Sprintf("192.0.2.%d/32", 100+10*v+k))
			vips6 = append(vips6, fmt.Sprintf("2001:db8::%d/64", 100+10*v+k))
		}
		vips6[0] = fmt.Sprintf("fe80::%d/64", 100+10*v)
		pair := Group{Name: fmt.Sprintf("D_%d", v+1)}
		add := func(name string, vips []string) {
			r := vr(uint8(v+1), uint8(100+10*(place%len(w.nodes))), vips...)
			r.Name += name
			r.Sticky, r.HoldOff = w.sticky, time.Duration(i)*w.every/2
			r.Tracks = []vrrp.Track{{Key: simScript, Up: true}}
			r.AdvertInt = w.every
			pair.Members = append(pair.Members, r.Name)
			if r.VIPs[0].Prefix.Addr().Is6() {
				r.Group = addr("ff02::12")
			} else if w.v2 {
				r.Version = 2
			}
			c.Routers = append(c.Routers, r)
		}
		if w.v4 {
			add("", vips4)
		}
		if w.v6 {
			add("_6", vips6)
		}
		if len(pair.Members) > 1 {
			c.Groups = append(c.Groups, pair)
		}
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

// plugIn gives a host its interface, under an index of its own.
func (w *world) plugIn(n *node, i int) {
	n.host.AddInterface("eth0", netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/24", i+1)), netip.MustParsePrefix(fmt.Sprintf("fe80::%d/64", i+1)))
	w.without[n] = false
}

// accident does one thing at random.
func (w *world) accident() {
	i := w.rng.IntN(len(w.nodes))
	n := w.nodes[i]
	kind := w.rng.IntN(21)
	if n.proc == nil {
		var resume []func(*Deps)
		if kind%2 == 0 && n.obs != nil {
			for _, r := range w.config(i).Routers {
				if n.obs.wasMaster(r.Name) {
					resume = append(resume, addResume(r.Name, w.lastSent(n.name, r.VRID, r.is6())))
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
		all := w.config(i).Routers
		r := all[w.rng.IntN(len(all))]
		p := r.VIPs[w.rng.IntN(w.vips)].Prefix
		if n.host.RemoveAddress("eth0", p) == nil {
			w.say("a stranger removes %v", p)
		}
	case 11:
		w.goOn(n)
		c := w.config(i)
		c.Routers[w.rng.IntN(len(c.Routers))].Priority += uint8(w.rng.IntN(40))
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
	case 17, 18:
		w.say("the news of %s's kernel are lost", n.name)
		w.deaf[n] = true
		n.host.Overrun(true)
	case 19:
		w.hear(n)
	case 20:
		if w.without[n] {
			w.say("%s gets another eth0", n.name)
			w.plugIn(n, i)
		} else {
			w.say("%s's eth0 is unplugged", n.name)
			w.without[n] = true
			n.host.DeleteInterface("eth0")
		}
	case 13:
		loss, dup := w.rng.Float64()/2, w.rng.Float64()/4
		w.say("loss %.2f, duplication %.2f", loss, dup)
		w.net.Change(func(m *linkNet) { m.Loss, m.Dup = loss, dup })
	}
}

// hear ends an overrun of the kernel's news.
func (w *world) hear(n *node) {
	w.say("%s looks anew at what its kernel has", n.name)
	w.deaf[n] = false
	n.host.Overrun(false)
}

func (w *world) goOn(n *node) {
	w.paused[n] = false
	n.proc.Continue()
}

func addResume(name string, at time.Time) func(*Deps) {
	return func(d *Deps) { d.Resume = append(d.Resume, Resume{Name: name, LastAdvert: sinceBoot(at)}) }
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
		if w.without[n] {
			w.plugIn(n, i)
		}
		n.host.SetUp("eth0", true)
		w.hear(n)
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
