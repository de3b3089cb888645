package firewall

import (
	"fmt"

	"github.com/google/nftables"
)

// Gather reads nftables in the calling thread's network namespace.
func Gather() (*Ruleset, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	chains, err := c.ListChains()
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	r := &Ruleset{Sets: map[SetKey][]nftables.SetElement{}}
	tables := map[SetKey]bool{}
	for _, ch := range chains {
		rules, err := c.GetRules(ch.Table, ch)
		if err != nil {
			continue // gone since, or with what the library cannot read
		}
		x := Chain{Chain: *ch}
		for _, rule := range rules {
			x.Rules = append(x.Rules, rule.Exprs)
		}
		r.Chains = append(r.Chains, x)
		if t := (SetKey{Family: ch.Table.Family, Table: ch.Table.Name}); !tables[t] {
			tables[t] = true
			r.sets(c, ch.Table)
		}
	}
	return r, nil
}

// sets reads the sets of a table; one that cannot be read is not known.
func (r *Ruleset) sets(c *nftables.Conn, t *nftables.Table) {
	sets, err := c.GetSets(t)
	if err != nil {
		return
	}
	for _, s := range sets {
		if elements, err := c.GetSetElements(s); err == nil {
			r.Sets[SetKey{t.Family, t.Name, s.Name}] = elements
		}
	}
}
