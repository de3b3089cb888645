package engine

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// Adverts of a router with Paths go out on its interface and on each path, and
// those that come in on any of them count. Path 0 is its interface, path n the
// interface Paths[n-1].
//
// Equal priorities are decided by addresses, which differ from path to path,
// perhaps in their order as well. The first path on which anything was heard
// within the dead time therefore decides, for both sides the same one unless
// a path is cut in one direction; ties on later paths mean nothing. With
// different priorities it never comes to that.

// path is one further way of a router's adverts.
type path struct {
	name string
	port link.Port
	has  bool // port is known
	open bool
	up   bool
	err  error
	src  netip.Addr

	failed   error // of the last send
	loggedAt time.Time
}

// hearing is what came in on one path.
type hearing struct {
	last   time.Time // advert that was accepted
	since  time.Time // the path can be judged since then
	silent bool      // and that was told
}

// PathStatus is one path of a router that has several.
type PathStatus struct {
	Interface string
	Source    netip.Addr
	Up        bool      // there, up and listening
	Error     string    // why not, or why the last advert did not leave
	LastHeard time.Time // zero: never
	Silent    bool      // nothing came while another path brought adverts
}

// placePaths finds the interfaces of the paths.
func (e *Engine) placePaths(r *router) {
	if len(r.paths) != len(r.cfg.Paths) || !slices.EqualFunc(r.paths, r.cfg.Paths, func(p path, n string) bool { return p.name == n }) {
		r.paths = make([]path, len(r.cfg.Paths))
		r.hearings = make([]hearing, len(r.cfg.Paths)+1)
		r.pathsTold = false
		for k, n := range r.cfg.Paths {
			r.paths[k].name = n
		}
	}
	for k := range r.paths {
		p := &r.paths[k]
		i := e.ifaces[p.name]
		p.has = i != nil
		if i != nil {
			p.port = link.Port{Ifindex: i.Index, Group: r.cfg.Group, AH: r.port.AH}
		}
	}
}

// ports calls f with every port of a router besides its own.
func (r *router) ports(f func(link.Port)) {
	for k := range r.paths {
		if r.paths[k].has {
			f(r.paths[k].port)
		}
	}
	if r.hasPort && r.port.AH {
		// Whoever has no authentication there comes in here: to be told of.
		p := r.port
		p.AH = false
		f(p)
	}
}

// openPaths takes over what the wire could open, and tells what changed.
func (e *Engine) openPaths(now time.Time, r *router, failed map[link.Port]error) {
	for k := range r.paths {
		p := &r.paths[k]
		was := p.open && p.up && p.src.IsValid()
		i := e.ifaces[p.name]
		p.err = nil
		if p.has {
			p.err = failed[p.port]
		}
		p.open, p.up, p.src = p.has && p.err == nil, i != nil && i.Up, netip.Addr{}
		if p.open {
			p.src, _ = e.wire.SourceOf(p.port)
		}
		is := p.open && p.up && p.src.IsValid()
		switch {
		case is && !was:
			r.hearings[k+1] = hearing{since: now}
			if r.pathsTold {
				e.tellPath(now, r, k+1, vrrp.ReasonPathBack, "an advert path is up")
			}
		case !is && (was || !r.pathsTold):
			e.tellPath(now, r, k+1, vrrp.ReasonPathLost, "an advert path is down")
		}
	}
	r.pathsTold = true
}

// pathOf is the number of the path that a packet came on.
func (r *router) pathOf(p link.Port) int {
	for k := range r.paths {
		if r.paths[k].has && r.paths[k].port == p {
			return k + 1
		}
	}
	return 0
}

func (r *router) pathName(n int) string {
	if n == 0 {
		return r.cfg.Interface
	}
	return r.paths[n-1].name
}

// onPath takes note of an advert that was accepted on path n. It reports that
// it is a copy of one that came on another path a moment ago. Of two that only
// look alike the second is answered with what the first led to.
func (e *Engine) onPath(now time.Time, r *router, n int, a *vrrp.Advert) (copied bool) {
	h := &r.hearings[n]
	h.last = now
	if h.silent {
		h.silent = false
		e.tellPath(now, r, n, vrrp.ReasonPathBack, "adverts come on this path again")
	}
	if n != r.copyPath && a.Priority == r.copyPriority && now.Sub(r.copyAt) < r.cfg.AdvertInt/2 {
		r.copies++
		return true
	}
	r.copyPath, r.copyPriority, r.copyAt = n, a.Priority, now
	if r.core.State() != vrrp.Backup {
		r.judgeFrom = time.Time{}
		return false
	}
	if r.judgeFrom.IsZero() {
		r.judgeFrom = now
	}
	for k := range r.hearings {
		h := &r.hearings[k]
		from := r.judgeFrom
		for _, t := range [2]time.Time{h.last, h.since} {
			if t.After(from) {
				from = t
			}
		}
		if k != n && !h.silent && r.usable(k) && now.Sub(from) > r.dead {
			h.silent = true
			e.tellPath(now, r, k, vrrp.ReasonPathLost, "no adverts come on this path, but on another")
		}
	}
	return false
}

func (r *router) usable(n int) bool {
	if n == 0 {
		return r.open && r.linkUp
	}
	p := &r.paths[n-1]
	return p.open && p.up && p.src.IsValid()
}

// decides says whether path n decides between equal priorities: whether nothing
// came on those before it within the dead time.
func (r *router) decides(now time.Time, n int) bool {
	for k := range r.hearings[:n] {
		if t := r.hearings[k].last; !t.IsZero() && now.Sub(t) <= r.dead {
			return false
		}
	}
	return true
}

// tellPath logs and tells that a path was lost or came back.
func (e *Engine) tellPath(now time.Time, r *router, n int, why vrrp.Reason, text string) {
	name := r.pathName(n)
	level := e.log.Info
	if why == vrrp.ReasonPathLost {
		level = e.log.Warn
	}
	level(text, append(r.attrs(), "path", name)...)
	s := r.core.State()
	e.tell(Change{Time: now, Event: true, Name: r.cfg.Name, From: s, To: s, Reason: why, Priority: r.core.EffectivePriority(), Path: name, Wanted: r.kernel()})
}

// pathFailed counts an advert that could not be sent on a path.
func (e *Engine) pathFailed(now time.Time, r *router, n int, err error) {
	p := &r.paths[n-1]
	first := p.failed == nil
	p.failed = err
	if first && gone(err) {
		return
	}
	if p.loggedAt.IsZero() || now.Sub(p.loggedAt) >= sendLogTime {
		p.loggedAt = now
		e.log.Warn("sending an advert failed", append(r.attrs(), "path", p.name, "error", err)...)
	}
}

// pathStatus is nil for a router with its interface only.
func (r *router) pathStatus() []PathStatus {
	if len(r.paths) == 0 {
		return nil
	}
	out := []PathStatus{{Interface: r.cfg.Interface, Source: r.src, Up: r.usable(0), LastHeard: r.hearings[0].last, Silent: r.hearings[0].silent}}
	for k := range r.paths {
		p, h := &r.paths[k], &r.hearings[k+1]
		s := PathStatus{Interface: p.name, Source: p.src, Up: r.usable(k + 1), LastHeard: h.last, Silent: h.silent}
		switch {
		case !p.has:
			s.Error = "the interface does not exist"
		case p.err != nil:
			s.Error = p.err.Error()
		case !p.up:
			s.Error = "the interface is down"
		case !p.src.IsValid():
			s.Error = "the interface has no address to send from"
		case p.failed != nil:
			s.Error = p.failed.Error()
		}
		out = append(out, s)
	}
	return out
}
