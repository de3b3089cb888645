package link

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
)

// tableParts is what the kernel is to have of one of our tables.
type tableParts struct {
	table *nftables.Table
	rules map[string]int // at least so many, by chain
	sets  []setParts
}

type setParts struct {
	set  *nftables.Set
	keys map[string]string // what an element is for, by its key
}

// missing names the first part that the kernel does not have; empty: all is
// there.
func (p *tableParts) missing(conn *nftables.Conn) (string, error) {
	have, err := conn.ListTablesOfFamily(p.table.Family)
	if err != nil {
		return "", fmt.Errorf("link: nftables: %w", err)
	}
	if !slices.ContainsFunc(have, func(x *nftables.Table) bool { return x.Name == p.table.Name }) {
		return "table " + p.table.Name, nil
	}
	for chain, want := range p.rules {
		list, err := conn.GetRules(p.table, &nftables.Chain{Name: chain, Table: p.table})
		if err != nil || len(list) < want {
			return "chain " + chain, nil // or it is not there
		}
	}
	for _, s := range p.sets {
		list, err := conn.GetSetElements(s.set)
		if err != nil {
			return "set " + s.set.Name, nil // it is not there
		}
		in := make(map[string]bool, len(list))
		for _, e := range list {
			in[string(e.Key)] = true
		}
		for key, what := range s.keys {
			if !in[key] {
				return what, nil
			}
		}
	}
	return "", nil
}
