package engine

import (
	"net/netip"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// portStats counts what one port heard.
type portStats struct {
	packets, short, unknown, ah uint64
}

// Peer is one sender of adverts that were accepted.
type Peer struct {
	Addr      netip.Addr
	Priority  uint8
	AdvertInt uint16 // as on the wire: v2 seconds, v3 centiseconds
	Last      time.Time
}

// receive puts packets through the core. Nothing in it allocates.
func (e *Engine) receive(now time.Time, packets []link.Packet) {
	for i := range packets {
		e.receiveOne(now, &packets[i])
	}
}

func (e *Engine) receiveOne(now time.Time, p *link.Packet) {
	stats := e.ports[p.Port]
	if stats == nil {
		e.unknown++ // read before its port was closed
		return
	}
	stats.packets++
	if p.AH {
		stats.ah++ // authentication headers are not supported
		return
	}
	_, vrid, ok := vrrp.PeekVRID(p.Body)
	if !ok {
		stats.short++
		return
	}
	r := e.byKey[keyOf(p.Port, vrid)]
	if r == nil {
		stats.unknown++
		return
	}
	if r.port != p.Port || !r.started {
		return // heard twice: by a port with another source address, too
	}
	e.meta = vrrp.Meta{Src: p.Src, Dst: p.Dst, TTL: p.TTL, Ifindex: p.Port.Ifindex, TotalLen: p.TotalLen}
	if d := vrrp.Decode(&e.in, &e.meta, p.Body); d != vrrp.DropNone {
		r.core.Drop(d)
		return
	}
	if d := r.core.Check(&e.in, &e.meta); d != vrrp.DropNone {
		return // counted by the core
	}
	r.hear(now, p.Src, &e.in)
	e.ev = vrrp.Event{Kind: vrrp.EventAdvert, Advert: &e.in, Src: p.Src, Local: r.src}
	if e.overslept && r.core.State() == vrrp.Master && e.in.Priority > 0 && now.Sub(r.lastSent) > r.dead {
		e.log.Warn("was silent for longer than the peers wait, and another one is master",
			append(r.attrs(), "peer", p.Src, "silent", now.Sub(r.lastSent))...)
		e.ev.Kind = vrrp.EventYield
		e.step(now, r, &e.ev)
		e.ev.Kind = vrrp.EventAdvert
	}
	e.step(now, r, &e.ev)
}

// hear remembers who was heard, in place of the one heard longest ago when
// there are too many.
func (r *router) hear(now time.Time, src netip.Addr, a *vrrp.Advert) {
	at := &r.heard[0]
	for i := range r.heard {
		p := &r.heard[i]
		if p.Addr == src {
			at = p
			break
		}
		if p.Last.Before(at.Last) {
			at = p
		}
	}
	*at = Peer{Addr: src, Priority: a.Priority, AdvertInt: a.AdvertInt, Last: now}
}
