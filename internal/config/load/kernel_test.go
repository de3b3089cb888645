package load_test

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/vrrp/route"
)

func routesOf(t *testing.T, line string) []route.Route {
	t.Helper()
	cfg, diags := conf(instance(" virtual_routes {\n " + line + "\n }"))
	if cfg == nil {
		t.Fatal(diags)
	}
	return cfg.Instances[0].VirtualRoutes
}

func TestRouteLines(t *testing.T) {
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	base := route.Route{Family: 4, To: p("10.1.0.0/16"), Scope: route.ScopeAuto}
	with := func(f func(r *route.Route)) route.Route {
		r := base
		f(&r)
		return r
	}
	for line, want := range map[string]route.Route{
		"10.1.0.0/16 dev eth0":                          with(func(r *route.Route) { r.Next.Dev = "eth0" }),
		"to 10.1.0.0/16 oif eth0 no_track":              with(func(r *route.Route) { r.Next.Dev, r.NoTrack = "eth0", true }),
		"10.1.2.3/16 via 10.0.0.9":                      with(func(r *route.Route) { r.Next.Via = a("10.0.0.9") }),
		"blackhole 10.1.0.0/16 metric 16":               with(func(r *route.Route) { r.Type, r.Metric = 6, 16 }),
		"10.1.0.0/16 via inet6 fe80::1 dev eth0 onlink": with(func(r *route.Route) { r.Next = route.Hop{Via: a("fe80::1"), Dev: "eth0", OnLink: true} }),
		"10.1.0.0/16 table local scope link protocol static tos 0x10 realms 1/2": with(func(r *route.Route) {
			r.Table, r.Scope, r.Protocol, r.TOS, r.Next.Realms = 255, 253, 4, 16, 1<<16|2
		}),
		"10.1.0.0/16 mtu lock 1400 rtt 100ms rttvar 1.5s rto_min 300 features ecn congctl lock reno": with(func(r *route.Route) {
			r.Metrics = []route.Metric{{ID: 2, Value: 1400, Lock: true}, {ID: 4, Value: 800}, {ID: 5, Value: 6000}, {ID: 13, Value: 300}, {ID: 12, Value: 1}}
			r.CongCtl, r.LockCC = "reno", true
		}),
		"10.1.0.0/16 nexthop via 10.0.0.8 weight 2 dev eth0 nexthop via 10.0.0.9 onlink": with(func(r *route.Route) {
			r.Hops = []route.Hop{{Via: a("10.0.0.8"), Weight: 2, Dev: "eth0"}, {Via: a("10.0.0.9"), OnLink: true}}
		}),
		"10.1.0.0/16 via 10.0.0.8 or 10.0.0.9": with(func(r *route.Route) {
			r.Hops = []route.Hop{{Via: a("10.0.0.8")}, {Via: a("10.0.0.9")}}
		}),
		"10.1.0.0/16 encap ip id 5 dst 10.9.0.1 ttl 7 dev eth0": with(func(r *route.Route) {
			r.Next = route.Hop{Dev: "eth0", Encap: route.Encap{Kind: route.EncapIP, ID: 5, Dst: a("10.9.0.1"), TTL: 7, TTLSet: true}}
		}),
		"10.1.0.0/16 encap mpls 100/200 via 10.0.0.9": with(func(r *route.Route) {
			r.Next = route.Hop{Via: a("10.0.0.9"), Encap: route.Encap{Kind: route.EncapMPL, Labels: []uint32{100, 200}}}
		}),
		"10.1.0.0/16 ttl-propagate disabled append": with(func(r *route.Route) { r.TTLProp, r.Mode = 1, route.Append }),
		"default via fe80::1 dev eth0 pref low expires 9": {
			Family: 6, To: p("::/0"), Scope: route.ScopeAuto, Next: route.Hop{Via: a("fe80::1"), Dev: "eth0"}, Pref: 4, Expires: 9,
		},
		"inet6 default dev eth0": {Family: 6, To: p("::/0"), Scope: route.ScopeAuto, Next: route.Hop{Dev: "eth0"}},
		"default dev eth0":       {Family: 4, To: p("0.0.0.0/0"), Scope: route.ScopeAuto, Next: route.Hop{Dev: "eth0"}},
	} {
		got := routesOf(t, line)
		if len(got) != 1 {
			t.Errorf("%s: %d routes", line, len(got))
			continue
		}
		if got[0].Text != line {
			t.Errorf("%s: text %q", line, got[0].Text)
		}
		got[0].Text = ""
		if diff := cmp.Diff(want, got[0], addrs); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

// TestObjectMistakes: what is wrong with a line is said with its place, and the
// line is dropped.
func TestObjectMistakes(t *testing.T) {
	for _, c := range []struct{ block, line, want string }{
		{"virtual_routes", "via 10.0.0.9", "8:2: warning: virtual_routes: no destination: the route is ignored"},
		{"virtual_routes", "10.1.0.0/16 vai 10.0.0.9", "8:14: warning: virtual_routes: unknown option 'vai': the route is ignored"},
		{"virtual_routes", "10.1.0.0/33 dev eth0", "8:2: warning: virtual_routes: '10.1.0.0/33' is neither an option nor a destination: the route is ignored"},
		{"virtual_routes", "10.1.0.0/16 src 2001:db8::1", "8:14: warning: virtual_routes: IPv4 and IPv6 are mixed: the route is ignored"},
		{"virtual_routes", "2001:db8::/32 via 10.0.0.1", "8:2: warning: virtual_routes: an IPv6 route has no IPv4 gateway (10.0.0.1): the route is ignored"},
		{"virtual_routes", "10.1.0.0/16 metric many", "8:21: warning: virtual_routes: metric: 'many' is not a whole number: the route is ignored"},
		{"virtual_routes", "10.1.0.0/16 via", "8:14: error: virtual_routes: no value for via"},
		{"virtual_routes", "10.1.0.0/16 via 10.0.0.9 nexthop via 10.0.0.8", "8:2: warning: virtual_routes: a route has one gateway or nexthops, not both: the route is ignored"},
		{"virtual_routes", "10.1.0.0/16 dev eth0 track_group G", "8:23: warning: virtual_routes: track_group is for static routes: the route is ignored"},
		{"virtual_routes", "10.1.0.0/16 dev eth0 table nosuch", "8:29: warning: virtual_routes: table: 'nosuch' is neither a number up to 4294967295 nor a name of rt_tables: the route is ignored"},
		{"virtual_rules", "from 10.0.0.1 priority 7", "8:2: warning: virtual_rules: no action: table, goto, nop, blackhole, prohibit, unreachable or l3mdev: the rule is ignored"},
		{"virtual_rules", "table 5 goto 9 priority 7", "8:10: warning: virtual_rules: a rule has one of table, goto, nop, blackhole, prohibit, unreachable and l3mdev: the rule is ignored"},
		{"virtual_rules", "goto 5 priority 7", "8:2: warning: virtual_rules: goto 5 leads backwards from 7: the rule is ignored"},
		{"virtual_rules", "dport 90-80 table 5 priority 7", "8:8: warning: virtual_rules: dport: '90-80' is not a range of numbers up to 65535: the rule is ignored"},
		{"virtual_rules", "from 10.0.0.1 table 5", "8:2: warning: virtual_rules: the rule has no preference: 16384 is used, which is probably not what you want"},
		{"virtual_ipaddress_excluded", "10.0.0.2 home", "8:11: warning: virtual_ipaddress_excluded: 10.0.0.2/32: home is for IPv6 addresses: it is ignored"},
		{"virtual_ipaddress_excluded", "10.0.0.2 peer 2001:db8::1", "8:16: warning: virtual_ipaddress_excluded: 10.0.0.2/32: '2001:db8::1' is no peer of it: the address is ignored"},
	} {
		_, diags := conf(instance(" " + c.block + " {\n " + c.line + "\n }"))
		if !slices.ContainsFunc(diags, func(d config.Diagnostic) bool { return d.String() == "k.conf:"+c.want }) {
			t.Errorf("%s: no finding %q in\n%v", c.line, c.want, diags)
		}
	}
}

func TestAddressOptions(t *testing.T) {
	cfg, diags := conf(instance(` virtual_ipaddress_excluded {
 10.0.0.2 peer 10.0.0.3/24 brd 10.0.0.255 scope link label eth0:x
 2001:db8::1/64 home -nodad mngtmpaddr noprefixroute autojoin preferred_lft 7 no_track
 2001:db8::2 preferred_lft forever
 }`))
	if cfg == nil {
		t.Fatal(diags)
	}
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	want := []config.VIP{
		{Prefix: p("10.0.0.2/24"), Peer: a("10.0.0.3"), Broadcast: a("10.0.0.255"), Scope: 253, Label: "eth0:x"},
		{Prefix: p("2001:db8::1/64"), Flags: 0x710, DAD: true, Preferred: 7, PreferredSet: true, NoTrack: true},
		{Prefix: p("2001:db8::2/128"), Preferred: math.MaxUint32, PreferredSet: true},
	}
	if diff := cmp.Diff(want, cfg.Instances[0].VirtualIPAddressExcluded, addrs); diff != "" {
		t.Error(diff)
	}
}

// TestStaticBothLanguages reads the same in keepalived.conf and in TOML.
func TestStaticBothLanguages(t *testing.T) {
	const keepalived = `static_ipaddress {
 192.0.2.100/32 dev eth0 track_group TG
}
static_routes {
 203.0.113.0/24 via 192.0.2.254
 blackhole to 198.51.100.0/24 track_group TG
}
static_rules {
 from 192.0.2.100 table 100 priority 1000
}
track_group TG {
 group {
  A
 }
}
`
	const tomlText = `static_ipaddress = [{ ip = "192.0.2.100/32", dev = "eth0", track_group = "TG" }]
static_routes = ["203.0.113.0/24 via 192.0.2.254", { type = "blackhole", to = "198.51.100.0/24", track_group = "TG" }]
static_rules = [{ from = "192.0.2.100", table = "100", priority = 1000 }]

[track_group.TG]
group = ["A"]

[vrrp_instance.A]
interface = "eth0"
virtual_router_id = 1
virtual_ipaddress = ["10.0.0.1"]
virtual_routes = [{ to = "default", table = "7", nexthop = ["via 10.0.0.8 weight 2", "via 10.0.0.9"] }]
`
	one, diags := conf(keepalived + instance(" virtual_routes {\n to default table 7 nexthop via 10.0.0.8 weight 2 nexthop via 10.0.0.9\n }"))
	if one == nil {
		t.Fatal(diags)
	}
	two, diags := load.Load("k.toml", memory(map[string]string{"k.toml": tomlText}))
	if two == nil {
		t.Fatal(diags)
	}
	// The words come in another order from an inline table.
	one.Instances[0].VirtualRoutes[0].Text = two.Instances[0].VirtualRoutes[0].Text
	one.StaticRules[0].Text = two.StaticRules[0].Text
	for _, c := range []struct {
		what     string
		one, two any
	}{
		{"static_ipaddress", one.StaticAddresses, two.StaticAddresses},
		{"static_routes", one.StaticRoutes, two.StaticRoutes},
		{"static_rules", one.StaticRules, two.StaticRules},
		{"track_group", one.TrackGroups, two.TrackGroups},
		{"virtual_routes", one.Instances[0].VirtualRoutes, two.Instances[0].VirtualRoutes},
	} {
		if diff := cmp.Diff(c.one, c.two, addrs); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
	if len(one.StaticRoutes) != 2 || one.StaticRoutes[1].Group != "TG" || len(one.TrackGroups) != 1 {
		t.Errorf("read: %+v %+v", one.StaticRoutes, one.TrackGroups)
	}
}

// TestAccept: who accepts packets to the addresses.
func TestAccept(t *testing.T) {
	for _, c := range []struct {
		more string
		want bool
	}{
		{"", true},
		{"no_accept", false},
		{"no_accept\n accept", true},
		{"priority 255\n no_accept", true},
		{"strict_mode", false},
		{"strict_mode\n priority 255", true},
		{"strict_mode\n accept", false}, // version 2
		{"strict_mode\n version 3\n accept", true},
		{"strict_mode\n version 3", false},
	} {
		cfg, diags := conf(instance(" " + c.more))
		if cfg == nil {
			t.Fatal(diags)
		}
		if got := cfg.Instances[0].Accept; got != c.want {
			t.Errorf("%q: accept is %v", c.more, got)
		}
		said := slices.ContainsFunc(diags, func(d config.Diagnostic) bool {
			return strings.Contains(d.Text, "packets to its addresses are dropped")
		})
		if said == c.want {
			t.Errorf("%q: %v", c.more, diags)
		}
	}
}

// TestImpliedInterfaces: what an instance depends on without saying so.
func TestImpliedInterfaces(t *testing.T) {
	cfg, diags := conf(instance(` track_interface {
 eth3 weight 10
 }
 virtual_ipaddress_excluded {
 10.0.0.2 dev eth1
 10.0.0.3 dev eth9 no_track
 }
 virtual_routes {
 10.1.0.0/16 dev eth0
 10.2.0.0/16 nexthop via 10.0.0.8 dev eth2 nexthop via 10.0.0.9 dev eth3
 10.3.0.0/16 dev eth9 no_track
 }
 virtual_rules {
 iif eth4 oif eth1 table 5 priority 6
 }`))
	if cfg == nil {
		t.Fatal(diags)
	}
	if got := strings.Join(cfg.Instances[0].ImpliedInterfaces(), " "); got != "eth1 eth2 eth4" {
		t.Errorf("got %s", got)
	}
}

// FuzzObjectLines: whatever stands in a line, it is read or refused, and what
// was read can be encoded or says why not.
func FuzzObjectLines(f *testing.F) {
	f.Add("10.1.0.0/16 via 10.0.0.9 mtu lock 1400 nexthop via 10.0.0.8 weight 2")
	f.Add("not from 10.0.0.0/8 uidrange 0-5 dport 80 table 5 suppress_prefixlength 3 priority 7")
	f.Add("encap mpls 1/2/3 default6 realms 1/2 pref high as to 7")
	f.Fuzz(func(t *testing.T, line string) {
		cfg, _ := conf(instance(" virtual_routes {\n " + line + "\n }\n virtual_rules {\n " + line + "\n }"))
		if cfg == nil {
			return
		}
		for _, i := range cfg.Instances {
			for _, r := range i.VirtualRoutes {
				if b, err := r.Body(func(string) int { return 3 }, func(string) uint32 { return 1001 }); err == nil && len(b)%4 != 0 {
					t.Errorf("%q: %d bytes", line, len(b))
				}
			}
			for _, r := range i.VirtualRules {
				if _, err := r.Body(); err != nil {
					t.Errorf("%q: %v", line, err)
				}
			}
		}
	})
}
