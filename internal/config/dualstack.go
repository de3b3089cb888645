package config

import (
	"net/netip"
	"slices"

	"holdfast/vrrp/route"
)

// In TOML one vrrp_instance may have addresses of both families. It stands for
// two instances, NAME-ipv4 and NAME-ipv6, with everything else the same, and a
// sync group NAME that holds them together and that the block's notify scripts
// belong to.

// Endings of the names of a dual-stack block's instances.
const (
	suffix4 = "-ipv4"
	suffix6 = "-ipv6"
)

// foreign is a value of another family than the first one, which is an error
// unless the block turns out to be of both.
type foreign struct {
	pos  Pos
	text string
}

// mayBeDual keeps in mind that a, an address of n, is of another family than
// what came before; false: the language has no blocks of both.
func (d *decoder) mayBeDual(i *instance, n *Node, arg int, a netip.Addr) bool {
	if d.toml() {
		i.foreign = append(i.foreign, foreign{n.ArgPos(arg), d.notOfFamily(i, a)})
	}
	return d.toml()
}

// both reports whether the block has addresses of both families.
func (i *instance) both() bool {
	of := func(f Family) bool {
		return slices.ContainsFunc(i.VirtualIPAddress, func(v VIP) bool { return familyOf(v.Prefix.Addr()) == f })
	}
	return of(4) && of(6)
}

// splitFamilies replaces every block of both families by its two instances.
func (d *decoder) splitFamilies() {
	split := map[string]bool{}
	var out []*instance
	for _, i := range d.state.instances {
		if !i.both() {
			for _, f := range i.foreign {
				d.report(f.pos, Warning, ClassGeneral, "wrong-family", f.text)
			}
			out = append(out, i)
			continue
		}
		four, six := i.half(4, d.state.global.VRRPVersion), i.half(6, d.state.global.VRRPVersion)
		delete(d.state.byName, i.Name)
		for _, h := range []*instance{four, six} {
			if d.state.byName[h.Name] != nil {
				d.about(i, Error, ClassGeneral, "duplicate-name", "it has both families, and so there are %s and %s, but %s is defined already", four.Name, six.Name, h.Name)
				continue
			}
			d.state.byName[h.Name] = h
		}
		split[i.Name] = true
		out = append(out, four, six)
		d.tieFamilies(i, four, six)
	}
	d.state.instances = out
	if len(split) == 0 {
		return
	}
	for _, g := range d.state.groups {
		if !g.ofBlock {
			g.Members, g.memberPos = bothOf(split, g.Members, g.memberPos)
		}
	}
	for _, g := range d.state.trackGroups {
		g.Members, g.memberPos = bothOf(split, g.Members, g.memberPos)
	}
	if s := d.cfg.Global.LVSSyncDaemon; s != nil && split[s.Instance] {
		s.Instance += suffix4
	}
}

// bothOf puts the two instances in the place of every block that was split.
func bothOf(split map[string]bool, members []string, pos []Pos) (out []string, at []Pos) {
	for k, m := range members {
		if split[m] {
			out, at = append(out, m+suffix4, m+suffix6), append(at, pos[k], pos[k])
			continue
		}
		out, at = append(out, m), append(at, pos[k])
	}
	return out, at
}

// tieFamilies gives the two instances their sync group, unless the file has
// one for the block: an instance is in one group only.
func (d *decoder) tieFamilies(i, four, six *instance) {
	if slices.ContainsFunc(d.state.groups, func(g *group) bool { return slices.Contains(g.Members, i.Name) }) {
		six.Notify = NotifySet{NotifyDeleted: i.Notify.NotifyDeleted}
		return
	}
	if d.state.groupName[i.Name] {
		d.about(i, Error, ClassGeneral, "duplicate-name", "it has both families and so makes a vrrp_sync_group of its name, which is defined already")
		return
	}
	g := &group{pos: i.pos, memberPos: []Pos{i.pos, i.pos}, smtpAlert: i.smtpAlert, ofBlock: true}
	g.Name, g.Members = i.Name, []string{four.Name, six.Name}
	g.TrackingWeight = true // both have the same tracks, and so the same priority
	g.Notify = i.Notify
	g.Notify.MasterRxLower, g.Notify.Deleted = Command{}, Command{}
	for _, h := range []*instance{four, six} {
		h.Notify = NotifySet{NotifyDeleted: i.Notify.NotifyDeleted}
		h.smtpAlert = ptr(false)
	}
	four.Notify.MasterRxLower, four.Notify.Deleted = i.Notify.MasterRxLower, i.Notify.Deleted
	d.state.groupName[g.Name] = true
	d.state.groups = append(d.state.groups, g)
}

// half is the instance of one family of a block of both. version is what holds
// for IPv4 where the block does not say.
func (i *instance) half(f Family, version uint8) *instance {
	h := *i
	h.Family, h.foreign = f, nil
	h.Name += map[Family]string{4: suffix4, 6: suffix6}[f]
	other := func(a netip.Addr) bool { return familyOf(a) != f }
	vips := func(list []VIP) []VIP {
		return without(slices.Clone(list), func(v VIP) bool { return other(v.Prefix.Addr()) })
	}
	h.VirtualIPAddress, h.VirtualIPAddressExcluded = vips(i.VirtualIPAddress), vips(i.VirtualIPAddressExcluded)
	h.VirtualRoutes = without(slices.Clone(i.VirtualRoutes), func(r route.Route) bool { return r.Family != uint8(f) })
	h.VirtualRules = without(slices.Clone(i.VirtualRules), func(r route.Rule) bool { return r.Family != uint8(f) })
	h.UnicastPeer = without(slices.Clone(i.UnicastPeer), func(p UnicastPeer) bool { return other(p.Addr) })
	for _, a := range []*netip.Addr{&h.UnicastSrcIP, &h.McastSrcIP, &h.McastDstIP} {
		if a.IsValid() && other(*a) {
			*a = netip.Addr{}
		}
	}
	h.TrackInterfaces, h.TrackScripts = slices.Clone(i.TrackInterfaces), slices.Clone(i.TrackScripts)
	h.TrackFiles, h.TrackProcesses, h.TrackBFDs = slices.Clone(i.TrackFiles), slices.Clone(i.TrackProcesses), slices.Clone(i.TrackBFDs)
	if f == 4 {
		return &h
	}
	if i.Version != 0 {
		version = i.Version
	}
	h.VMAC.Name = "" // one name does for one interface
	if version == 2 {
		// IPv6 has version 3 only, and that has no authentication of version 2.
		h.Version = 0
		h.AuthType, h.AuthPass = AuthNone, nil
	}
	return &h
}
