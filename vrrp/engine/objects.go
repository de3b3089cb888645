package engine

import (
	"errors"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
	"holdfast/vrrp/route"
)

// ObjectStatus is one route or rule.
type ObjectStatus struct {
	Kind   link.ObjectKind
	Text   string
	Wanted bool
}

func (c *Router) hasObjects() bool { return len(c.Routes) > 0 || len(c.Rules) > 0 }

// kernel is all that the router wants in the kernel now.
func (r *router) kernel() link.Wanted { return link.Wanted{Addresses: r.addrs, Objects: r.objs} }

// wantedOf is all that a master would want.
func (e *Engine) wantedOf(r *router) link.Wanted {
	return link.Wanted{Addresses: e.addresses(r), Objects: e.objects(r)}
}

// objects encodes the routes and rules of a router. Those over an interface
// that does not exist are left out until it appears.
func (e *Engine) objects(r *router) []link.Object {
	if !r.cfg.hasObjects() {
		return nil
	}
	out, _ := e.objectsOf(r.cfg.Routes, r.cfg.Rules)
	return out
}

// objectsOf encodes routes and then rules; whole says that none was left out.
func (e *Engine) objectsOf(routes []route.Route, rules []route.Rule) (out []link.Object, whole bool) {
	whole = true
	out = make([]link.Object, 0, len(routes)+len(rules))
	for i := range routes {
		r := &routes[i]
		body, err := r.Body(e.ifindex, e.vrfTable)
		if err != nil {
			whole = false
			var missing *route.MissingError
			if !errors.As(err, &missing) {
				e.log.Error("route cannot be set", "error", err)
			}
			continue
		}
		out = append(out, link.Object{Kind: link.ObjectRoute, Flags: r.Mode.Flags(), Body: link.Raw(body), Text: r.Text, NoTrack: r.NoTrack})
	}
	for i := range rules {
		r := &rules[i]
		body, err := r.Body()
		if err != nil {
			whole = false
			e.log.Error("rule cannot be set", "error", err)
			continue
		}
		out = append(out, link.Object{Kind: link.ObjectRule, Flags: route.RuleFlags, Body: link.Raw(body), Text: r.Text, NoTrack: r.NoTrack})
	}
	return out, whole
}

// ifindex is the number of an interface, 0 when it does not exist.
func (e *Engine) ifindex(name string) int {
	if i := e.ifaces[name]; i != nil {
		return i.Index
	}
	return 0
}

// vrfTable is the table of a VRF, 0 when there is no such interface.
func (e *Engine) vrfTable(name string) uint32 {
	if i := e.ifaces[name]; i != nil {
		return i.VRFTable
	}
	return 0
}

// objectLost takes the news that a route or a rule of an owner was removed.
func (e *Engine) objectLost(now time.Time, owner int) {
	if owner < 0 {
		e.staticLost(now, owner)
		return
	}
	r := e.router(vrrp.ID(owner))
	if r == nil || !r.wanted {
		return
	}
	e.log.Warn("a virtual route or rule was removed by someone else", r.attrs()...)
	e.step(now, r, &vrrp.Event{Kind: vrrp.EventAddressLost})
	e.dispatch(now)
}

// objectInDoubt asks again for what an owner wants.
func (e *Engine) objectInDoubt(owner int) {
	if owner < 0 {
		for _, s := range e.statics {
			if s.owner == owner && !s.want.Empty() {
				e.setStatic(s)
			}
		}
		return
	}
	if r := e.router(vrrp.ID(owner)); r != nil && r.wanted && r.gate.IsZero() {
		e.set(r)
	}
}

// objectStatus lists routes and rules; one whose text is among wanted is wanted.
func objectStatus(routes []route.Route, rules []route.Rule, wanted []link.Object) []ObjectStatus {
	out := make([]ObjectStatus, 0, len(routes)+len(rules))
	add := func(k link.ObjectKind, text string) {
		s := ObjectStatus{Kind: k, Text: text}
		for i := range wanted {
			s.Wanted = s.Wanted || wanted[i].Kind == k && wanted[i].Text == text
		}
		out = append(out, s)
	}
	for i := range routes {
		add(link.ObjectRoute, routes[i].Text)
	}
	for i := range rules {
		add(link.ObjectRule, rules[i].Text)
	}
	return out
}
