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
	up := map[ipvs.ServiceKey]*ipvs.Past{}
	past := l.past()
	if known := past; known != nil {
		past = func(v *ipvs.VirtualServer) *ipvs.Past {
			p := known(v)
			if p != nil {
				up[v.ServiceKey] = p
			}
			return p
		}
	}
	var list []ipvs.Event
	l.pool, list = ipvs.ResumePool(len(l.services.order), l.services.forPool(nil, now, nil, nil), past)
	list = append(list, l.restore(l.deps.Settings, now)...)
	l.first = list
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
// a predecessor installed. It is nil where there was none.
func (l *LVS) past() func(*ipvs.VirtualServer) *ipvs.Past {
	if len(l.deps.Owned.Services) == 0 || l.table.kernel == nil {
		return nil
	}
	have, err := l.table.kernel.Table()
	if err != nil {
		l.log.Warn("what the predecessor left is not known", "err", err)
		return nil
	}
	left := make(map[ipvs.ServiceKey][]ipvs.Destination, len(have))
	for _, e := range have {
		if l.own.has(e.ServiceKey) {
			left[e.ServiceKey] = e.Dests
		}
	}
	ordered := map[subject]ipvs.Order{}
	for _, s := range l.deps.Settings {
		ordered[s.subject()] = s.Order
	}
	at := time.Now()
	dynamic, seen := map[checkRef]bool{}, 0
	return func(v *ipvs.VirtualServer) *ipvs.Past {
		for _, it := range l.services.items[seen:] { // those of v
			if it.Config.Dynamic {
				dynamic[l.services.refs[it.Key]] = true
			}
		}
		seen = len(l.services.items)
		var of ipvs.ServiceKey
		there := false
		for _, k := range l.services.of(v.ServiceKey) {
			if have, ok := left[k]; ok && (!there || len(have) > 0) {
				of, there = k, true
				if len(have) > 0 {
					break
				}
			}
		}
		if !there {
			return nil
		}
		past := pastOf(v, of, left[of], ordered, dynamic)
		if past != nil {
			past.At = at
		}
		return past
	}
}

// pastOf reads the past of a virtual server from what one of its services of
// the kernel has. One without servers had none that was up, or was just being
// made: that is the same here, for it lasts a moment only, and each server comes
// with its first check that succeeds. Nothing is known when the service has
// others than its servers, nor of a server that an order keeps out.
func pastOf(v *ipvs.VirtualServer, k ipvs.ServiceKey, have []ipvs.Destination, ordered map[subject]ipvs.Order, dynamic map[checkRef]bool) *ipvs.Past {
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
	any := len(have) == 0 && len(v.Servers) > 0
	if v.Sorry != nil {
		if slices.ContainsFunc(v.Servers, func(r ipvs.RealServer) bool { return r.DestKey == v.Sorry.DestKey }) {
			return nil // which of the two is there cannot be told
		}
		d, found := find(v.Sorry.Destination)
		past.Sorry = found && d.Weight > 0
		any = any || past.Sorry
	}
	for i := range v.Servers {
		r := &v.Servers[i]
		d, found := find(r.Destination)
		any = any || found
		orders := [...]ipvs.Order{r.Order, ordered[subject{v.ServiceKey, ipvs.DestKey{}}], ordered[subject{v.ServiceKey, r.DestKey}]}
		weighed, asked := false, r.Weight
		for _, o := range orders {
			if o.Action == ipvs.Weigh {
				weighed, asked = true, o.Weight
			}
		}
		if len(r.Checks) == 0 ||
			slices.ContainsFunc(orders[:], func(o ipvs.Order) bool { return o.Action == ipvs.Drain || o.Action == ipvs.Disable }) ||
			weighed && asked == 0 && found && r.Inhibit { // it may be dead, too
			continue
		}
		w := ipvs.PastServer{Up: found && (d.Weight > 0 || !r.Inhibit || asked == 0)}
		if w.Up && !weighed && d.Weight != r.Weight {
			w.Weight = int(d.Weight)
			for _, c := range r.Checks {
				if dynamic[checkRef{v.ServiceKey, r.DestKey, c.ID}] {
					w.Check = c.ID
					break
				}
			}
		}
		past.Servers[r.DestKey] = w
	}
	if !any {
		return nil
	}
	return past
}
