package lvs

import (
	"net/netip"
	"slices"

	"holdfast/ipvs"
	"holdfast/vrrp/link"
)

// suspends reports whether any service of the configuration asks for
// ha_suspend.
func (f *follow) suspends() bool { return len(f.suspend) > 0 }

// followAddresses begins to follow the machine's addresses, for ha_suspend, if
// need be.
func (l *LVS) followAddresses() {
	if l.follow.suspends() {
		l.followLinks()
		l.localNews()
	}
}

// localNews lets checks rest or run by the addresses that are here.
func (l *LVS) localNews() {
	if !l.follow.suspends() {
		return
	}
	l.follow.local = addresses(l.links)
	l.pause()
}

// addresses are those of all interfaces.
func addresses(list []link.Interface) map[netip.Addr]bool {
	here := map[netip.Addr]bool{}
	for i := range list {
		for _, p := range list[i].Addrs {
			here[p.Addr().Unmap()] = true
		}
	}
	return here
}

// suspended reports whether a virtual server rests because none of its
// addresses is on this machine. One with a mark never does.
func (f *follow) suspended(k ipvs.ServiceKey) bool {
	if !f.suspend[k] {
		return false
	}
	return !slices.ContainsFunc(f.services.of(k), func(m ipvs.ServiceKey) bool { return !m.Addr.IsValid() || f.local[m.Addr] })
}
