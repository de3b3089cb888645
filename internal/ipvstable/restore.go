package ipvstable

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/ipvs"
	"holdfast/ipvs/rules"
)

// Read is all that a rule file can say, read from the kernel.
func Read(k ipvs.Kernel) (r rules.Rules, err error) {
	if r.Table, err = k.Table(); err != nil {
		return r, err
	}
	if r.Timeouts, err = k.Timeouts(); err != nil {
		return r, err
	}
	r.Daemons, err = k.Daemons()
	slices.SortFunc(r.Daemons, func(a, b ipvs.Daemon) int { return int(a.Role) - int(b.Role) })
	return r, err
}

// Change is what brings the kernel from what it has to what is wanted.
type Change struct {
	Ops      []ipvs.Op
	Timeouts ipvs.Timeouts // zero: as they are
	Stop     []ipvs.SyncRole
	Start    []ipvs.Daemon
	// Left are the services that would change, and are kept for a daemon.
	Left []ipvs.ServiceKey
}

// Diff compares. Services that are not wanted go; keep names those that stay
// as they are, wanted or not. Daemons count only where want says something of
// them.
func Diff(have, want rules.Rules, keep func(ipvs.ServiceKey) bool) Change {
	var c Change
	for _, op := range ipvs.Plan(have.Table, want.Table, func(ipvs.ServiceKey) bool { return true }) {
		k := op.Service.ServiceKey
		if !keep(k) {
			c.Ops = append(c.Ops, op)
		} else if !slices.Contains(c.Left, k) {
			c.Left = append(c.Left, k)
		}
	}
	t := have.Timeouts
	for _, v := range []struct{ to, from *time.Duration }{{&t.TCP, &want.Timeouts.TCP}, {&t.TCPFin, &want.Timeouts.TCPFin}, {&t.UDP, &want.Timeouts.UDP}} {
		if *v.from != 0 {
			*v.to = *v.from
		}
	}
	if t != have.Timeouts {
		c.Timeouts = t
	}
	if !want.SaysDaemons {
		return c
	}
	for _, h := range have.Daemons {
		if !slices.ContainsFunc(want.Daemons, func(w ipvs.Daemon) bool { return h.Serves(w) }) {
			c.Stop = append(c.Stop, h.Role)
		}
	}
	for _, w := range want.Daemons {
		if !slices.ContainsFunc(have.Daemons, func(h ipvs.Daemon) bool { return h.Serves(w) }) {
			c.Start = append(c.Start, w)
		}
	}
	return c
}

// Empty reports whether there is nothing to do.
func (c *Change) Empty() bool {
	return len(c.Ops)+len(c.Stop)+len(c.Start) == 0 && c.Timeouts == (ipvs.Timeouts{})
}

// String says what is done, one line each, in order.
func (c *Change) String() string {
	var b strings.Builder
	if t := c.Timeouts; t != (ipvs.Timeouts{}) {
		fmt.Fprintf(&b, "set timeouts tcp %v tcpfin %v udp %v\n", t.TCP, t.TCPFin, t.UDP)
	}
	for _, r := range c.Stop {
		fmt.Fprintf(&b, "stop sync daemon %s\n", r)
	}
	for _, op := range c.Ops {
		fmt.Fprintln(&b, op)
	}
	for _, d := range c.Start {
		fmt.Fprintf(&b, "start sync daemon %s on %s, id %d\n", d.Role, d.Interface, d.SyncID)
	}
	return b.String()
}

// Apply does it, all of the table in one batch, and goes on after a failure.
// Daemons stop before the table changes and start after it, as one cannot run
// beside a server of another family than its service.
func (c *Change) Apply(k ipvs.Kernel) error {
	var errs []error
	if c.Timeouts != (ipvs.Timeouts{}) {
		errs = append(errs, k.SetTimeouts(c.Timeouts))
	}
	for _, r := range c.Stop {
		errs = append(errs, k.StopDaemon(r))
	}
	if len(c.Ops) > 0 {
		errs = append(errs, k.Apply(c.Ops))
	}
	for _, d := range c.Start {
		errs = append(errs, k.StartDaemon(d))
	}
	return errors.Join(errs...)
}
