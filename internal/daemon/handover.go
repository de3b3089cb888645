package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

const (
	// headStart is how long the vrrp process waits at most with a new
	// configuration until the lvs process has taken it over: an address comes
	// when its services are in the IPVS table, but it must not hang on a
	// process that does not answer.
	headStart = 2 * time.Second
	// lvsLimit and vrrpLimit bound how long a process may take over a new
	// configuration before the reload counts as failed. The lvs process has as
	// long again whenever it says that it is at work, and gives up itself after
	// 10 s in which nothing came on, with a better word for it.
	lvsLimit  = 12 * time.Second
	vrrpLimit = 30 * time.Second
)

// handOver hands the new configuration to the children that run, the lvs
// process first, starts those that are new, and waits until they work.
func (p *Parent) handOver() {
	open := 2
	p.reload.untaken = nil
	done := func(s *slot, err error) {
		if err != nil {
			p.notTaken(s, err)
		}
		if open--; open == 0 {
			p.startWanted()
			p.startedWork(func() { p.reloaded(p.reload.whoHasNot()) })
		}
	}
	begun := false
	begin := func() {
		if begun {
			return
		}
		begun = true
		switch {
		case p.stopping:
			done(p.vrrp, errors.New("the daemon stops"))
		case p.vrrp.child == nil:
			p.startWanted()
			done(p.vrrp, nil)
		default:
			p.handTo(p.vrrp, vrrpLimit, func(err error) { done(p.vrrp, err) })
		}
	}
	c := p.lvs.child
	if c == nil {
		open--
		begin()
		return
	}
	p.handTo(p.lvs, lvsLimit, func(err error) {
		c.late = errors.Is(err, errLate)
		done(p.lvs, err)
		begin()
	})
	if c.late {
		// It did not answer the last time: each reload would wait in vain.
		begin()
		return
	}
	p.after(headStart, begin)
}

// handTo hands the new configuration to the child of s, which runs. One that has not
// answered to the one before gets it when it does: what a process does not read, as one
// that is stopped, takes memory, and of all that come meanwhile only the last is of use.
func (p *Parent) handTo(s *slot, limit time.Duration, done func(error)) {
	c, whole := s.child, p.cfg.encoded[s.role]
	had := c.has
	p.forget(c) // it is of no use any more
	id := p.expect(question{child: c, typ: ipc.TypeConfig, limit: limit, answer: func(_ ipc.Message, err error) {
		switch {
		case err == nil:
			p.has(c, whole)
		case errors.Is(err, errGone):
			err = fmt.Errorf("%w%s; its successor starts with the new configuration", err, s.away.how())
		case had != nil && role.IsNotHere(err): // it gets the whole
			p.handTo(s, limit, done)
			return
		}
		done(err)
	}, belated: func(err error) {
		c.late = false
		if err != nil {
			p.log.Error("configuration not taken over", "role", string(s.role), "err", err)
			return
		}
		p.has(c, whole)
		p.taken(s)
	}})
	if c.handed != 0 {
		c.waits = handing{id, whole}
		return
	}
	p.hand(s, handing{id, whole})
}

// has notes that a child has taken over a configuration, and the settings that came
// with it: what is in force from now on is what it says itself.
func (p *Parent) has(c *child, whole role.Encoded) {
	c.has = whole
	if c.role == role.LVS {
		p.givenBack = nil
	}
}

// handing is a configuration that is to be handed over, and the question that it is.
type handing struct {
	id    uint64
	whole role.Encoded
}

// hand sends a configuration to the child of s.
func (p *Parent) hand(s *slot, h handing) {
	c, enc := s.child, h.whole
	if s.role == role.LVS { // the other one's is small
		enc = enc.Since(c.has)
	}
	boot, err := role.WriteBoot(p.boot(s, nil), enc)
	if err != nil {
		p.answered(c, ipc.Message{Type: ipc.TypeConfig, ID: h.id, Err: err.Error()})
		return
	}
	c.has, c.handed = nil, h.id
	c.out.Post(ipc.Message{Type: ipc.TypeConfig, ID: h.id}, boot)
}

// handsFree notes that c has answered to id, and hands it the configuration that has
// waited for that.
func (p *Parent) handsFree(c *child, id uint64) {
	if id != c.handed {
		return
	}
	c.handed = 0
	if next := c.waits; next.id != 0 {
		c.waits = handing{}
		if s := p.slotOf(c); s != nil && !p.stopping {
			p.hand(s, next)
		}
	}
}

// untaken says that a process has not taken over the configuration that was handed
// over last.
type untaken struct {
	role role.Role
	why  error
}

// notTaken notes that the child of s has not taken over the configuration.
func (p *Parent) notTaken(s *slot, err error) {
	p.log.Error("configuration not taken over", "role", string(s.role), "err", err)
	p.reload.untaken = slices.DeleteFunc(p.reload.untaken, func(u untaken) bool { return u.role == s.role })
	p.reload.untaken = append(p.reload.untaken, untaken{s.role, err})
}

// taken notes that the child of s has the configuration that it had not taken over
// when the reload ended: it answered late, or it is a successor that began with it.
func (p *Parent) taken(s *slot) {
	c := s.child
	if p.reload.running && !p.tries() || c == nil || !c.ready || c.has == nil || c.has.ID() != p.cfg.encoded[s.role].ID() {
		return
	}
	rest := slices.DeleteFunc(p.reload.untaken, func(u untaken) bool { return u.role == s.role })
	if len(rest) == len(p.reload.untaken) {
		return
	}
	p.reload.untaken = rest
	p.log.Info("configuration taken over after all", "role", string(s.role))
	if p.reload.running {
		return // the end of the trial tells the rest
	}
	if p.reload.failed(); p.reload.failure == "" {
		p.reload.last = time.Now()
		p.log.Info("reloaded")
	}
}

// hasNot says whether it is noted that the process of r has not taken it over.
func (r *reloadState) hasNot(process role.Role) bool {
	return slices.ContainsFunc(r.untaken, func(u untaken) bool { return u.role == process })
}

// whoHasNot says who has not taken over the configuration, and why; empty: nobody.
func (r *reloadState) whoHasNot() string {
	var list []string
	for _, u := range r.untaken {
		list = append(list, fmt.Sprintf("%s: %v", u.role, u.why))
	}
	return strings.Join(list, "; ")
}

// failed says anew what is to be said of the last reload.
func (r *reloadState) failed() {
	r.failure = r.whoHasNot()
	if r.rolledBack != "" {
		r.failure = rolledBack(r.rolledBack, r.failure)
	}
}
