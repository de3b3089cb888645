package lvs

import (
	"slices"

	"holdfast/ipvs"
)

// own are services that are ours, in canonical order: a map of thousands takes
// several times the memory. A list that was there once is never changed, so that
// others may keep it.
type own []ipvs.ServiceKey

func ownOf(list []ipvs.ServiceKey) own {
	o := slices.Clone(list)
	slices.SortFunc(o, ipvs.ServiceKey.Compare)
	return slices.Compact(o)
}

func (o own) has(k ipvs.ServiceKey) bool {
	_, ok := slices.BinarySearchFunc(o, k, ipvs.ServiceKey.Compare)
	return ok
}

// and is o with all services of a table; it is o where that has them already.
func (o own) and(t ipvs.Table) own {
	var all own
	for i := range t {
		if k := t[i].ServiceKey; !o.has(k) {
			if all == nil {
				all = append(make(own, 0, len(o)+len(t)-i), o...)
			}
			all = append(all, k)
		}
	}
	if all == nil {
		return o
	}
	slices.SortFunc(all, ipvs.ServiceKey.Compare)
	return slices.Compact(all)
}

// still is o without those that are gone; it is o where none is.
func (o own) still(there func(ipvs.ServiceKey) bool) own {
	gone := func(k ipvs.ServiceKey) bool { return !there(k) }
	if !slices.ContainsFunc(o, gone) {
		return o
	}
	return slices.DeleteFunc(slices.Clone(o), gone)
}
