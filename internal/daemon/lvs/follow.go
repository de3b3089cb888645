package lvs

import (
	"maps"
	"net/netip"
	"slices"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// presence says whether a service belongs into the kernel now.
type presence uint8

const (
	absent presence = iota
	present
	// asItIs is for a service that follows routers none of which is known
	// yet: after the death of a predecessor its table stays until the vrrp
	// process has told who is master, and after a start until that is decided.
	asItIs
)

// follow answers which services follow which virtual routers
// (lvs_follow_vrrp, standby_checks, ha_suspend).
type follow struct {
	mode    config.FollowVRRP
	sync    bool                    // a sync daemon is configured
	standby bool                    // standby_checks
	names   map[string]bool         // the routers of the configuration
	addrs   map[string][]netip.Addr // of those that have any, by the configuration
	byAddr  map[netip.Addr][]string // which routers hold an address
	// byRouter are the services of the kernel with the address of a router.
	byRouter map[string][]ipvs.ServiceKey
	routers  map[string]*router // told ones, by name
	suspend  map[ipvs.ServiceKey]bool
	local    map[netip.Addr]bool // addresses of this machine, see ha_suspend

	services *services
}

func newFollow(cfg *config.Config, s *services, routers map[string]*router, local map[netip.Addr]bool) *follow {
	f := &follow{
		mode: cfg.Global.LVSFollowVRRP, sync: cfg.Global.LVSSyncDaemon != nil, standby: cfg.Global.StandbyChecks,
		names: map[string]bool{}, addrs: map[string][]netip.Addr{}, routers: routers, suspend: map[ipvs.ServiceKey]bool{}, local: local,
		services: s,
	}
	for i := range cfg.Instances {
		in := &cfg.Instances[i]
		f.names[in.Name] = true
		for _, list := range [][]config.VIP{in.VirtualIPAddress, in.VirtualIPAddressExcluded} {
			for _, v := range list {
				f.addrs[in.Name] = append(f.addrs[in.Name], v.Prefix.Addr())
			}
		}
	}
	for i, k := range s.order {
		if s.conf[i].HASuspend {
			f.suspend[k] = true
		}
	}
	f.index()
	return f
}

// index is called when addresses of routers may have changed. A router has the
// addresses of the configuration and those told: in a reload this process has
// the new configuration before the vrrp process tells its addresses, and a
// service whose address is not told yet must not count as one without a router.
func (f *follow) index() {
	f.byAddr = map[netip.Addr][]string{}
	for name, addrs := range f.addrs {
		for _, a := range addrs {
			f.hold(a, name)
		}
		if r := f.routers[name]; r != nil {
			for _, a := range r.vips {
				f.hold(a, name)
			}
		}
	}
	f.byRouter = map[string][]ipvs.ServiceKey{}
	for _, k := range f.services.keys {
		for _, name := range f.holders(k) {
			f.byRouter[name] = append(f.byRouter[name], k)
		}
	}
}

// hold notes once that a router has an address.
func (f *follow) hold(a netip.Addr, name string) {
	if !slices.Contains(f.byAddr[a], name) {
		f.byAddr[a] = append(f.byAddr[a], name)
	}
}

// holders names the virtual routers that hold the address of a service, or an
// address of a group. A service by mark has none.
func (f *follow) holders(k ipvs.ServiceKey) []string {
	switch {
	case k.FWMark != 0:
		return nil
	case k.Group == "":
		return f.byAddr[k.Addr]
	}
	var names []string
	for _, m := range f.services.of(k) {
		names = append(names, f.holders(m)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// state combines the holders of a service: present if one is master, asItIs
// if none is but one is not known yet.
func (f *follow) state(holders []string) presence {
	p := absent
	for _, name := range holders {
		switch r := f.routers[name]; {
		case r == nil || !r.told || !r.settles.IsZero():
			p = asItIs
		case r.master:
			return present
		}
	}
	return p
}

// follows reports whether services with a holder follow it.
func (f *follow) follows() bool {
	switch f.mode {
	case config.FollowAuto:
		return !f.sync
	case config.FollowAlways:
		return true
	}
	return false
}

// service says whether a service belongs into the kernel.
func (f *follow) service(k ipvs.ServiceKey) presence {
	if !f.follows() {
		return present
	}
	holders := f.holders(k)
	if len(holders) == 0 {
		return present
	}
	return f.state(holders)
}

// paused reports whether the checks of a service rest: with ha_suspend while
// its address is not on this machine; with standby_checks false while a router
// holds its address and none is master.
func (f *follow) paused(k ipvs.ServiceKey) bool {
	if f.suspended(k) {
		return true
	}
	if f.standby {
		return false
	}
	holders := f.holders(k)
	return len(holders) > 0 && f.state(holders) != present
}

// of lists the services of the kernel that follow a router.
func (f *follow) of(name string) []ipvs.ServiceKey {
	if !f.follows() {
		return nil
	}
	return f.byRouter[name]
}

// sameRules reports whether o answers the same for services that both know.
func (f *follow) sameRules(o *follow) bool {
	return f.mode == o.mode && f.sync == o.sync && maps.EqualFunc(f.addrs, o.addrs, slices.Equal)
}

// configured reports whether a router has an address by the configuration.
func (f *follow) configured(name string, a netip.Addr) bool { return slices.Contains(f.addrs[name], a) }

// rests reports whether the checks of any service can rest at all.
func (f *follow) rests() bool { return !f.standby || f.suspends() }
