package config

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"holdfast/vrrp/route"
)

// routeTypes are the types of routes (RTN_*).
var routeTypes = named[uint8]{
	{"unicast", 1},
	{"local", 2},
	{"broadcast", 3},
	{"brd", 3},
	{"anycast", 4},
	{"multicast", 5},
	{"blackhole", 6},
	{"unreachable", 7},
	{"prohibit", 8},
	{"throw", 9},
	{"nat", 10},
	{"xresolve", 11},
}

// isRouteType says whether keepalived takes a word for the type of a route.
func isRouteType(s string) bool {
	_, named := routeTypes.find(s)
	_, err := parseAny(s, 0, 255)
	return named || err == nil
}

// metric is one of the numbers of RTAX_*; times are kept in units a millisecond.
type metric struct {
	id   uint8
	unit int    // of a time; 0: a plain number
	most uint32 // what keepalived takes at most; 0: all
}

var routeMetrics = named[metric]{
	{"mtu", metric{2, 0, 0}},
	{"window", metric{3, 0, 0}},
	{"rtt", metric{4, 8, 960_000}},
	{"rttvar", metric{5, 4, 480_000}},
	{"ssthresh", metric{6, 0, 0}},
	{"cwnd", metric{7, 0, 0}},
	{"advmss", metric{8, 0, 0}},
	{"reordering", metric{9, 0, 0}},
	{"hoplimit", metric{10, 0, 255}},
	{"initcwnd", metric{11, 0, 0}},
	{"rto_min", metric{13, 1, 120_000}},
	{"initrwnd", metric{14, 0, 0}},
	{"quickack", metric{15, 0, 0}},
	{"fastopen_no_cookie", metric{17, 0, 0}},
}

// metricFeatures is RTAX_FEATURES, and featureECN the one that is known.
const (
	metricFeatures = 12
	featureECN     = 1
)

// route reads one line of virtual_routes or static_routes.
func (d *decoder) route(n *Node, static bool) (route.Route, bool) {
	l := newObjectLine(d, n, "route")
	r := route.Route{Scope: route.ScopeAuto, Text: l.text()}
	var next route.Hop
	var or []netip.Addr
	if t, ok := routeTypes.find(l.peek()); ok {
		r.Type = t
		if w := l.next(); !l.more() {
			l.value(w) // a destination has to follow
		}
	}
	tos, protocol := false, false
	for l.more() {
		w := l.next()
		if m, ok := routeMetrics.find(w.Text); ok {
			l.metric(&r, w, m)
			continue
		}
		if l.hopOption(&r, &next, w) {
			continue
		}
		switch w.Text {
		case "inet", "inet6":
			if !r.To.IsValid() {
				l.refusedBy(w.Pos, "takes no "+w.Text+" before the destination")
			}
			l.familyIs(&r.Family, map[string]uint8{"inet": 4, "inet6": 6}[w.Text], w.Pos)
		case "to":
			p, f := l.prefixValue(w)
			l.destination(&r, w, p, f)
		case "from":
			p, f := l.prefixValue(w)
			r.From = p
			l.familyIs(&r.Family, f, w.Pos)
		case "src":
			r.Src = l.addr(w)
			if !l.bad {
				l.familyIs(&r.Family, uint8(familyOf(r.Src)), w.Pos)
			}
		case "or":
			l.note(w.Pos, ClassDeprecated, "deprecated", "or is an old way to write nexthop")
			or = append(or, l.addr(w))
		case "tos", "dsfield":
			r.TOS, tos = uint8(l.named(w, "rt_dsfield", 255)), true
		case "table":
			r.Table = uint32(l.named(w, "rt_tables", math.MaxUint32))
		case "vrf":
			r.VRF = l.device(w)
			l.d.interfaceOf(r.VRF, w.Pos, "vrf of a route", ClassGeneral)
		case "protocol":
			r.Protocol, protocol = uint8(l.named(w, "rt_protos", 255)), true
		case "scope":
			r.Scope = uint16(l.named(w, "rt_scopes", 255))
		case "metric", "priority", "preference":
			r.Metric = uint32(l.number(w, 0, math.MaxUint32))
		case "expires":
			l.sixOnly(&r, w)
			r.Expires = uint32(l.number(w, 0, math.MaxInt32))
		case "features":
			l.features(&r, w)
		case "congctl":
			r.LockCC = l.lock()
			v := l.value(w)
			if r.CongCtl = v.Text; len(v.Text) > 15 {
				l.fail(v.Pos, "congctl: '%s' is longer than 15 characters", clip(v.Text))
			}
		case "pref":
			l.sixOnly(&r, w)
			l.pref(&r, w)
		case "ttl-propagate":
			switch v := l.value(w); v.Text {
			case "enabled":
				r.TTLProp = 2
			case "disabled":
				r.TTLProp = 1
			default:
				l.fail(v.Pos, "ttl-propagate is enabled or disabled, not '%s'", clip(v.Text))
			}
		case "add":
			r.Mode = route.AddOnly
		case "append":
			r.Mode = route.Append
		case "prepend":
			r.Mode = route.Prepend
		case "no_track":
			r.NoTrack = true
		case "nexthop":
			l.nexthops(&r)
		case "track_group":
			if !static {
				l.fail(w.Pos, "track_group is for static routes")
				break
			}
			r.Group = l.value(w).Text
		default:
			p, f, ok := l.prefix(w)
			switch {
			case !ok && l.at == len(l.words) && isRouteType(w.Text):
				l.value(w) // a destination has to follow
			case !ok && r.To.IsValid():
				l.fail(w.Pos, "unknown option '%s'", clip(w.Text))
			case !ok:
				l.fail(w.Pos, "'%s' is neither an option nor a destination", clip(w.Text))
			default:
				l.destination(&r, w, p, f)
			}
		}
	}
	for _, a := range or {
		if len(r.Hops) == 0 {
			r.Hops, next = []route.Hop{next}, route.Hop{}
		}
		r.Hops = append(r.Hops, route.Hop{Via: a})
	}
	r.Next = next
	l.finishRoute(&r, tos)
	l.trackedHere(&r, protocol)
	return r, !l.bad
}

// sixOnly drops an IPv4 route at an option that IPv6 has only, and makes one of
// IPv6 of what has no family yet, as keepalived does.
func (l *objectLine) sixOnly(r *route.Route, key Word) {
	switch r.Family {
	case 0: // default
		r.Family = 6
	case 4:
		l.fail(key.Pos, "%s is for IPv6 routes", key.Text)
	}
}

// destination sets what the route leads to.
func (l *objectLine) destination(r *route.Route, w Word, p netip.Prefix, f uint8) {
	if l.bad {
		return
	}
	switch {
	case !r.To.IsValid():
	case l.d.toml(): // via is likely to be missing before it
		l.fail(w.Pos, "a route has one destination, not %s and %s", r.To, p.Masked())
		return
	default:
		l.note(w.Pos, ClassNone, "no-effect", "%s has no effect: %s comes after it", r.To, p.Masked())
	}
	r.To = p.Masked()
	l.familyIs(&r.Family, f, w.Pos)
	if f != 0 && p != p.Masked() {
		l.note(w.Pos, ClassNone, "host-bits", "%s: the bits behind the prefix are not looked at: %s", p, p.Masked())
	}
}

// finishRoute settles the family and checks the whole.
func (l *objectLine) finishRoute(r *route.Route, tos bool) {
	pos := l.node.Pos
	if l.bad {
		return
	}
	if !r.To.IsValid() {
		l.fail(pos, "no destination")
		return
	}
	hops := append([]route.Hop{r.Next}, r.Hops...)
	if r.Family == 0 { // default, by its gateway
		for i := range hops {
			if a := hops[i].Via; a.IsValid() && r.Family == 0 {
				r.Family = uint8(familyOf(a))
			}
		}
	}
	if r.Family == 0 {
		r.Family = 4
	}
	if r.To.Bits() == 0 && r.Family == 6 {
		r.To = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	for i := range hops {
		if a := hops[i].Via; a.Is4() && r.Family == 6 {
			l.fail(pos, "an IPv6 route has no IPv4 gateway (%s)", a)
		}
		l.encapFits(&hops[i])
	}
	switch {
	case r.From.IsValid() && r.From.Bits() > 0 && r.Family == 4:
		l.fail(pos, "from is for IPv6 routes")
	case len(r.Hops) > 0 && (r.Next.Via.IsValid() || r.Next.Dev != ""):
		l.failAs(l.d.quietClass(), pos, "a route has one gateway or nexthops, not both")
	case r.VRF != "" && r.Table != 0:
		l.fail(pos, "a route has a table or a vrf, not both")
	case tos && r.Family == 6 && r.TOS != 0:
		l.note(pos, ClassNone, "no-effect", "the kernel has no tos in IPv6 routes: it is ignored")
		r.TOS = 0
	}
	if r.Family == 4 {
		for name, set := range map[string]bool{"expires": r.Expires != 0, "pref": r.Pref != 0} {
			if set {
				l.fail(pos, "%s is for IPv6 routes", name)
			}
		}
	}
	for _, dev := range r.Devices() {
		l.d.interfaceExists(dev, pos, "interface of route "+r.To.String())
	}
}

// trackedHere names the routes that keepalived does not track as they are.
func (l *objectLine) trackedHere(r *route.Route, protocol bool) {
	if l.bad || l.d.toml() || r.NoTrack {
		return
	}
	const keepalived = 18 // RTPROT_KEEPALIVED
	if protocol && r.Protocol != keepalived {
		l.note(l.node.Pos, ClassGeneral, "route-protocol", "%s: keepalived gives a route that it tracks its own protocol, here %d is kept", r.To, r.Protocol)
	}
	if r.Next.Dev == "" {
		l.note(l.node.Pos, ClassGeneral, "route-untracked", "%s has no dev: keepalived does not notice its loss, holdfast does", r.To)
	}
}

// hopOption reads what both a route and a nexthop may have.
func (l *objectLine) hopOption(r *route.Route, h *route.Hop, w Word) bool {
	switch w.Text {
	case "via", "gw":
		if w.Text == "gw" && !l.d.toml() {
			l.note(w.Pos, ClassDeprecated, "deprecated", "gw is an old way to write via")
		}
		want := uint8(0)
		switch l.peek() {
		case "inet":
			want = 4
			l.next()
		case "inet6":
			want = 6
			l.next()
		}
		h.Via = l.addr(w)
		if h.Via.IsValid() && r.Family != 0 && uint8(familyOf(h.Via)) != r.Family {
			l.refusedBy(w.Pos, "takes no gateway of the other family")
		}
		if !l.bad && want != 0 && want != uint8(familyOf(h.Via)) {
			l.fail(w.Pos, "via: %s is not of family inet%s", h.Via, map[uint8]string{4: "", 6: "6"}[want])
		}
	case "dev", "oif":
		h.Dev = l.device(w)
	case "onlink":
		h.OnLink = true
	case "realms":
		h.Realms = l.realms(w)
	case "encap":
		l.encap(h, w)
	case "as":
		if l.peek() == "to" {
			l.next()
		}
		h.NewDst = l.labels(w)
		l.refusedBy(w.Pos, "takes as for MPLS routes only")
	default:
		return false
	}
	return true
}

// nexthops reads the members of a multipath route: they come last.
func (l *objectLine) nexthops(r *route.Route) {
	var h route.Hop
	started := false
	flush := func() {
		if started {
			r.Hops = append(r.Hops, h)
		}
		h, started = route.Hop{}, false
	}
	for l.more() {
		w := l.next()
		switch {
		case w.Text == "nexthop":
			flush()
		case w.Text == "weight":
			h.Weight = l.number(w, 1, 256)
			started = true
		case (w.Text == "via" || w.Text == "gw") && h.Via.IsValid():
			flush() // inline tables of TOML name the keyword once
			l.hopOption(r, &h, w)
			started = true
		case l.hopOption(r, &h, w):
			started = true
		case w.Text == "no_track":
			r.NoTrack = true
		default:
			l.fail(w.Pos, "unknown option '%s' of nexthop", clip(w.Text))
		}
	}
	flush()
	if len(r.Hops) == 0 {
		l.failAs(l.d.quietClass(), l.node.Pos, "nexthop without a way")
	}
}

// lock reads the word before a metric that has the kernel keep it.
func (l *objectLine) lock() bool {
	if l.peek() != "lock" {
		return false
	}
	l.next()
	return true
}

func (l *objectLine) metric(r *route.Route, key Word, m metric) {
	x := route.Metric{ID: m.id, Lock: l.lock()}
	w := l.value(key)
	if l.bad {
		return
	}
	v, ok := parseMetric(l.d.digits(w.Text, w.Pos), m.unit)
	if (key.Text == "quickack" || key.Text == "fastopen_no_cookie") && v > 1 {
		ok = false
	}
	if !ok {
		l.fail(w.Pos, "%s: '%s' is not possible", key.Text, clip(w.Text))
		return
	}
	most := m.most
	if strings.HasSuffix(w.Text, "s") {
		most *= uint32(m.unit)
	}
	if m.most > 0 && v > most {
		l.refusedBy(w.Pos, "takes no such "+key.Text)
	}
	x.Value = v
	r.Metrics = append(r.Metrics, x)
}

// parseMetric reads a number; a time may have the unit s or ms, and is in the
// kernel's own units without one, as in ip-route(8).
func parseMetric(s string, unit int) (uint32, bool) {
	if unit == 0 {
		v, err := parseInt(s, 0, math.MaxUint32)
		return uint32(v), err == nil
	}
	if v, err := parseInt(s, 0, math.MaxUint32); err == nil {
		return uint32(v), true
	}
	number, ms := strings.CutSuffix(s, "ms")
	scale := time.Millisecond
	if !ms {
		var sec bool
		if number, sec = strings.CutSuffix(s, "s"); !sec {
			return 0, false
		}
		scale = time.Second
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0 && f <= 1e6) {
		return 0, false
	}
	return uint32(math.Round(f * float64(scale/time.Millisecond) * float64(unit))), true
}

func (l *objectLine) features(r *route.Route, key Word) {
	for first := true; first || l.peek() == "ecn"; first = false {
		if v := l.value(key); v.Text != "ecn" {
			l.fail(v.Pos, "features: '%s' is not known", clip(v.Text))
			return
		}
	}
	r.Metrics = append(r.Metrics, route.Metric{ID: metricFeatures, Value: featureECN})
}

// pref reads a router preference of RFC 4191.
func (l *objectLine) pref(r *route.Route, key Word) {
	v := l.value(key)
	switch v.Text {
	case "medium":
		r.Pref = 1 + 0
	case "high":
		r.Pref = 1 + 1
	case "low":
		r.Pref = 1 + 3
	default:
		l.fail(v.Pos, "pref is low, medium or high, not '%s'", clip(v.Text))
	}
}
