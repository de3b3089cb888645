package ipvs

import "hash/maphash"

// Places finds where services stand in a list that somebody else holds, in which
// each is once. It takes a tenth of the memory of a map with their keys, which at a
// start with thousands of them costs more time than looking them up. The zero value
// is that of an empty list. It belongs to one goroutine.
type Places struct {
	slots []int32 // by hash: place + 1, or 0; as many as a power of two, or none
	count int     // of places; less than two thirds of slots
}

// NewPlaces is that of an empty list that is to have about so many services.
func NewPlaces(many int) Places {
	if many <= 0 {
		return Places{}
	}
	size := 2
	for 2*size <= 3*many {
		size *= 2
	}
	return Places{slots: make([]int32, size)}
}

// Find returns the place of a service in the list, from 0; false: it is not there.
// at says which service stands in a place.
func (p *Places) Find(k ServiceKey, at func(place int) *ServiceKey) (int, bool) {
	if p.count == 0 {
		return 0, false
	}
	for i := p.slot(&k); p.slots[i] != 0; i = p.after(i) {
		if place := int(p.slots[i] - 1); *at(place) == k {
			return place, true
		}
	}
	return 0, false
}

// Add notes a service that is not there yet in the place after the last one. at says
// which ones stand in those before it.
func (p *Places) Add(k ServiceKey, at func(place int) *ServiceKey) {
	if 2*len(p.slots) <= 3*(p.count+1) {
		old := p.count
		*p = NewPlaces(2 * (old + 1))
		for place := range old {
			p.put(at(place))
		}
	}
	p.put(&k)
}

func (p *Places) put(k *ServiceKey) {
	i := p.slot(k)
	for p.slots[i] != 0 {
		i = p.after(i)
	}
	p.count++
	p.slots[i] = int32(p.count)
}

func (p *Places) after(slot int) int { return (slot + 1) & (len(p.slots) - 1) }

var placesSeed = maphash.MakeSeed()

// slot is where the search for a service begins. The parts of its key that hash
// without a pointer are enough: with one in it maphash would take memory for each.
func (p *Places) slot(k *ServiceKey) int {
	h := maphash.Comparable(placesSeed, struct {
		family   Family
		protocol Protocol
		port     uint16
		mark     uint32
		ordinal  int32
		addr     [16]byte
		group    string
	}{k.Family, k.Protocol, k.Port, k.FWMark, k.Ordinal, k.Addr.As16(), k.Group})
	return int(h & uint64(len(p.slots)-1))
}
