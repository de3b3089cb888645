package firewall

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Tables is the filter table of legacy iptables for one family.
type Tables struct {
	policy map[string]string
	rules  map[string][][]string // by chain, what follows its name
	steps  int                   // rules looked at, for text with loops
}

// maxSteps bounds the rules that one packet meets.
const maxSteps = 1 << 20

// ParseTables reads what iptables-save prints; other tables than filter are
// left out.
func ParseTables(text string) *Tables {
	t := &Tables{policy: map[string]string{}, rules: map[string][][]string{}}
	table := ""
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0][0] == '*':
			table = f[0][1:]
		case table != "filter":
		case f[0][0] == ':' && len(f) > 1:
			t.policy[f[0][1:]] = f[1]
		case f[0] == "-A" && len(f) > 2:
			t.rules[f[1]] = append(t.rules[f[1]], f[2:])
		}
	}
	return t
}

// Judge follows a packet through INPUT or OUTPUT. command is the name of the
// program that changes the table.
func (t *Tables) Judge(p Packet, command string) *Drop {
	chain := "INPUT"
	if p.Out {
		chain = "OUTPUT"
	}
	t.steps = 0
	o, where := t.chain(chain, p, 0)
	if o == undecided && t.policy[chain] == "DROP" {
		o, where = dropped, "its policy"
	}
	if o != dropped {
		return nil
	}
	return &Drop{
		Where: fmt.Sprintf("%s chain %s, by %s", command, chain, where),
		Mend:  fmt.Sprintf("%s -I %s -p %d -j ACCEPT", command, chain, p.Protocol),
	}
}

func (t *Tables) chain(name string, p Packet, depth int) (outcome, string) {
	for n, rule := range t.rules[name] {
		if t.steps++; t.steps > maxSteps {
			return accepted, ""
		}
		matches, target, gone := match(rule, p)
		if matches == part {
			if t.spares(target, p, depth) {
				return accepted, ""
			}
			continue
		}
		if matches != yes {
			continue
		}
		switch target {
		case "ACCEPT", "QUEUE", "NFQUEUE":
			return accepted, ""
		case "DROP", "REJECT":
			where := fmt.Sprintf("rule %d", n+1)
			if depth > 0 {
				where += " of chain " + name
			}
			return dropped, where
		case "RETURN":
			return undecided, ""
		}
		if _, ok := t.policy[target]; !ok || depth == maxDepth {
			continue
		}
		o, where := t.chain(target, p, depth+1)
		if o != undecided || gone {
			return o, where
		}
	}
	return undecided, ""
}

// spares says whether what goes to target, some of the packets that may be meant, may
// come through: what becomes of the others is then not certain of all.
func (t *Tables) spares(target string, p Packet, depth int) bool {
	switch target {
	case "ACCEPT", "QUEUE", "NFQUEUE", "RETURN":
		return true
	}
	if _, ok := t.policy[target]; !ok || depth == maxDepth {
		return false
	}
	o, _ := t.chain(target, p, depth+1)
	return o == accepted
}

// match reads a rule: whether it matches, and where it leads.
func match(rule []string, p Packet) (t truth, target string, gone bool) {
	t = yes
	invert := false
	and := func(c truth) {
		if invert {
			c = c.not()
		}
		invert = false
		t = t.and(c)
	}
	arg := func(i int) string {
		if i+1 < len(rule) {
			return rule[i+1]
		}
		return ""
	}
	stop := false
	for i := 0; i < len(rule) && !stop; i++ {
		switch rule[i] {
		case "!":
			invert = true
		case "-p":
			and(protocol(arg(i), p.Protocol))
			i++
		case "-s":
			and(from(arg(i), p))
			i++
		case "-d":
			and(within(arg(i), p.Destination))
			i++
		case "-i":
			and(device(arg(i), p.Interface, !p.Out))
			i++
		case "-o":
			and(device(arg(i), p.Interface, p.Out))
			i++
		case "-m":
			if arg(i) == "comment" {
				i += 2 // and --comment
				for i+1 < len(rule) && !strings.HasPrefix(rule[i+1], "-") {
					i++ // its words, in quotes
				}
				continue
			}
			i++
		case "--ctstate", "--state":
			and(truthOf(strings.Contains(","+arg(i)+",", ",NEW,")))
			i++
		case "-j", "-g":
			target, gone = arg(i), rule[i] == "-g"
			stop = true // what follows belongs to the target
		default:
			and(maybe)
			i++
		}
	}
	return t, target, gone
}

func protocol(text string, p uint8) truth {
	names := map[string]uint8{"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "esp": 50, "ah": 51, "ipv6-icmp": 58, "vrrp": 112, "sctp": 132}
	if text == "all" || text == "0" {
		return yes
	}
	if n, err := strconv.ParseUint(text, 10, 8); err == nil {
		return truthOf(uint8(n) == p)
	}
	if n, ok := names[text]; ok {
		return truthOf(n == p)
	}
	return maybe
}

// from says whether the source is in a network, or the network that it is in.
func from(text string, p Packet) truth {
	t := within(text, p.Source)
	network, err := netip.ParsePrefix(text)
	if t != maybe || !p.from() || err != nil || network.Addr().Is4() != p.From.Addr().Is4() {
		return t
	}
	switch network = network.Masked(); {
	case !network.Overlaps(p.From):
		return no
	case network.Bits() <= p.From.Bits():
		return yes
	}
	return part
}

func within(text string, a netip.Addr) truth {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		if one, aerr := netip.ParseAddr(text); aerr == nil {
			p, err = netip.PrefixFrom(one, one.BitLen()), nil
		}
	}
	if err != nil || !a.IsValid() {
		return maybe
	}
	return truthOf(p.Contains(a))
}

// device compares a name that may end in +; there is none on the other way.
func device(text, name string, this bool) truth {
	if !this {
		return no
	}
	if head, ok := strings.CutSuffix(text, "+"); ok {
		return truthOf(strings.HasPrefix(name, head))
	}
	return truthOf(text == name)
}
