package config

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// dnsTypes are the query types of DNS_CHECK.
var dnsTypes = []string{"A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"}

// connectIP and bindTo hold each other to one family: the one that comes
// second is ignored.
func connectIP(d *decoder, c *checker, a netip.Addr, n *Node) {
	if c.BindTo.IsValid() && familyOf(a) != familyOf(c.BindTo) {
		d.bad(n, 0, ClassGeneral, "%v is not of the family of bindto %v, ignored", a, c.BindTo)
		return
	}
	c.ConnectIP = a
}

func bindTo(d *decoder, c *checker, a netip.Addr, n *Node) {
	to := c.ConnectIP
	if !to.IsValid() && c.Kind != SMTPCheck { // where connect_ip may follow: see checkerComplete
		to = c.of.Addr
	}
	if to.IsValid() && familyOf(a) != familyOf(to) {
		d.bad(n, 0, ClassGeneral, "%v is not of the family of %v, which is connected to, ignored", a, to)
		return
	}
	c.BindTo = a
}

func bindIf(d *decoder, c *checker, n *Node) {
	name, ok := arg1(d, n)
	if !ok {
		return
	}
	c.BindIf = name
	from := len(d.found.List)
	d.interfaceExists(name, n.ArgPos(0), "bind_if")
	for i := from; i < len(d.found.List); i++ {
		d.found.List[i].Class = ClassNone // keepalived looks when it checks
	}
}

func dnsType(d *decoder, c *checker, n *Node) {
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	t := strings.ToUpper(a)
	if !slices.Contains(dnsTypes, t) {
		d.reportHint(n.ArgPos(0), Warning, ClassGeneral, "bad-value", "type: '"+clip(a)+"' is not one of "+strings.Join(dnsTypes, " ")+", ignored",
			d.didYouMean(t, func() []string { return dnsTypes }))
		return
	}
	c.DNSType = t
}

// dnsName takes a name, with a dot at its end or without. keepalived 2.2.7 finds
// an empty label in each whose first label is of one byte and has a dot behind it.
func dnsName(d *decoder, c *checker, n *Node) {
	a, ok := arg1(d, n)
	if !ok || d.already(n, c.DNSName) {
		return
	}
	long := false
	if a != DefaultDNSName {
		name, _ := strings.CutSuffix(a, ".")
		for label := range strings.SplitSeq(name, ".") {
			if label == "" {
				d.bad(n, 0, ClassGeneral, "'%s' has an empty label, ignored", clip(a))
				return
			}
			long = long || len(label) > 63
		}
		if strings.IndexByte(a, '.') == 1 && !d.toml() {
			d.report(n.ArgPos(0), Info, ClassGeneral, "dns-dot", "name: keepalived 2.2.7 ignores a name of more than one label whose first one is of one byte")
		}
	}
	if long || len(strings.TrimSuffix(a, ".")) > 253 {
		d.silent(n.ArgPos(0), "dns-name", "name: no domain name is longer than 253 bytes, or has a label of more than 63: the check always fails")
	}
	c.DNSName = a
}

// hexBytes reads the words of n as bytes: two digits each, a last single digit
// of a word counts by itself. Where wild is set an X stands for any digit, and
// mask tells which bits were given.
func hexBytes(words []Word, wild bool) (data, mask []byte, ok bool) {
	nibble := func(c byte) (v, m byte, ok bool) {
		switch {
		case '0' <= c && c <= '9':
			return c - '0', 15, true
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			return c | 0x20 - 'a' + 10, 15, true
		}
		return 0, 0, wild && c|0x20 == 'x'
	}
	any := false
	for _, w := range words {
		for _, f := range strings.Fields(w.Text) {
			for i := 0; i < len(f); i += 2 {
				var v, m byte
				for _, c := range []byte(f[i:min(i+2, len(f))]) {
					nv, nm, good := nibble(c)
					if !good {
						return nil, nil, false
					}
					v, m = v<<4|nv, m<<4|nm
				}
				if i+1 == len(f) {
					m |= 0xf0
				}
				any = any || m != 0xff
				data, mask = append(data, v), append(mask, m)
			}
		}
	}
	if !any {
		mask = nil
	}
	return data, mask, true
}

func udpPayload(d *decoder, c *checker, n *Node) {
	if _, ok := arg1(d, n); !ok {
		return
	}
	data, _, ok := hexBytes(n.Args(), false)
	if !ok {
		d.bad(n, 0, ClassGeneral, "'%s' is not hexadecimal, ignored", clip(strings.Join(texts(n.Args()), " ")))
		return
	}
	c.Payload = data
}

func requireReply(d *decoder, c *checker, n *Node) {
	if v, ok := parseBool(n.Arg(0)); ok && d.toml() {
		c.RequireReply = v
		return
	}
	c.RequireReply = true
	data, mask, ok := hexBytes(n.Args(), true)
	if !ok {
		d.bad(n, 0, ClassGeneral, "'%s' is not hexadecimal with X for any digit: any reply will do", clip(strings.Join(texts(n.Args()), " ")))
		return
	}
	c.Reply, c.ReplyMask = data, mask
}

func fileCheckFile(d *decoder, c *checker, n *Node) {
	name, ok := arg1(d, n)
	if !ok {
		return
	}
	if d.state.files[name] == nil {
		d.reportHint(n.ArgPos(0), Warning, ClassGeneral, "unknown-track_file", "FILE_CHECK: track_file "+clip(name)+" is not defined"+d.above(),
			d.didYouMean(name, func() []string { return slices.Sorted(maps.Keys(d.state.files)) }))
		return
	}
	c.TrackFile = name
}

// above says where a definition is looked for: in TOML anywhere.
func (d *decoder) above() string {
	if d.toml() {
		return ""
	}
	return " above"
}

func fileCheckWeight(d *decoder, c *checker, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	v, err := parseInt(s, -maxWeight, maxWeight)
	if err != nil {
		d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
		return
	}
	c.Weight, c.Reverse, c.weight = v, false, true
	switch a := n.Arg(1); a {
	case "", "noreverse":
	case "reverse":
		c.Reverse = true
	default:
		d.bad(n, 1, ClassGeneral, "unknown option '%s', ignored", clip(a))
	}
}

func bfdCheckName(d *decoder, c *checker, n *Node) {
	if len(n.Args()) != 1 {
		c.refused = true
		d.bad(n, 0, ClassGeneral, "exactly one bfd_instance is wanted: the check is ignored")
		return
	}
	name := n.Arg(0)
	if d.already(n, c.BFD) {
		return
	}
	if b := d.state.bfds[name]; b == nil || !b.Checker {
		c.refused = true
		d.reportHint(n.ArgPos(0), Warning, ClassGeneral, "unknown-bfd_instance", "BFD_CHECK: no bfd_instance "+clip(name)+" for checkers is defined"+d.above()+": the check is ignored",
			d.didYouMean(name, func() []string { return slices.Sorted(maps.Keys(d.state.bfds)) }))
		return
	}
	if d.taken(c.of, name) {
		c.refused = true
		d.bad(n, 0, ClassGeneral, "the server follows %s already: the check is ignored", clip(name))
		return
	}
	c.BFD = name
}

// oneWord is a text that must stand alone.
func oneWord[T any](name string, set func(t *T, v string)) value {
	return custom("<"+name+">", []Arg{{Name: name}}, func(d *decoder, t *T, n *Node) {
		if len(n.Args()) != 1 {
			d.bad(n, 0, ClassGeneral, "exactly one %s is wanted, ignored", name)
			return
		}
		set(t, n.Arg(0))
	})
}

// replaced is a text of which the last one counts; keepalived says so.
func replaced[T any](name string, get func(t *T) *string) value {
	return custom("<"+name+">", []Arg{{Name: name}}, func(d *decoder, t *T, n *Node) {
		a, ok := arg1(d, n)
		if !ok {
			return
		}
		if *get(t) != "" {
			d.bad(n, 0, ClassGeneral, "already given: the last one counts")
		}
		*get(t) = a
	})
}

func miscPath(d *decoder, target any, n *Node) {
	c := target.(*checker)
	if _, ok := arg1(d, n); !ok {
		return
	}
	cmd, rest, err := d.command(n)
	if err != nil {
		d.report(n.Pos, Warning, ClassUnmatchedQuote, "unmatched-quote", "misc_path: unmatched quote, ignored")
		return
	}
	if len(rest) > 0 {
		d.report(n.Pos, Warning, ClassNone, "unquoted-arguments",
			"misc_path: '"+clip(strings.Join(rest, " "))+"' is not passed on: put the command and its arguments in one pair of quotes")
	}
	cmd.User, cmd.Group = c.MiscPath.User, c.MiscPath.Group
	c.MiscPath = cmd
}
