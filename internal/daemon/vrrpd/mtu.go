package vrrpd

import (
	"context"
	"maps"
	"net"
	"slices"

	"holdfast/internal/config"
	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
)

const (
	defaultMTU = 1500
	// What stands before the addresses of an IPv6 advert, as keepalived counts:
	// Ethernet, IPv6 and VRRP header.
	headers6 = 14 + 40 + 8
	size6    = 16
	// So many addresses fit wherever there is IPv6 (RFC 8200, section 5: an MTU
	// of 1280 at least).
	alwaysFit = (1280 - headers6) / size6
)

// measure is what a router has from the MTU of its interface.
type measure struct {
	advertised, surplus int // addresses
	buffer              int // bytes
}

// measures are those of all routers by the name of the instance; nil: none of
// them depends on an MTU.
type measures map[string]measure

// mtus are the MTUs of this machine's interfaces, read when one is first asked
// for: a question for each costs a dump of all, as many as there are routers.
type mtus struct {
	read  func() ([]net.Interface, error)
	asked bool
	known map[string]int
	err   error // of the reading
}

// of is the MTU of an interface, the one of Ethernet where it is not there.
func (m *mtus) of(name string) int {
	if !m.asked {
		m.asked = true
		var list []net.Interface
		list, m.err = m.read()
		m.known = make(map[string]int, len(list))
		for i := range list {
			m.known[list[i].Name] = list[i].MTU
		}
	}
	if mtu, ok := m.known[name]; ok {
		return mtu
	}
	return defaultMTU
}

// wanted is the configuration for the engine, with what depends on this
// machine's interfaces, also by the name of the instance.
func wanted(c *config.Config, other bool, at *mtus) (engine.Config, measures) {
	e := engineConfig(c, at)
	if !other {
		ungate(&e)
	}
	all := make(measures, len(e.Routers))
	for i := range e.Routers {
		r := &e.Routers[i]
		surplus := fit(r, at)
		all[r.Name] = measure{len(r.Addresses), surplus, r.RxBuffer}
	}
	if !at.asked {
		all = nil
	}
	return e, all
}

// measured takes over what the engine was given.
func (p *process) measured(other bool, all measures) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if m := all[name]; m.surplus > 0 && m != p.measures[name] {
			p.log.Warn("the interface's MTU leaves no room for all addresses in an advert: the last ones are not advertised",
				"instance", name, "addresses", m.surplus)
		}
	}
	p.other, p.measures = other, all
}

// refit gives the engine what follows from another MTU, if anything does: a
// reload of the same file. One of them may wait, and sees what the others would:
// a real reload finds no queue.
func (p *process) refit() {
	if !p.refitting.CompareAndSwap(false, true) {
		return
	}
	p.reloads.Lock()
	defer p.reloads.Unlock()
	p.refitting.Store(false)
	if p.measures == nil {
		return
	}
	at := &mtus{read: net.Interfaces}
	next, measures := wanted(p.cfg.Load(), p.other, at)
	if at.err != nil {
		p.log.Warn("the MTUs of the interfaces cannot be read: those of before stay in force", "err", at.err)
		return
	}
	if maps.Equal(measures, p.measures) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	if err := p.engine.Reload(ctx, next); err != nil {
		p.log.Error("what follows from another MTU of an interface is not in force", "err", err)
		return
	}
	p.log.Info("the MTU of an interface has changed")
	p.measured(p.other, measures)
}

// mtuWatch is a Watcher that calls changed, from a goroutine of its own, when an
// interface has another MTU than before, or is new.
type mtuWatch struct {
	link.Watcher
	changed func()
}

// Watch implements link.Watcher.
func (w mtuWatch) Watch(stop <-chan struct{}, f func(link.Update)) error {
	var last map[string]int
	return w.Watcher.Watch(stop, func(u link.Update) {
		f(u)
		now := make(map[string]int, len(u.Interfaces))
		changed := last == nil
		for i := range u.Interfaces {
			at := &u.Interfaces[i]
			now[at.Name] = at.MTU
			changed = changed || last[at.Name] != at.MTU
		}
		if last = now; changed {
			go w.changed() // the engine, which it waits for, may be waiting for us to end
		}
	})
}

// pacing is what the file says about gaps between announcements.
func pacing(c *config.Config) engine.Pacing {
	p := engine.Pacing{ARP: c.Global.GARPInterval, NA: c.Global.GNAInterval}
	for _, g := range c.GARPGroups {
		p.Groups = append(p.Groups, engine.PaceGroup{Interfaces: g.Interfaces, ARP: g.Interval, NA: g.GNA})
	}
	return p
}

// fit takes addresses of an IPv6 router out of its adverts that would make
// them longer than its interface's MTU; the router holds them all the same.
// (An IPv4 advert of 255 addresses always fits.) It returns how many.
func fit(r *engine.Router, at *mtus) int {
	if len(r.Addresses) <= alwaysFit || !r.Addresses[0].Is6() {
		return 0
	}
	limit := max((at.of(r.Interface)-headers6)/size6, alwaysFit)
	surplus := len(r.Addresses) - limit
	if surplus <= 0 {
		return 0
	}
	r.Addresses = r.Addresses[:limit:limit]
	for k, n := 0, 0; k < len(r.VIPs); k++ {
		if r.VIPs[k].Excluded {
			continue
		}
		if n++; n > limit {
			r.VIPs[k].Excluded = true
		}
	}
	return surplus
}
