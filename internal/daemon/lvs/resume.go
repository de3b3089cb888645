package lvs

import (
	"slices"
	"time"

	"holdfast/healthcheck"
	"holdfast/ipvs"
)

// begin makes the pool and returns the checks. After a predecessor that could
// not clean up, the kernel's table says what was in service: that goes on until
// a check says otherwise. Servers that are dead would else get connections until
// their first check has failed, and those with alpha none until theirs has
// succeeded.
func (l *LVS) begin(now time.Time) []healthcheck.Item {
	past := l.past()
	up := map[ipvs.ServiceKey]*ipvs.Past{}
	var list []ipvs.Event
	l.pool, list = ipvs.ResumePool(l.services.pool, func(v *ipvs.VirtualServer) *ipvs.Past {
		p := past(v)
		if p != nil {
			up[v.ServiceKey] = p
		}
		return p
	})
	list = append(list, l.restore(l.deps.Settings, now)...)
	l.first = events(list, l.services, nil)
	items := slices.Clone(l.items())
	for i := range items {
		ref := l.services.refs[items[i].Key]
		if p := up[ref.service]; p != nil {
			items[i].Up = p.Servers[ref.server].Up
		}
	}
	return items
}

// past tells what the kernel's table says of a virtual server: of one that
// a predecessor installed.
func (l *LVS) past() func(*ipvs.VirtualServer) *ipvs.Past {
	nothing := func(*ipvs.VirtualServer) *ipvs.Past { return nil }
	if len(l.deps.Owned.Services) == 0 || l.table.kernel == nil {
		return nothing
	}
	have, err := l.table.kernel.Table()
	if err != nil {
		l.log.Warn("what the predecessor left is not known", "err", err)
		return nothing
	}
	left := make(map[ipvs.ServiceKey][]ipvs.Destination, len(have))
	for _, e := range have {
		if l.own[e.ServiceKey] {
			left[e.ServiceKey] = e.Dests
		}
	}
	ordered := map[subject]bool{}
	for _, s := range l.deps.Settings {
		ordered[s.subject()] = true
	}
	dynamic := map[checkRef]bool{}
	for _, it := range l.services.items {
		if it.Config.Dynamic {
			dynamic[l.services.refs[it.Key]] = true
		}
	}
	return func(v *ipvs.VirtualServer) *ipvs.Past {
		for _, k := range l.services.members[v.ServiceKey] {
			if len(left[k]) > 0 {
				return pastOf(v, k, left[k], ordered, dynamic)
			}
		}
		return nil
	}
}

// pastOf reads the past of a virtual server from what one of its services of
// the kernel has. Nothing is known when that is none of its servers, nor of a
// server whose place in the table an order decides.
func pastOf(v *ipvs.VirtualServer, k ipvs.ServiceKey, have []ipvs.Destination, ordered map[subject]bool, dynamic map[checkRef]bool) *ipvs.Past {
	find := func(d ipvs.Destination) (ipvs.Destination, bool) {
		if v.Group != "" {
			d.Port = memberPort(d, k)
		}
		i := slices.IndexFunc(have, func(o ipvs.Destination) bool { return o.DestKey == d.DestKey })
		if i < 0 {
			return ipvs.Destination{}, false
		}
		return have[i], true
	}
	past := &ipvs.Past{Servers: map[ipvs.DestKey]ipvs.PastServer{}}
	any := false
	if v.Sorry != nil {
		if slices.ContainsFunc(v.Servers, func(r ipvs.RealServer) bool { return r.DestKey == v.Sorry.DestKey }) {
			return nil // which of the two is there cannot be told
		}
		d, found := find(v.Sorry.Destination)
		past.Sorry = found && d.Weight > 0
		any = past.Sorry
	}
	for i := range v.Servers {
		r := &v.Servers[i]
		d, found := find(r.Destination)
		any = any || found
		if len(r.Checks) == 0 || r.Order != (ipvs.Order{}) ||
			ordered[subject{v.ServiceKey, r.DestKey}] || ordered[subject{v.ServiceKey, ipvs.DestKey{}}] {
			continue
		}
		w := ipvs.PastServer{Up: found && (d.Weight > 0 || !r.Inhibit || r.Weight == 0)}
		for _, c := range r.Checks {
			if w.Up && r.SlowStart == 0 && dynamic[checkRef{v.ServiceKey, r.DestKey, c.ID}] && d.Weight != r.Weight {
				w.Check, w.Weight = c.ID, int(d.Weight)
				break
			}
		}
		past.Servers[r.DestKey] = w
	}
	if !any {
		return nil
	}
	return past
}
