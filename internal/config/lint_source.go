package config

import (
	"fmt"
	"net/netip"
)

// lintSources reports virtual IPv6 addresses that the master uses as a source
// address for what it begins itself. The kernel takes the one that has most in
// common with the destination, up to its own length, and among equals the one that
// was added last, unless it is deprecated, which only a /128 is by itself (measured
// on Linux 6.1: all that left by the interface, to the network, beyond it and to
// link-local addresses, came from the virtual address). A VMAC is an interface of
// its own.
func (d *decoder) lintSources() {
	unanswered := d.unansweredChecks()
	said := 0
	for _, i := range d.state.instances {
		if i.VMAC.Kind == VMACMacvlan {
			continue
		}
		for _, list := range [][]VIP{i.VirtualIPAddress, i.VirtualIPAddressExcluded} {
			for k := range list {
				v := &list[k]
				a := v.Prefix.Addr()
				if !a.Is6() || a.IsLinkLocalUnicast() || v.UseVMAC || v.deprecated() {
					continue
				}
				if said++; said > maxLints {
					return
				}
				severity, text := Info, fmt.Sprintf("vrrp_instance %s: while it is master it uses %v as the source address of connections of its own", i.Name, v.Prefix)
				if server := unanswered[a]; server.IsValid() {
					severity = Warning
					text += fmt.Sprintf(", health checks too: real_server %v of DR or TUN has the address itself, and its answer never comes back", server)
				}
				hint := fmt.Sprintf("%v/128, or preferred_lft 0", a)
				if v.Prefix.IsSingleIP() {
					hint = "leave preferred_lft out"
				}
				d.reportHint(i.pos, severity, ClassNone, "vip-source", text, hint)
			}
		}
	}
}

// deprecated says whether the kernel is told not to use an IPv6 address as a source.
func (v *VIP) deprecated() bool {
	if v.PreferredSet {
		return v.Preferred == 0
	}
	return v.Prefix.IsSingleIP()
}

// unansweredChecks are the IPv6 addresses that a check must not come from, each with
// a server that has it.
func (d *decoder) unansweredChecks() map[netip.Addr]netip.Addr {
	list := map[netip.Addr]netip.Addr{}
	for i := range d.cfg.VirtualServers {
		s := &d.cfg.VirtualServers[i]
		if !s.Addr.Is6() || list[s.Addr].IsValid() {
			continue
		}
		for k := range s.RealServers {
			r := &s.RealServers[k]
			for j := range r.Checkers() {
				if c := &r.Checkers()[j]; r.Addr.Is6() && r.Forward.Method != NAT && c.Kind.Connects() && !c.BindTo.IsValid() {
					list[s.Addr] = r.Addr
				}
			}
		}
	}
	return list
}
