package ipvs

// virtuals are the virtual servers of a pool.
type virtuals struct {
	list   []*virtual // as configured
	places Places     // in list
}

func newVirtuals(many int) virtuals {
	return virtuals{make([]*virtual, 0, many), NewPlaces(many)}
}

// get is the one with a key; nil: there is none.
func (v *virtuals) get(k ServiceKey) *virtual {
	if i, ok := v.places.Find(k, v.key); ok {
		return v.list[i]
	}
	return nil
}

// add appends one that is not there.
func (v *virtuals) add(s *virtual) {
	v.places.Add(s.ServiceKey, v.key)
	v.list = append(v.list, s)
}

func (v *virtuals) key(place int) *ServiceKey { return &v.list[place].ServiceKey }
