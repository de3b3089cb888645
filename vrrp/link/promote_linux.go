package link

import (
	"maps"
	"strings"
)

const promoteName = "promote_secondaries"

func (s Setting) isPromote() bool { return strings.HasSuffix(s.Path, "/"+promoteName) }

// Promote implements Devices. It keeps names, which must not be changed any
// more.
func (d *NetlinkDevices) Promote(names map[string]int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.promote = names
	select {
	case d.more <- struct{}{}:
	default: // it has been told already
	}
}

// promoteNow sets what is asked for and restores what is not any more.
func (d *NetlinkDevices) promoteNow(names map[string]int) {
	d.work.Lock()
	defer d.work.Unlock()
	if maps.Equal(names, d.promoted) {
		return
	}
	d.promoted = names
	if err := d.sys.restore(func(s Setting) bool {
		return s.isPromote() && !wantsPromotion(names, s)
	}); err != nil {
		d.log.Error("cannot restore a setting", "error", err)
	}
	for name, ifindex := range names {
		if err := d.sys.change(confPath(4, name, promoteName), ifindex, "1"); err != nil {
			d.log.Error("promote_secondaries is not set", "error", err)
		}
	}
	d.tell()
}

func wantsPromotion(names map[string]int, s Setting) bool {
	for name, ifindex := range names {
		if ifindex == s.Ifindex && s.Path == confPath(4, name, promoteName) {
			return true
		}
	}
	return false
}
