package daemon

import (
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
	"holdfast/vrrp/link"
)

// holdings is what is known of virtual addresses on this machine: what the
// parent has to remove when nobody else does.
type holdings struct {
	live      map[string]ipc.Held // what the running vrrp process is master of
	orphans   map[string]ipc.Held // the same of one that died, until its successor has swept
	leftovers link.Wanted         // of a killed daemon, until a vrrp process has swept
	released  map[string]release  // what the running vrrp process has given up
}

// release is what a virtual router held until it left MASTER.
type release struct {
	at   time.Time
	held link.Wanted
}

// releaseTime is longer than the kernel may take to remove addresses: a process
// that dies sooner than this after it gave some up may have left them there.
const releaseTime = 5 * time.Second

// heldKey tells what is static from virtual routers of the same name.
func heldKey(v ipc.Held) string {
	if v.Static {
		return "static\x00" + v.Router
	}
	return v.Router
}

// said takes the word of the running vrrp process.
func (h *holdings) said(v ipc.Held) {
	key := heldKey(v)
	delete(h.orphans, key)
	if !v.Master {
		if old, ok := h.live[key]; ok {
			if h.released == nil {
				h.released = map[string]release{}
			}
			h.released[key] = release{time.Now(), old.Wanted}
		}
		delete(h.live, key)
		return
	}
	if h.live == nil {
		h.live = map[string]ipc.Held{}
	}
	h.live[key] = v
	delete(h.released, key)
}

// died makes orphans of what a vrrp process held, and left-overs of what it was
// about to remove.
func (h *holdings) died() {
	if h.orphans == nil {
		h.orphans = map[string]ipc.Held{}
	}
	for name, v := range h.live {
		h.orphans[name] = v
	}
	for _, r := range h.released {
		if time.Since(r.at) < releaseTime {
			h.leftovers.Add(r.held)
		}
	}
	h.live, h.released = nil, nil
}

// swept forgets what was left: the vrrp process is ready and has removed all
// that it does not hold.
func (h *holdings) swept() { h.orphans, h.leftovers = nil, link.Wanted{} }

// left is what nobody holds.
func (h *holdings) left() link.Wanted { return h.collect(h.orphans) }

// all is everything, for the state file.
func (h *holdings) all() link.Wanted { return h.collect(h.live, h.orphans) }

func (h *holdings) collect(maps ...map[string]ipc.Held) link.Wanted {
	var out link.Wanted
	out.Add(h.leftovers)
	for _, m := range maps {
		for _, v := range m {
			out.Add(v.Wanted)
		}
	}
	return out
}

// successorTime is what a new vrrp process may take until it announces what its
// predecessor held, on a machine that has other things to do as well.
const successorTime = 100 * time.Millisecond

// resume says what a new vrrp process may take up again, and sees to it that
// addresses which it does not take up in time are removed before a peer that
// has stopped hearing us may hold them too. What cannot be taken up in time is
// removed now: to try would leave two holders. adverts is what the dead process
// has noted of its last ones.
func (p *Parent) resume(died death, adverts map[string]time.Duration) []role.Resume {
	var list []role.Resume
	p.abandon(died, adverts)
	for name, h := range p.holdings.orphans {
		if !h.Static {
			last, _ := p.lastAdvert(h.Router, died, adverts) // it is known of all that are left
			list = append(list, role.Resume{Router: name, SentAt: last})
		}
		p.after(p.aliveFor(h, died, adverts), func() {
			// Not an orphan any more: the new process has taken it up, or swept.
			late, ok := p.holdings.orphans[name]
			if !ok {
				return
			}
			p.log.Warn("addresses removed: no process announces them any more", "instance", h.Router)
			delete(p.holdings.orphans, name)
			p.unsaved = true
			p.removeHeld(late.Wanted)
		})
	}
	return list
}

// aliveFor is how long from now on what a dead process held may still be taken for held.
func (p *Parent) aliveFor(h ipc.Held, died death, adverts map[string]time.Duration) time.Duration {
	until := died.boot + h.Alive
	if !h.Static { // of what is static nobody else holds it
		last, known := p.lastAdvert(h.Router, died, adverts)
		if !known {
			return 0
		}
		// Alive is counted from an interval after the last advert, when the next one was due.
		until = last + p.cfg.intervals[h.Router] + h.Alive
	}
	return until - link.SinceBoot()
}

// abandon removes what peers take over sooner than a successor can be up. The
// successor looks for it again when it sweeps.
func (p *Parent) abandon(died death, adverts map[string]time.Duration) {
	var gone link.Wanted
	for name, h := range p.holdings.orphans {
		if p.aliveFor(h, died, adverts) >= successorTime {
			continue
		}
		gone.Add(h.Wanted)
		delete(p.holdings.orphans, name)
	}
	if gone.Empty() {
		return
	}
	p.log.Warn("addresses removed: the peers take over before another process could announce them", "addresses", len(gone.Addresses))
	p.holdings.leftovers.Add(gone)
	p.unsaved = true
	p.removeHeld(gone)
}

// dropOrphans removes at once what a dead vrrp process held or left behind.
func (p *Parent) dropOrphans() {
	h := &p.holdings
	defer p.undoDevices()
	if len(h.orphans) == 0 && h.leftovers.Empty() {
		return
	}
	p.removeHeld(h.leftovers)
	for name, o := range h.orphans {
		p.log.Warn("addresses removed: no process announces them any more", "instance", o.Router)
		delete(h.orphans, name)
		p.removeHeld(o.Wanted)
	}
	h.swept()
	p.unsaved = true
}

// held is what the vrrp process holds, or its successor may take up.
func (h *holdings) held() link.Wanted {
	var out link.Wanted
	for _, m := range []map[string]ipc.Held{h.live, h.orphans} {
		for _, v := range m {
			out.Add(v.Wanted)
		}
	}
	return out
}

// removeHeld removes what nobody holds any more from the kernel; w is among the
// holdings no more.
func (p *Parent) removeHeld(w link.Wanted) {
	if err := link.Remove(w, p.holdings.held()); err != nil {
		p.log.Error("addresses, routes or rules not removed", "err", err)
	}
}
