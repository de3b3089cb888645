package config

// The rows of the words within the lines of virtual_ipaddress, virtual_routes,
// virtual_rules and virtual_server_group. The same words hold in the lines of
// virtual_ipaddress_excluded, static_ipaddress, static_routes and static_rules.
func addressWords() []Keyword { return lineWords(inAddresses) }
func routeWords() []Keyword   { return lineWords(inRoutes) }
func ruleWords() []Keyword    { return lineWords(inRules) }
func groupWords() []Keyword   { return lineWords(inGroups) }

func lineWords(words []word) []Keyword {
	var out []Keyword
	for _, w := range words {
		out = append(out, Keyword{
			Name: w.names[0], Aliases: w.names[1:], Word: true, Tier: rare,
			Syntax: w.syntax, Default: w.def, Doc: w.doc,
		})
	}
	return out
}

// word is a word within lines, with its other spellings.
type word struct {
	names            []string
	syntax, def, doc string
}

var inAddresses = []word{
	{[]string{"dev"}, "<interface>", "the instance's interface, or its VMAC", "interface that the address is put on"},
	{[]string{"scope"}, "global|site|link|host|nowhere|<number>", "global", "scope of an IPv4 address"},
	{[]string{"label"}, "<text>", "", "label of an IPv4 address, 15 characters at most"},
	{[]string{"brd", "broadcast"}, "<address>|+|-", "none", "broadcast address; + sets the host bits, - clears them"},
	{[]string{"peer"}, "<address>[/<length>]", "", "other end of a point-to-point link"},
	{[]string{"preferred_lft"}, "<seconds>|forever", "0 for an IPv6 /128, else forever", "preferred lifetime; 0: deprecated"},
	{[]string{"use_vmac"}, "", "off", "on a VMAC above the address's own interface"},
	{[]string{"home"}, "", "off", "IPv6 home address"},
	{[]string{"-nodad"}, "", "off", "look for a duplicate of the IPv6 address before it is used"},
	{[]string{"mngtmpaddr"}, "", "off", "IPv6 address that temporary ones are made from"},
	{[]string{"noprefixroute"}, "", "off", "no route to the address's network"},
	{[]string{"autojoin"}, "", "off", "join the multicast group that the address is"},
	{[]string{"no_track"}, "", "off", "another program may remove the address"},
}

var inRoutes = []word{
	{[]string{"to"}, "<prefix>|default", "", "destination; the word may be left out"},
	{[]string{"inet"}, "", "from the addresses", "IPv4"},
	{[]string{"inet6"}, "", "from the addresses", "IPv6"},
	{[]string{"src"}, "<address>", "", "preferred source address"},
	{[]string{"via", "gw"}, "[inet|inet6] <address>", "", "gateway"},
	{[]string{"or"}, "<address>", "", "second gateway: it becomes a nexthop"},
	{[]string{"from"}, "<prefix>", "", "source of an IPv6 route"},
	{[]string{"tos", "dsfield"}, "<number or name>", "0", "type of service"},
	{[]string{"table"}, "<number or name>", "main, or the VRF's", "routing table"},
	{[]string{"protocol"}, "<number or name>", "keepalived (18)", "who installed the route"},
	{[]string{"scope"}, "<number or name>", "by type", "scope of the route"},
	{[]string{"metric", "priority", "preference"}, "<number>", "0", "the route with the least metric is used"},
	{[]string{"dev", "oif"}, "<interface>", "", "outgoing interface"},
	{[]string{"onlink"}, "", "off", "the gateway is on the link though no prefix says so"},
	{[]string{"encap"}, "ip|ip6|mpls|ila <options>", "", "encapsulation as in ip-route(8)"},
	{[]string{"expires"}, "<seconds>", "", "lifetime of an IPv6 route"},
	{[]string{"mtu"}, "[lock] <number>", "", "MTU of the path"},
	{[]string{"hoplimit"}, "<number>", "", "hop limit of packets sent"},
	{[]string{"advmss"}, "[lock] <number>", "", "MSS announced to peers of TCP"},
	{[]string{"rtt"}, "[lock] <number>[s|ms]", "", "first estimate of the round-trip time"},
	{[]string{"rttvar"}, "[lock] <number>[s|ms]", "", "first estimate of its variance"},
	{[]string{"reordering"}, "[lock] <number>", "", "reordering that TCP expects"},
	{[]string{"window"}, "<number>", "", "largest window announced to peers of TCP"},
	{[]string{"cwnd"}, "[lock] <number>", "", "clamp of the congestion window"},
	{[]string{"ssthresh"}, "[lock] <number>", "", "threshold of slow start"},
	{[]string{"realms"}, "[<source>/]<destination>", "", "traffic realms"},
	{[]string{"rto_min"}, "[lock] <number>[s|ms]", "", "least retransmission timeout of TCP"},
	{[]string{"initcwnd"}, "<number>", "", "first congestion window"},
	{[]string{"initrwnd"}, "<number>", "", "first receive window"},
	{[]string{"features"}, "ecn", "", "features of the path"},
	{[]string{"quickack"}, "0|1", "", "acknowledge at once"},
	{[]string{"congctl"}, "[lock] <name>", "", "congestion control"},
	{[]string{"pref"}, "low|medium|high", "medium", "preference among IPv6 routers"},
	{[]string{"ttl-propagate"}, "enabled|disabled", "", "copy the TTL into MPLS labels"},
	{[]string{"fastopen_no_cookie"}, "0|1", "", "TCP fast open without a cookie"},
	{[]string{"as"}, "[to] <label>[/<label>…]", "", "new stack of labels (MPLS)"},
	{[]string{"vrf"}, "<interface>", "", "table of this VRF"},
	{[]string{"add"}, "", "prepend", "install only where no route is like it"},
	{[]string{"prepend"}, "", "prepend", "install before routes like it"},
	{[]string{"append"}, "", "prepend", "install behind routes like it"},
	{[]string{"nexthop"}, "via <address> [dev <interface>] [weight 1..256] [onlink] [encap …] [realms …] [as …]", "", "one of several ways; repeated, at the end of the line"},
	{[]string{"no_track"}, "", "off", "another program may remove the route"},
}

var inRules = []word{
	{[]string{"inet"}, "", "from the addresses", "IPv4"},
	{[]string{"inet6"}, "", "from the addresses", "IPv6"},
	{[]string{"not"}, "", "off", "packets to which the selectors do not apply"},
	{[]string{"from"}, "<prefix>", "any", "source"},
	{[]string{"to"}, "<prefix>", "any", "destination"},
	{[]string{"table", "lookup"}, "<number or name>", "", "routing table to look up"},
	{[]string{"priority", "preference", "order"}, "<number>", "by order, with a complaint", "place of the rule among all"},
	{[]string{"tos", "dsfield"}, "<number or name>", "any", "type of service"},
	{[]string{"fwmark"}, "<mark>[/<mask>]", "any", "mark of the packet"},
	{[]string{"realms"}, "[<source>/]<destination>", "", "traffic realms"},
	{[]string{"suppress_prefixlength", "sup_pl"}, "<length>", "", "refuse routes whose prefix is not longer"},
	{[]string{"suppress_ifgroup", "sup_group"}, "<number or name>", "", "refuse routes through interfaces of the group"},
	{[]string{"iif", "dev"}, "<interface>", "any", "incoming interface"},
	{[]string{"oif"}, "<interface>", "any", "outgoing interface"},
	{[]string{"tunnel-id"}, "<number>", "any", "key of the tunnel"},
	{[]string{"uidrange"}, "<uid>-<uid>", "any", "owner of the socket"},
	{[]string{"l3mdev"}, "", "off", "table of the interface's VRF"},
	{[]string{"protocol"}, "<number or name>", "keepalived (18)", "who installed the rule"},
	{[]string{"ipproto"}, "<number or name>", "any", "protocol of the packet"},
	{[]string{"sport"}, "<port>[-<port>]", "any", "source port"},
	{[]string{"dport"}, "<port>[-<port>]", "any", "destination port"},
	{[]string{"goto"}, "<priority>", "", "go on with the rule at this place"},
	{[]string{"nop"}, "", "off", "do nothing"},
	{[]string{"type"}, "unicast|blackhole|unreachable|prohibit", "", "what becomes of the packets"},
	{[]string{"no_track"}, "", "off", "another program may remove the rule"},
}

var inGroups = []word{{[]string{"fwmark"}, "<mark> [inet|inet6]", "", "packets with this mark in place of an address"}}
