package engine

import (
	"net/netip"
	"time"

	"holdfast/vrrp/link"
)

// strangerLogTime is between two log lines about one VRID that is not configured.
const strangerLogTime = time.Minute

// stranger logs an advert for a VRID that nobody here has (log_unknown_vrids).
func (e *Engine) stranger(now time.Time, at *port, p link.Port, vrid uint8, src netip.Addr) {
	if at.told == nil {
		at.told = new([256]time.Time)
	}
	if t := at.told[vrid]; !t.IsZero() && now.Sub(t) < strangerLogTime {
		return
	}
	at.told[vrid] = now
	name := ""
	if i := e.byIndex[p.Ifindex]; i != nil {
		name = i.Name
	}
	e.log.Info("an advert for a virtual router that is not configured", "iface", name, "vrid", vrid, "peer", src)
}

// buffered is a Wire whose ports have receive buffers of a size to choose.
type buffered interface {
	Buffer(p link.Port, bytes int)
}

// buffer gives a port the receive buffer that its routers ask for together; what
// one of them needs by itself is not enough for all.
func (e *Engine) buffer(p link.Port, at *port) {
	w, ok := e.wire.(buffered)
	if !ok {
		return
	}
	sum := 0
	for _, r := range at.routers {
		if r != nil {
			sum += r.cfg.RxBuffer
		}
	}
	w.Buffer(p, min(sum, 1<<30))
}

// hasAddress says whether an interface has an address.
func (e *Engine) hasAddress(a netip.Addr) bool {
	for _, i := range e.ifaces {
		for _, p := range i.Addrs {
			if p.Addr() == a {
				return true
			}
		}
	}
	return false
}
