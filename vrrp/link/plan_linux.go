package link

import (
	"cmp"
	"errors"
	"slices"

	mdnetlink "github.com/mdlayher/netlink"
)

// planned is one change with the request that it is made for.
type planned struct {
	addrOp
	request int // index
}

// plan is what a round of the applier does: the difference between what its
// owners want and what we installed for them.
type plan struct {
	reqs     []request
	replaced []planned // removals of what comes back with another label, scope or broadcast
	adds     []planned
	removals []planned
}

// newPlan makes the plan for reqs given what is installed.
func newPlan(installed map[int]map[addrKey]*Address, reqs []request) *plan {
	p := &plan{reqs: reqs}
	replaced := make(map[addrKey]bool)
	asking := make(map[int]bool, len(reqs))
	n := 0
	for i := range reqs {
		n += len(reqs[i].want)
	}
	// Of the thousands that others may have installed few matter: those that are
	// wanted here, or may have to go.
	matters := make(map[addrKey]bool, n)
	stays := make(map[addrKey]bool, n)
	had := make(map[addrKey]*Address)
	for i := range reqs {
		r := &reqs[i]
		asking[r.owner] = true
		for k := range r.want {
			key := r.want[k].key()
			stays[key], matters[key] = true, true
		}
		for key := range installed[r.owner] {
			matters[key] = true
		}
	}
	p.adds = make([]planned, 0, n)
	for owner, set := range installed {
		for key, a := range set {
			if !matters[key] {
				continue
			}
			had[key] = a
			if !asking[owner] {
				stays[key] = true
			}
		}
	}
	for i, r := range reqs {
		var seen map[addrKey]bool
		if len(r.want) > 1 {
			seen = make(map[addrKey]bool, len(r.want))
		}
		for k := range r.want {
			w := &r.want[k]
			key := w.key()
			if seen[key] {
				continue
			}
			if seen != nil {
				seen[key] = true
			}
			// An address with another label, scope or broadcast cannot be
			// changed in place: it goes and comes back.
			if old, ok := had[key]; ok && old.installed() != w.installed() && !replaced[key] {
				replaced[key] = true
				p.replaced = append(p.replaced, planned{addrOp{add: false, addr: wanted(*old)}, i})
			}
			p.adds = append(p.adds, planned{addrOp{add: true, addr: wanted(*w)}, i})
		}
		var gone []planned
		for key, old := range installed[r.owner] {
			if !stays[key] {
				gone = append(gone, planned{addrOp{add: false, addr: wanted(*old)}, i})
			}
		}
		slices.SortFunc(gone, func(x, y planned) int {
			return cmp.Or(cmp.Compare(x.addr.Ifindex, y.addr.Ifindex), x.addr.Prefix.Addr().Compare(y.addr.Prefix.Addr()),
				cmp.Compare(x.addr.Prefix.Bits(), y.addr.Prefix.Bits()))
		})
		p.removals = append(p.removals, gone...)
	}
	return p
}

// all is the whole plan in order: add before delete.
func (p *plan) all() []planned { return slices.Concat(p.replaced, p.adds, p.removals) }

// risky says whether a removal could take other addresses with it: that needs
// a subnet with room for a second address.
func (p *plan) risky() bool {
	subnet := func(o planned) bool { return o.addr.Prefix.Addr().Is4() && !o.addr.Prefix.IsSingleIP() }
	return slices.ContainsFunc(p.removals, subnet) || slices.ContainsFunc(p.replaced, subnet)
}

// remember updates what is installed: everything wanted, for a failed addition
// costs nothing but a removal of what is not there, and what could not be
// removed.
func (p *plan) remember(installed map[int]map[addrKey]*Address, stuck map[planned]bool) {
	for i, r := range p.reqs {
		now := make(map[addrKey]*Address, len(r.want))
		for k := range r.want {
			if w := &r.want[k]; w.Prefix.IsValid() && w.Ifindex > 0 {
				now[w.key()] = w
			}
		}
		if len(stuck) > 0 {
			for k := range p.removals {
				if o := &p.removals[k]; o.request == i && stuck[*o] {
					now[o.addr.key()] = &o.addr.Address
				}
			}
		}
		if len(now) == 0 {
			delete(installed, r.owner)
			continue
		}
		installed[r.owner] = now
	}
}

// isTransport says whether err is of the socket and not of one message.
func isTransport(err error) bool {
	var oe *mdnetlink.OpError
	return errors.As(err, &oe)
}
