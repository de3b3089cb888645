package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// reportTable is the name of our nftables tables, one for each family.
const reportTable = "holdfast_vmac"

// Numbers of protocols and of messages.
const (
	protoIGMP = 2
	// MLD reports, MLD done and router solicitations are 131 to 133
	// (RFC 2710, RFC 4861), MLD version 2 reports 143 (RFC 3810).
	icmpFirst = 131
	icmpLast  = 133
	icmpMLDv2 = 143
)

// reportFilter keeps reports of group membership, and router solicitations,
// from leaving through VMACs: with the virtual MAC as source they would make
// switches send the traffic of the master to a backup. The interface below
// reports the group of the adverts in their place (memberships), and with IPv6
// whatever else the VMAC would: a switch that looks into these reports must
// know who wants to hear neighbour solicitations for the virtual addresses.
type reportFilter struct {
	log    *slog.Logger
	conn   *nftables.Conn
	tables [2]*muteTable // IPv4, IPv6
	failed bool
}

type muteTable struct {
	table *nftables.Table
	set   *nftables.Set
	in    map[int]int // the interface below, by VMAC
}

// set mutes just these VMACs; want holds the interface below by VMAC, for IPv4
// and IPv6. All of one family is one transaction: each waits for the kernel's
// readers, which takes longer than making a VMAC. Without nftables in the
// kernel all works but this: it is said once.
func (f *reportFilter) set(want [2]map[int]int) {
	for n := range want {
		if f.failed && len(want[n]) > 0 {
			continue
		}
		err := f.setFamily(n, want[n])
		if err != nil && f.tables[n] != nil {
			// Somebody may have removed the table (nft flush ruleset): once more
			// with a new one.
			f.tables[n] = nil
			err = f.setFamily(n, want[n])
		}
		if err != nil {
			f.failed = true
			f.log.Warn("reports of groups leave VMACs with the virtual MAC: nftables does not work", "error", err)
		}
	}
}

func (f *reportFilter) setFamily(n int, want map[int]int) error {
	t := f.tables[n]
	if len(want) == 0 {
		return f.uninstall(n)
	}
	if t == nil {
		var err error
		if t, err = f.open(n == 1); err != nil {
			return err
		}
		f.tables[n] = t
	}
	var add, del []nftables.SetElement
	for ifindex, parent := range t.in {
		if want[ifindex] != parent {
			del = append(del, element(ifindex, parent))
		}
	}
	for ifindex, parent := range want {
		if t.in[ifindex] != parent {
			add = append(add, element(ifindex, parent))
		}
	}
	if len(add)+len(del) == 0 {
		return nil
	}
	var errs []error
	if len(del) > 0 {
		errs = append(errs, f.conn.SetDeleteElements(t.set, del))
	}
	if len(add) > 0 {
		errs = append(errs, f.conn.SetAddElements(t.set, add))
	}
	if err := errors.Join(append(errs, f.conn.Flush())...); err != nil {
		return fmt.Errorf("link: nftables: %w", err)
	}
	t.in = maps.Clone(want)
	return nil
}

// open installs what a family needs.
func (f *reportFilter) open(ipv6 bool) (*muteTable, error) {
	if f.conn == nil {
		conn, err := nftables.New()
		if err != nil {
			return nil, fmt.Errorf("link: nftables: %w", err)
		}
		f.conn = conn
	}
	t, err := f.install(ipv6, ipv6)
	if err != nil && ipv6 {
		f.log.Info("the kernel cannot duplicate packets (nft_dup): reports of VMACs are dropped only", "error", err)
		t, err = f.install(true, false)
	}
	return t, err
}

// element maps a VMAC to the interface below it.
func element(ifindex, parent int) nftables.SetElement {
	return nftables.SetElement{
		Key: binary.NativeEndian.AppendUint32(nil, uint32(ifindex)),
		Val: binary.NativeEndian.AppendUint32(nil, uint32(parent)),
	}
}

// install makes table, map and rules, in the place of those of a predecessor
// in one transaction.
func (f *reportFilter) install(ipv6, dup bool) (*muteTable, error) {
	family := nftables.TableFamilyIPv4
	if ipv6 {
		family = nftables.TableFamilyIPv6
	}
	t := &muteTable{table: &nftables.Table{Family: family, Name: reportTable}, in: map[int]int{}}
	f.conn.AddTable(t.table) // so that there is one to delete
	f.conn.DelTable(t.table)
	f.conn.AddTable(t.table)
	t.set = &nftables.Set{Table: t.table, Name: "vmacs", IsMap: true, KeyType: nftables.TypeIFIndex, DataType: nftables.TypeIFIndex}
	if err := f.conn.AddSet(t.set, nil); err != nil {
		return nil, fmt.Errorf("link: nftables: %w", err)
	}
	// One step before the filters of others, as keepalived does.
	prio := nftables.ChainPriority(*nftables.ChainPriorityFilter - 1)
	chain := f.conn.AddChain(&nftables.Chain{
		Name: chainOut, Table: t.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: &prio,
	})
	for _, match := range reports(ipv6) {
		exprs := append([]expr.Any{
			&expr.Meta{Key: expr.MetaKeyOIF, Register: 1},
			&expr.Lookup{SourceRegister: 1, DestRegister: 2, IsDestRegSet: true, SetName: t.set.Name, SetID: t.set.ID},
		}, match...)
		if dup {
			exprs = append(
				exprs,
				&expr.Payload{DestRegister: 3, Base: expr.PayloadBaseNetworkHeader, Offset: 24, Len: 16}, // destination
				&expr.Dup{RegAddr: 3, RegDev: 2, IsRegDevSet: true},
			)
		}
		exprs = append(exprs, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
		f.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: exprs})
	}
	if err := f.conn.Flush(); err != nil {
		return nil, fmt.Errorf("link: nftables: %w", err)
	}
	return t, nil
}

// reports are the matches of the rules.
func reports(ipv6 bool) [][]expr.Any {
	proto := func(p byte) []expr.Any {
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{p}},
		}
	}
	if !ipv6 {
		return [][]expr.Any{proto(protoIGMP)}
	}
	kind := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1}
	return [][]expr.Any{
		append(
			proto(protoICMPv6), kind,
			&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{icmpFirst}},
			&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{icmpLast}},
		),
		append(proto(protoICMPv6), kind, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{icmpMLDv2}}),
	}
}

// uninstall removes the table of a family.
func (f *reportFilter) uninstall(n int) error {
	t := f.tables[n]
	if t == nil {
		return nil
	}
	f.tables[n] = nil
	f.conn.AddTable(t.table) // somebody may have removed it
	f.conn.DelTable(t.table)
	if err := f.conn.Flush(); err != nil {
		return fmt.Errorf("link: remove nftables table %s: %w", reportTable, err)
	}
	return nil
}

// dropReportTables removes the tables of a process that died.
func dropReportTables() error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("link: nftables: %w", err)
	}
	tables, err := conn.ListTables()
	if err != nil {
		return fmt.Errorf("link: nftables: %w", err)
	}
	for _, t := range tables {
		if t.Name == reportTable && (t.Family == unix.NFPROTO_IPV4 || t.Family == unix.NFPROTO_IPV6) {
			conn.DelTable(t)
		}
	}
	return conn.Flush()
}
