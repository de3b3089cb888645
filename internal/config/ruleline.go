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

// maxIPProto is the highest ipproto that keepalived 2.2.7 takes.
const maxIPProto = 127

// ruleActions are the actions of rules that are words of their own (FR_ACT_*).
var ruleActions = named[uint8]{
	{"blackhole", route.Blackhole}, {"unreachable", route.Unreachable}, {"prohibit", route.Prohibit}, {"nop", route.Nop},
}

// rule reads one line of virtual_rules or static_rules.
func (d *decoder) rule(n *Node, static bool) (route.Rule, bool) {
	l := newObjectLine(d, n, "rule")
	r := route.Rule{Text: l.text()}
	preference, inet := false, false
	action := func(w Word, a uint8) {
		if r.Action != 0 {
			l.fail(w.Pos, "a rule has one of table, goto, nop, blackhole, prohibit, unreachable and l3mdev")
			return
		}
		r.Action = a
	}
	for l.more() {
		w := l.next()
		if a, ok := ruleActions.find(w.Text); ok {
			action(w, a)
			continue
		}
		switch w.Text {
		case "inet", "inet6":
			inet = inet || l.more()
			l.familyIs(&r.Family, map[string]uint8{"inet": 4, "inet6": 6}[w.Text], w.Pos)
		case "type":
			v := l.value(w)
			a, ok := ruleActions.find(v.Text)
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
			r.Table = uint32(l.named(w, "rt_tables", math.MaxUint32))
			action(w, route.ToTable)
		case "preference", "priority", "order":
			r.Priority, preference = uint32(l.anyNumber(w, 0, math.MaxUint32)), true
		case "tos", "dsfield":
			r.TOS = uint8(l.named(w, "rt_dsfield", 255))
		case "fwmark":
			l.mark(&r, w)
		case "realms":
			r.Realms = l.realms(w)
		case "suppress_prefixlength", "sup_pl":
			r.SuppressPrefix = l.suppressed(w)
		case "suppress_ifgroup", "sup_group":
			r.SuppressGroup = 1 + uint32(l.named(w, "group", math.MaxInt32))
		case "iif", "dev":
			r.IIf = l.device(w)
		case "oif":
			r.OIf = l.device(w)
		case "tunnel-id":
			r.TunnelID = uint64(l.anyNumber(w, 0, math.MaxInt64))
		case "uidrange":
			l.single(w, "takes no single "+w.Text)
			r.UIDs, r.UIDSet = l.span(w, math.MaxUint32), true
		case "l3mdev":
			action(w, route.ToTable)
			r.L3MDev = true
		case "protocol":
			if r.Protocol = uint8(l.named(w, "rt_protos", 255)); r.Protocol != 18 {
				l.refusedBy(w.Pos, "gives a rule that it tracks its own protocol")
			}
		case "ipproto", "ip_proto":
			number := l.peek()
			r.IPProto = uint8(l.named(w, "protocols", 255))
			if _, err := parseInt(number, 0, 255); r.IPProto > maxIPProto || err != nil && number != "" && strings.Trim(number, "0123456789abcdefxABCDEFX") == "" {
				l.refusedBy(w.Pos, "takes no ipproto "+clip(number))
			}
		case "sport":
			r.SPort = l.ports(w)
		case "dport":
			r.DPort = l.ports(w)
		case "goto":
			r.Goto = uint32(l.anyNumber(w, 0, math.MaxUint32))
			action(w, route.Goto)
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
	l.finishRule(&r, preference, inet)
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

// single notes a range that is one number.
func (l *objectLine) single(key Word, what string) {
	if s := l.peek(); s != "" && !strings.Contains(s, "-") {
		l.refusedBy(key.Pos, what)
	}
}

// suppressed is the value of suppress_prefixlength, 0 for none; keepalived takes
// lengths that no prefix has.
func (l *objectLine) suppressed(key Word) uint32 {
	v := l.anyNumber(key, 0, math.MaxInt32)
	if !l.bad && v > 128 {
		l.failAs(l.d.quietClass(), key.Pos, "%s: %d is outside 0..128", key.Text, v)
	}
	return 1 + uint32(v)
}

func (l *objectLine) ports(key Word) route.Range {
	l.single(key, "takes no single "+key.Text)
	p := l.span(key, 65535)
	if !l.bad && p.Low == 0 {
		l.failAs(l.d.quietClass(), key.Pos, "%s: there is no port 0", key.Text)
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
func (l *objectLine) finishRule(r *route.Rule, preference, inet bool) {
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
	if inet && r.Action == route.ToTable {
		l.refusedBy(pos, "takes no inet or inet6 in a rule with a table")
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
