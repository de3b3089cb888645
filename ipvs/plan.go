package ipvs

import (
	"fmt"
	"slices"
)

// OpKind says what an [Op] does.
type OpKind uint8

// The kinds of operations. Each is one command of the kernel's interface.
const (
	AddService OpKind = iota + 1
	EditService
	DelService
	AddDest
	EditDest
	DelDest
)

// Op is one change of the kernel's table.
type Op struct {
	Kind OpKind
	// Service is whole for AddService and EditService; the others need its
	// key only.
	Service Service
	// Dest is whole for AddDest and EditDest; DelDest needs its key only.
	Dest Destination
}

// String says what the operation does, for logs and errors.
func (o Op) String() string {
	switch o.Kind {
	case AddService:
		return fmt.Sprintf("add service %s", o.Service)
	case EditService:
		return fmt.Sprintf("edit service %s", o.Service)
	case DelService:
		return fmt.Sprintf("delete service %s", o.Service.ServiceKey)
	case AddDest:
		return fmt.Sprintf("add server %s to %s", o.Dest, o.Service.ServiceKey)
	case EditDest:
		return fmt.Sprintf("edit server %s of %s", o.Dest, o.Service.ServiceKey)
	case DelDest:
		return fmt.Sprintf("delete server [%s]:%d of %s", o.Dest.Addr, o.Dest.Port, o.Service.ServiceKey)
	}
	return fmt.Sprintf("operation %d", o.Kind)
}

// Plan returns what to do so that every service of want is in the kernel as
// it is in want, given that the kernel has have. A service of have that is
// not wanted is deleted if owned says that it is ours, and otherwise left
// alone; nil owns nothing. Within a service additions and changes come before
// changes to weight 0, and those before deletions; deletions of services come last. What is as wanted is not
// touched, so the plan for equal tables is empty.
func Plan(have, want Table, owned func(ServiceKey) bool) []Op {
	return AppendPlan(nil, have, want, owned)
}

// AppendPlan is Plan for who has a list from before: it is appended to.
func AppendPlan(ops []Op, have, want Table, owned func(ServiceKey) bool) []Op {
	have, want = have.canonical(), want.canonical()
	// Counted first: the list of a big table is many megabytes, and would be
	// twice that while it grows.
	n := 0
	plan(have, want, owned, func(OpKind, *Service, *Destination) { n++ })
	if n == 0 {
		return ops
	}
	ops = slices.Grow(ops, n)
	plan(have, want, owned, func(kind OpKind, s *Service, d *Destination) {
		op := Op{Kind: kind}
		switch kind {
		case DelService, DelDest:
			op.Service.ServiceKey, op.Dest.DestKey = s.ServiceKey, d.DestKey
		default:
			op.Service, op.Dest = *s, *d
		}
		ops = append(ops, op)
	})
	return ops
}

// plan calls do for each operation, in order.
func plan(have, want Table, owned func(ServiceKey) bool, do func(kind OpKind, s *Service, d *Destination)) {
	var none Destination
	i := 0
	for k := range want {
		w := &want[k]
		for i < len(have) && have[i].Compare(w.ServiceKey) < 0 {
			i++
		}
		var old []Destination
		if i == len(have) || have[i].ServiceKey != w.ServiceKey {
			do(AddService, &w.Service, &none)
		} else {
			if have[i].Service != w.Service {
				do(EditService, &w.Service, &none)
			}
			old = have[i].Dests
			i++
		}
		planDests(&w.Service, old, w.Dests, do)
	}
	if owned == nil {
		return
	}
	k := 0
	for i := range have {
		for k < len(want) && want[k].Compare(have[i].ServiceKey) < 0 {
			k++
		}
		if (k == len(want) || want[k].ServiceKey != have[i].ServiceKey) && owned(have[i].ServiceKey) {
			do(DelService, &have[i].Service, &none) // the kernel drops its destinations with it
		}
	}
}

// planDests walks two sorted lists. What takes connections comes first, then
// what no longer does, then what is gone, so that at no moment all that take
// connections are gone.
func planDests(s *Service, have, want []Destination, do func(kind OpKind, s *Service, d *Destination)) {
	kept, quiesced := 0, 0
	merge(have, want, func(old, w *Destination) {
		switch {
		case old == nil:
			do(AddDest, s, w)
		case w == nil:
		default:
			kept++
			switch {
			case *old == *w:
			case w.Weight == 0:
				quiesced++
			default:
				do(EditDest, s, w)
			}
		}
	})
	if quiesced > 0 {
		merge(have, want, func(old, w *Destination) {
			if old != nil && w != nil && w.Weight == 0 && *old != *w {
				do(EditDest, s, w)
			}
		})
	}
	if kept < len(have) {
		merge(have, want, func(old, w *Destination) {
			if w == nil {
				do(DelDest, s, old)
			}
		})
	}
}

// merge walks two sorted lists and calls do for each destination that is in
// one of them or in both.
func merge(have, want []Destination, do func(old, w *Destination)) {
	for i, k := 0, 0; i < len(have) || k < len(want); {
		switch {
		case k == len(want) || i < len(have) && have[i].DestKey.Compare(want[k].DestKey) < 0:
			do(&have[i], nil)
			i++
		case i == len(have) || have[i].DestKey != want[k].DestKey:
			do(nil, &want[k])
			k++
		default:
			do(&have[i], &want[k])
			i, k = i+1, k+1
		}
	}
}

// Foreign names the services of have that are neither wanted nor ours, in
// canonical order. Plan leaves them alone.
func Foreign(have, want Table, owned func(ServiceKey) bool) []ServiceKey {
	have, want = have.canonical(), want.canonical()
	var keys []ServiceKey
	for _, e := range have {
		if _, ok := want.Find(e.ServiceKey); ok || owned != nil && owned(e.ServiceKey) {
			continue
		}
		keys = append(keys, e.ServiceKey)
	}
	return keys
}
