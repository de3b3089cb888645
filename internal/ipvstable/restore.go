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
	// Left says what would change and is kept for a daemon, one "X is" or "X are"
	// each.
	Left []string
}

// Kept is what stays as it is, wanted or not, as a running daemon would change
// it back. Zero: nothing.
type Kept struct {
	Services          func(ipvs.ServiceKey) bool // nil: none
	Daemons, Timeouts bool
}

// Service reports whether a service is kept.
func (k *Kept) Service(key ipvs.ServiceKey) bool { return k.Services != nil && k.Services(key) }

// Diff compares. Services that are not wanted go. Daemons count only where want
// says something of them.
func Diff(have, want rules.Rules, kept Kept) Change {
	var c Change
	left := map[ipvs.ServiceKey]bool{}
	for _, op := range ipvs.Plan(have.Table, want.Table, func(ipvs.ServiceKey) bool { return true }) {
		k := op.Service.ServiceKey
		if !kept.Service(k) {
			c.Ops = append(c.Ops, op)
		} else if !left[k] {
			left[k] = true
			c.Left = append(c.Left, rules.ServiceName(k)+" is")
		}
	}
	t := have.Timeouts
	for _, v := range []struct{ to, from *time.Duration }{{&t.TCP, &want.Timeouts.TCP}, {&t.TCPFin, &want.Timeouts.TCPFin}, {&t.UDP, &want.Timeouts.UDP}} {
		if *v.from != 0 {
			*v.to = *v.from
		}
	}
	switch {
	case t == have.Timeouts:
	case kept.Timeouts:
		c.Left = append(c.Left, "the timeouts are")
	default:
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
	if kept.Daemons && len(c.Stop)+len(c.Start) > 0 {
		c.Stop, c.Start = nil, nil
		c.Left = append(c.Left, "the connection-sync daemons are")
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
		fmt.Fprintln(&b, describe(op))
	}
	for _, d := range c.Start {
		fmt.Fprintf(&b, "start sync daemon %s (mcast=%s, syncid=%d", d.Role, d.Interface, d.SyncID)
		given := func(name string, v any, is bool) { // otherwise the kernel chooses
			if is {
				fmt.Fprintf(&b, ", %s=%v", name, v)
			}
		}
		given("maxlen", d.MaxLen, d.MaxLen != 0)
		given("group", d.Group, d.Group.IsValid())
		given("port", d.Port, d.Port != 0)
		given("ttl", d.TTL, d.TTL != 0)
		b.WriteString(")\n")
	}
	return b.String()
}

// describe says what an operation does, in the words of [Listing.Render].
func describe(op ipvs.Op) string {
	s := settings(&op.Service)
	name := s.Protocol + " " + s.Name
	if s.IPv6 {
		name += " IPv6"
	}
	d := &op.Dest
	server := rules.Address(d.Addr, d.Port)
	switch op.Kind {
	case ipvs.DelService:
		return "delete service " + name
	case ipvs.DelDest:
		return fmt.Sprintf("delete server %s of %s", server, name)
	case ipvs.AddService:
		return fmt.Sprintf("add service %s %s%s", s.Protocol, s.Name, s.flags())
	case ipvs.EditService:
		return fmt.Sprintf("edit service %s %s%s", s.Protocol, s.Name, s.flags())
	}
	server += fmt.Sprintf(" %s weight %d", forward(d.Method), d.Weight)
	if t := d.Encapsulation(); t != "" {
		server += " " + t
	}
	if d.Upper != 0 || d.Lower != 0 {
		server += fmt.Sprintf(" uthreshold %d lthreshold %d", d.Upper, d.Lower)
	}
	if op.Kind == ipvs.AddDest {
		return fmt.Sprintf("add server %s to %s", server, name)
	}
	return fmt.Sprintf("edit server %s of %s", server, name)
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
