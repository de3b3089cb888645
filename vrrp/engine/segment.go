package engine

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// lookTime is between two looks at what is advertised by one VRID that is not
// ours, so that a flood of such adverts costs no more than to count them.
const lookTime = time.Second

// segmentKey says which ports hear the same: those of one group on one interface
// and on the VMACs above it, or those of one unicast address.
type segmentKey struct {
	ifindex       int
	group, source netip.Addr
}

// segment is what is known of adverts for VRIDs that are not ours there. The
// first advert of each is looked at, and a few of the later ones.
type segment struct {
	first   link.Port // the one whose filter lets in what is to be looked at
	routers []*router // that listen there
	ours    [256]bool
	strange *[256]sight            // nil: no other VRID was heard there
	byAddr  map[netip.Addr]*router // of their addresses; nil: not needed yet
	dirty   bool                   // the filter is to be exchanged
}

// sight is what is known of a VRID that is not ours.
type sight struct {
	looked time.Time // zero: never
	twin   bool      // it advertised an address of ours
}

// awaits says whether an advert of that VRID is to be let in, whatever the VRIDs
// of the port.
func (s *segment) awaits(vrid uint8) bool {
	return !s.ours[vrid] && (s.strange == nil || s.strange[vrid].looked.IsZero() || s.strange[vrid].twin)
}

// twin says whether an address of ours was advertised by that VRID, which is not.
func (s *segment) twin(vrid uint8) bool { return s.strange != nil && s.strange[vrid].twin }

// segmentOf is where a port belongs.
func (e *Engine) segmentOf(p link.Port) segmentKey {
	k := segmentKey{ifindex: p.Ifindex, group: p.Group}
	if i := e.byIndex[p.Ifindex]; i != nil && i.Below != 0 {
		k.ifindex = i.Below
	}
	if !p.Group.IsValid() {
		k.source = p.Source
	}
	return k
}

// divide puts the ports into their segments. What is known of a segment stays.
func (e *Engine) divide() {
	old := e.segments
	e.segments = map[segmentKey]*segment{}
	for _, p := range sorted(e.ports) {
		k := e.segmentOf(p)
		s := e.segments[k]
		if s == nil {
			if s = old[k]; s == nil {
				s = &segment{}
			}
			s.first, s.routers, s.ours, s.byAddr = p, nil, [256]bool{}, nil
			e.segments[k] = s
		}
		at := e.ports[p]
		at.segment = s
		for vrid, r := range at.routers {
			if r == nil || s.ours[vrid] && slices.Contains(s.routers, r) {
				continue
			}
			s.ours[vrid] = true
			s.routers = append(s.routers, r)
		}
	}
}

// lookAt looks for addresses of ours in an advert of a VRID that is not: most
// likely somebody mistyped it. Hostile bytes cost no more than lookTime allows.
func (e *Engine) lookAt(now time.Time, at *port, p *link.Packet, vrid uint8) {
	s := at.segment
	if s.strange == nil {
		s.strange = new([256]sight)
	}
	x := &s.strange[vrid]
	if !x.looked.IsZero() && now.Sub(x.looked) < lookTime {
		return
	}
	was := s.awaits(vrid)
	x.looked, x.twin = now, false
	e.meta = vrrp.Meta{Src: p.Src, Dst: p.Dst, TTL: p.TTL, ID: p.ID, AH: p.AH, Ifindex: p.Port.Ifindex, TotalLen: p.TotalLen}
	if vrrp.Decode(&e.in, &e.meta, p.Body) == vrrp.DropNone {
		if r, a := s.owner(e, e.in.Addrs); r != nil && !e.hasAddress(p.Src) {
			x.twin = true
			e.mismatched(now, r, a, p.Src, &e.in)
		}
	}
	if was != s.awaits(vrid) {
		s.dirty, e.refilter = true, true
	}
}

// owner is the router that advertises one of the addresses, if there is one.
func (s *segment) owner(e *Engine, list []netip.Addr) (*router, netip.Addr) {
	for _, a := range list {
		if !e.virtual[a] {
			continue
		}
		if s.byAddr == nil {
			s.byAddr = map[netip.Addr]*router{}
			for _, r := range s.routers {
				for _, own := range r.cfg.Addresses {
					s.byAddr[own] = r
				}
			}
		}
		if r := s.byAddr[a]; r != nil {
			return r, a
		}
	}
	return nil, netip.Addr{}
}

// filterAnew exchanges the filters that a look has changed, once a turn.
func (e *Engine) filterAnew() {
	if !e.refilter {
		return
	}
	e.refilter = false
	for _, s := range e.segments {
		if s.dirty {
			s.dirty = false
			if at := e.ports[s.first]; at != nil {
				e.filter(s.first, at)
			}
		}
	}
}
