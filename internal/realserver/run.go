package realserver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"holdfast/internal/host"
)

// Host is where items are done.
type Host interface {
	Gather() (*host.Snapshot, error)
	Do(Item) error
	Undo(Item) error
}

// Up makes the host serve an address and returns what it did; nothing when all
// was so already. It stops at the first thing that fails: the address comes
// last, and must not be there before the rest. What is done stays, and Down
// undoes it.
func Up(st *Store, on Host, a netip.Addr, spec Spec) (did []Item, err error) {
	h, err := on.Gather()
	if err != nil {
		return nil, err
	}
	if old, ok := st.Spec(a); ok && old.String() != spec.String() {
		return nil, fmt.Errorf("%s is served in another way (%s): take it down first", a, old)
	}
	if device := only(h, a); device != "" {
		return nil, fmt.Errorf("%s is the only address of %s, hence the host's own and not a virtual one", a, device)
	}
	items, err := Needs(h, a, spec)
	if err != nil {
		return nil, err
	}
	if _, ok := st.Spec(a); !ok {
		st.VIPs = append(st.VIPs, VIP{a, spec})
	}
	before := st.clone()
	// Known before anything changes, so that whatever ends us leaves a trace.
	st.take(h, items, a)
	if err := st.Save(); err != nil {
		return nil, err
	}
	for k, i := range items {
		if i.done(h) {
			continue
		}
		if err := on.Do(i); err != nil {
			// What did not come about is not ours to undo.
			st.Done = before
			st.take(h, items[:k], a)
			return did, errors.Join(fmt.Errorf("%s: %w", i.Command(), err), st.Save())
		}
		did = append(did, i)
	}
	return did, nil
}

// take remembers what an address needs and is ours: what is about to be done,
// what was done by us, and those settings of ours that make it needless to do
// one more.
func (s *State) take(h *host.Snapshot, items []Item, a netip.Addr) {
	for _, i := range items {
		switch {
		case !i.done(h) || s.made(&i):
			if i.Kind == Setting {
				i.Former = i.now(h)
			}
			s.remember(i, a)
		case i.Kind == Setting:
			s.lean(h, i, a)
		}
		// Anything else was so before us and stays so.
	}
}

// Down undoes what was done for an address alone, the last change first, and
// goes on after a failure; what failed is tried again by the next Down.
func Down(st *Store, on Host, a netip.Addr) (undid []Item, err error) {
	if _, ok := st.Spec(a); !ok {
		return nil, nil
	}
	before := st.State
	gone := st.release(a)
	var errs []error
	for _, i := range gone {
		if i.Kind == LinkUp && slices.ContainsFunc(gone, func(o Item) bool { return o.Kind == Dummy && o.Device == i.Device }) {
			continue // it goes with its interface, and another one of that name is not ours
		}
		if err := on.Undo(i); err != nil {
			errs = append(errs, fmt.Errorf("undo %q: %w", i.Command(), err))
			continue
		}
		undid = append(undid, i)
	}
	if len(errs) > 0 {
		st.State = before
	}
	return undid, errors.Join(append(errs, st.Save())...)
}

// only is the interface with ARP that has this address and no other one of its
// family: the address is the host's own then.
func only(h *host.Snapshot, a netip.Addr) string {
	for _, x := range h.On(a) {
		l := h.Link(x.Device)
		if l == nil || l.Silent() {
			continue
		}
		if !slices.ContainsFunc(h.Addrs, func(o host.Addr) bool {
			b := o.Prefix.Addr()
			return o.Device == x.Device && b != a && b.Is4() == a.Is4() && !b.IsLinkLocalUnicast()
		}) {
			return x.Device
		}
	}
	return ""
}

// Check says what is wrong on a host that is to serve an address.
func Check(h *host.Snapshot, a netip.Addr, spec Spec) ([]host.Finding, error) {
	items, err := Needs(h, a, spec)
	if err != nil {
		return nil, err
	}
	var all []host.Finding
	for _, i := range items {
		if !i.done(h) {
			all = append(all, i.finding(a))
		}
	}
	for _, x := range h.On(a) {
		if l := h.Link(x.Device); l != nil && !l.Silent() {
			f := host.Finding{
				ID: "vip-device", Severity: host.Error,
				What: fmt.Sprintf("%s is on %s, where this host answers ARP for it", a, x.Device),
				Why:  "unless this host is also the director and master now, two hosts have the address",
			}
			if only(h, a) == "" {
				f.Mend = []string{fmt.Sprintf("ip addr del %s dev %s", x.Prefix, x.Device)}
			} else {
				// Whoever removes it may be on his way out by it.
				f.Why += "; it is the only one there: if it is the host's own, it is no virtual address"
			}
			all = append(all, f)
		}
	}
	return all, nil
}
