package ipvs

import "fmt"

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
	have, want = have.canonical(), want.canonical()
	var ops, last []Op
	i := 0
	for _, w := range want {
		for ; i < len(have) && have[i].Compare(w.ServiceKey) < 0; i++ {
			last = planGone(last, have[i], owned)
		}
		var old []Destination
		switch {
		case i == len(have) || have[i].ServiceKey != w.ServiceKey:
			ops = append(ops, Op{Kind: AddService, Service: w.Service})
		default:
			if have[i].Service != w.Service {
				ops = append(ops, Op{Kind: EditService, Service: w.Service})
			}
			old = have[i].Dests
			i++
		}
		ops = planDests(ops, w.Service, old, w.Dests)
	}
	for ; i < len(have); i++ {
		last = planGone(last, have[i], owned)
	}
	return append(ops, last...)
}

func planGone(ops []Op, e Entry, owned func(ServiceKey) bool) []Op {
	if owned == nil || !owned(e.ServiceKey) {
		return ops
	}
	// The kernel drops the destinations of a service with it.
	return append(ops, Op{Kind: DelService, Service: Service{ServiceKey: e.ServiceKey}})
}

// planDests walks two sorted lists. What takes connections comes first, so that
// at no moment all that do are gone.
func planDests(ops []Op, s Service, have, want []Destination) []Op {
	i := 0
	var quiesced []Op
	var gone []Destination
	for _, w := range want {
		for ; i < len(have) && have[i].DestKey.Compare(w.DestKey) < 0; i++ {
			gone = append(gone, have[i])
		}
		if i == len(have) || have[i].DestKey != w.DestKey {
			ops = append(ops, Op{Kind: AddDest, Service: s, Dest: w})
			continue
		}
		switch op := (Op{Kind: EditDest, Service: s, Dest: w}); {
		case have[i] == w:
		case w.Weight == 0:
			quiesced = append(quiesced, op)
		default:
			ops = append(ops, op)
		}
		i++
	}
	ops = append(ops, quiesced...)
	gone = append(gone, have[i:]...)
	for _, d := range gone {
		ops = append(ops, Op{Kind: DelDest, Service: Service{ServiceKey: s.ServiceKey}, Dest: Destination{DestKey: d.DestKey}})
	}
	return ops
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
