package engine

import (
	"fmt"
	"slices"

	"holdfast/vrrp/link"
)

// minMTU6 is the least MTU that IPv6 works with (RFC 8200 section 5).
const minMTU6 = 1280

// lowMTU says whether the kernel may have forgotten who listens on an interface
// that a router has to do with.
func (e *Engine) lowMTU(u *link.Update) bool {
	if len(u.LowMTU) == 0 {
		return false
	}
	some := setOf(u.LowMTU)
	return slices.ContainsFunc(e.routers, func(r *router) bool { return r != nil && e.uses(r, some) })
}

// uses says whether a router has to do with one of the interfaces: its own one,
// the one below, a path, or a place of an address.
func (e *Engine) uses(r *router, some map[int]bool) bool {
	if i := e.ifaces[r.cfg.Interface]; i != nil && some[i.Index] || r.ifindex != 0 && some[r.ifindex] {
		return true
	}
	return slices.ContainsFunc(r.paths, func(p path) bool { return p.has && some[p.port.Ifindex] }) ||
		slices.ContainsFunc(r.cfg.VIPs, func(v VIP) bool {
			i := e.vipIface(&v, nil)
			return i != nil && some[i.Index]
		})
}

// withoutIPv6 takes from the ports those of groups where the kernel has no IPv6
// because the MTU is too small, and says why. Their sockets have to go: the
// kernel forgets that they joined, and they would hear nothing when it is back.
func (e *Engine) withoutIPv6(wanted map[link.Port]bool) map[link.Port]error {
	off := map[link.Port]error{}
	for p := range wanted {
		i := e.byIndex[p.Ifindex]
		if i != nil && p.Group.Is6() && i.MTU > 0 && i.MTU < minMTU6 {
			off[p] = fmt.Errorf("no IPv6 on %s: its MTU is %d, and at least %d is needed", i.Name, i.MTU, minMTU6)
			delete(wanted, p)
		}
	}
	return off
}
