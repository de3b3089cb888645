package daemon

import (
	"fmt"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/plan"
)

// trialTick is how often a configuration on trial is looked at.
const trialTick = 250 * time.Millisecond

// trial is a reload that is taken back when the daemon loses what it held.
// While it lasts the reload counts as running: others wait.
type trial struct {
	limit  time.Duration
	before control.Status
	prev   *running
	until  time.Time
	why    string // it was taken back
}

// tryReload reloads and keeps an eye on the result for limit. It answers when
// that is over.
func (p *Parent) tryReload(limit time.Duration, answer func(control.Reload)) {
	p.status(func(before control.Status) {
		if p.stopping || p.reload.running || p.trial != nil {
			answer(control.Reload{Failure: "not begun: another reload is under way, or the daemon stops"})
			return
		}
		p.trial = &trial{limit: limit, before: before, prev: p.cfg}
		p.reload.waiting = append(p.reload.waiting, answer)
		p.startReload()
	})
}

// tried takes the outcome of a reload on trial; false: it is not over yet.
func (p *Parent) tried(failure *string) (over bool) {
	t := p.trial
	switch {
	case t == nil:
		return true
	case t.why != "": // the former configuration is in force again, or should be
		p.trial = nil
		if *failure != "" {
			*failure = "; and that failed: " + *failure
		}
		*failure = "rolled back: " + t.why + *failure
		return true
	case p.stopping: // before the trial could say whether it is a success
		p.trial = nil
		if *failure == "" {
			*failure = "the daemon stops"
		}
		return true
	case p.cfg == t.prev: // refused
		p.trial = nil
		return true
	case *failure != "":
		p.rollBack(*failure)
		return false
	}
	p.log.Info("reloaded, on trial", "for", t.limit.String())
	t.until = time.Now().Add(t.limit)
	p.watchTrial(t)
	return false
}

// watchTrial looks at what is held until the trial is over.
func (p *Parent) watchTrial(t *trial) {
	p.after(trialTick, func() {
		p.status(func(now control.Status) {
			why := plan.Lost(&t.before, &now)
			switch {
			case p.trial != t || t.why != "":
			case p.stopping:
				p.trial = nil
				p.reloaded("the daemon stops")
			case why != "":
				p.rollBack(why)
			case time.Now().After(t.until):
				p.trial = nil
				p.reloaded("")
			default:
				p.watchTrial(t)
			}
		})
	})
}

// rollBack puts the former configuration into force again. The file stays as
// it is.
func (p *Parent) rollBack(why string) {
	t := p.trial
	t.why = why
	p.log.Error("rolling back to the former configuration; the file is not changed", "config", p.opts.ConfigFile, "err", fmt.Sprintf("the new one: %s", why))
	p.take(t.prev)
}
