package engine

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// Pacing spaces the announcements on interfaces; 0 is no gap.
type Pacing struct {
	// ARP and NA are the gaps on interfaces that are in no group
	// (vrrp_garp_interval, vrrp_gna_interval), on each by itself.
	ARP, NA time.Duration
	Groups  []PaceGroup // garp_group
}

// PaceGroup is interfaces that share their gaps.
type PaceGroup struct {
	Interfaces []string
	ARP, NA    time.Duration
}

// none says that nothing is paced.
func (p *Pacing) none() bool { return p.ARP <= 0 && p.NA <= 0 && len(p.Groups) == 0 }

// spaceOut hands the gaps of the interfaces that are there to the announcer. A
// virtual interface shares those of the one that it is on.
func (e *Engine) spaceOut() {
	queue, ok := e.deps.Announcer.(interface {
		Pace(paces map[int]link.Pace)
	})
	if !ok || e.pacing.none() && !e.spaced {
		return
	}
	e.spaced = !e.pacing.none()
	below := map[int]string{}
	for _, d := range e.devices {
		if d.Ifindex > 0 {
			below[d.Ifindex] = d.Key.Parent
		}
	}
	paces := make(map[int]link.Pace, len(e.byIndex))
	for index, i := range e.byIndex {
		name, number := i.Name, index
		if parent := e.ifaces[below[index]]; parent != nil {
			name, number = parent.Name, parent.Index
		}
		p := link.Pace{Group: number, ARP: e.pacing.ARP, NA: e.pacing.NA}
		for k, g := range e.pacing.Groups {
			if slices.Contains(g.Interfaces, name) || slices.Contains(g.Interfaces, i.Name) {
				p = link.Pace{Group: -1 - k, ARP: g.ARP, NA: g.NA}
				break
			}
		}
		if p.ARP > 0 || p.NA > 0 {
			paces[index] = p
		}
	}
	queue.Pace(paces)
}

// hasEther says whether an interface has a hardware address to announce: lo and
// tunnels have none.
func hasEther(i *link.Interface) bool {
	return i != nil && i.VRFTable == 0 && len(i.HWAddr) == 6 && slices.ContainsFunc(i.HWAddr, func(b byte) bool { return b != 0 })
}

// announce tells the neighbours about the addresses that are there.
func (e *Engine) announce(r *router, rounds int) {
	if rounds <= 0 || !r.wanted {
		return
	}
	e.announceList(r, r.live, rounds)
}

func (e *Engine) announceList(r *router, list []link.Address, rounds int) {
	for n := 0; n < len(list); {
		// Addresses on one interface go together, in their order.
		dev := list[n].Ifindex
		addrs := make([]netip.Addr, 0, len(list)-n)
		for ; n < len(list) && list[n].Ifindex == dev; n++ {
			addrs = append(addrs, list[n].Prefix.Addr())
		}
		e.announceOn(r, dev, addrs, rounds)
	}
}

func (e *Engine) announceOn(r *router, dev int, addrs []netip.Addr, rounds int) {
	i := e.byIndex[dev]
	if !hasEther(i) {
		return
	}
	if err := e.deps.Announcer.Announce(dev, i.HWAddr, addrs, rounds); err != nil {
		e.log.Warn("announcing addresses failed", append(r.attrs(), "error", err)...)
	}
}

// announceExtra announces one address on each interface besides the router's
// own: so that the switches there do not forget where a virtual MAC is. Unless
// the configuration says all, that is for virtual interfaces only.
func (e *Engine) announceExtra(r *router) {
	if !r.wanted {
		return
	}
	var done []int
	for _, a := range r.live {
		if a.Ifindex == r.ifindex || slices.Contains(done, a.Ifindex) || !r.cfg.ExtraAll && !e.isVMAC(a.Ifindex) {
			continue
		}
		done = append(done, a.Ifindex)
		e.announceOn(r, a.Ifindex, []netip.Addr{a.Prefix.Addr()}, 1)
	}
}

// isVMAC says whether an interface was made for a virtual MAC.
func (e *Engine) isVMAC(index int) bool {
	for k, d := range e.devices {
		if d.Ifindex == index && k.Kind == link.Macvlan {
			return true
		}
	}
	return false
}

// forget keeps announcements that still wait from leaving for addresses that
// the router gives up: by then they may be another machine's.
func (e *Engine) forget(r *router, old []link.Address) {
	queue, ok := e.deps.Announcer.(interface {
		Forget(ifindex int, addrs []netip.Addr)
	})
	if !ok {
		return
	}
	if len(old) == 0 {
		return
	}
	stays := setOf(r.addrs)
	for _, a := range old {
		if !stays[a] {
			queue.Forget(a.Ifindex, []netip.Addr{a.Prefix.Addr()})
		}
	}
}

// news are the interfaces whose neighbours have to be told anew: they came up,
// or have another hardware address.
func news(old, now map[string]*link.Interface) map[int]bool {
	var out map[int]bool
	for name, i := range now {
		was := old[name]
		if !i.Up || was == nil || was.Index != i.Index || was.Up && slices.Equal(was.HWAddr, i.HWAddr) {
			continue
		}
		if out == nil {
			out = map[int]bool{}
		}
		out[i.Index] = true
	}
	return out
}

// announceNews tells the neighbours on such interfaces of the addresses that
// are there already.
func (e *Engine) announceNews(now time.Time, fresh map[int]bool) {
	if len(fresh) == 0 {
		return
	}
	for _, r := range e.routers {
		if r != nil && r.wanted && slices.ContainsFunc(r.live, func(a link.Address) bool { return fresh[a.Ifindex] }) {
			e.step(now, r, &vrrp.Event{Kind: vrrp.EventAnnounce})
		}
	}
	e.dispatch(now)
}
