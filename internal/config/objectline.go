package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"holdfast/vrrp/route"
)

// objectLine walks over the words of a route or a rule. The first mistake is
// reported and drops the line.
type objectLine struct {
	d     *decoder
	node  *Node
	words []Word
	at    int
	what  string // "route" or "rule"
	bad   bool

	// optional says that keepalived goes on where a value is missing.
	optional bool
}

// newObjectLine takes words apart that came as one, as those of an inline table
// of TOML do.
func newObjectLine(d *decoder, n *Node, what string) *objectLine {
	l := &objectLine{d: d, node: n, what: what}
	for _, w := range n.Words {
		if !strings.ContainsAny(w.Text, " \t") {
			l.words = append(l.words, w)
			continue
		}
		for _, part := range strings.Fields(w.Text) {
			l.words = append(l.words, Word{Text: part, Pos: w.Pos})
		}
	}
	return l
}

func (l *objectLine) text() string {
	texts := make([]string, len(l.words))
	for i, w := range l.words {
		texts[i] = w.Text
	}
	return strings.Join(texts, " ")
}

// more says whether words are left and nothing was wrong so far.
func (l *objectLine) more() bool { return !l.bad && l.at < len(l.words) }

func (l *objectLine) peek() string {
	if l.at < len(l.words) {
		return l.words[l.at].Text
	}
	return ""
}

func (l *objectLine) next() Word {
	w := l.words[l.at]
	l.at++
	return w
}

// fail reports a mistake that drops the line.
func (l *objectLine) fail(pos Pos, format string, args ...any) {
	l.failAs(ClassGeneral, pos, format, args...)
}

// failAs is fail with the class of the complaint.
func (l *objectLine) failAs(c Class, pos Pos, format string, args ...any) {
	if !l.bad {
		l.bad = true
		l.d.report(pos, Warning, c, "bad-value", l.d.kw.Name+": "+fmt.Sprintf(format, args...)+": the "+l.what+" is ignored")
	}
}

// note reports a finding that changes nothing else.
func (l *objectLine) note(pos Pos, c Class, id, format string, args ...any) {
	l.d.report(pos, Warning, c, id, l.d.kw.Name+": "+fmt.Sprintf(format, args...))
}

// refusedBy notes that keepalived 2.2.7 complains about what works here.
func (l *objectLine) refusedBy(pos Pos, what string) {
	if !l.bad && !l.d.toml() {
		l.d.report(pos, Info, ClassGeneral, "newer-value", l.d.kw.Name+": keepalived 2.2.7 "+what)
	}
}

// value is the word after key.
func (l *objectLine) value(key Word) Word {
	if l.bad || l.at >= len(l.words) {
		switch {
		case l.bad:
		case l.optional:
			l.fail(key.Pos, "no value for %s", key.Text)
		default: // keepalived stops there
			l.bad = true
			l.d.report(key.Pos, Error, ClassMissingParameter, "missing-parameter", l.d.kw.Name+": no value for "+key.Text)
		}
		return Word{Pos: key.Pos}
	}
	return l.next()
}

// number is a decimal number.
func (l *objectLine) number(key Word, low, high int) int {
	return l.numberOf(parseInt, key, low, high)
}

// anyNumber is a number that may be octal or hexadecimal.
func (l *objectLine) anyNumber(key Word, low, high int) int {
	return l.numberOf(parseAny, key, low, high)
}

func (l *objectLine) numberOf(parse func(s string, low, high int) (int, error), key Word, low, high int) int {
	w := l.value(key)
	if l.bad {
		return 0
	}
	v, err := parse(l.d.digits(w.Text, w.Pos), low, high)
	if err != nil {
		l.fail(w.Pos, "%s: %v", key.Text, err)
	}
	return v
}

func (l *objectLine) addr(key Word) netip.Addr {
	w := l.value(key)
	if l.bad {
		return netip.Addr{}
	}
	a, err := parseAddr(w.Text)
	if err != nil {
		l.fail(w.Pos, "%s: '%s' is not an IP address", key.Text, clip(w.Text))
	}
	return a
}

func (l *objectLine) device(key Word) string {
	w := l.value(key)
	if l.bad {
		return ""
	}
	if w.Text == "" {
		l.fail(key.Pos, "%s: no interface is given", key.Text)
	}
	if len(w.Text) > maxIfName {
		l.fail(w.Pos, "%s: '%s' is longer than %d characters", key.Text, clip(w.Text), maxIfName)
	}
	return w.Text
}

// named is a number, or a name in one of iproute2's tables.
func (l *objectLine) named(key Word, table string, high int) int {
	w := l.value(key)
	if l.bad {
		return 0
	}
	v, ok := l.d.number(table, w.Text, high)
	if !ok {
		l.fail(w.Pos, "%s: '%s' is neither a number up to %d nor a name of %s", key.Text, clip(w.Text), high, table)
	}
	return v
}

// realms is [SRC/]DST.
func (l *objectLine) realms(key Word) uint32 {
	w := l.value(key)
	if l.bad {
		return 0
	}
	src, dst, both := strings.Cut(w.Text, "/")
	if !both {
		src, dst = "", src
	}
	s, ok := 0, true
	if src != "" {
		s, ok = l.d.number("rt_realms", src, 0xffff)
	}
	v, ok2 := l.d.number("rt_realms", dst, 0xffff)
	if !ok || !ok2 {
		l.fail(w.Pos, "%s: '%s' is not [source/]destination of realms", key.Text, clip(w.Text))
		return 0
	}
	if s > 255 || v > 255 {
		l.refusedBy(w.Pos, "takes realms up to 255")
	}
	return uint32(s)<<16 | uint32(v)
}

// prefix is an address with an optional length, or one of the words for all
// addresses; family is 0 for those that are of both.
func (l *objectLine) prefix(w Word) (p netip.Prefix, family uint8, ok bool) {
	switch w.Text {
	case "default", "any", "all":
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), 0, true
	case "default6":
		l.note(w.Pos, ClassDeprecated, "deprecated", "default6 is an old spelling of inet6 default")
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), 6, true
	}
	addr, length, has := strings.Cut(w.Text, "/")
	a, err := parseAddr(addr)
	if err != nil {
		return p, 0, false
	}
	bits := a.BitLen()
	if has {
		if bits, err = strconv.Atoi(length); err != nil || bits < 0 || bits > a.BitLen() {
			return p, 0, false
		}
	}
	return netip.PrefixFrom(a, bits), uint8(familyOf(a)), true
}

func (l *objectLine) prefixValue(key Word) (netip.Prefix, uint8) {
	w := l.value(key)
	if l.bad {
		return netip.Prefix{}, 0
	}
	p, f, ok := l.prefix(w)
	if !ok {
		l.fail(w.Pos, "%s: '%s' is not an address with a length", key.Text, clip(w.Text))
	}
	return p, f
}

// span is A-B, or A alone for both.
func (l *objectLine) span(key Word, high int) route.Range {
	w := l.value(key)
	if l.bad {
		return route.Range{}
	}
	a, b, both := strings.Cut(w.Text, "-")
	if !both {
		b = a
	}
	x, err1 := parseInt(a, 0, high)
	y, err2 := parseInt(b, 0, high)
	if err1 != nil || err2 != nil || x > y {
		l.fail(w.Pos, "%s: '%s' is not a range of numbers up to %d", key.Text, clip(w.Text), high)
	}
	return route.Range{Low: uint32(x), High: uint32(y)}
}

// familyIs settles the family of the line; two that differ are a mistake.
func (l *objectLine) familyIs(to *uint8, f uint8, pos Pos) {
	switch {
	case f == 0:
	case *to == 0:
		*to = f
	case *to != f:
		l.fail(pos, "IPv4 and IPv6 are mixed")
	}
}

// names are the names that every system knows; Options.Number knows those of
// this one.
var names = named[named[int]]{
	{"rt_tables", named[int]{{"default", 253}, {"main", 254}, {"local", 255}}},
	{"rt_protos", named[int]{{"redirect", 1}, {"kernel", 2}, {"boot", 3}, {"static", 4}, {"keepalived", 18}}},
	{"rt_scopes", named[int]{{"global", 0}, {"site", 200}, {"link", 253}, {"host", 254}, {"nowhere", 255}}},
	{"group", named[int]{{"default", 0}}},
	{"protocols", named[int]{{"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"gre", 47}, {"esp", 50}, {"ah", 51}, {"ipv6-icmp", 58}, {"vrrp", 112}, {"sctp", 132}}},
}

// number reads a number from 0 to high or a name of a table.
func (d *decoder) number(table, s string, high int) (int, bool) {
	if v, err := parseAny(s, 0, high); err == nil {
		return v, true
	}
	if table == "rt_dsfield" { // hexadecimal without 0x, as in the table of names
		if v, err := strconv.ParseUint(s, 16, 8); err == nil {
			return int(v), true
		}
	}
	if d.opts.Number != nil {
		if v, ok := d.opts.Number(d.state.global.IPRouteEtcDir, d.state.global.IPRouteUsrDir, table, s); ok && v <= high {
			return v, true
		}
	}
	known, _ := names.find(table)
	v, ok := known.find(s)
	return v, ok && v <= high
}
