package vrrpd

import (
	"net/netip"

	"holdfast/internal/config"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// engineConfig turns the configuration into the engine's.
func engineConfig(c *config.Config, at *mtus) engine.Config {
	e := engine.Config{
		Static: statics(c), Pacing: pacing(c), LogUnknown: c.Global.LogUnknownVRIDs,
		OwnThread: c.Global.VRRPProcess.RTPriority > 0 || c.Global.AutoPriority.Max > 0,
	}
	present := map[string]bool{}
	for i := range c.Instances {
		in := &c.Instances[i]
		present[in.Name] = true
		e.Routers = append(e.Routers, router(c, in, e.Static, at))
	}
	for _, g := range c.SyncGroups {
		eg := engine.Group{Name: g.Name}
		for _, m := range g.Members {
			if present[m] {
				eg.Members = append(eg.Members, m)
			}
		}
		if len(eg.Members) == 0 {
			continue
		}
		eg.Tracks = groupTracks(&g)
		e.Groups = append(e.Groups, eg)
	}
	return e
}

func router(c *config.Config, in *config.VRRPInstance, static []engine.Static, at *mtus) engine.Router {
	r := engine.Router{
		Config: vrrp.Config{
			Name:                 in.Name,
			VRID:                 in.VirtualRouterID,
			Version:              in.Version,
			Priority:             in.Priority,
			StartMaster:          in.StateMaster || in.Priority == 255,
			AdvertInt:            in.AdvertInt,
			DownTimerAdverts:     in.DownTimerAdverts,
			NoPreempt:            in.NoPreempt,
			PreemptDelay:         in.PreemptDelay,
			Sticky:               in.StickyMaster,
			HoldOff:              in.StickyHoldOff,
			OwnerIgnoreAdverts:   in.OwnerIgnoreAdverts,
			StartupDelay:         startupDelay(&c.Global, bootAge()),
			SkipCheckAdvAddr:     in.SkipCheckAdvAddr,
			Unicast:              len(in.UnicastPeer) > 0,
			CheckPeers:           in.CheckUnicastSrc,
			LowerPrioNoAdvert:    in.LowerPrioNoAdvert,
			HigherPrioSendAdvert: in.HigherPrioSendAdvert,
			DontTrackPrimary:     in.DontTrackPrimary,
			GARP: vrrp.GARP{
				Repeat:         in.GARP.Repeat,
				Delay:          in.GARP.Delay,
				Refresh:        in.GARP.Refresh,
				RefreshRepeat:  in.GARP.RefreshRepeat,
				LowerPrioRep:   in.GARP.LowerPrioRep,
				LowerPrioDelay: in.GARP.LowerPrioDelay,
				Extra:          in.GARP.ExtraIf,
			},
		},
		Interface: in.Interface,
		ExtraAll:  in.GARP.ExtraIfAll,
		Group:     in.McastDstIP,
		Source:    in.McastSrcIP,
	}
	if r.Unicast {
		r.Group = netip.Addr{}
		r.Source = in.UnicastSrcIP
		for _, p := range in.UnicastPeer {
			r.Peers = append(r.Peers, p.Addr)
		}
	} else if !r.Source.IsValid() {
		r.Source = in.UnicastSrcIP
	}
	authentication(&r, in)
	for _, v := range in.VirtualIPAddress {
		r.Addresses = append(r.Addresses, v.Prefix.Addr())
		r.VIPs = append(r.VIPs, vip(c, v, in, false))
	}
	for _, v := range in.VirtualIPAddressExcluded {
		r.VIPs = append(r.VIPs, vip(c, v, in, true))
	}
	r.RxBuffer, r.TrackSource = rxBuffer(&c.Global, in, at), in.TrackSrcIP && r.Source.IsValid()
	devices(c, in, &r)
	r.Tracks = instanceTracks(in)
	kernelState(&r, c, in, static)
	r.TableGate = follows(c) && holdsService(c, r.VIPs) || syncFollows(c, in.Name)
	return r
}

// syncFollows reports whether connection sync follows the instance: where
// backup_only is set, packets come to IPVS only after the lvs process cleared
// it.
func syncFollows(c *config.Config, instance string) bool {
	d := c.Global.LVSSyncDaemon
	return d != nil && d.Instance == instance
}

// follows reports whether the IPVS table follows mastership at all.
func follows(c *config.Config) bool {
	switch c.Global.LVSFollowVRRP {
	case config.FollowAuto:
		return c.Global.LVSSyncDaemon == nil
	case config.FollowAlways:
		return true
	}
	return false
}

// holdsService reports whether an address is one of a service's, by itself or in
// a virtual_server_group. What holds thousands of addresses is not expanded.
func holdsService(c *config.Config, vips []engine.VIP) bool {
	held := make(map[netip.Addr]bool, len(vips))
	for _, v := range vips {
		held[v.Prefix.Addr().Unmap()] = true
	}
	groups := map[string]bool{}
	for i := range c.VirtualServers {
		vs := &c.VirtualServers[i]
		if vs.Group != "" {
			groups[vs.Group] = true
		} else if held[vs.Addr.Unmap()] {
			return true
		}
	}
	for i := range c.ServiceGroups {
		g := &c.ServiceGroups[i]
		if !groups[g.Name] {
			continue
		}
		for _, e := range g.Entries {
			for a := range held {
				if e.FWMark == 0 && e.Contains(a) {
					return true
				}
			}
		}
	}
	return false
}
