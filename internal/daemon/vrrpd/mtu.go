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
)

// measure is what a router has from the MTU of its interface.
type measure struct {
	advertised, surplus int // addresses
	buffer              int // bytes
}

// wanted is the configuration for the engine, with what depends on this
// machine's interfaces, also by the name of the instance.
func wanted(c *config.Config, other bool) (engine.Config, map[string]measure) {
	e := engineConfig(c)
	if !other {
		ungate(&e)
	}
	measures := make(map[string]measure, len(e.Routers))
	for i := range e.Routers {
		r := &e.Routers[i]
		surplus := fit(r)
		measures[r.Name] = measure{len(r.Addresses), surplus, r.RxBuffer}
	}
	return e, measures
}

// measured takes over what the engine was given.
func (p *process) measured(other bool, measures map[string]measure) {
	for _, name := range slices.Sorted(maps.Keys(measures)) {
		if m := measures[name]; m.surplus > 0 && m != p.measures[name] {
			p.log.Warn("the interface's MTU leaves no room for all addresses in an advert: the last ones are not advertised",
				"instance", name, "addresses", m.surplus)
		}
	}
	p.other, p.measures = other, measures
}

// refit gives the engine what follows from another MTU, if anything does: a
// reload of the same file.
func (p *process) refit() {
	p.reloads.Lock()
	defer p.reloads.Unlock()
	next, measures := wanted(p.cfg.Load(), p.other)
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
func fit(r *engine.Router) int {
	if len(r.Addresses) == 0 || !r.Addresses[0].Is6() {
		return 0
	}
	mtu := defaultMTU
	if i, err := net.InterfaceByName(r.Interface); err == nil {
		mtu = i.MTU
	}
	limit := max((mtu-headers6)/size6, 1)
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
