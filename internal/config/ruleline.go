package config

import (
	"math"
	"net/netip"
	"strings"

	"holdfast/vrrp/route"
)

// firstPreference is what keepalived gives the first rule without one; each
// further one gets one less.
const firstPreference = 16384

// ruleActions are the actions of rules that are words of their own (FR_ACT_*).
var ruleActions = map[string]uint8{
	"blackhole": route.Blackhole, "unreachable": route.Unreachable, "prohibit": route.Prohibit, "nop": route.Nop,
}

// rule reads one line of virtual_rules or static_rules.
func (d *decoder) rule(n *Node, static bool) (route.Rule, bool) {
	l := newObjectLine(d, n, "rule")
	r := route.Rule{Text: l.text()}
	preference := false
	action := func(w Word, a uint8) {
		if r.Action != 0 {
			l.fail(w.Pos, "a rule has one of table, goto, nop, blackhole, prohibit, unreachable and l3mdev")
			return
		}
		r.Action = a
	}
	for l.more() {
		w := l.next()
		if a, ok := ruleActions[w.Text]; ok {
			action(w, a)
			continue
		}
		switch w.Text {
		case "inet":
			l.familyIs(&r.Family, 4, w.Pos)
		case "inet6":
			l.familyIs(&r.Family, 6, w.Pos)
		case "type":
			v := l.value(w)
			a, ok := ruleActions[v.Text]
			switch {
			case ok:
				action(v, a)
			case v.Text != "unicast" && !l.bad:
				l.fail(v.Pos, "type '%s' is not known to the kernel's rules", clip(v.Text))
			}
		case "not":
			r.Not = true
		case "from":
			p, f := l.prefixValue(w)
			r.From = p
			l.familyIs(&r.Family, f, w.Pos)
		case "to":
			p, f := l.prefixValue(w)
			r.To = p
			l.familyIs(&r.Family, f, w.Pos)
		case "table", "lookup":
			action(w, route.ToTable)
			r.Table = uint32(l.named(w, "rt_tables", math.MaxUint32))
		case "preference", "priority", "order":
			r.Priority, preference = uint32(l.anyNumber(w, 0, math.MaxUint32)), true
		case "tos", "dsfield":
			r.TOS = uint8(l.named(w, "rt_dsfield", 255))
		case "fwmark":
			l.mark(&r, w)
		case "realms":
			r.Realms = l.realms(w)
		case "suppress_prefixlength", "sup_pl":
			r.SuppressPrefix = 1 + uint32(l.anyNumber(w, 0, 128))
		case "suppress_ifgroup", "sup_group":
			r.SuppressGroup = 1 + uint32(l.named(w, "group", math.MaxInt32))
		case "iif", "dev":
			r.IIf = l.device(w)
		case "oif":
			r.OIf = l.device(w)
		case "tunnel-id":
			r.TunnelID = uint64(l.anyNumber(w, 0, math.MaxInt64))
		case "uidrange":
			r.UIDs, r.UIDSet = l.span(w, math.MaxUint32), true
		case "l3mdev":
			action(w, route.ToTable)
			r.L3MDev = true
		case "protocol":
			r.Protocol = uint8(l.named(w, "rt_protos", 255))
		case "ipproto", "ip_proto":
			r.IPProto = uint8(l.named(w, "protocols", 255))
		case "sport":
			r.SPort = l.ports(w)
		case "dport":
			r.DPort = l.ports(w)
		case "goto":
			action(w, route.Goto)
			r.Goto = uint32(l.anyNumber(w, 0, math.MaxUint32))
		case "no_track":
			r.NoTrack = true
		case "track_group":
			if !static {
				l.fail(w.Pos, "track_group is for static rules")
				break
			}
			r.Group = l.value(w).Text
		default:
			l.fail(w.Pos, "unknown option '%s'", clip(w.Text))
		}
	}
	l.finishRule(&r, preference)
	return r, !l.bad
}

// mark is MARK[/MASK].
func (l *objectLine) mark(r *route.Rule, key Word) {
	w := l.value(key)
	if l.bad {
		return
	}
	mark, mask, has := strings.Cut(w.Text, "/")
	v, err := parseAny(mark, 0, math.MaxUint32)
	m := 0
	if err == nil && has {
		m, err = parseAny(mask, 0, math.MaxUint32)
	}
	if err != nil {
		l.fail(w.Pos, "fwmark: '%s' is not a mark with an optional mask", clip(w.Text))
		return
	}
	r.Mark, r.MarkSet = uint32(v), true
	r.Mask, r.MaskSet = uint32(m), has
}

func (l *objectLine) ports(key Word) route.Range {
	p := l.span(key, 65535)
	if !l.bad && p.Low == 0 {
		l.fail(key.Pos, "%s: there is no port 0", key.Text)
	}
	return p
}

// preference is the one given, or the next of those that count down.
func (l *objectLine) preference(r *route.Rule, given bool) uint32 {
	if given {
		return r.Priority
	}
	return uint32(firstPreference - l.d.state.rules)
}

// finishRule settles family and preference and checks the whole.
func (l *objectLine) finishRule(r *route.Rule, preference bool) {
	pos := l.node.Pos
	if l.bad {
		return
	}
	if r.Family == 0 {
		r.Family = 4
	}
	for _, p := range []*netip.Prefix{&r.From, &r.To} {
		if p.IsValid() && p.Bits() == 0 {
			*p = netip.Prefix{} // everything
		}
	}
	switch {
	case r.Action == 0:
		l.fail(pos, "no action: table, goto, nop, blackhole, prohibit, unreachable or l3mdev")
	case (r.SuppressPrefix > 0 || r.SuppressGroup > 0) && r.Action != route.ToTable:
		l.fail(pos, "suppress_prefixlength and suppress_ifgroup need a table")
	case r.Action == route.Goto && r.Goto <= l.preference(r, preference):
		l.fail(pos, "goto %d leads backwards from %d", r.Goto, l.preference(r, preference))
	}
	if l.bad {
		return
	}
	if !preference {
		r.Priority = l.preference(r, false)
		l.d.state.rules++
		l.note(pos, ClassGeneral, "no-preference", "the rule has no preference: %d is used, which is probably not what you want", r.Priority)
	}
	for _, dev := range r.Devices() {
		l.d.interfaceExists(dev, pos, "interface of a rule")
	}
}
