package engine

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// sendLogTime is between two log lines about one router's failing adverts.
const sendLogTime = time.Minute

// dispatch carries out the actions of a turn: adverts first and together, then
// the addresses, which go to the kernel in one batch, then what is told and
// announced, in the core's order.
func (e *Engine) dispatch(now time.Time) {
	if len(e.acts) == 0 {
		return
	}
	e.batch, e.senders, e.arena = e.batch[:0], e.senders[:0], e.arena[:0]
	for i := range e.acts {
		if a := &e.acts[i]; a.Kind == vrrp.ActionSend {
			if r := e.router(a.ID); r != nil {
				e.queue(r, a.Priority)
			}
		}
	}
	e.send(now)
	for i := range e.acts {
		if a := &e.acts[i]; a.Kind == vrrp.ActionAddresses {
			if r := e.router(a.ID); r != nil {
				e.want(now, r, a.Want, a.Gen)
			}
		}
	}
	for i := range e.acts {
		e.act(now, &e.acts[i])
	}
	e.acts = e.acts[:0]
}

// act carries out what is neither advert nor addresses.
func (e *Engine) act(now time.Time, a *vrrp.Action) {
	if a.Kind == vrrp.ActionGroupChanged {
		attrs := []any{"group", a.Group, "from", a.From.String(), "to", a.To.String(), "reason", a.Reason.String()}
		if a.To == vrrp.Fault {
			attrs = because(attrs, texts(e.groupFaults(a.Group)))
		}
		e.log.Info("group changed", attrs...)
		e.tell(Change{Time: now, Group: true, Name: a.Group, From: a.From, To: a.To, Reason: a.Reason, Peer: a.Peer})
		return
	}
	r := e.router(a.ID)
	if r == nil {
		return
	}
	switch a.Kind {
	case vrrp.ActionAnnounce:
		if a.Extra {
			e.announceExtra(r)
		} else {
			e.announce(r, a.Count)
		}
	case vrrp.ActionChanged, vrrp.ActionEvent:
		e.changed(now, r, a)
	}
}

// queue adds an advert to the batch, for unicast one for every peer. What is
// in this turn's batch already is not said twice.
func (e *Engine) queue(r *router, prio uint8) {
	src := r.src
	if !src.IsValid() && prio == 0 {
		src = r.lastSrc
	}
	if !r.open || !src.IsValid() || r.sentTurn == e.turn && r.sentPrio == prio {
		return
	}
	r.sentTurn, r.sentPrio = e.turn, prio
	r.core.Advert(prio, &e.out)
	if r.core.NeedsWall() {
		r.core.Stamp(&e.out, e.wall())
	}
	if r.cfg.Unicast {
		for _, peer := range r.cfg.Peers {
			e.queueTo(r, 0, r.port, src, peer)
		}
		return
	}
	e.queueTo(r, 0, r.port, src, r.port.Group)
	for k := range r.paths {
		if p := &r.paths[k]; p.open && p.src.IsValid() {
			e.queueTo(r, k+1, p.port, p.src, p.port.Group)
		}
	}
}

// queueTo adds the advert in e.out to the batch, for path n of r.
func (e *Engine) queueTo(r *router, n int, port link.Port, src, dst netip.Addr) {
	at := len(e.arena)
	e.arena = r.core.Append(e.arena, &e.out, src, dst)
	e.batch = append(e.batch, link.Datagram{Port: port, Src: src, Dst: dst, Body: e.arena[at:len(e.arena):len(e.arena)]})
	e.senders = append(e.senders, outgoing{r, n})
}

// outgoing says whose datagram one of the batch is, and for which of its paths.
type outgoing struct {
	r    *router
	path int
}

// send sends the batch.
func (e *Engine) send(now time.Time) {
	if len(e.batch) == 0 {
		return
	}
	at := e.boottime() // before: what is noted too early costs less than too late
	e.wire.Send(e.batch)
	for i := range e.batch {
		r, n := e.senders[i].r, e.senders[i].path
		err := e.batch[i].Err
		switch {
		case n > 0 && err != nil:
			e.pathFailed(now, r, n, err)
			continue
		case n > 0:
			r.paths[n-1].failed, r.lastSent = nil, now
			e.noteSent(r, at)
			continue
		case err != nil:
			e.sendFailed(now, r, err)
			continue
		}
		r.lastSent, r.lastErr = now, nil
		e.noteSent(r, at)
	}
}

// noteSent tells that r has sent what it queued last, at that boottime.
func (e *Engine) noteSent(r *router, at time.Duration) {
	if e.deps.Sent == nil {
		return
	}
	if r.sentPrio == 0 {
		at = 0
	}
	r.noted = at
	e.deps.Sent(r.cfg.Name, at)
}

// sendFailed counts, and logs once a minute. That the interface is down, or has
// lost its address, is about to be news or is known: it is told by itself, and
// here only when it lasts.
func (e *Engine) sendFailed(now time.Time, r *router, err error) {
	first := r.lastErr == nil
	r.sendErrs++
	r.lastErr = err
	if gone(err) && (first || !r.linkUp && !r.cfg.DontTrackPrimary) {
		return
	}
	if r.loggedAt.IsZero() || now.Sub(r.loggedAt) >= sendLogTime {
		r.loggedAt = now
		e.log.Warn("sending an advert failed", append(r.attrs(), "error", err, "failures", r.sendErrs)...)
	}
}

// gone says whether a datagram could not be sent for want of the interface, its
// link or its address.
func gone(err error) bool {
	return slices.ContainsFunc([]error{syscall.ENETDOWN, syscall.ENETUNREACH, syscall.ENODEV, syscall.ENXIO, syscall.EADDRNOTAVAIL}, func(e error) bool { return errors.Is(err, e) })
}

// want hands the wanted addresses to the applier, at a takeover after the IPVS
// table where that has to come first.
func (e *Engine) want(now time.Time, r *router, want bool, gen uint64) {
	fresh, old, oldObjs := want && !r.wanted, r.addrs, r.objs
	r.arriving = want && (fresh || r.arriving)
	r.wanted, r.gen = want, gen
	r.againAt, r.againIn = time.Time{}, 0
	r.addrs, r.objs = nil, nil
	if want {
		r.addrs, r.objs = e.addresses(r), e.objects(r)
	}
	e.forget(r, old)
	c := Change{Time: now, Event: true, Name: r.cfg.Name, From: vrrp.Master, To: vrrp.Master, Wanted: r.kernel()}
	switch {
	case fresh:
		s := r.core.Status()
		c.TakingOver, c.From, c.Reason, c.Priority = true, s.Told, s.Reason, s.EffectivePriority
		r.taking = true
		e.tell(c)
		if r.cfg.TableGate && !e.tableless {
			r.gate = now.Add(gateTime)
			e.gated++
			return
		}
	case want:
		if !slices.Equal(old, r.addrs) || !slices.Equal(oldObjs, r.objs) {
			c.Reason = vrrp.ReasonReload
			e.tell(c)
		}
		if !r.gate.IsZero() {
			return // set with what is wanted then
		}
	default:
		e.shutGate(r)
		if r.taking { // MASTER was not told, so nothing else tells that it is over
			r.taking = false
			s := r.core.Status()
			c.TakingOver, c.To, c.Reason, c.Priority = true, s.State, s.Reason, s.EffectivePriority
			c.Releasing = r.cfg.TableGate && !e.stopping
			e.tell(c)
		}
		r.releasing = r.cfg.TableGate
	}
	e.set(r)
	if r.inherited && !want {
		e.disinherit([]*router{r})
	}
}

// set asks the applier for what is wanted.
func (e *Engine) set(r *router) {
	e.gen++
	r.set, r.asked, r.askedGen = e.gen, r.addrs, r.gen
	if len(r.live) > 0 {
		stays := setOf(r.addrs)
		r.live = slices.DeleteFunc(slices.Clone(r.live), func(a link.Address) bool { return !stays[a] })
	}
	e.deps.Applier.Set(int(r.id), r.set, r.kernel())
}

// setOf is for routers with thousands of addresses, of which nobody may look for
// each in a list: the engine's thread has adverts to send.
func setOf[T comparable](list []T) map[T]bool {
	set := make(map[T]bool, len(list))
	for _, a := range list {
		set[a] = true
	}
	return set
}

func (e *Engine) openGate(r *router) {
	e.shutGate(r)
	e.set(r)
}

func (e *Engine) shutGate(r *router) {
	if !r.gate.IsZero() {
		r.gate = time.Time{}
		e.gated--
	}
}

// applied takes the answer of the applier; one to an older question is none.
func (e *Engine) applied(now time.Time, a *link.Applied) {
	if a.Owner < 0 {
		e.appliedStatic(now, a)
		return
	}
	r := e.router(vrrp.ID(a.Owner))
	if r == nil || a.Gen != r.set {
		return
	}
	r.done, r.arriving = a.Gen, false
	r.live = r.asked
	r.inherited = r.inherited && !r.wanted
	if r.releasing && !r.wanted {
		r.releasing = false
		e.tell(Change{Time: now, Event: true, Name: r.cfg.Name, From: vrrp.Master, To: r.core.Status().State, Released: true})
	}
	e.refusedByKernel(now, r, a)
	e.step(now, r, &vrrp.Event{Kind: vrrp.EventApplied, Gen: r.askedGen, Up: a.Err == nil})
	if r.doubt != 0 {
		e.suspect(r)
	}
}

// changed logs and tells a change or an event of a router.
func (e *Engine) changed(now time.Time, r *router, a *vrrp.Action) {
	c := Change{
		Time: now, Name: r.cfg.Name, From: a.From, To: a.To, Reason: a.Reason,
		Priority: a.Priority, Peer: a.Peer, Event: a.Kind == vrrp.ActionEvent,
	}
	if c.Event {
		e.event(now, r, a)
	} else {
		attrs := append(r.attrs(), "from", a.From.String(), "to", a.To.String(), "reason", a.Reason.String(), "priority", a.Priority)
		e.log.Info("state changed", e.causes(r, a, attrs)...)
	}
	if !c.Event && c.From == vrrp.Fault && c.To == vrrp.Backup {
		e.announceSource(r)
	}
	if !c.Event && c.From == vrrp.Master && c.Reason == vrrp.ReasonHigherAdvert && !r.cfg.HigherPrioSendAdvert {
		e.askAround(r)
	}
	c.Releasing = !c.Event && c.From == vrrp.Master && c.To != vrrp.Master && r.cfg.TableGate && !e.stopping
	if c.To == vrrp.Master {
		c.Wanted = r.kernel()
		r.taking = r.taking && c.Event
	}
	e.tell(c)
}

// tell hands a change to the observer, at a stop after the addresses are gone.
func (e *Engine) tell(c Change) {
	if e.stopping {
		e.changes = append(e.changes, c)
		return
	}
	e.deps.Observer.Changed(c)
}
