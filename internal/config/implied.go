package config

// ImpliedInterfaces are the interfaces that an instance depends on because an
// address, a route or a rule of its own is there and has no no_track: such an
// interface going down means FAULT, as keepalived has it. The instance's own
// interface and those of track_interface are not among them.
func (i *VRRPInstance) ImpliedInterfaces() []string {
	var out []string
	seen := map[string]bool{"": true, "lo": true, i.Interface: true}
	for k := range i.TrackInterfaces {
		seen[i.TrackInterfaces[k].Name] = true
	}
	add := func(noTrack bool, names ...string) {
		for _, n := range names {
			if !noTrack && !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	for _, list := range [][]VIP{i.VirtualIPAddress, i.VirtualIPAddressExcluded} {
		for k := range list {
			add(list[k].NoTrack, list[k].Dev)
		}
	}
	for k := range i.VirtualRoutes {
		add(i.VirtualRoutes[k].NoTrack, i.VirtualRoutes[k].Devices()...)
	}
	for k := range i.VirtualRules {
		add(i.VirtualRules[k].NoTrack, i.VirtualRules[k].Devices()...)
	}
	return out
}
