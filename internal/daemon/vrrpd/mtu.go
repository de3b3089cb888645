package vrrpd

import (
	"net"

	"holdfast/internal/config"
	"holdfast/internal/daemon/role"
	"holdfast/vrrp/engine"
)

const (
	defaultMTU = 1500
	// What stands before the addresses of an IPv6 advert, as keepalived counts:
	// Ethernet, IPv6 and VRRP header.
	headers6 = 14 + 40 + 8
	size6    = 16
)

// wanted is the configuration for the engine, with what depends on this
// machine's interfaces.
func (p *process) wanted(boot role.Boot) engine.Config {
	e := engineConfig(boot.Config)
	if !boot.Other {
		ungate(&e)
	}
	for i := range e.Routers {
		r := &e.Routers[i]
		if n := fit(r); n > 0 {
			p.log.Warn("the interface's MTU leaves no room for all addresses in an advert: the last ones are not advertised",
				"instance", r.Name, "iface", r.Interface, "addresses", n)
		}
	}
	return e
}

// pacing is what the file says about gaps between announcements.
func pacing(c *config.Config) engine.Pacing {
	p := engine.Pacing{ARP: c.Global.GARPInterval, NA: c.Global.GNAInterval}
	for _, g := range c.GARPGroups {
		p.Groups = append(p.Groups, engine.PaceGroup{Interfaces: g.Interfaces, ARP: g.Interval, NA: g.GNA})
	}
	return p
}

// fit takes addresses of an IPv6 router out of its adverts that would make
// them longer than its interface's MTU; the router holds them all the same.
// (An IPv4 advert of 255 addresses always fits.) It returns how many.
func fit(r *engine.Router) int {
	if len(r.Addresses) == 0 || !r.Addresses[0].Is6() {
		return 0
	}
	mtu := defaultMTU
	if i, err := net.InterfaceByName(r.Interface); err == nil {
		mtu = i.MTU
	}
	limit := max((mtu-headers6)/size6, 1)
	surplus := len(r.Addresses) - limit
	if surplus <= 0 {
		return 0
	}
	r.Addresses = r.Addresses[:limit:limit]
	for k, n := 0, 0; k < len(r.VIPs); k++ {
		if r.VIPs[k].Excluded {
			continue
		}
		if n++; n > limit {
			r.VIPs[k].Excluded = true
		}
	}
	return surplus
}
