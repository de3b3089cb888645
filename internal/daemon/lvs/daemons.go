package lvs

import (
	"errors"
	"slices"
	"time"

	"holdfast/ipvs"
)

// daemons is what is known of connection sync and timeouts.
type daemons struct {
	dirty   bool // to be looked at
	ifindex int  // of the interface when the daemons were started
}

// bringTimeouts sets lvs_timeouts, and what is no longer configured back to
// what it was.
func (l *LVS) bringTimeouts() error {
	c := l.cfg.Global.LVSTimeouts
	want := ipvs.Timeouts{TCP: c.TCP, TCPFin: c.TCPFin, UDP: c.UDP}
	if want == (ipvs.Timeouts{}) && l.owned.Timeouts == nil {
		return nil
	}
	have, err := l.table.kernel.Timeouts()
	if err != nil {
		return err
	}
	before := have
	if l.owned.Timeouts != nil {
		before = *l.owned.Timeouts
	}
	restored := want == (ipvs.Timeouts{})
	choose := func(v *time.Duration, otherwise time.Duration) {
		if *v = v.Truncate(time.Second); *v == 0 {
			*v = otherwise
		}
	}
	choose(&want.TCP, before.TCP)
	choose(&want.TCPFin, before.TCPFin)
	choose(&want.UDP, before.UDP)
	if !restored && l.owned.Timeouts == nil {
		o := l.owned.clone()
		o.Timeouts = &before
		l.keep(o)
	}
	if want != have {
		if err := l.table.kernel.SetTimeouts(want); err != nil {
			return err
		}
	}
	if restored {
		o := l.owned.clone()
		o.Timeouts = nil
		l.keep(o)
	}
	return nil
}

// wantedDaemons are those that the configuration and mastership ask for;
// known is false while the state of the instance is not known.
func (l *LVS) wantedDaemons() (want []ipvs.Daemon, known bool) {
	c := l.cfg.Global.LVSSyncDaemon
	if c == nil {
		return nil, true
	}
	d := ipvs.Daemon{
		Interface: c.Interface, SyncID: uint32(max(c.ID, 0)), MaxLen: c.MaxLen,
		Group: c.Group, Port: c.Port, TTL: c.TTL,
	}
	if c.ID < 0 {
		for i := range l.cfg.Instances {
			if in := &l.cfg.Instances[i]; in.Name == c.Instance {
				d.SyncID = uint32(in.VirtualRouterID)
			}
		}
	}
	master, backup := d, d
	master.Role, backup.Role = ipvs.SyncMaster, ipvs.SyncBackup
	if c.Instance == "" {
		return []ipvs.Daemon{master, backup}, true
	}
	r := l.routers[c.Instance]
	if r != nil && r.master {
		return []ipvs.Daemon{master}, true
	}
	return []ipvs.Daemon{backup}, r != nil && r.told
}

// bringDaemons starts and stops connection sync. A role that runs as wanted
// is left alone.
func (l *LVS) bringDaemons() error {
	want, known := l.wantedDaemons()
	if len(want) == 0 && len(l.owned.Daemons) == 0 {
		return nil
	}
	have, err := l.table.kernel.Daemons()
	if err != nil {
		return err
	}
	if !known && len(have) > 0 && len(l.owned.Daemons) > 0 {
		return nil // a predecessor's; whether it is to turn is told soon
	}
	moved := false
	if len(want) > 0 {
		index, err := l.deps.Ifindex(want[0].Interface)
		if err != nil {
			index = 0 // starting says what is wrong
		}
		// A daemon on an interface that was made anew is listed, but dead.
		moved = l.daemons.ifindex != 0 && index != 0 && index != l.daemons.ifindex
		if index != 0 {
			l.daemons.ifindex = index
		}
	}
	owned := l.owned.clone()
	for _, w := range want {
		if !slices.Contains(owned.Daemons, w.Role) {
			owned.Daemons = append(owned.Daemons, w.Role)
		}
	}
	slices.Sort(owned.Daemons)
	l.keep(owned)
	var errs []error
	running := map[ipvs.SyncRole]bool{}
	for _, h := range have {
		i := slices.IndexFunc(want, func(w ipvs.Daemon) bool { return w.Role == h.Role })
		switch {
		case i >= 0 && !moved && h.Serves(want[i]):
			running[h.Role] = true
		case i < 0 && !slices.Contains(owned.Daemons, h.Role) && l.cfg.Global.LVSSyncDaemon == nil:
			// Somebody else's.
		default:
			l.log.Info("connection sync: stopping", "role", h.Role, "interface", h.Interface)
			errs = append(errs, l.table.kernel.StopDaemon(h.Role))
		}
	}
	owned = l.owned.clone()
	owned.Daemons = nil
	for _, w := range want {
		if !running[w.Role] {
			l.log.Info("connection sync: starting", "role", w.Role, "interface", w.Interface, "id", w.SyncID)
			errs = append(errs, l.table.kernel.StartDaemon(w))
		}
		owned.Daemons = append(owned.Daemons, w.Role)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	slices.Sort(owned.Daemons)
	l.keep(owned)
	return nil
}
