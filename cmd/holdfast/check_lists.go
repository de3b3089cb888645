package main

import (
	"fmt"
	"net/netip"
	"slices"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
)

// rollOut is a finding about each instance of the file that advertises other
// addresses than the daemon that runs here does: nothing changes between two
// holdfast while one has the new list and the other one not, but a peer may be
// an older keepalived.
func rollOut(file string, c *config.Config, v *control.VRRP) []config.Diagnostic {
	if c == nil || v == nil {
		return nil
	}
	var out []config.Diagnostic
	for i := range c.Instances {
		in := &c.Instances[i]
		k := slices.IndexFunc(v.Instances, func(r control.Instance) bool {
			return r.Interface == in.Interface && r.VRID == in.VirtualRouterID && r.Source.Is6() == (in.Family == 6)
		})
		if k < 0 || sameList(in, &v.Instances[k]) {
			continue
		}
		out = append(out, config.Diagnostic{
			Pos: config.Pos{File: file}, Severity: config.Info, ID: "address-list",
			Text: fmt.Sprintf("vrrp_instance %s: the addresses differ from those that the running daemon advertises. "+
				"A keepalived up to 2.3.2 drops adverts with another list: as backup it makes itself master beside this one until its list is the same. "+
				"holdfast, and keepalived from 2.3.3 on, accept them in either order", in.Name),
		})
	}
	return out
}

// sameList compares the advertised addresses as sets.
func sameList(in *config.VRRPInstance, r *control.Instance) bool {
	var a, b []netip.Addr
	for _, v := range in.VirtualIPAddress {
		a = append(a, v.Prefix.Addr())
	}
	for _, v := range r.VIPs {
		if !v.Excluded {
			b = append(b, v.Address.Addr())
		}
	}
	slices.SortFunc(a, netip.Addr.Compare)
	slices.SortFunc(b, netip.Addr.Compare)
	return slices.Equal(a, b)
}
