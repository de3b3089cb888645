package show

import (
	"strings"
	"time"

	"holdfast/internal/daemon/control"
)

// renderPolicy prints what an instance waits for, a second master, and one that
// has its addresses by another VRID.
func renderPolicy(field func(name, format string, args ...any), in *control.Instance, now time.Time) {
	p := &in.Policy
	if in.State == "MASTER" && in.Priority.Advertised != in.Priority.Effective {
		field("sticky", "advertises %d as long as it is master", in.Priority.Advertised)
	}
	var waits []string
	for _, w := range []struct {
		name  string
		until time.Time
	}{
		{"vrrp_startup_delay", p.StartupUntil},
		{"sticky_hold_off", p.HoldUntil},
		{"preempt_delay", p.PreemptAt},
		{"listening after a sleep of the machine", p.ListenUntil},
	} {
		if w.until.After(now) {
			waits = append(waits, w.name+" for another "+w.until.Sub(now).Round(time.Millisecond).String())
		}
	}
	if p.GroupWait {
		waits = append(waits, "the sync group")
	}
	if len(waits) > 0 {
		field("waits", "%s", strings.Join(waits, "; "))
	}
	if c := in.Claim; c != nil {
		field("claimed", "%s was announced by %s, last %s ago (%s)", c.Address, c.MAC, ago(now, c.Last), count(c.Count))
	}
	switch m := in.VRIDMismatch; {
	case m != nil && m.Now:
		field("warning", "%s advertises %s by VRID %d, and this router by VRID %d: neither hears the other (since %s, priority %d)", m.Addr, m.VIP, m.VRID, in.VRID, ago(now, m.Since), m.Priority)
	case m != nil:
		field("mismatch", "%s advertised %s by VRID %d, last %s ago", m.Addr, m.VIP, m.VRID, ago(now, m.Last))
	}
	switch r := in.SecondMaster; {
	case r != nil && r.Now:
		field("warning", "a second master is heard: %s, priority %d, since %s", r.Addr, r.Priority, ago(now, r.Since))
	case r != nil:
		field("second", "master heard %s, last %s ago: %s, priority %d", count(in.SecondMasters), ago(now, r.Last), r.Addr, r.Priority)
	}
}
