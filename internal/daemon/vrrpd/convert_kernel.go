package vrrpd

import (
	"slices"

	"holdfast/internal/config"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
)

// kernelState adds what a router installs besides addresses, and what that
// makes it depend on; static is what is installed besides.
func kernelState(r *engine.Router, c *config.Config, in *config.VRRPInstance, static []engine.Static) {
	r.PromoteSecondaries = in.PromoteSecondaries
	r.Routes, r.Rules = in.VirtualRoutes, in.VirtualRules
	for _, name := range in.ImpliedInterfaces() {
		r.Tracks = append(r.Tracks, vrrp.Track{Key: engine.InterfaceKey(name), Pending: true})
	}
	for _, g := range c.TrackGroups {
		// A group that nothing static is in holds up nobody.
		used := slices.ContainsFunc(static, func(s engine.Static) bool { return s.Name == g.Name })
		if used && slices.Contains(g.Members, in.Name) {
			r.Tracks = append(r.Tracks, vrrp.Track{Key: "static " + g.Name, Pending: true})
		}
	}
}

func vip(c *config.Config, v config.VIP, in *config.VRRPInstance, excluded bool) engine.VIP {
	out := address(v)
	out.Excluded = excluded
	if !in.Accept {
		out.Drop = c.Global.NFTables.Table
	}
	return out
}

func address(v config.VIP) engine.VIP {
	return engine.VIP{
		Prefix: v.Prefix, Dev: v.Dev, Label: v.Label, Scope: v.Scope, Broadcast: v.Broadcast, NoTrack: v.NoTrack,
		Peer: v.Peer, Flags: v.Flags, DAD: v.DAD, Preferred: v.Preferred, PreferredSet: v.PreferredSet,
	}
}

// statics are the static addresses, routes and rules by track_group.
func statics(c *config.Config) []engine.Static {
	var out []engine.Static
	of := func(group string) *engine.Static {
		for i := range out {
			if out[i].Name == group {
				return &out[i]
			}
		}
		out = append(out, engine.Static{Name: group})
		return &out[len(out)-1]
	}
	for _, v := range c.StaticAddresses {
		s := of(v.Group)
		s.VIPs = append(s.VIPs, address(v))
	}
	for _, r := range c.StaticRoutes {
		s := of(r.Group)
		s.Routes = append(s.Routes, r)
	}
	for _, r := range c.StaticRules {
		s := of(r.Group)
		s.Rules = append(s.Rules, r)
	}
	return out
}

func firewallConfig(c *config.Config) link.FirewallConfig {
	return link.FirewallConfig{Priority: c.Global.NFTables.Priority, Counters: c.Global.NFTables.Counters}
}
