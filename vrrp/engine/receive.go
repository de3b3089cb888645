package engine

import (
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// port is one place where adverts come in, with the routers that listen there
// by their VRID.
type port struct {
	routers   [256]*router
	elsewhere [256]bool // heard again by a port with another source address
	segment   *segment

	packets, short, unknown, ah uint64
	told                        *[256]time.Time // when an unknown VRID was last logged
}

// receive puts packets through the core. Nothing in it allocates.
func (e *Engine) receive(now time.Time, packets []link.Packet) {
	for i := range packets {
		p := &packets[i]
		if e.last == nil || p.Port != e.lastKey {
			// Packets of one port come together.
			e.last, e.lastKey = e.ports[p.Port], p.Port
		}
		if e.last == nil {
			e.unknown++ // read before its port was closed
			continue
		}
		e.receiveOne(now, e.last, p)
	}
	e.filterAnew()
}

func (e *Engine) receiveOne(now time.Time, at *port, p *link.Packet) {
	at.packets++
	body := p.Body
	if p.AH {
		at.ah++
		body = body[min(vrrp.AHLen, len(body)):]
	}
	_, vrid, ok := vrrp.PeekVRID(body)
	if !ok {
		at.short++
		return
	}
	r := at.routers[vrid]
	if r == nil {
		if !at.elsewhere[vrid] && !at.segment.ours[vrid] {
			if !at.segment.twin(vrid) { // that is told by itself
				at.unknown++
			}
			if e.logUnknown {
				e.stranger(now, at, p.Port, vrid, p.Src)
			}
			e.lookAt(now, at, p, vrid)
		}
		return
	}
	if !r.started {
		return
	}
	e.meta = vrrp.Meta{Src: p.Src, Dst: p.Dst, TTL: p.TTL, ID: p.ID, AH: p.AH, Ifindex: p.Port.Ifindex, TotalLen: p.TotalLen}
	if len(r.paths) > 0 {
		e.meta.Path = r.pathOf(p.Port)
	}
	if r.core.NeedsWall() {
		e.meta.Wall = e.wall()
	}
	if d := vrrp.Decode(&e.in, &e.meta, p.Body); d != vrrp.DropNone {
		r.core.Drop(d)
		e.refuse(now, r, p.Src, d)
		return
	}
	if d := r.core.Check(&e.in, &e.meta); d != vrrp.DropNone {
		if d == vrrp.DropState {
			// Who looks at a router in FAULT wants to know who is master.
			if ok, agrees := r.core.Overheard(&e.in, &e.meta); ok {
				e.hear(now, r, p.Src, &e.in, agrees)
			}
		}
		e.refuse(now, r, p.Src, d) // counted by the core
		return
	}
	e.hear(now, r, p.Src, &e.in, r.core.Agrees())
	e.ev = vrrp.Event{Kind: vrrp.EventAdvert, Advert: &e.in, Src: p.Src, Local: r.src}
	if len(r.paths) > 0 {
		n := e.meta.Path
		if e.onPath(now, r, n, &e.in) {
			return
		}
		if n > 0 {
			e.ev.Local, e.ev.NoTie = r.paths[n-1].src, !r.decides(now, n)
		}
	}
	if e.in.Priority > 0 && r.core.State() == vrrp.Master && e.doubts(now, r) {
		e.yielded++
		e.ev.Kind = vrrp.EventYield
		e.step(now, r, &e.ev)
		e.ev.Kind = vrrp.EventAdvert
	}
	e.step(now, r, &e.ev)
}
