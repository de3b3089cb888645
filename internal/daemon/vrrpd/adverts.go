package vrrpd

import (
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lastadvert"
	"holdfast/vrrp/engine"
)

// recordAdverts shares with the parent where it is noted when each router has sent its
// last advert: should this process die, nobody else knows it. Without it the parent goes
// by the time of the death.
func (p *process) recordAdverts(routers []engine.Router) {
	r, err := lastadvert.New()
	if err != nil {
		p.log.Warn("when adverts are sent is not recorded", "err", err)
		return
	}
	f, err := r.File()
	if err != nil {
		p.log.Warn("when adverts are sent is not recorded", "err", err)
		return
	}
	p.adverts = r
	m, err := ipc.New(ipc.TypeAdverts, r.Add(namesOf(routers)))
	if err != nil {
		p.log.Error("message not sent", "err", err)
	}
	p.parent.Post(m, f)
}

func namesOf(routers []engine.Router) []string {
	names := make([]string, len(routers))
	for i := range routers {
		names[i] = routers[i].Name
	}
	return names
}
