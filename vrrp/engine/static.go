package engine

import (
	"slices"
	"time"

	"holdfast/vrrp/link"
	"holdfast/vrrp/route"
)

// Static is what is in the kernel as long as the engine runs, whoever is master
// (static_ipaddress, static_routes and static_rules). Routers that depend on it
// have a track "static NAME" (track_group).
type Static struct {
	Name      string // track_group; empty: none
	Interface string // of addresses that name none
	VIPs      []VIP
	Routes    []route.Route
	Rules     []route.Rule
}

// StaticStatus is the state of one Static.
type StaticStatus struct {
	Name    string
	VIPs    []VIPStatus
	Objects []ObjectStatus
	Wanted  link.Wanted
	Known   bool // the applier has answered
	Up      bool // all of it is there, as far as it told
	Error   string
}

// staticTrack is the prefix of the keys of tracks that statics feed.
const staticTrack = "static "

const (
	// staticLimit is how often within staticWindow what a stranger removed is
	// put back at once; then it waits for the end of the window.
	staticLimit  = 10
	staticWindow = 10 * time.Second
)

// static is a Static in its place.
type static struct {
	cfg       Static
	owner     int // below 0
	want      link.Wanted
	whole     bool // nothing was left out of want
	set, done uint64
	known, up bool
	err       error
	lost      int // in this window
	window    time.Time
	retryAt   time.Time // to be put back; zero: no
}

// configureStatics takes over the configuration; placeStatics carries it out.
func (e *Engine) configureStatics(list []Static) {
	old := map[string]*static{}
	for _, s := range e.statics {
		old[s.cfg.Name] = s
		s.cfg.VIPs, s.cfg.Routes, s.cfg.Rules = nil, nil, nil
	}
	for i := range list {
		s := old[list[i].Name]
		if s == nil {
			s = &static{owner: -1 - len(e.statics)}
			e.statics = append(e.statics, s)
		}
		s.cfg = list[i]
	}
}

// placeStatics asks for what is wanted where that has changed, and with again
// for all of it.
func (e *Engine) placeStatics(now time.Time, again bool) {
	for _, s := range e.statics {
		old := s.want
		s.want.Addresses = e.addressesOf(s.cfg.VIPs, e.ifaces[s.cfg.Interface])
		s.want.Objects, s.whole = e.objectsOf(s.cfg.Routes, s.cfg.Rules)
		s.whole = s.whole && len(s.want.Addresses) == len(s.cfg.VIPs)
		same := slices.Equal(old.Addresses, s.want.Addresses) && slices.Equal(old.Objects, s.want.Objects)
		if same && (!again || s.want.Empty()) {
			continue
		}
		if !same {
			e.tell(Change{Time: now, Static: true, Name: s.cfg.Name, Wanted: s.want})
		}
		e.setStatic(s)
	}
}

func (e *Engine) setStatic(s *static) {
	e.gen++
	s.set, s.retryAt = e.gen, time.Time{}
	e.deps.Applier.Set(s.owner, s.set, s.want)
}

// staticsWanted is all that is wanted of them.
func (e *Engine) staticsWanted() link.Wanted {
	var w link.Wanted
	for _, s := range e.statics {
		w.Addresses = append(w.Addresses, e.addressesOf(s.cfg.VIPs, e.ifaces[s.cfg.Interface])...)
		objs, _ := e.objectsOf(s.cfg.Routes, s.cfg.Rules)
		w.Objects = append(w.Objects, objs...)
	}
	return w
}

// appliedStatic takes the answer of the applier.
func (e *Engine) appliedStatic(now time.Time, a *link.Applied) {
	i := slices.IndexFunc(e.statics, func(s *static) bool { return s.owner == a.Owner })
	if i < 0 || e.statics[i].set != a.Gen {
		return
	}
	s := e.statics[i]
	s.done = a.Gen
	if a.Err != nil && (s.err == nil || s.err.Error() != a.Err.Error()) {
		e.log.Error("setting static addresses, routes or rules failed", "track_group", s.cfg.Name, "error", a.Err)
	}
	s.err = a.Err
	s.known, s.up = true, a.Err == nil && s.whole
	if s.cfg.Name == "" || e.stopping {
		return
	}
	key := staticTrack + s.cfg.Name
	e.results[key] = result{up: s.up}
	e.trackAll(now, key, e.results[key])
	e.dispatch(now)
}

// lostStatics puts back addresses that somebody removed.
func (e *Engine) lostStatics(now time.Time, list []link.LostAddress) {
	for _, s := range e.statics {
		if s.set == s.done && slices.ContainsFunc(list, func(l link.LostAddress) bool {
			return slices.ContainsFunc(s.want.Addresses, func(a link.Address) bool { return a.Ifindex == l.Ifindex && a.Prefix == l.Prefix })
		}) {
			e.staticLost(now, s.owner)
		}
	}
}

// staticLost puts back what somebody removed: at once, unless that happens
// again and again.
func (e *Engine) staticLost(now time.Time, owner int) {
	i := slices.IndexFunc(e.statics, func(s *static) bool { return s.owner == owner })
	if i < 0 || e.statics[i].want.Empty() {
		return
	}
	s := e.statics[i]
	if now.Sub(s.window) >= staticWindow {
		s.window, s.lost = now, 0
	}
	if s.lost++; s.lost > staticLimit {
		s.retryAt = s.window.Add(staticWindow)
		return
	}
	e.log.Warn("a static address, route or rule was removed by someone else: it is put back", "track_group", s.cfg.Name)
	e.setStatic(s)
}

func (e *Engine) dueStatics(now time.Time) {
	for _, s := range e.statics {
		if !s.retryAt.IsZero() && !s.retryAt.After(now) {
			e.setStatic(s)
		}
	}
}

// removeStatics removes all of them.
func (e *Engine) removeStatics() {
	for _, s := range e.statics {
		s.retryAt = time.Time{}
		if !s.want.Empty() {
			s.want = link.Wanted{}
			e.tell(Change{Time: e.wire.Now(), Static: true, Name: s.cfg.Name})
			e.setStatic(s)
		}
	}
}

func (e *Engine) staticStatus() []StaticStatus {
	var out []StaticStatus
	for _, s := range e.statics {
		st := StaticStatus{
			Name: s.cfg.Name, Wanted: s.want, Known: s.known, Up: s.up,
			Objects: objectStatus(s.cfg.Routes, s.cfg.Rules, s.want.Objects),
		}
		if s.err != nil {
			st.Error = s.err.Error()
		}
		for _, v := range s.cfg.VIPs {
			st.VIPs = append(st.VIPs, VIPStatus{Prefix: v.Prefix, Wanted: true, Applied: s.up})
		}
		out = append(out, st)
	}
	return out
}
