package link

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// FirewallConfig says how packets to the addresses of no_accept are dropped.
type FirewallConfig struct {
	// Priority is that of our chains (nftables_priority), relative to the
	// filters of others.
	Priority int
	// Counters counts packets at every rule (nftables_counters).
	Counters bool
}

// The names in our tables are those that keepalived gives them.
const (
	setVIPs      = "vips"
	setLinkLocal = "vips_link_local"
	setDiscovery = "neighbor-discovery"
	chainIn      = "in"
	chainOut     = "out"
	chainInLL    = "in_link_local"
	chainOutLL   = "out_link_local"
)

// blocked is one address whose packets are dropped, in one table. The interface
// counts for link-local addresses only.
type blocked struct {
	table   string
	addr    netip.Addr
	ifindex int
}

func blockOf(a Address) (blocked, bool) {
	b := blocked{table: a.Drop, addr: a.Prefix.Addr()}
	if b.addr.Is6() && b.addr.IsLinkLocalUnicast() {
		b.ifindex = a.Ifindex
	}
	return b, a.Drop != ""
}

// firewall drops packets to addresses that are held and not accepted
// (RFC 5798 section 6.1, Accept_Mode), and what this machine would send from
// them, but for neighbour discovery. Its tables exist while they hold an
// address; the zero value is ready.
type firewall struct {
	cfg    FirewallConfig
	conn   *nftables.Conn
	tables map[fwTable]*fwSets
	in     map[blocked]bool
}

type fwTable struct {
	name string
	ipv6 bool
}

type fwSets struct {
	table     *nftables.Table
	vips      *nftables.Set
	linkLocal *nftables.Set // IPv6
}

func (b blocked) in() fwTable { return fwTable{b.table, b.addr.Is6()} }

func (t fwTable) family() nftables.TableFamily {
	if t.ipv6 {
		return nftables.TableFamilyIPv6
	}
	return nftables.TableFamilyIPv4
}

// blocks lists what is to be dropped for reqs, by request, and what is not any
// more.
func (a *NetlinkApplier) blocks(reqs []request) (block map[int][]blocked, pass []blocked) {
	wanted := 0
	for i := range reqs {
		for k := range reqs[i].want {
			if b, ok := blockOf(reqs[i].want[k]); ok {
				if block == nil {
					block = make(map[int][]blocked)
				}
				block[i] = append(block[i], b)
				wanted++
			}
		}
	}
	if len(a.firewall.in) == 0 {
		return block, nil
	}
	stays := make(map[blocked]bool, wanted)
	for _, list := range block {
		for _, b := range list {
			stays[b] = true
		}
	}
	asking := make(map[int]bool, len(reqs))
	for i := range reqs {
		asking[reqs[i].owner] = true
	}
	for owner, set := range a.installed {
		for _, x := range set {
			if b, ok := blockOf(*x); ok && !asking[owner] {
				stays[b] = true
			}
		}
	}
	for b := range a.firewall.in {
		if !stays[b] {
			pass = append(pass, b)
		}
	}
	return block, pass
}

// add has packets dropped before the addresses are there; it returns the error
// of each request that wanted something.
func (f *firewall) add(block map[int][]blocked) map[int]error {
	var fresh []blocked
	for _, list := range block {
		for _, b := range list {
			if !f.in[b] && !slices.Contains(fresh, b) {
				fresh = append(fresh, b)
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	err := f.put(fresh)
	if err == nil {
		return nil
	}
	errs := make(map[int]error)
	for i, list := range block {
		if slices.ContainsFunc(list, func(b blocked) bool { return !f.in[b] }) {
			errs[i] = err
		}
	}
	return errs
}

// put has packets dropped for list as well. Where that fails all our tables are
// made anew: somebody may have removed them (nft flush ruleset).
func (f *firewall) put(list []blocked) error {
	err := f.insert(list)
	if err == nil || len(f.tables) == 0 {
		return err
	}
	was, in := f.tables, f.in
	if again := f.remake(slices.Concat(slices.Collect(maps.Keys(in)), list)); again != nil {
		f.tables, f.in = was, in
		return err
	}
	return nil
}

// remake removes what is left of our tables and makes those for list.
func (f *firewall) remake(list []blocked) error {
	names := map[string]bool{}
	for t := range f.tables {
		names[t.name] = true
	}
	f.tables, f.in = make(map[fwTable]*fwSets), make(map[blocked]bool)
	if err := dropNamed(names, func(t fwTable) bool {
		return slices.ContainsFunc(list, func(b blocked) bool { return b.in() == t }) // replaced below
	}); err != nil || len(list) == 0 {
		return err
	}
	// In one order, so that the tables look the same whenever they are made.
	slices.SortFunc(list, func(a, b blocked) int {
		return cmp.Or(cmp.Compare(a.table, b.table), a.addr.Compare(b.addr), cmp.Compare(a.ifindex, b.ifindex))
	})
	return f.insert(list)
}

// insert adds elements, and tables where they are missing, in one transaction.
func (f *firewall) insert(list []blocked) error {
	if f.conn == nil {
		conn, err := nftables.New()
		if err != nil {
			return fmt.Errorf("link: nftables: %w", err)
		}
		f.conn, f.tables, f.in = conn, make(map[fwTable]*fwSets), make(map[blocked]bool)
	}
	made := make(map[fwTable]*fwSets)
	var errs []error
	for _, b := range list {
		t := f.tables[b.in()]
		if t == nil {
			t = made[b.in()]
		}
		if t == nil {
			var err error
			if t, err = f.install(b.in()); err != nil {
				errs = append(errs, err)
				continue
			}
			made[b.in()] = t
		}
		set, e := t.element(b)
		errs = append(errs, f.conn.SetAddElements(set, []nftables.SetElement{e}))
	}
	errs = append(errs, f.conn.Flush())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("link: nftables: packets to addresses with no_accept are not dropped: %w", err)
	}
	maps.Copy(f.tables, made)
	for _, b := range list {
		f.in[b] = true
	}
	return nil
}

func (t *fwSets) element(b blocked) (*nftables.Set, nftables.SetElement) {
	key := b.addr.AsSlice()
	if b.ifindex == 0 {
		return t.vips, nftables.SetElement{Key: key}
	}
	return t.linkLocal, nftables.SetElement{Key: binary.NativeEndian.AppendUint32(key, uint32(b.ifindex))}
}

// remove lets packets pass again, after the addresses are gone. A table that
// holds no address any more goes too.
func (f *firewall) remove(list []blocked, log *slog.Logger) {
	if len(list) == 0 {
		return
	}
	for _, b := range list {
		delete(f.in, b)
	}
	was, in := maps.Clone(f.tables), maps.Clone(f.in)
	gone := maps.Clone(f.tables)
	for b := range f.in {
		delete(gone, b.in())
	}
	var errs []error
	for _, b := range list {
		t := f.tables[b.in()]
		if t == nil || gone[b.in()] != nil {
			continue
		}
		set, e := t.element(b)
		errs = append(errs, f.conn.SetDeleteElements(set, []nftables.SetElement{e}))
	}
	for name, t := range gone {
		f.conn.DelTable(t.table)
		delete(f.tables, name)
	}
	errs = append(errs, f.conn.Flush())
	err := errors.Join(errs...)
	if err == nil {
		return
	}
	f.tables = was
	if f.remake(slices.Collect(maps.Keys(in))) != nil { // else somebody had removed the tables
		f.in = in
		log.Error("packets to addresses that are given up are dropped still: nftables does not work", "error", err)
	}
}

// sweep removes the tables of a predecessor that remove and keep name, and has
// packets to what is in keep dropped without a gap.
func (f *firewall) sweep(remove, keep []Address) error {
	names := map[string]bool{}
	var list []blocked
	for _, a := range remove {
		if a.Drop != "" {
			names[a.Drop] = true
		}
	}
	for _, a := range keep {
		if b, ok := blockOf(a); ok && !f.in[b] {
			names[a.Drop] = true
			list = append(list, b)
		}
	}
	for name := range names { // ours are not left over
		if f.tables[fwTable{name, false}] != nil || f.tables[fwTable{name, true}] != nil {
			delete(names, name)
		}
	}
	if err := dropNamed(names, func(t fwTable) bool {
		return slices.ContainsFunc(list, func(b blocked) bool { return b.in() == t }) // replaced below
	}); err != nil {
		return err
	}
	if len(list) == 0 {
		return nil
	}
	return f.put(list)
}

// close removes the tables.
func (f *firewall) close() error {
	if f.conn == nil || len(f.tables) == 0 || len(f.in) > 0 {
		return nil // what still drops packets stays as the addresses do
	}
	for _, t := range f.tables {
		f.conn.DelTable(t.table)
	}
	f.tables = nil
	return f.conn.Flush()
}

// dropTables removes the tables that the addresses name and keep does not.
func dropTables(list, keep []Address) error {
	names := map[string]bool{}
	for _, a := range list {
		if a.Drop != "" {
			names[a.Drop] = true
		}
	}
	for _, a := range keep {
		delete(names, a.Drop)
	}
	return dropNamed(names, func(fwTable) bool { return false })
}

func dropNamed(names map[string]bool, except func(fwTable) bool) error {
	if len(names) == 0 {
		return nil
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("link: nftables: %w", err)
	}
	tables, err := conn.ListTables()
	if err != nil {
		return fmt.Errorf("link: nftables: %w", err)
	}
	found := false
	for _, t := range tables {
		ipv6 := t.Family == nftables.TableFamilyIPv6
		if names[t.Name] && (ipv6 || t.Family == nftables.TableFamilyIPv4) && !except(fwTable{t.Name, ipv6}) {
			conn.DelTable(t)
			found = true
		}
	}
	if !found {
		return nil
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("link: nftables: %w", err)
	}
	return nil
}

// rule appends a rule to a chain.
func (f *firewall) rule(t *nftables.Table, c *nftables.Chain, match []expr.Any, verdict *expr.Verdict) {
	if f.cfg.Counters {
		match = append(match, &expr.Counter{})
	}
	f.conn.AddRule(&nftables.Rule{Table: t, Chain: c, Exprs: append(match, verdict)})
}
