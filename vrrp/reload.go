package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// update takes a new configuration while running; see Director.Update.
func (r *Router) update(now time.Time, cfg Config, out []Action) []Action {
	old := r.cfg
	down, effective := r.masterDown(), r.effective
	r.configure(cfg)
	if r.cfg.Version == 2 || r.cfg.Version != old.Version || r.state != Backup || !r.master.IsValid() {
		r.learned = r.cfg.AdvertInt
	}
	r.shiftTimer(r.masterDown() - down)
	if r.state != Init && r.effective != effective {
		out = append(out, Action{Kind: ActionEvent, ID: r.id, Priority: r.effective, From: r.state, To: r.state, Reason: ReasonPriority})
	}
	if r.state == Master {
		// The phase stays; only a next advert that the new interval has
		// due earlier is brought forward.
		if next := now.Add(r.cfg.AdvertInt); next.Before(r.timer) {
			r.timer = next
		}
		if !slices.Equal(old.Addresses, r.cfg.Addresses) {
			owed := r.announce
			out = r.addresses(true, out)
			// Only new addresses are news to the neighbours.
			r.announce = owed || slices.ContainsFunc(r.cfg.Addresses, func(a netip.Addr) bool {
				return !slices.Contains(old.Addresses, a)
			})
		}
		r.reloadAnnouncements(now, old.GARP)
	}
	return r.settle(now, ReasonReload, out)
}
