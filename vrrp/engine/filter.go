package engine

import "holdfast/vrrp/link"

// filterer is a Wire that can leave adverts for other VRIDs to the kernel.
type filterer interface {
	Filter(p link.Port, set link.VRIDs) error
}

// filter has the wire keep from a port what no router there listens for and
// nobody looks at.
func (e *Engine) filter(p link.Port, at *port) {
	w, ok := e.wire.(filterer)
	if !ok {
		return
	}
	var set link.VRIDs
	for vrid := range at.routers {
		if at.routers[vrid] != nil || e.logUnknown || at.segment.first == p && at.segment.awaits(uint8(vrid)) {
			set.Add(uint8(vrid))
		}
	}
	if err := w.Filter(p, set); err != nil {
		// What gets through is dropped here.
		e.log.Warn("adverts of other virtual routers are not filtered", "ifindex", p.Ifindex, "error", err)
	}
}
