package config

import "math"

// NFTables holds nftables, nftables_priority and nftables_counters: how packets
// to the addresses of instances with no_accept are dropped.
type NFTables struct {
	Table    string // default keepalived
	Priority int    // relative to the filters of others, default -1
	Counters bool
}

// defaultTable is the name of keepalived's own table.
const defaultTable = "keepalived"

// maxTableName is the longest name of an nftables table, in bytes.
const maxTableName = 127

// firewallRows are the rows of global_defs about the firewall.
func firewallRows() []Keyword {
	iptables := func(d *decoder, g *globals, n *Node) {
		d.report(n.Pos, Warning, ClassGeneral, "no-iptables", "vrrp_iptables: packets are dropped by nftables, in the table named by nftables: no chain of iptables is changed")
		d.state.given[onceKey{g, "nftables"}] = true // it stands for nftables, whose first line counts
	}
	ipsets := func(d *decoder, _ *globals, n *Node) {
		d.report(n.Pos, Warning, ClassUnknownKeyword, "no-iptables", "vrrp_ipsets has no effect: nftables has its own sets")
	}
	names := []Arg{{Name: "names", Optional: true, Rest: true}}
	return []Keyword{
		row("nftables", rare, once(custom("[<table>]", []Arg{{Name: "table", Optional: true}}, nftTable)), defaultTable, "nftables table, of each family, whose rules drop packets to the addresses of instances with no_accept; it exists while such an address is held"),
		row("nftables_priority", rare, integer("priority", math.MinInt16, math.MaxInt16, func(g *globals, v int) { g.NFTables.Priority = v }), "-1", "priority of its chains, relative to the filters of others"),
		row("nftables_counters", rare, flag(func(g *globals) { g.NFTables.Counters = true }), "off", "count packets at each of its rules"),
		row("nftables_ifindex", rare, flag(func(*globals) {}), "always on in holdfast", "look link-local addresses up with the index of the interface"),
		row("vrrp_iptables", "obsolete", custom("[<in chain> [<out chain>]]", names, iptables), "", "no effect: nftables is used"),
		row("vrrp_ipsets", "obsolete", custom("[<set> …]", names, ipsets), "", "no effect: nftables is used"),
	}
}

func nftTable(d *decoder, g *globals, n *Node) {
	name := n.Arg(0)
	switch {
	case name == "":
	case len(name) > maxTableName:
		d.bad(n, 0, ClassGeneral, "the name of a table has %d characters at most: %s is used", maxTableName, g.NFTables.Table)
	default:
		g.NFTables.Table = name
	}
}

// finishAccept settles whether packets to the addresses are accepted, and says
// so where they are not: the addresses do not answer then, which surprises.
func (d *decoder) finishAccept(i *instance) {
	explicit := i.accept != nil
	i.Accept = !explicit || *i.accept
	switch {
	case i.Priority == 255: // RFC 5798 section 6.1: Accept_Mode is for others
		if !i.Accept {
			d.about(i, Warning, ClassNone, "no-accept", "the owner of the addresses (priority 255) accepts packets to them: no_accept is ignored")
		}
		i.Accept = true
	case !i.StrictMode:
	case explicit && *i.accept && i.Version == 2:
		d.about(i, Warning, ClassGeneral, "strict", "strict mode: version 2 accepts no packets to the addresses (RFC 3768): accept is ignored")
		i.Accept = false
	case !explicit:
		i.Accept = false
	}
	if i.Accept {
		return
	}
	why := "no_accept"
	if !explicit || *i.accept {
		why = "strict mode, which implies no_accept unless the priority is 255"
		if i.Version == 3 {
			why += " or accept is given"
		}
	}
	d.about(i, Warning, ClassNone, "no-accept", "%s: packets to its addresses are dropped while it is master: they are routed to others, but do not answer ping or serve anything on this machine, IPVS included", why)
}
