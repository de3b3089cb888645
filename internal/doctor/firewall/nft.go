package firewall

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Ruleset is nftables.
type Ruleset struct {
	Chains []Chain
	Sets   map[SetKey][]nftables.SetElement
}

// Chain is one chain with its rules.
type Chain struct {
	nftables.Chain
	Rules [][]expr.Any
}

// SetKey names a set.
type SetKey struct {
	Family      nftables.TableFamily
	Table, Name string
}

// Judge follows a packet through the base chains of its way, and returns where
// it is dropped; nil: nowhere that is certain.
func (r *Ruleset) Judge(p Packet) *Drop {
	way := []*nftables.ChainHook{nftables.ChainHookPrerouting, nftables.ChainHookInput}
	if p.Out {
		way = []*nftables.ChainHook{nftables.ChainHookOutput, nftables.ChainHookPostrouting}
	}
	for _, hook := range way {
		for i := range r.Chains {
			c := &r.Chains[i]
			if c.Hooknum == nil || *c.Hooknum != *hook || !applies(c.Table.Family, p) {
				continue
			}
			w := walk{r: r, p: p}
			verdict := w.chain(c, 0)
			where := w.where
			if verdict == undecided {
				if c.Policy == nil || *c.Policy != nftables.ChainPolicyDrop {
					continue
				}
				where = "by its policy"
			} else if verdict != dropped {
				continue
			}
			family := familyName(c.Table.Family)
			return &Drop{
				Where: fmt.Sprintf("nftables chain %s %s %s, %s", family, c.Table.Name, c.Name, where),
				Mend:  fmt.Sprintf("nft insert rule %s %s %s meta l4proto %d accept", family, c.Table.Name, c.Name, p.Protocol),
			}
		}
	}
	return nil
}

// SourceNAT reports whether a rule for a family changes the source of packets
// that leave.
func (r *Ruleset) SourceNAT(f nftables.TableFamily) bool {
	for i := range r.Chains {
		if t := r.Chains[i].Table.Family; t != f && t != nftables.TableFamilyINet {
			continue
		}
		for _, rule := range r.Chains[i].Rules {
			for _, e := range rule {
				if n, ok := e.(*expr.NAT); ok && n.Type == expr.NATTypeSourceNAT {
					return true
				}
				if _, ok := e.(*expr.Masq); ok {
					return true
				}
			}
		}
	}
	return false
}

func applies(f nftables.TableFamily, p Packet) bool {
	switch f {
	case nftables.TableFamilyINet:
		return true
	case nftables.TableFamilyIPv4:
		return p.Destination.Is4()
	case nftables.TableFamilyIPv6:
		return p.Destination.Is6()
	}
	return false
}

func familyName(f nftables.TableFamily) string {
	return map[nftables.TableFamily]string{nftables.TableFamilyINet: "inet", nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6"}[f]
}

// The outcomes of a chain.
type outcome uint8

const (
	undecided outcome = iota // the end was reached
	accepted
	dropped
)

// maxDepth is how deep chains may call each other (the kernel allows 16).
const maxDepth = 16

// walk is the way of one packet through one base chain.
type walk struct {
	r     *Ruleset
	p     Packet
	where string // the rule that decided
}

func (w *walk) chain(c *Chain, depth int) outcome {
	for n, rule := range c.Rules {
		v, matches := w.rule(c, rule)
		if v == nil {
			continue
		}
		if matches == part {
			if w.spares(c, v, depth) {
				return accepted
			}
			continue
		}
		switch v.Kind {
		case expr.VerdictDrop:
			w.where = fmt.Sprintf("rule %d", n+1)
			if depth > 0 {
				w.where += " of chain " + c.Name
			}
			return dropped
		case expr.VerdictAccept, expr.VerdictQueue, expr.VerdictStolen, expr.VerdictStop:
			return accepted
		case expr.VerdictReturn:
			return undecided
		case expr.VerdictJump, expr.VerdictGoto:
			next := w.next(c, v)
			if next == nil || depth == maxDepth {
				continue
			}
			if o := w.chain(next, depth+1); o != undecided || v.Kind == expr.VerdictGoto {
				return o
			}
		}
	}
	return undecided
}

// next is the chain that a verdict of c leads to; nil: none.
func (w *walk) next(c *Chain, v *expr.Verdict) *Chain {
	i := slices.IndexFunc(w.r.Chains, func(o Chain) bool {
		return o.Name == v.Chain && o.Table.Name == c.Table.Name && o.Table.Family == c.Table.Family
	})
	if i < 0 {
		return nil
	}
	return &w.r.Chains[i]
}

// spares says whether what a verdict of c hits, some of the packets that may be meant,
// may come through: what becomes of the others is then not certain of all.
func (w *walk) spares(c *Chain, v *expr.Verdict, depth int) bool {
	switch v.Kind {
	case expr.VerdictDrop:
		return false
	case expr.VerdictJump, expr.VerdictGoto:
		next := w.next(c, v)
		return next != nil && depth < maxDepth && w.chain(next, depth+1) == accepted
	}
	return v.Kind != expr.VerdictContinue
}

// value is what is in a register, and which of its bits are known; nil: nothing is.
type value struct{ bits, mask []byte }

func known(b []byte) *value { return &value{b, bytes.Repeat([]byte{0xff}, len(b))} }

// least and most bound what the value may be, in the first n bytes.
func (v *value) least(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = v.bits[i] & v.mask[i]
	}
	return out
}

func (v *value) most(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = v.bits[i]&v.mask[i] | ^v.mask[i]
	}
	return out
}

// rule returns the verdict of a rule that is certain to match, or to match a part of
// the sources that the packet may have.
func (w *walk) rule(c *Chain, rule []expr.Any) (*expr.Verdict, truth) {
	regs := map[uint32]*value{}
	all := yes
	for _, e := range rule {
		t := yes
		switch e := e.(type) {
		case *expr.Verdict:
			return e, all
		case *expr.Reject:
			return &expr.Verdict{Kind: expr.VerdictDrop}, all
		case *expr.Target:
			if e.Name == "REJECT" || e.Name == "DROP" {
				return &expr.Verdict{Kind: expr.VerdictDrop}, all
			}
		case *expr.Meta:
			if !e.SourceRegister {
				regs[e.Register] = w.meta(e.Key)
			}
		case *expr.Payload:
			regs[e.DestRegister] = w.payload(e)
		case *expr.Ct:
			regs[e.Register] = nil
			if e.Key == expr.CtKeySTATE {
				regs[e.Register] = native32(ctNew)
			}
		case *expr.Immediate:
			regs[e.Register] = known(e.Data)
		case *expr.Bitwise:
			regs[e.DestRegister] = bitwise(regs[e.SourceRegister], e)
		case *expr.Cmp:
			t = compare(regs[e.Register], e.Op, e.Data)
		case *expr.Range:
			t = inRange(regs[e.Register], e)
		case *expr.Lookup:
			t = w.lookup(c, regs[e.SourceRegister], e)
		case *expr.Counter, *expr.Log, *expr.Notrack:
		default:
			t = maybe
		}
		if all = all.and(t); all == no || all == maybe {
			return nil, all
		}
	}
	return nil, all
}

// ctNew is the state of a connection that begins: no answer comes to an
// advert.
const ctNew = 8

func native32(v uint32) *value { return known(binary.NativeEndian.AppendUint32(nil, v)) }

func (w *walk) meta(key expr.MetaKey) *value {
	four := w.p.Destination.Is4()
	name := make([]byte, 16)
	copy(name, w.p.Interface)
	switch key {
	case expr.MetaKeyL4PROTO:
		return known([]byte{w.p.Protocol})
	case expr.MetaKeyNFPROTO:
		if four {
			return known([]byte{byte(nftables.TableFamilyIPv4)})
		}
		return known([]byte{byte(nftables.TableFamilyIPv6)})
	case expr.MetaKeyPROTOCOL:
		if four {
			return known([]byte{0x08, 0x00})
		}
		return known([]byte{0x86, 0xdd})
	case expr.MetaKeyIIFNAME:
		if !w.p.Out {
			return known(name)
		}
	case expr.MetaKeyOIFNAME:
		if w.p.Out {
			return known(name)
		}
	case expr.MetaKeyIIF:
		if !w.p.Out {
			return native32(uint32(w.p.Index))
		}
	case expr.MetaKeyOIF:
		if w.p.Out {
			return native32(uint32(w.p.Index))
		}
	}
	return nil
}

func (w *walk) payload(e *expr.Payload) *value {
	if e.OperationType != expr.PayloadLoad || e.Base != expr.PayloadBaseNetworkHeader {
		return nil
	}
	b, mask, some := w.p.header()
	end := uint64(e.Offset) + uint64(e.Len)
	if end > uint64(len(b)) || slices.Contains(some[e.Offset:end], false) {
		return nil
	}
	return &value{b[e.Offset:end], mask[e.Offset:end]}
}

func bitwise(v *value, e *expr.Bitwise) *value {
	if v == nil || len(e.Mask) != len(v.bits) || len(e.Xor) != len(v.bits) {
		return nil
	}
	out := &value{make([]byte, len(v.bits)), make([]byte, len(v.bits))}
	for i := range v.bits {
		out.bits[i] = v.bits[i]&e.Mask[i] ^ e.Xor[i]
		out.mask[i] = v.mask[i] | ^e.Mask[i]
	}
	return out
}

// between says whether all that lies from least to most, or a part of it, lies from
// first to last.
func between(least, most, first, last []byte) truth {
	switch {
	case bytes.Compare(most, first) < 0 || bytes.Compare(least, last) > 0:
		return no
	case bytes.Compare(least, first) >= 0 && bytes.Compare(most, last) <= 0:
		return yes
	}
	return part
}

func compare(v *value, op expr.CmpOp, data []byte) truth {
	if v == nil || len(v.bits) < len(data) {
		return maybe
	}
	// The kernel compares as long as the data is: a name with a star.
	least, most := v.least(len(data)), v.most(len(data))
	lowest, highest := make([]byte, len(data)), bytes.Repeat([]byte{0xff}, len(data))
	switch op {
	case expr.CmpOpEq:
		for i := range data {
			if (v.bits[i]^data[i])&v.mask[i] != 0 {
				return no
			}
		}
		return between(least, most, data, data)
	case expr.CmpOpNeq:
		return compare(v, expr.CmpOpEq, data).not()
	case expr.CmpOpLte:
		return between(least, most, lowest, data)
	case expr.CmpOpGt:
		return between(least, most, lowest, data).not()
	case expr.CmpOpGte:
		return between(least, most, data, highest)
	case expr.CmpOpLt:
		return between(least, most, data, highest).not()
	}
	return maybe
}

func inRange(v *value, e *expr.Range) truth {
	if v == nil || len(v.bits) != len(e.FromData) || len(v.bits) != len(e.ToData) {
		return maybe
	}
	t := between(v.least(len(v.bits)), v.most(len(v.bits)), e.FromData, e.ToData)
	if e.Op == expr.CmpOpNeq {
		return t.not()
	}
	return t
}

// lookup looks into a set; what a map gives is not followed.
func (w *walk) lookup(c *Chain, v *value, e *expr.Lookup) truth {
	set, ok := w.r.Sets[SetKey{c.Table.Family, c.Table.Name, e.SetName}]
	if v == nil || !ok || e.IsDestRegSet {
		return maybe
	}
	t := inSet(v, set)
	if e.Invert {
		return t.not()
	}
	return t
}

// inSet: a set of intervals has their beginnings, and as IntervalEnd what
// follows each.
func inSet(v *value, set []nftables.SetElement) truth {
	n := len(v.bits)
	least, most := v.least(n), v.most(n)
	intervals := slices.ContainsFunc(set, func(e nftables.SetElement) bool { return e.IntervalEnd })
	t := no
	var last *nftables.SetElement // that begins or ends something at least, or before
	for i := range set {
		e := &set[i]
		if len(e.Key) != n || len(e.KeyEnd) > 0 {
			return maybe
		}
		if !intervals {
			switch between(least, most, e.Key, e.Key) {
			case yes:
				return yes
			case part:
				t = part
			}
			continue
		}
		switch {
		case bytes.Compare(e.Key, least) <= 0:
			if last == nil || bytes.Compare(e.Key, last.Key) > 0 || bytes.Equal(e.Key, last.Key) && !e.IntervalEnd {
				last = e
			}
		case bytes.Compare(e.Key, most) <= 0:
			t = part // something begins or ends on the way
		}
	}
	if t == no && last != nil && !last.IntervalEnd {
		return yes
	}
	return t
}
