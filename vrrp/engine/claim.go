package engine

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// claimLogTime is between two log lines about claims to one router's addresses.
const claimLogTime = time.Minute

// Claimed tells what other machines say about addresses: see link.Claim. list is
// the engine's from now on. Any goroutine.
func (e *Engine) Claimed(list ...link.Claim) {
	notes := make([]note, len(list))
	for i := range list {
		notes[i].claim = &list[i]
	}
	e.put(notes...)
}

// claimed hands a claim to the routers that hold the address on that interface.
func (e *Engine) claimed(now time.Time, c *link.Claim) {
	if !e.virtual[c.Addr] {
		return
	}
	for _, i := range e.ifaces {
		if c.HW != [6]byte{} && slices.Equal(i.HWAddr, net.HardwareAddr(c.HW[:])) {
			return // ourselves, or whoever has the same virtual MAC: nobody is led astray
		}
	}
	for _, r := range e.routers {
		if r == nil || !r.wanted || !slices.ContainsFunc(r.live, func(a link.Address) bool {
			return a.Ifindex == c.Ifindex && a.Prefix.Addr() == c.Addr
		}) {
			continue
		}
		if !c.Asked && r.core.State() == vrrp.Master {
			r.claim, r.claimAt = *c, now
			if r.claimTold.IsZero() || now.Sub(r.claimTold) >= claimLogTime {
				r.claimTold = now
				e.log.Warn("another machine announces an address that is held here",
					append(r.attrs(), "address", c.Addr, "mac", net.HardwareAddr(c.HW[:]).String())...)
			}
		}
		e.step(now, r, &vrrp.Event{Kind: vrrp.EventClaim, Asked: c.Asked})
	}
}

// askAround asks the segments who has the addresses of a router that yielded and
// sent no advert any more: the new master, which may not have known that there
// were two, announces them then. A holdfast announces all when it is asked for
// one; the kernel of any IPv6 neighbour tells all nodes of the one that it is
// asked for. Behind a virtual MAC nobody can tell the two apart, and none is
// asked.
func (e *Engine) askAround(r *router) {
	asker, ok := e.deps.Announcer.(interface {
		Ask(ifindex int, hw net.HardwareAddr, addrs []netip.Addr) error
	})
	if !ok {
		return
	}
	questions := map[int][]netip.Addr{}
	for _, a := range e.addresses(r) {
		if addr := a.Prefix.Addr(); addr.Is6() || !slices.ContainsFunc(questions[a.Ifindex], netip.Addr.Is4) {
			questions[a.Ifindex] = append(questions[a.Ifindex], addr)
		}
	}
	for ifindex, addrs := range questions {
		i := e.byIndex[ifindex]
		if !hasEther(i) || e.isVMAC(ifindex) {
			continue
		}
		if err := asker.Ask(ifindex, i.HWAddr, addrs); err != nil {
			e.log.Debug("asking for addresses failed", append(r.attrs(), "error", err)...)
		}
	}
}
