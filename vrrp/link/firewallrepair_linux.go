package link

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"
)

// FirewallRepairs counts how often tables that somebody removed, or emptied,
// were put back. Any goroutine may call it.
func (a *NetlinkApplier) FirewallRepairs() uint64 { return a.repairs.Load() }

// guard watches the tables that there are; a.work is held.
func (a *NetlinkApplier) guard() {
	names := map[string]bool{}
	for t := range a.firewall.tables {
		names[t.name] = true
	}
	if err := a.rules.follow(names); err != nil {
		a.log.Error("nobody notices when somebody removes the tables of nftables", "error", err)
	}
}

// repair puts back what somebody removed from our tables. It reports whether
// something was missing.
func (a *NetlinkApplier) repair() bool {
	a.work.Lock()
	defer a.work.Unlock()
	missing, err := a.firewall.missing()
	if err == nil && missing == "" {
		return false
	}
	if err == nil {
		was, in := a.firewall.tables, a.firewall.in
		if err = a.firewall.remake(slices.Collect(maps.Keys(in))); err != nil {
			a.firewall.tables, a.firewall.in = was, in
		}
	}
	if err != nil {
		a.log.Error("packets to addresses with no_accept may not be dropped: nftables does not work", "error", err)
		return true
	}
	a.log.Warn("somebody removed what drops packets to addresses with no_accept: it is back", "missing", missing, "repairs", a.repairs.Add(1))
	return true
}

// missing names the first thing that the kernel does not have of our tables;
// empty: all is there.
func (f *firewall) missing() (string, error) {
	for which, t := range f.tables {
		have, err := f.conn.ListTablesOfFamily(which.family())
		if err != nil {
			return "", fmt.Errorf("link: nftables: %w", err)
		}
		if !slices.ContainsFunc(have, func(x *nftables.Table) bool { return x.Name == which.name }) {
			return "table " + which.name, nil
		}
		rules := map[string]int{chainIn: 1, chainOut: 1}
		if which.ipv6 {
			rules = map[string]int{chainIn: 3, chainOut: 3, chainInLL: 1, chainOutLL: 1}
		}
		for chain, want := range rules {
			list, err := f.conn.GetRules(t.table, &nftables.Chain{Name: chain, Table: t.table})
			if err != nil || len(list) < want {
				return "chain " + chain, nil // or it is not there
			}
		}
		if lost := f.short(which, t); lost != "" {
			return lost, nil
		}
	}
	return "", nil
}

// short names what the sets of a table lack.
func (f *firewall) short(which fwTable, t *fwSets) string {
	have := map[string]bool{}
	for _, set := range []*nftables.Set{t.vips, t.linkLocal} {
		if set == nil {
			continue
		}
		list, err := f.conn.GetSetElements(set)
		if err != nil {
			return "set " + set.Name // it is not there
		}
		for _, e := range list {
			have[set.Name+string(e.Key)] = true
		}
	}
	for b := range f.in {
		if b.in() != which {
			continue
		}
		if set, e := t.element(b); !have[set.Name+string(e.Key)] {
			return "address " + b.addr.String()
		}
	}
	return ""
}
