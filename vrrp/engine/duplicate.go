package engine

import (
	"fmt"
	"net/netip"
)

// duplicate is the link-local address that a router over IPv6 would send from if
// another host did not have it; invalid: there is none.
func (e *Engine) duplicate(r *router) netip.Addr {
	i := e.byIndex[r.ifindex]
	if i == nil || !r.cfg.is6() {
		return netip.Addr{}
	}
	if below := e.byIndex[i.Below]; below != nil && !i.Duplicate.IsValid() {
		i = below // a VMAC has a copy of it
	}
	return i.Duplicate
}

// duplicateText says that of an address; empty: of none.
func duplicateText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return fmt.Sprintf("another host on the segment has its link-local address %s too (duplicate address detection failed)", a)
}
