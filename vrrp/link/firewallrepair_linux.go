package link

import (
	"maps"
	"slices"
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
		p := tableParts{table: t.table, rules: map[string]int{chainIn: 1, chainOut: 1}, sets: []setParts{{t.vips, map[string]string{}}}}
		if which.ipv6 {
			p.rules = map[string]int{chainIn: 3, chainOut: 3, chainInLL: 1, chainOutLL: 1}
			p.sets = append(p.sets, setParts{t.linkLocal, map[string]string{}})
		}
		for b := range f.in {
			if b.in() != which {
				continue
			}
			set, e := t.element(b)
			for _, s := range p.sets {
				if s.set == set {
					s.keys[string(e.Key)] = "address " + b.addr.String()
				}
			}
		}
		if what, err := p.missing(f.conn); what != "" || err != nil {
			return what, err
		}
	}
	return "", nil
}
