package engine

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"holdfast/vrrp"
)

// reload takes over cfg: what is in both stays as it is and is changed in
// place, what is gone is released, what is new starts as backup.
func (e *Engine) reload(now time.Time, cfg Config) error {
	if err := cfg.check(); err != nil {
		return fmt.Errorf("engine: reload: %w", err)
	}
	old := map[identity]*router{}
	for _, r := range e.routers {
		if r != nil {
			old[r.cfg.identity()] = r
		}
	}
	kept := map[*router]*Router{}
	var fresh []*Router
	for i := range cfg.Routers {
		c := &cfg.Routers[i]
		if r := old[c.identity()]; r != nil {
			kept[r] = c
		} else {
			fresh = append(fresh, c)
		}
	}
	e.dispatch(now) // what came before, in the old order of things

	for _, r := range slices.Clone(e.routers) {
		if r != nil && kept[r] == nil {
			e.remove(now, r)
		}
	}
	clear(e.byName)
	for _, r := range e.routers {
		if r != nil {
			e.byName[kept[r].Name] = r
		}
	}
	for _, c := range fresh {
		e.add(c)
	}
	before := e.groupConfigs()
	e.setGroups(cfg.Groups)
	e.pacing, e.logUnknown, e.ownThread = cfg.Pacing, cfg.LogUnknown, cfg.OwnThread
	e.spaceOut()
	for _, r := range e.routers {
		if c := kept[r]; r != nil && c != nil {
			e.update(now, r, c)
		}
	}
	if groups := e.groupConfigs(); !reflect.DeepEqual(groups, before) || len(fresh) > 0 {
		e.acts = e.dir.SetGroups(now, groups, e.acts)
	}
	tracked := map[string]bool{}
	for _, r := range e.routers {
		if r == nil {
			continue
		}
		if r.started {
			e.feed(now, r)
		}
		for _, k := range e.tracking(r) {
			tracked[k] = true
		}
	}
	// What is static is followed whoever tracks it, and told anew to nobody.
	maps.DeleteFunc(e.results, func(k string, _ result) bool { return !tracked[k] && !strings.HasPrefix(k, staticTrack) })
	e.dispatch(now)
	e.tune()
	e.askDevices()
	e.configureStatics(cfg.Static)
	e.promote()
	e.placeStatics(now, false)
	e.segments = nil // other VRIDs and addresses may be ours
	e.reopen(now)
	for _, c := range fresh {
		if r := e.byName[c.Name]; r.ifindex == 0 {
			e.log.Warn("the interface does not exist, waiting for it", r.attrs()...)
		}
	}
	return nil
}

// remove releases a router that is no longer configured.
func (e *Engine) remove(now time.Time, r *router) {
	e.abandon(r)
	e.turn++ // its last word is no repetition
	was := r.core.Status()
	from := was.Told
	e.acts = e.dir.Remove(now, r.id, e.acts)
	// The change is told below, as a deletion.
	e.acts = slices.DeleteFunc(e.acts, func(a vrrp.Action) bool {
		return a.ID == r.id && a.Kind == vrrp.ActionChanged
	})
	e.dispatch(now)
	e.shutGate(r)
	e.routers[r.id] = nil
	e.log.Info("removed", append(r.attrs(), "from", from.String())...)
	e.tell(Change{Time: now, Name: r.cfg.Name, From: from, To: vrrp.Init, Reason: vrrp.ReasonShutdown, Priority: was.EffectivePriority, Deleted: true})
}

// update changes a router in place.
func (e *Engine) update(now time.Time, r *router, c *Router) {
	if reflect.DeepEqual(r.cfg, *c) {
		return
	}
	vips := !slices.Equal(r.cfg.VIPs, c.VIPs) || !reflect.DeepEqual(r.cfg.Routes, c.Routes) || !reflect.DeepEqual(r.cfg.Rules, c.Rules)
	core := !reflect.DeepEqual(r.cfg.coreConfig(), c.coreConfig())
	renamed := r.cfg.Name != c.Name
	r.configure(c)
	if renamed && e.deps.Sent != nil { // the next advert may be far away
		e.deps.Sent(r.cfg.Name, r.noted)
	}
	n := len(e.acts)
	if core {
		e.acts = e.dir.Update(now, r.id, c.coreConfig(), e.acts)
	}
	asked := slices.ContainsFunc(e.acts[n:], func(a vrrp.Action) bool {
		return a.ID == r.id && a.Kind == vrrp.ActionAddresses
	})
	if vips && r.wanted && !asked { // what the core does not see
		e.acts = e.dir.Reapply(r.id, e.acts)
	}
}
