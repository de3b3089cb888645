package lvs

import (
	"slices"

	"holdfast/ipvs"
)

// wantedMembers says which services of the kernel are wanted for a virtual
// server. One of a group is wanted where any of its services is.
func (l *LVS) wantedMembers(s *ServiceStatus, k ipvs.ServiceKey) {
	for _, m := range l.services.of(k) {
		_, wanted := l.want(m, l.table.have)
		s.Wanted = s.Wanted || wanted
		if k.Group != "" {
			s.Members = append(s.Members, MemberStatus{Name: m.String(), Wanted: wanted})
		}
	}
}

// merge adds what the kernel says. keys are those that it has for each service
// of st; the figures of a group are the sums of them.
func merge(st *Status, keys [][]ipvs.ServiceKey, all []ipvs.ServiceStats) {
	for i, members := range keys {
		s := &st.Services[i]
		missing := len(members) == 0
		for m, k := range members {
			j, ok := slices.BinarySearchFunc(all, k, func(s ipvs.ServiceStats, k ipvs.ServiceKey) int { return s.Compare(k) })
			if len(s.Members) > 0 {
				s.Members[m].Installed = ok
				missing = missing || s.Members[m].Wanted && !ok
			} else {
				missing = !ok
			}
			if !ok {
				continue
			}
			s.Stats = s.Stats.plus(all[j].Stats)
			if len(s.Members) > 0 {
				s.Members[m].Stats = counters(all[j].Stats)
			}
			for _, d := range all[j].Dests {
				s.server(d, k).add(d)
			}
		}
		s.Installed = !missing && s.Stats != nil
	}
}

// server finds the server that a destination of the kernel is, or makes one of
// the others.
func (s *ServiceStatus) server(d ipvs.DestStats, k ipvs.ServiceKey) *ServerStatus {
	// In a group what is not translated has the port of the service.
	forced := len(s.Members) > 0 && d.Method != ipvs.Masquerade && d.Port == k.Port
	for _, list := range [][]ServerStatus{s.Servers, s.Others} {
		i := slices.IndexFunc(list, func(r ServerStatus) bool {
			return r.Addr == d.Addr && (r.Port == d.Port || forced && r.Method == ipvs.MethodName(d.Method))
		})
		if i >= 0 {
			return &list[i]
		}
	}
	s.Others = append(s.Others, ServerStatus{Addr: d.Addr, Port: d.Port, Checks: []CheckStatus{}, Up: true, State: "up", Weight: d.Weight})
	return &s.Others[len(s.Others)-1]
}

// add adds what the kernel says of a destination.
func (r *ServerStatus) add(d ipvs.DestStats) {
	r.Method, r.Tunnel = ipvs.MethodName(d.Method), d.Encapsulation()
	r.InKernel, r.Kernel = true, d.Weight
	r.Stats = r.Stats.plus(d.Stats)
	r.Active += d.Active
	r.Inactive += d.Inactive
	r.Templates += d.Persistent
}

// plus is the sum of what was counted, c may be nil, and s.
func (c *Counters) plus(s ipvs.Stats) *Counters {
	sum := counters(s)
	if c == nil {
		return sum
	}
	sum.Connections += c.Connections
	sum.InPackets += c.InPackets
	sum.OutPackets += c.OutPackets
	sum.InBytes += c.InBytes
	sum.OutBytes += c.OutBytes
	sum.CPS += c.CPS
	sum.InPPS += c.InPPS
	sum.OutPPS += c.OutPPS
	sum.InBPS += c.InBPS
	sum.OutBPS += c.OutBPS
	return sum
}
