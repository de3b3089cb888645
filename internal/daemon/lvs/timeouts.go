package lvs

import (
	"time"

	"holdfast/ipvs"
)

// bringTimeouts sets lvs_timeouts, and what is no longer configured back to
// what it was.
func (l *LVS) bringTimeouts() error {
	c := l.cfg.Timeouts()
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

// TimeoutStatus is what lvs_timeouts has set, in seconds; 0: the kernel's.
type TimeoutStatus struct {
	TCP    int `json:"tcp,omitempty"`
	TCPFin int `json:"tcpfin,omitempty"`
	UDP    int `json:"udp,omitempty"`
}

func (l *LVS) timeoutStatus() *TimeoutStatus {
	c := l.cfg.Timeouts()
	s := TimeoutStatus{int(c.TCP / time.Second), int(c.TCPFin / time.Second), int(c.UDP / time.Second)}
	if s == (TimeoutStatus{}) {
		return nil
	}
	return &s
}
