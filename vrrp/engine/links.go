package engine

import (
	"cmp"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// links takes news of interfaces and addresses.
func (e *Engine) links(now time.Time, u *link.Update) {
	old := e.ifaces
	e.setInterfaces(u.Interfaces)
	e.missDevices(now)

	// First what left: the routers there fall while their place is still known.
	for _, r := range e.routers {
		if r == nil || r.ifindex == 0 {
			continue
		}
		if i := e.iface(&r.cfg); i == nil || i.Index != r.ifindex {
			e.setLink(now, r, false, false)
		}
	}
	changed := changedInterfaces(old, e.ifaces)
	for _, name := range changed {
		i := e.ifaces[name]
		e.trackAll(now, InterfaceKey(name), result{up: i != nil && i.Up})
	}
	e.dispatch(now)
	if u.Fresh || e.lowMTU(u) || !e.sameBut(old, len(changed) > 0) {
		e.reopen(now)
	}
	e.hurry(now, old, u)
	e.replaceAddresses(now, len(changed) > 0)
	e.promote()
	e.placeStatics(now, len(changed) > 0)
	if u.Fresh {
		e.watched = false
	}
	e.lost(u.Lost)
	e.lostStatics(now, u.Lost)
	e.seen()
	e.announceNews(now, news(old, e.ifaces))
}

// sameBut says whether nothing but addresses of virtual routers has changed: no
// port and no source depends on those, and a takeover of thousands of routers
// makes such news all the time.
func (e *Engine) sameBut(old map[string]*link.Interface, changed bool) bool {
	if changed || len(old) != len(e.ifaces) {
		return false
	}
	sources := map[netip.Addr]bool{}
	for _, r := range e.routers {
		if r == nil {
			continue
		}
		if !r.started || r.sourceless {
			return false // what it waits for may be such an address
		}
		sources[r.src] = true
	}
	for name, i := range e.ifaces {
		o := old[name]
		if o == nil || differs(o, i) {
			return false
		}
		virtual := func(p netip.Prefix) bool { return e.virtual[p.Addr()] && !sources[p.Addr()] }
		if !slices.Equal(slices.DeleteFunc(slices.Clone(o.Addrs), virtual), slices.DeleteFunc(slices.Clone(i.Addrs), virtual)) {
			return false
		}
	}
	return true
}

func (e *Engine) setInterfaces(list []link.Interface) {
	e.ifaces = make(map[string]*link.Interface, len(list))
	e.byIndex = make(map[int]*link.Interface, len(list))
	for i := range list {
		e.ifaces[list[i].Name] = &list[i]
		e.byIndex[list[i].Index] = &list[i]
	}
	e.spaceOut()
}

// changedInterfaces names those that went up or down, came or went.
func changedInterfaces(old, now map[string]*link.Interface) []string {
	var names []string
	up := func(m map[string]*link.Interface, n string) bool { return m[n] != nil && m[n].Up }
	for n := range old {
		if up(old, n) != up(now, n) {
			names = append(names, n)
		}
	}
	for n := range now {
		if _, ok := old[n]; !ok && now[n].Up {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// reopen puts every router in its place, opens the ports that follow from it,
// and tells the routers; those that can start do.
func (e *Engine) reopen(now time.Time) {
	e.retryAt = time.Time{}
	wanted := map[link.Port]bool{}
	for _, r := range e.routers {
		if r == nil {
			continue
		}
		was, sought := r.port, r.sought
		e.place(r)
		e.keepSource(r, was, sought)
		e.placePaths(r)
		if r.hasPort {
			wanted[r.port] = true
		}
		r.ports(func(p link.Port) { wanted[p] = true })
	}
	off := e.withoutIPv6(wanted)
	e.list(wanted)
	failed := e.wire.Open(sorted(wanted))
	if failed == nil {
		failed = off
	} else {
		maps.Copy(failed, off)
	}
	if len(failed) > 0 {
		e.retryAt = now.Add(retryTime)
	}
	var starting []*router
	for _, r := range e.routers {
		if r == nil {
			continue
		}
		var err error
		if r.hasPort {
			err = failed[r.port]
		}
		if err != nil && (r.portErr == nil || err.Error() != r.portErr.Error()) {
			e.log.Error("cannot listen", append(r.attrs(), "error", err)...)
		}
		r.portErr = err
		r.open = r.hasPort && err == nil
		e.findSource(r)
		e.openPaths(now, r, failed)
		i := e.byIndex[r.ifindex]
		present := i != nil && r.open && r.src.IsValid()
		e.setLink(now, r, present, i != nil && i.Up)
		if i != nil && i.Up && !r.src.IsValid() && (r.open || !r.hasPort) {
			duplicate := e.duplicate(r)
			if !r.sourceless || duplicate != r.duplicate {
				attrs := r.attrs()
				if duplicate.IsValid() {
					attrs = because(attrs, []string{duplicateText(duplicate)})
				}
				e.log.Warn("the interface has no address to send from, waiting for it", attrs...)
			}
			r.sourceless, r.duplicate = true, duplicate
		} else {
			r.sourceless, r.duplicate = false, netip.Addr{}
		}
		// A link that is down may have no link-local address: that is a FAULT
		// and no reason to wait.
		if !r.started && (present || i != nil && r.open && !i.Up) {
			starting = append(starting, r)
		}
	}
	// All that is known first: a sync group then starts in the state that it
	// will keep.
	for _, r := range starting {
		e.outrun(r)
		e.clean(r)
		e.feed(now, r)
	}
	// Those that go on as master come last and take the others of their group
	// along, which would have to wait if they found one that is master already.
	slices.SortStableFunc(starting, func(a, b *router) int { return boolInt(a.resume) - boolInt(b.resume) })
	for _, r := range starting {
		e.startRouter(now, r)
	}
	e.dispatch(now)
	e.disinherit(starting)
	e.giveUp(now)
}

// list fills the ports with the routers that listen there.
func (e *Engine) list(wanted map[link.Port]bool) {
	e.last = nil
	maps.DeleteFunc(e.ports, func(p link.Port, _ *port) bool { return !wanted[p] })
	for p := range wanted {
		at := e.ports[p]
		if at == nil {
			at = &port{}
			e.ports[p] = at
		}
		clear(at.routers[:])
		clear(at.elsewhere[:])
		for _, r := range e.routers {
			switch {
			case r == nil || !r.hasPort:
			case r.port == p:
				at.routers[r.cfg.VRID] = r
			case r.port.Ifindex == p.Ifindex && (r.port.Group == p.Group && p.Group.IsValid() ||
				!r.port.Group.IsValid() && !p.Group.IsValid() && r.port.Source == p.Source):
				at.elsewhere[r.cfg.VRID] = true
			}
			if r != nil {
				r.ports(func(also link.Port) {
					if also == p && at.routers[r.cfg.VRID] == nil {
						at.routers[r.cfg.VRID] = r
					}
				})
			}
		}
	}
	e.divide()
	for p, at := range e.ports {
		e.filter(p, at)
		e.buffer(p, at)
	}
}

func sorted[V any](ports map[link.Port]V) []link.Port {
	out := slices.Collect(maps.Keys(ports))
	slices.SortFunc(out, func(a, b link.Port) int {
		return cmp.Or(a.Ifindex-b.Ifindex, a.Group.Compare(b.Group), a.Source.Compare(b.Source),
			int(a.TTL)-int(b.TTL), boolInt(a.AH)-boolInt(b.AH))
	})
	return out
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// place finds the interface and the port of a router.
func (e *Engine) place(r *router) {
	r.ifindex, r.hasPort, r.sought = 0, false, false
	i := e.iface(&r.cfg)
	if i == nil {
		return
	}
	r.ifindex = i.Index
	source := r.cfg.Source
	if r.cfg.Device.Kind != link.NoDevice {
		i, source = e.advertPort(r, i)
	}
	r.port = link.Port{Ifindex: i.Index, Group: r.cfg.Group, Source: source, AH: r.cfg.AuthType == vrrp.AuthHeader}
	if r.cfg.Unicast {
		r.port.Group = netip.Addr{}
		if !r.port.Source.IsValid() {
			r.sought = true
			r.port.Source = e.ownAddress(i, &r.cfg)
		}
		if !r.port.Source.IsValid() {
			return
		}
		r.port.TTL = r.cfg.UnicastTTL
	}
	r.hasPort = true
}

// ownAddress is the first address of an interface, in the family and scope of
// the router's peers, that no virtual router has.
func (e *Engine) ownAddress(i *link.Interface, c *Router) netip.Addr {
	local := len(c.Peers) > 0 && c.Peers[0].IsLinkLocalUnicast()
	for _, p := range i.Addrs {
		a := p.Addr()
		if a.Is6() == c.is6() && (a.Is4() || a.IsLinkLocalUnicast() == local) && !e.virtual[a] {
			return a
		}
	}
	return netip.Addr{}
}

// setLink tells a router whether its interface can be used: there, listening,
// with an address to send from, and up.
func (e *Engine) setLink(now time.Time, r *router, present, up bool) {
	if e.keeps(now, r, present && up) {
		return
	}
	if r.linkUp != (present && up) || !r.started {
		r.linkUp = present && up
		e.step(now, r, &vrrp.Event{Kind: vrrp.EventLink, Up: r.linkUp})
	}
	if r.cfg.DontTrackPrimary {
		e.step(now, r, &vrrp.Event{Kind: vrrp.EventTrack, Key: portTrack, Up: present})
	}
	if r.cfg.TrackSource {
		e.step(now, r, &vrrp.Event{Kind: vrrp.EventTrack, Key: sourceTrack, Up: e.hasAddress(r.cfg.Source)})
	}
}

// startRouter starts a router whose interface is there.
func (e *Engine) startRouter(now time.Time, r *router) {
	r.started = true
	kind := vrrp.EventStart
	if r.resume {
		kind = vrrp.EventResume
		r.inherit()
	}
	r.resume = false
	e.step(now, r, &vrrp.Event{Kind: kind})
}

// clean removes what a router that is about to start holds already: after the
// start of the engine that is rare, and only then does it ask the kernel.
func (e *Engine) clean(r *router) {
	if r.resume {
		return
	}
	var remove, keep link.Wanted
	for _, a := range e.addresses(r) {
		if i := e.byIndex[a.Ifindex]; i != nil && slices.Contains(i.Addrs, a.Prefix) && !e.isWanted(a) {
			remove.Addresses = append(remove.Addresses, a)
		}
	}
	// At the start of the engine they are gone already, unless they were kept for
	// going on.
	if e.watched || r.before != 0 {
		remove.Objects = e.objects(r)
	}
	if remove.Empty() {
		return
	}
	for _, o := range e.routers {
		if o != nil && (o.wanted || o.resume) {
			keep.Add(e.wantedOf(o))
		}
	}
	keep.Add(e.staticsWanted())
	if err := e.deps.Applier.Sweep(remove, keep); err != nil {
		e.log.Error("removing left-over addresses failed", append(r.attrs(), "error", err)...)
	}
}

func (e *Engine) isWanted(a link.Address) bool {
	return slices.ContainsFunc(e.routers, func(r *router) bool {
		return r != nil && r.wanted && slices.Contains(r.addrs, a)
	})
}

// replaceAddresses asks anew for addresses whose interface came, went or came
// back under another index, and for routes after every change: those over an
// interface that goes down go with it.
func (e *Engine) replaceAddresses(now time.Time, changed bool) {
	for _, r := range e.routers {
		switch {
		case r == nil || !r.wanted:
		case !slices.Equal(e.addresses(r), r.addrs) || changed && !slices.Equal(e.objects(r), r.objs):
			e.acts = e.dir.Reapply(r.id, e.acts)
		case changed && r.cfg.hasObjects() && r.gate.IsZero():
			e.set(r) // no news to the neighbours
		}
	}
	e.dispatch(now)
}

// watching is the goroutine that runs the watcher.
type watching struct {
	stop chan struct{}
	done chan struct{}
}

var errWatchEnded = errors.New("ended without an error")

// startWatch follows the interfaces in a goroutine that ends with Run.
func (e *Engine) startWatch() {
	if e.watch.stop == nil {
		e.watch.stop = make(chan struct{})
	}
	e.watched = false
	stop, done := e.watch.stop, make(chan struct{})
	e.watch.done = done
	go func() {
		defer close(done)
		err := e.deps.Watcher.Watch(stop, func(u link.Update) { e.put(note{update: &u}) })
		select {
		case <-stop:
		default:
			if err == nil {
				err = errWatchEnded
			}
			e.put(note{watch: err})
		}
	}()
}

func (w *watching) end() {
	close(w.stop)
	<-w.done
}
