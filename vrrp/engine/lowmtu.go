package engine

import (
	"fmt"

	"holdfast/vrrp/link"
)

// minMTU6 is the least MTU that IPv6 works with (RFC 8200 section 5).
const minMTU6 = 1280

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
