package explain

import (
	"fmt"
	"strings"
	"time"

	"holdfast/internal/daemon/control"
)

// judge finds the winner and what will happen.
func (x *Explanation) judge(in *control.Instance, g *control.Group, v *control.VRRP) {
	switch in.State {
	case "MASTER":
		x.master(in)
	case "BACKUP":
		x.backup(in, holdersOf(v, in, g))
	default:
		x.unable(in)
	}
	if g != nil {
		x.next("member of the sync group %s (%s): all of %s are master together or none is", g.Name, g.State, strings.Join(g.Members, ", "))
	}
}

func (x *Explanation) next(format string, args ...any) {
	x.Next = append(x.Next, fmt.Sprintf(format, args...))
}

// until is how long it takes to at, for people.
func (x *Explanation) until(at time.Time) time.Duration {
	return short(at.Sub(x.Time))
}

// unable: FAULT, INIT or WAITING.
func (x *Explanation) unable(in *control.Instance) {
	x.Winner = nobody
	if p := x.strongest(); p != nil {
		x.Winner = p.Addr.String()
	}
	causes := strings.Join(in.Faults, "; ")
	if causes == "" {
		causes = in.Reason
	}
	x.Why = fmt.Sprintf("this router is %s and cannot be master: %s", in.State, causes)
	if p := x.strongest(); p != nil {
		x.next("%s is master: it advertises with priority %d", p.Addr, p.Priority)
	}
	if len(in.Faults) > 0 {
		x.next("when the last of these causes is gone it is BACKUP, and master after %v if no other one is heard", short(seconds(in.MasterDown)))
	}
}

// strongest is the strongest other router that is heard now.
func (x *Explanation) strongest() *Contender {
	for i := range x.Contenders {
		if c := &x.Contenders[i]; !c.Self && c.Able {
			return c
		}
	}
	return nil
}

func (x *Explanation) master(in *control.Instance) {
	x.Winner = self
	own := in.Priority.Advertised
	rival := in.SecondMaster
	switch {
	case rival != nil && rival.Now:
		x.Why = fmt.Sprintf("a second master is heard, %s with priority %d, %s: this one has %d and stays, the other one has to yield when it hears this one. If it does not, adverts go one way only",
			rival.Addr, rival.Priority, times(rival.Adverts, "advert"), own)
	case len(x.Unheard) > 0:
		x.Why = fmt.Sprintf("it is master with priority %d, but it %s not the only one: %s. Whoever sends adverts says that it is master, and these two do not understand each other", own, x.likely(), x.unheardText())
	case len(in.Peers) == 0:
		x.Why = "no other router has said that it is master since this process started. A backup says nothing, so there may be one"
	default:
		x.Why = fmt.Sprintf("it is master with priority %d, and no other one says that it is", own)
	}
	if own > in.Priority.Effective {
		x.next("sticky_master: it advertises %d in place of %d, and stays master against every peer of a lower priority than that", own, in.Priority.Effective)
	}
	for _, p := range in.Peers {
		switch {
		case p.Priority > own && heldBack(in):
			x.next("%s last had priority %d, which is more: %s keeps it from taking over while it hears this router, if it is configured there as it is here", p.Addr, p.Priority, held(in))
		case p.Priority > own:
			x.next("%s takes over when it hears this router, unless nopreempt or sticky_master holds it back there: it last had priority %d", p.Addr, p.Priority)
		case p.Priority == own && p.Addr.Compare(in.Source) > 0:
			x.next("%s would stay master if both were: it last had the same priority %d, and has the higher address. As a backup it does not take over", p.Addr, p.Priority)
		case p.Priority == 0:
			x.next("%s has stopped: it is no master until it is heard again", p.Addr)
		}
	}
	if !in.Policy.ListenUntil.IsZero() {
		x.next("the machine was suspended: it says nothing for another %v and listens for who has taken over", x.until(in.Policy.ListenUntil))
	}
	what := "everything that it tracks"
	if names := unweighted(in); len(names) > 0 {
		x.next("with %s against it, which has no weight, it is FAULT: any peer takes over then", strings.Join(names, " or "))
		what = "every weight"
	}
	if p, ok := least(in); ok && p < in.Priority.Effective {
		x.next("with %s against it its priority is %d: a peer takes over then if its own is higher, and it has no nopreempt", what, p)
	}
	x.next("if this router stops, a peer takes over after its skew time; if it dies, after about %v", short(seconds(in.MasterDown)))
}

// held is what keeps a backup like this router from taking over.
func held(in *control.Instance) string {
	if in.Policy.Sticky {
		return "sticky_master"
	}
	return "nopreempt"
}

func (x *Explanation) backup(in *control.Instance, h holders) {
	p := &in.Policy
	m := x.strongest()
	if in.Master != nil && alive(in, in.Master, x.Time) {
		for i := range x.Contenders {
			if c := &x.Contenders[i]; !c.Self && c.Addr == in.Master.Addr {
				m = c
			}
		}
	}
	if m == nil {
		x.alone(in, h)
		return
	}
	own := in.Priority.Effective
	x.Winner = m.Addr.String()
	switch {
	case m.Priority > own:
		x.Why = fmt.Sprintf("%s is master: its priority %d is higher than %d", m.Addr, m.Priority, own)
	case m.Priority == own:
		x.Why = fmt.Sprintf("%s is master and has the same priority %d: a backup does not take over from its equal, whatever the addresses", m.Addr, own)
	case p.Sticky && !p.Owner:
		x.Why = fmt.Sprintf("%s is master, and sticky_master follows whoever is, although its priority %d is lower than %d", m.Addr, m.Priority, own)
	case p.NoPreempt:
		x.Why = fmt.Sprintf("%s is master, and nopreempt leaves it that although its priority %d is lower than %d", m.Addr, m.Priority, own)
	default:
		x.Winner = self
		x.Why = fmt.Sprintf("its priority %d is higher than that of the master %s, %d", own, m.Addr, m.Priority)
		x.preempt(in, h)
	}
	if x.Winner != self {
		x.next("if %s stops, this router takes over after %v; if it dies, after %v", m.Addr, short(seconds(p.Skew)), short(seconds(in.MasterDown)))
	}
	x.waits(in)
}

// preempt says when a router with the higher priority takes over.
func (x *Explanation) preempt(in *control.Instance, h holders) {
	p := &in.Policy
	switch {
	case p.PreemptAt.After(x.Time):
		x.next("preempt_delay: it follows the master for another %v, and takes over %v after that", x.until(p.PreemptAt), short(seconds(in.MasterDown)))
	case h.hold():
		x.next("%s", h.text(x, in))
	default:
		if when := h.when(x, in); when != "" {
			x.next("%s: it does not listen to the lower priority", when)
		}
	}
}

// alone: nobody is heard.
func (x *Explanation) alone(in *control.Instance, h holders) {
	x.Winner = self
	x.Why = "no master is heard"
	if len(in.Peers) > 0 {
		x.Why += fmt.Sprintf(": %s was the last one, %v ago, and is taken for dead after %v", last(in).Addr, x.ago(last(in).LastHeard), short(seconds(in.MasterDown)))
	}
	if len(x.Unheard) > 0 {
		x.Why = fmt.Sprintf("no master is understood, but there %s one: %s. If this router takes over there are two", x.likely(), x.unheardText())
	}
	switch {
	case h.hold():
		x.Winner = nobody
		x.next("%s", h.text(x, in))
	default:
		if when := h.when(x, in); when != "" {
			x.next("%s, if that stays so", when)
		}
	}
	x.waits(in)
}

func last(in *control.Instance) *control.Peer {
	l := &in.Peers[0]
	for i := range in.Peers {
		if in.Peers[i].LastHeard.After(l.LastHeard) {
			l = &in.Peers[i]
		}
	}
	return l
}

// waits says which delays run.
func (x *Explanation) waits(in *control.Instance) {
	p := &in.Policy
	if !p.StartupUntil.IsZero() {
		x.next("vrrp_startup_delay: adverts are ignored for another %v", x.until(p.StartupUntil))
	}
	if !p.HoldUntil.IsZero() {
		x.next("sticky_hold_off: it listens for another %v before its timer counts", x.until(p.HoldUntil))
	}
}

func times(n uint64, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
