package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// interfaceExists reports an interface that is not there. At run time holdfast
// waits for it; keepalived stops, unless dynamic_interfaces is set.
func (d *decoder) interfaceExists(name string, pos Pos, what string) {
	d.interfaceOf(name, pos, what, ClassWarning)
}

// interfaceOf is interfaceExists with the class of the complaint; false: it was
// reported.
func (d *decoder) interfaceOf(name string, pos Pos, what string, class Class) (there bool) {
	if d.opts.Interfaces == nil {
		return true
	}
	have := d.opts.Interfaces()
	if have == nil || have[name] || name == "" {
		return true
	}
	switch {
	case d.state.global.DynamicInterfaces:
		class = ClassNone
	case d.toml() && tomlFatal(class):
		class = ClassWarning // it is waited for: no mistake of a file
	}
	d.reportHint(pos, Warning, class, "no-such-interface",
		what+": "+clip(name)+" does not exist", d.didYouMean(name, func() []string { return slices.Sorted(maps.Keys(have)) }))
	return false
}

// duplicateRouters reports virtual routers that answer to the same adverts.
func (d *decoder) duplicateRouters() {
	type key struct {
		iface  string
		family Family
		vrid   uint8
		group  netip.Addr
	}
	first := map[key]*instance{}
	byPeer := map[key]*instance{} // unicast: one entry a peer
	for _, i := range d.state.instances {
		if i.VirtualRouterID == 0 {
			continue
		}
		k := key{i.Interface, i.Family, i.VirtualRouterID, i.McastDstIP}
		if len(i.UnicastPeer) == 0 {
			if other := first[k]; other != nil {
				d.about(i, Error, ClassGeneral, "duplicate-vrid", "VRID %d with IPv%d is used by vrrp_instance %s on %s already", i.VirtualRouterID, i.Family, other.Name, i.Interface)
				continue
			}
			first[k] = i
			continue
		}
		for _, p := range i.UnicastPeer {
			k.group = p.Addr
			if other := byPeer[k]; other != nil && other != i {
				d.about(i, Error, ClassGeneral, "duplicate-vrid", "VRID %d towards %v on %s is used by vrrp_instance %s already", i.VirtualRouterID, p.Addr, i.Interface, other.Name)
				break
			}
			byPeer[k] = i
		}
	}
}

// Summary says in one line what a configuration holds.
func (c *Config) Summary() string {
	servers := 0
	for _, s := range c.VirtualServers {
		servers += len(s.RealServers)
	}
	return fmt.Sprintf("%d vrrp_instances, %d vrrp_sync_groups, %d vrrp_scripts, %d virtual_servers with %d real_servers",
		len(c.Instances), len(c.SyncGroups), len(c.Scripts), len(c.VirtualServers), servers)
}
