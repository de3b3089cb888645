package link

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Where the addresses are in the headers.
const (
	src4, dst4 = 12, 16
	src6, dst6 = 8, 24
)

// install queues a table with its sets, chains and rules, in the place of what
// a predecessor left under its name. The rules are keepalived's.
func (f *firewall) install(which fwTable) (*fwSets, error) {
	t := &nftables.Table{Family: which.family(), Name: which.name}
	f.conn.AddTable(t) // so that there is one to delete
	f.conn.DelTable(t)
	f.conn.AddTable(t)
	sets := &fwSets{table: t}
	key := nftables.TypeIPAddr
	if which.ipv6 {
		key = nftables.TypeIP6Addr
	}
	sets.vips = &nftables.Set{Table: t, Name: setVIPs, KeyType: key}
	if err := f.conn.AddSet(sets.vips, nil); err != nil {
		return nil, err
	}
	prio := nftables.ChainPriority(int(*nftables.ChainPriorityFilter) + f.cfg.Priority)
	base := func(name string, hook *nftables.ChainHook) *nftables.Chain {
		return f.conn.AddChain(&nftables.Chain{Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &prio})
	}
	out := base(chainOut, nftables.ChainHookOutput)
	in := base(chainIn, nftables.ChainHookInput)
	drop := &expr.Verdict{Kind: expr.VerdictDrop}
	if !which.ipv6 {
		f.rule(t, in, inSet(address(dst4, 4), sets.vips), drop)
		f.rule(t, out, inSet(address(src4, 4), sets.vips), drop)
		return sets, nil
	}
	return sets, f.install6(t, sets, in, out)
}

// install6 queues the rules of IPv6: neighbour discovery passes, and link-local
// addresses are looked up together with their interface.
func (f *firewall) install6(t *nftables.Table, sets *fwSets, in, out *nftables.Chain) error {
	const solicit, advert = 135, 136 // RFC 4861
	discovery := &nftables.Set{Table: t, Name: setDiscovery, KeyType: nftables.TypeICMP6Type, Constant: true}
	if err := f.conn.AddSet(discovery, []nftables.SetElement{{Key: []byte{solicit}}, {Key: []byte{advert}}}); err != nil {
		return err
	}
	key, err := nftables.ConcatSetType(nftables.TypeIP6Addr, nftables.TypeIFIndex)
	if err != nil {
		return err
	}
	sets.linkLocal = &nftables.Set{Table: t, Name: setLinkLocal, KeyType: key, Concatenation: true}
	if err := f.conn.AddSet(sets.linkLocal, nil); err != nil {
		return err
	}
	drop := &expr.Verdict{Kind: expr.VerdictDrop}
	for _, way := range []struct {
		chain  *nftables.Chain
		ll     string
		offset uint32
		iface  expr.MetaKey
	}{{in, chainInLL, dst6, expr.MetaKeyIIF}, {out, chainOutLL, src6, expr.MetaKeyOIF}} {
		ll := f.conn.AddChain(&nftables.Chain{Name: way.ll, Table: t})
		// The interface goes behind the address: register 1 holds 16 bytes.
		match := append(address(way.offset, 16), &expr.Meta{Key: way.iface, Register: 2})
		f.rule(t, ll, inSet(match, sets.linkLocal), drop)

		f.rule(t, way.chain, inSet([]expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protoICMPv6}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		}, discovery), &expr.Verdict{Kind: expr.VerdictAccept})
		f.rule(t, way.chain, append(address(way.offset, 16), linkLocalOnly()...), &expr.Verdict{Kind: expr.VerdictGoto, Chain: way.ll})
		f.rule(t, way.chain, inSet(address(way.offset, 16), sets.vips), drop)
	}
	return nil
}

// address loads an address of the network header into register 1.
func address(offset, length uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}}
}

// inSet matches what is in register 1 and behind it.
func inSet(match []expr.Any, set *nftables.Set) []expr.Any {
	return append(match, &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID})
}

// linkLocalOnly matches fe80::/10 in register 1.
func linkLocalOnly() []expr.Any {
	mask, prefix := make([]byte, 16), make([]byte, 16)
	mask[0], mask[1] = 0xff, 0xc0
	prefix[0], prefix[1] = 0xfe, 0x80
	return []expr.Any{
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 16, Mask: mask, Xor: make([]byte, 16)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: prefix},
	}
}
