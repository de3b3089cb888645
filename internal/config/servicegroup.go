package config

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// VirtualServerGroup holds one virtual_server_group: the services that a
// virtual_server of it stands for.
type VirtualServerGroup struct {
	Name    string
	Entries []GroupEntry
}

// GroupEntry is one line of a virtual_server_group: addresses with a port, or
// a firewall mark.
type GroupEntry struct {
	First, Last netip.Addr // of one family, First <= Last; equal: one address
	Port        uint16
	FWMark      uint32 // not 0: the line names a mark
	Family      Family // of the addresses; of a mark as given, 0: the servers'
}

// Addrs calls yield for each address until it returns false.
func (e GroupEntry) Addrs(yield func(netip.Addr) bool) {
	for a := e.First; a.IsValid() && a.Compare(e.Last) <= 0; a = a.Next() {
		if !yield(a) {
			return
		}
	}
}

// Contains reports whether Addrs has a, which is not an IPv4 address in IPv6.
func (e GroupEntry) Contains(a netip.Addr) bool {
	return e.First.IsValid() && e.First.Compare(a) <= 0 && a.Compare(e.Last) <= 0
}

// String is the line of the group.
func (e GroupEntry) String() string { return strings.Join(e.Words(), " ") }

// Words are the words of the line.
func (e GroupEntry) Words() []string {
	if e.FWMark != 0 {
		out := []string{"fwmark", strconv.FormatUint(uint64(e.FWMark), 10)}
		switch e.Family {
		case 4:
			out = append(out, "inet")
		case 6:
			out = append(out, "inet6")
		}
		return out
	}
	addr := e.First.String()
	if e.Last != e.First {
		addr += "-" + e.Last.String()
	}
	return []string{addr, strconv.Itoa(int(e.Port))}
}

// maxGroup is how many services a group may stand for. keepalived has no
// limit, and runs until its memory ends with an IPv6 prefix.
const maxGroup = 1 << 16

// serviceGroup is a virtual_server_group in the making.
type serviceGroup struct {
	VirtualServerGroup
	pos     Pos
	size    int  // services it stands for
	used    int  // virtual servers of it
	refused bool // a line of it was, which is reported
}

func serviceGroupRow() Keyword {
	k := linesRow("virtual_server_group", common, value{args: nameArg, syntax: "<name> { <address>|<address>-<last byte>|<address>-<address>|<prefix> [<port>] | fwmark <mark> [inet|inet6] … }", set: openServiceGroup},
		[]Arg{
			{Name: "ip", Optional: true},
			{Name: "port", Kind: KindInt, Optional: true},
			{Name: "fwmark", Key: "fwmark", Kind: KindInt, Optional: true},
			{Name: "inet", Key: "inet", Kind: KindFlag, Optional: true},
			{Name: "inet6", Key: "inet6", Kind: KindFlag, Optional: true},
		}, "addresses, ranges, prefixes and marks that one virtual_server stands for; without inet or inet6 a mark has the servers' family")
	k.Named, k.Repeat = true, true
	return k
}

func openServiceGroup(d *decoder, _ any, n *Node) {
	g := &serviceGroup{pos: n.Pos, refused: n.Refused}
	d.within(g, func() { d.closeServiceGroup(g, d.closing(n)) })
	d.lines(func(line *Node) {
		if e, ok := d.groupEntry(g, line); ok {
			g.Entries = append(g.Entries, e)
		} else {
			g.refused = true
		}
	})
	if name, ok := arg1(d, n); ok {
		g.Name = name
	}
}

// closeServiceGroup keeps the group unless it cannot be used.
func (d *decoder) closeServiceGroup(g *serviceGroup, end Pos) {
	if g.Name == "" {
		return // reported
	}
	about := func(id, text string) {
		d.report(end, Warning, ClassGeneral, id, "virtual_server_group "+g.Name+": "+text)
	}
	v4, v6, any := g.families()
	if d.toml() && d.state.serviceGroup(g.Name) == nil {
		// What is wrong with it is said once: of who uses it then nothing is.
		defer func() {
			if d.state.serviceGroup(g.Name) == nil {
				g.refused = true
				d.state.serviceGroups = append(d.state.serviceGroups, g)
			}
		}()
	}
	switch {
	case d.state.serviceGroup(g.Name) != nil:
		d.report(end, Warning, d.quietClass(), "duplicate-name", "virtual_server_group "+g.Name+" is defined already: the first one counts")
	case d.toml() && g.refused:
	case len(g.Entries) == 0:
		about("empty-group", "it has no entries: it is ignored")
	case v4 && v6 && any:
		about("group-families", "it has addresses of both families and a mark without one (inet or inet6): it is ignored")
	default:
		d.state.serviceGroups = append(d.state.serviceGroups, g)
	}
}

// serviceGroup finds a group by name; nil: there is none.
func (b *building) serviceGroup(name string) *serviceGroup {
	for _, g := range b.serviceGroups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// families says which families the group has, and whether a mark of none.
func (g *serviceGroup) families() (v4, v6, any bool) {
	for _, e := range g.Entries {
		v4, v6, any = v4 || e.Family == 4, v6 || e.Family == 6, any || e.Family == 0
	}
	return v4, v6, any
}

// addresses reports whether the group has an address, and whether one without
// a port.
func (g *serviceGroup) addresses() (some, anyPort bool) {
	for _, e := range g.Entries {
		some, anyPort = some || e.FWMark == 0, anyPort || e.FWMark == 0 && e.Port == 0
	}
	return some, anyPort
}

// groupEntry reads one line.
func (d *decoder) groupEntry(g *serviceGroup, n *Node) (e GroupEntry, ok bool) {
	bad := func(class Class, format string, args ...any) (GroupEntry, bool) {
		d.report(n.Pos, Warning, class, "bad-value", "virtual_server_group "+g.Name+": "+fmt.Sprintf(format, args...)+": the line is ignored")
		return GroupEntry{}, false
	}
	words := texts(n.Words)
	if words[0] == "fwmark" {
		if len(words) < 2 {
			d.report(n.Pos, Error, ClassMissingParameter, "missing-parameter", "virtual_server_group "+g.Name+": fwmark without a number")
			return GroupEntry{}, false
		}
		mark, err := d.leadingInt(n, 0, 1, math.MaxUint32)
		if err != nil {
			class := ClassInvalidNumber
			if isZero(words[1]) {
				class = d.quietClass() // of which keepalived makes a service of 0.0.0.0
			}
			return bad(class, "fwmark %v", err)
		}
		e.FWMark = uint32(mark)
		if len(words) > 2 {
			switch words[2] {
			case "inet":
				e.Family = 4
			case "inet6":
				e.Family = 6
			default:
				return bad(ClassGeneral, "fwmark: '%s' is not one of inet inet6", clip(words[2]))
			}
		}
		g.size++
		return e, true
	}
	first, last, err := addressRange(words[0])
	if shorter := rangeWithin(words[0]); err != nil && shorter != "" && !d.toml() {
		d.bad(n, -1, ClassNone, "'%s' is one range: %s is not looked at", clip(shorter), clip(words[0][len(shorter):]))
		first, last, err = addressRange(shorter)
	}
	if err != nil {
		return bad(ClassGeneral, "%v", err)
	}
	e = GroupEntry{First: first, Last: last, Family: familyOf(first)}
	if len(words) > 1 {
		port, err := d.leadingInt(n, 0, 0, 65535)
		if err != nil {
			return bad(ClassInvalidNumber, "port %v", err)
		}
		e.Port = uint16(port)
	}
	count := span(first, last)
	if count > maxGroup || g.size+count > maxGroup {
		d.report(n.Pos, Error, ClassNone, "big-group", fmt.Sprintf("virtual_server_group %s: with %s it stands for more than %d services", g.Name, clip(words[0]), maxGroup))
		return GroupEntry{}, false
	}
	g.size += count
	return e, true
}

// addressRange reads an address, a prefix, or a range whose end is the last
// byte (of IPv6 the last group, in hexadecimal) or a whole address.
func addressRange(s string) (first, last netip.Addr, err error) {
	if p, perr := netip.ParsePrefix(s); perr == nil {
		if p.Masked() != p {
			return first, last, fmt.Errorf("%s has bits beyond its prefix", s)
		}
		return p.Addr(), lastOf(p), nil
	}
	from, to, isRange := strings.Cut(s, "-")
	if first, err = parseAddr(from); err != nil {
		return first, last, fmt.Errorf("'%s' is no address, range or prefix", clip(s))
	}
	if !isRange {
		return first, first, nil
	}
	if last, err = parseAddr(to); err == nil {
		if familyOf(last) != familyOf(first) || last.Less(first) {
			return first, last, fmt.Errorf("range %s ends before it begins", clip(s))
		}
		return first, last, nil
	}
	base, bits := 10, 8
	if first.Is6() {
		base, bits = 16, 16
	}
	end, err := strconv.ParseUint(to, base, bits)
	if err != nil {
		return first, last, fmt.Errorf("the end of range %s is no address and no last part of one", clip(s))
	}
	b := first.AsSlice()
	if first.Is6() {
		binary.BigEndian.PutUint16(b[14:], uint16(end))
	} else {
		b[3] = byte(end)
	}
	if last, _ = netip.AddrFromSlice(b); !first.Less(last) {
		return first, last, fmt.Errorf("range %s ends before it begins", clip(s))
	}
	return first, last, nil
}

// rangeWithin is the range that s begins with, up to a second '-', where its end
// is a whole address; empty: there is none.
func rangeWithin(s string) string {
	from, to, _ := strings.Cut(s, "-")
	whole, _, more := strings.Cut(to, "-")
	if _, err := parseAddr(whole); err != nil || !more {
		return ""
	}
	return from + "-" + whole
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// span is how many addresses there are from a to b, at most a number above
// maxGroup.
func span(a, b netip.Addr) int {
	n := new(big.Int).Sub(new(big.Int).SetBytes(b.AsSlice()), new(big.Int).SetBytes(a.AsSlice()))
	if !n.IsInt64() || n.Int64() > maxGroup {
		return maxGroup + 1
	}
	return int(n.Int64()) + 1
}

// inGroup resolves the group of a virtual server; false leaves it out.
func (d *decoder) inServiceGroup(s *service) bool {
	g := d.state.serviceGroup(s.Group)
	if g == nil {
		s.Family = cmp.Or(s.Family, s.serversFamily())
		d.serverFamilies(s)
		d.reportHint(d.pos(s.pos), Warning, d.quietClass(), "unknown-group", "virtual_server "+s.describe()+": there is no virtual_server_group "+clip(s.Group)+": it is ignored",
			d.didYouMean(s.Group, func() []string {
				var names []string
				for _, g := range d.state.serviceGroups {
					names = append(names, g.Name)
				}
				return names
			}))
		return false
	}
	if d.toml() && g.refused {
		return false
	}
	s.entries = g
	s.Ordinal = g.used
	g.used++
	if s.Family == 0 {
		s.Family = s.serversFamily()
	}
	v4, v6, _ := g.families()
	if s.Family != 0 && (s.Family == 4 && v6 || s.Family == 6 && v4) {
		d.serverFamilies(s)
		d.aboutService(s, Warning, d.quietClass(), "wrong-family", "its group has entries of another family than its servers: it is ignored")
		return false
	}
	if s.Family == 0 && v6 && !v4 {
		s.Family = 6
	}
	return true
}

// serverFamilies says which servers of a service that is ignored would be left out.
func (d *decoder) serverFamilies(s *service) {
	for i := range s.RealServers {
		r, pending := &s.RealServers[i], &s.reals[i]
		if !pending.methodSet {
			r.Forward = s.Forward
		}
		d.sameFamily(s, r, pending)
	}
}

// serversFamily is the family of the first server that is not tunnelled, the
// sorry server last, as keepalived has it (2.2.7, measured); 0: all are.
func (s *service) serversFamily() Family {
	for i := range s.RealServers {
		r, f := &s.RealServers[i], s.Forward
		if s.reals[i].methodSet {
			f = r.Forward
		}
		if f.Method != TUN {
			return familyOf(r.Addr)
		}
	}
	if r := s.SorryServer; r != nil && (s.sorryMethod && r.Forward.Method != TUN || !s.sorryMethod && s.Forward.Method != TUN) {
		return familyOf(r.Addr)
	}
	return 0
}

// markFamily is the family of a service by mark that does not say it. Where all
// servers are tunnelled it is theirs if they have the same one (keepalived
// 2.2.7, measured; the marks of a group it has be IPv4 then).
func (s *service) markFamily() Family {
	if f := s.serversFamily(); f != 0 {
		return f
	}
	f := familyOf(s.RealServers[0].Addr)
	if slices.ContainsFunc(s.RealServers, func(r RealServer) bool { return familyOf(r.Addr) != f }) || s.SorryServer != nil && familyOf(s.SorryServer.Addr) != f {
		return 4
	}
	return f
}

// hasFamily reports whether the service, or one of its group, is of a family.
func (s *service) hasFamily(f Family) bool {
	if s.Group == "" {
		return s.Family == f
	}
	return slices.ContainsFunc(s.entries.Entries, func(e GroupEntry) bool { return e.Family == f || e.Family == 0 && s.Family == f })
}

// unheld is the first address of the service that is not among those given.
func (s *service) unheld(held map[netip.Addr]bool) (netip.Addr, bool) {
	if s.Group == "" {
		return s.Addr, s.Addr.IsValid() && !held[s.Addr]
	}
	for _, e := range s.entries.Entries {
		for a := range e.Addrs {
			if !held[a] {
				return a, true
			}
		}
	}
	return netip.Addr{}, false
}

// groupPorts says where the port of a server is not the one that its packets
// get: with DR and TUN that is always the service's.
func (d *decoder) groupPorts(s *service, f Forward, port uint16, pos Pos, what string, addr netip.Addr) {
	if f.Method == NAT || port == 0 {
		return
	}
	other := func(e GroupEntry) bool { return e.FWMark != 0 || e.Port != port }
	if i := slices.IndexFunc(s.entries.Entries, other); i >= 0 {
		d.report(pos, Warning, ClassGeneral, "port-ignored", fmt.Sprintf("virtual_server %s: %s %v: with %s packets go to the port of the service, not to %d: see %s",
			s.describe(), what, addr, methodName(f.Method), port, s.entries.Entries[i]))
	}
}
