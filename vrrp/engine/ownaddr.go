package engine

import "net/netip"

// announceSource tells the neighbours where a unicast router's own address is,
// when the router leaves FAULT, as keepalived does: its peers may have a stale
// entry for it, and would send their adverts nowhere.
func (e *Engine) announceSource(r *router) {
	i := e.byIndex[r.ifindex]
	if !r.cfg.Unicast || !hasEther(i) || !r.src.IsValid() {
		return
	}
	if err := e.deps.Announcer.Announce(i.Index, i.HWAddr, []netip.Addr{r.src}, 1); err != nil {
		e.log.Warn("announcing the source address failed", append(r.attrs(), "error", err)...)
	}
}
