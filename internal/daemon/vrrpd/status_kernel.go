package vrrpd

import (
	"holdfast/internal/daemon/control"
	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
)

// objects sorts routes and rules apart.
func objects(list []engine.ObjectStatus) (routes, rules []control.Object) {
	for _, o := range list {
		c := control.Object{Text: o.Text, Wanted: o.Wanted}
		if o.Kind == link.ObjectRule {
			rules = append(rules, c)
		} else {
			routes = append(routes, c)
		}
	}
	return routes, rules
}

func staticOf(s *engine.StaticStatus) control.Static {
	out := control.Static{TrackGroup: s.Name, State: upDown(s.Up, !s.Known), Error: s.Error}
	out.Routes, out.Rules = objects(s.Objects)
	for _, v := range s.VIPs {
		out.Addresses = append(out.Addresses, control.VIP{Address: v.Prefix, Present: v.Applied, Wanted: v.Wanted})
	}
	return out
}
