package lvs

import (
	"slices"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// A virtual_server of a virtual_server_group is one virtual server to the
// pool, with one set of servers and checks, and many services to the kernel.
// Several virtual servers may stand for one service of the kernel: a mark in a
// group that one virtual_server uses for TCP and another one for UDP, say. The
// service is then as the first of them has it, with the servers of all.

// standsFor notes the services of the kernel behind a virtual server.
func (s *services) standsFor(name ipvs.ServiceKey, keys []ipvs.ServiceKey) {
	for _, k := range keys {
		behind := s.behind(k)
		if slices.Contains(behind, name) { // an address may stand twice in a group
			continue
		}
		s.kernel[k] = append(behind, name)
		s.members[name] = append(s.members[name], k)
	}
}

// behind are the virtual servers that stand for a service of the kernel, the first
// one first; nil: it is not ours. There may be thousands of services: lists of one are
// a part of order.
func (s *services) behind(k ipvs.ServiceKey) []ipvs.ServiceKey {
	if list := s.kernel[k]; list != nil {
		return list
	}
	return s.itself(k)
}

// of are the services of the kernel that a virtual server stands for.
func (s *services) of(name ipvs.ServiceKey) []ipvs.ServiceKey {
	if name.Group != "" {
		return s.members[name]
	}
	return s.itself(name)
}

func (s *services) itself(k ipvs.ServiceKey) []ipvs.ServiceKey {
	if i, ok := s.places.Find(k, s.key); ok && k.Group == "" {
		return s.order[i : i+1 : i+1]
	}
	return nil
}

// list makes the list of all services of the kernel.
func (s *services) list() {
	grouped := func(k ipvs.ServiceKey) bool { return k.Group != "" }
	if len(s.kernel) == 0 && !slices.ContainsFunc(s.order, grouped) && slices.IsSortedFunc(s.order, ipvs.ServiceKey.Compare) {
		s.keys = s.order
		return
	}
	s.keys = slices.DeleteFunc(slices.Clone(s.order), grouped)
	for k := range s.kernel {
		if _, listed := s.places.Find(k, s.key); !listed {
			s.keys = append(s.keys, k)
		}
	}
	slices.SortFunc(s.keys, ipvs.ServiceKey.Compare)
}

// groupMembers are the services of a virtual server with a group.
func groupMembers(v *config.VirtualServer, g *config.VirtualServerGroup) []ipvs.ServiceKey {
	if g == nil {
		return nil
	}
	var keys []ipvs.ServiceKey
	for _, e := range g.Entries {
		if e.FWMark != 0 {
			f := e.Family
			if f == 0 {
				f = v.Family
			}
			keys = append(keys, ipvs.MarkKey(family(f), e.FWMark))
			continue
		}
		for a := range e.Addrs {
			keys = append(keys, ipvs.AddrKey(ipvs.Protocol(v.Protocol), a, e.Port))
		}
	}
	return keys
}

// entry is what the pool wants of one service of the kernel.
func (l *LVS) entry(k ipvs.ServiceKey) (ipvs.Entry, bool) {
	var e ipvs.Entry
	found := false
	for _, name := range l.services.behind(k) {
		one, ok := l.pool.Entry(name)
		if !ok {
			continue
		}
		if name.Group != "" {
			one = asMember(one, k, l.services.virtual(name))
		}
		if !found {
			e, found = one, true
			continue
		}
		e.Dests = append(e.Dests, one.Dests...) // sorted with the table, without doubles
	}
	return e, found
}

// asMember is the entry of a virtual server for one service of its group.
// Packets keep their port unless they are translated, so that a server then
// has the service's, and none with a mark.
func asMember(e ipvs.Entry, k ipvs.ServiceKey, v *config.VirtualServer) ipvs.Entry {
	e.ServiceKey, e.Netmask = k, mask(v, k.Family)
	e.Dests = slices.Clone(e.Dests)
	for i := range e.Dests {
		e.Dests[i].Port = memberPort(e.Dests[i], k)
	}
	return e
}

// memberPort is the port of a server in one service of its group.
func memberPort(d ipvs.Destination, k ipvs.ServiceKey) uint16 {
	if d.Method != ipvs.Masquerade {
		return k.Port
	}
	return d.Port
}
