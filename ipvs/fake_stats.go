package ipvs

// Stats returns the table with the connections of SetConnections.
func (f *Fake) Stats() ([]ServiceStats, error) {
	unlock, err := f.call()
	if err != nil {
		return nil, err
	}
	defer unlock()
	t := f.table.Clone()
	t.Sort()
	all := make([]ServiceStats, 0, len(t))
	for _, e := range t {
		all = append(all, ServiceStats{Service: e.Service, Dests: f.dests(e)})
	}
	return all, nil
}

// Dests returns the destinations of a service with the connections of
// SetConnections.
func (f *Fake) Dests(k ServiceKey) ([]DestStats, error) {
	unlock, err := f.call()
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, e := range f.table {
		if e.ServiceKey == k {
			return f.dests(e), nil
		}
	}
	return nil, nil
}

func (f *Fake) dests(e Entry) []DestStats {
	var list []DestStats
	for _, d := range e.Dests {
		st := f.stats[e.ServiceKey][d.DestKey]
		st.Destination = d
		list = append(list, st)
	}
	return list
}
