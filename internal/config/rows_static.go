package config

import (
	"slices"
)

// trackGroup is a track_group in the making.
type trackGroup struct {
	TrackGroup
	pos       Pos
	memberPos []Pos
}

// groupUse is a place where something static names a track_group.
type groupUse struct {
	name string
	pos  Pos
}

// grouped remembers that something static names a group; the groups may come
// later.
func (b *building) grouped(name string, pos Pos) {
	if name != "" {
		b.uses = append(b.uses, groupUse{name, pos})
	}
}

const (
	staticSyntax = vipSyntax + " [track_group <name>]"
	routeSyntax  = "[<type>] [to] <prefix>|default [via <address>] [dev <interface>] [src <address>] [table <table>] [metric <number>] [<further options of ip-route>] [nexthop via <address> [dev <interface>] [weight 1..256] …] [no_track]"
	ruleSyntax   = "[not] [from <prefix>] [to <prefix>] [iif <interface>] [oif <interface>] [fwmark <mark>[/<mask>]] [<further selectors of ip-rule>] [priority <number>] table <table>|goto <priority>|nop|blackhole|prohibit|unreachable|l3mdev [no_track]"
)

// routeLine describes a line of virtual_routes.
var routeLine = []Arg{
	{Name: "type", Optional: true},
	{Name: "to", Key: "to", Optional: true},
	{Name: "via", Key: "via", Optional: true},
	{Name: "dev", Key: "dev", Optional: true},
	{Name: "src", Key: "src", Kind: KindAddr, Optional: true},
	{Name: "from", Key: "from", Kind: KindPrefix, Optional: true},
	{Name: "table", Key: "table", Optional: true},
	{Name: "vrf", Key: "vrf", Optional: true},
	{Name: "metric", Key: "metric", Kind: KindInt, Optional: true},
	{Name: "protocol", Key: "protocol", Optional: true},
	{Name: "scope", Key: "scope", Optional: true},
	{Name: "tos", Key: "tos", Optional: true},
	{Name: "realms", Key: "realms", Optional: true},
	{Name: "mtu", Key: "mtu", Optional: true},
	{Name: "advmss", Key: "advmss", Optional: true},
	{Name: "hoplimit", Key: "hoplimit", Optional: true},
	{Name: "rtt", Key: "rtt", Optional: true},
	{Name: "rttvar", Key: "rttvar", Optional: true},
	{Name: "rto_min", Key: "rto_min", Optional: true},
	{Name: "reordering", Key: "reordering", Optional: true},
	{Name: "window", Key: "window", Optional: true},
	{Name: "cwnd", Key: "cwnd", Optional: true},
	{Name: "ssthresh", Key: "ssthresh", Optional: true},
	{Name: "initcwnd", Key: "initcwnd", Optional: true},
	{Name: "initrwnd", Key: "initrwnd", Optional: true},
	{Name: "features", Key: "features", Optional: true},
	{Name: "quickack", Key: "quickack", Optional: true},
	{Name: "fastopen_no_cookie", Key: "fastopen_no_cookie", Optional: true},
	{Name: "congctl", Key: "congctl", Optional: true},
	{Name: "pref", Key: "pref", Optional: true},
	{Name: "expires", Key: "expires", Kind: KindInt, Optional: true},
	{Name: "ttl_propagate", Key: "ttl-propagate", Optional: true},
	{Name: "as", Key: "as", Optional: true},
	{Name: "encap", Key: "encap", Optional: true},
	{Name: "inet", Key: "inet", Kind: KindFlag, Optional: true},
	{Name: "inet6", Key: "inet6", Kind: KindFlag, Optional: true},
	{Name: "onlink", Key: "onlink", Kind: KindFlag, Optional: true},
	{Name: "add", Key: "add", Kind: KindFlag, Optional: true},
	{Name: "append", Key: "append", Kind: KindFlag, Optional: true},
	{Name: "prepend", Key: "prepend", Kind: KindFlag, Optional: true},
	{Name: "no_track", Key: "no_track", Kind: KindFlag, Optional: true},
	{Name: "nexthop", Key: "nexthop", Optional: true, Rest: true},
}

// ruleLine describes a line of virtual_rules.
var ruleLine = []Arg{
	{Name: "not", Key: "not", Kind: KindFlag, Optional: true},
	{Name: "from", Key: "from", Kind: KindPrefix, Optional: true},
	{Name: "to", Key: "to", Kind: KindPrefix, Optional: true},
	{Name: "iif", Key: "iif", Optional: true},
	{Name: "oif", Key: "oif", Optional: true},
	{Name: "fwmark", Key: "fwmark", Optional: true},
	{Name: "tos", Key: "tos", Optional: true},
	{Name: "ipproto", Key: "ipproto", Optional: true},
	{Name: "sport", Key: "sport", Optional: true},
	{Name: "dport", Key: "dport", Optional: true},
	{Name: "uidrange", Key: "uidrange", Optional: true},
	{Name: "tunnel_id", Key: "tunnel-id", Optional: true},
	{Name: "priority", Key: "priority", Kind: KindInt, Optional: true},
	{Name: "realms", Key: "realms", Optional: true},
	{Name: "protocol", Key: "protocol", Optional: true},
	{Name: "suppress_prefixlength", Key: "suppress_prefixlength", Kind: KindInt, Optional: true},
	{Name: "suppress_ifgroup", Key: "suppress_ifgroup", Optional: true},
	{Name: "table", Key: "table", Optional: true},
	{Name: "goto", Key: "goto", Kind: KindInt, Optional: true},
	{Name: "type", Key: "type", Optional: true},
	{Name: "nop", Key: "nop", Kind: KindFlag, Optional: true},
	{Name: "blackhole", Key: "blackhole", Kind: KindFlag, Optional: true},
	{Name: "prohibit", Key: "prohibit", Kind: KindFlag, Optional: true},
	{Name: "unreachable", Key: "unreachable", Kind: KindFlag, Optional: true},
	{Name: "l3mdev", Key: "l3mdev", Kind: KindFlag, Optional: true},
	{Name: "inet", Key: "inet", Kind: KindFlag, Optional: true},
	{Name: "inet6", Key: "inet6", Kind: KindFlag, Optional: true},
	{Name: "no_track", Key: "no_track", Kind: KindFlag, Optional: true},
}

// inGroup adds track_group, which only static things have.
func inGroup(line []Arg) []Arg {
	last := len(line) - 1
	out := slices.Clone(line[:last]) // a Rest stays at the end
	return append(out, Arg{Name: "track_group", Key: "track_group", Optional: true}, line[last])
}

// objectRows are the rows of an instance about routes and rules.
func objectRows() []Keyword {
	return []Keyword{
		linesRow("virtual_routes", common, lineBlock(routeSyntax, func(d *decoder, i *instance, n *Node) {
			if r, ok := d.route(n, false); ok {
				i.VirtualRoutes = append(i.VirtualRoutes, r)
			}
		}), routeLine, "routes that are there while the router is master"),
		linesRow("virtual_rules", rare, lineBlock(ruleSyntax, func(d *decoder, i *instance, n *Node) {
			if r, ok := d.rule(n, false); ok {
				i.VirtualRules = append(i.VirtualRules, r)
			}
		}), ruleLine, "routing rules that are there while the router is master"),
		row("promote_secondaries", common, flag(func(i *instance) { i.PromoteSecondaries = true }), "off", "removing the first address of a subnet does not remove the others (net.ipv4.conf.<interface>.promote_secondaries while holdfast runs)"),
	}
}

// staticRows are the rows of the top level about what is there whoever is
// master.
func staticRows() []Keyword {
	lines := func(name, syntax string, line []Arg, doc string, take func(d *decoder, n *Node)) Keyword {
		return linesRow(name, rare, value{syntax: "{ " + syntax + " … }", set: func(d *decoder, _ any, _ *Node) {
			d.lines(func(n *Node) { take(d, n) })
		}}, line, doc)
	}
	group := blockRow("track_group", rare, block(nameArg, "<name> ", openTrackGroup), "instances that are in FAULT while a static address, route or rule of the group is missing")
	group.Named, group.Repeat = true, true
	return []Keyword{
		group,
		lines("static_ipaddress", staticSyntax, inGroup(vipArgs), "addresses that are there while holdfast runs", (*decoder).staticAddress),
		lines("static_routes", routeSyntax+" [track_group <name>]", inGroup(routeLine), "routes that are there while holdfast runs", func(d *decoder, n *Node) {
			if r, ok := d.route(n, true); ok {
				d.cfg.StaticRoutes = append(d.cfg.StaticRoutes, r)
				d.state.grouped(r.Group, n.Pos)
			}
		}),
		lines("static_rules", ruleSyntax+" [track_group <name>]", inGroup(ruleLine), "routing rules that are there while holdfast runs", func(d *decoder, n *Node) {
			if r, ok := d.rule(n, true); ok {
				d.cfg.StaticRules = append(d.cfg.StaticRules, r)
				d.state.grouped(r.Group, n.Pos)
			}
		}),
	}
}

func trackGroupRows() []Keyword {
	members := lineBlock("<vrrp_instance>", func(_ *decoder, g *trackGroup, n *Node) {
		for _, w := range n.Words {
			g.Members = append(g.Members, w.Text)
			g.memberPos = append(g.memberPos, w.Pos)
		}
	})
	open := members.set
	members.set = func(d *decoder, target any, n *Node) {
		open(d, target, n)
		g := target.(*trackGroup)
		d.top().close = func() {
			if len(g.Members) == 0 {
				d.report(d.closing(n), Warning, ClassGeneral, "empty-group", "track_group "+g.Name+" has no member: it is ignored")
			}
		}
	}
	return []Keyword{linesRow("group", rare, members, []Arg{{Name: "name", Rest: true}}, "the members")}
}

func openTrackGroup(d *decoder, _ any, n *Node) {
	g := &trackGroup{pos: n.Pos}
	if g.Name = d.blockName(n); d.top().skip {
		return
	}
	d.within(g, func() {
		if d.taken(&d.state.trackGroups, g.Name) {
			d.report(n.Pos, Warning, ClassGeneral, "duplicate-name", "track_group "+g.Name+" is already defined: this one is ignored")
			return
		}
		d.state.trackGroups = append(d.state.trackGroups, g)
	})
}

// finishTrackGroups resolves the members of track groups and the groups that
// static things name.
func (d *decoder) finishTrackGroups() {
	for _, g := range d.state.trackGroups {
		var members []string
		for k, m := range g.Members {
			if _, ok := d.state.byName[m]; !ok {
				d.reportHint(g.memberPos[k], Warning, ClassGeneral, "unknown-member",
					"track_group "+g.Name+": there is no vrrp_instance "+clip(m)+": it is ignored", d.didYouMean(m, d.instanceNames))
				continue
			}
			members = append(members, m)
		}
		g.Members = members
		if len(members) == 0 {
			d.report(g.pos, Warning, ClassNone, "empty-group", "track_group "+g.Name+" has no member: it is ignored")
			continue
		}
		d.cfg.TrackGroups = append(d.cfg.TrackGroups, g.TrackGroup)
	}
	groups := map[string]bool{}
	for i := range d.cfg.TrackGroups {
		groups[d.cfg.TrackGroups[i].Name] = true
	}
	known := func(name string) bool { return groups[name] }
	for _, u := range d.state.uses {
		if !known(u.name) {
			d.report(u.pos, Warning, ClassGeneral, "unknown-group", "track_group "+clip(u.name)+" is not defined: it is ignored")
		}
	}
	clean := func(group *string) {
		if !known(*group) {
			*group = ""
		}
	}
	for i := range d.cfg.StaticAddresses {
		clean(&d.cfg.StaticAddresses[i].Group)
	}
	for i := range d.cfg.StaticRoutes {
		clean(&d.cfg.StaticRoutes[i].Group)
	}
	for i := range d.cfg.StaticRules {
		clean(&d.cfg.StaticRules[i].Group)
	}
}
