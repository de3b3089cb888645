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
	limit time.Duration
	held  plan.Held
	owed  map[string]bool // keys of what an earlier trial lost: it has to come back
	prev  *running
	until time.Time
	why   string // it was taken back
}

// takenBack is what was held before a trial that was taken back, until
// everything is again or a reload without a trial makes the present state the
// measure. What a next trial finds lost would otherwise count as never held.
type takenBack struct {
	at   time.Time
	held plan.Held
}

// tryReload reloads and keeps an eye on the result for limit. It answers when
// that is over.
func (p *Parent) tryReload(limit time.Duration, answer func(control.Reload)) {
	p.status(func(now control.Status) {
		var failure string
		switch {
		case p.stopping:
			failure = "not begun: the daemon stops"
		case p.trial != nil:
			failure = "not begun: " + p.onTrial()
		case p.reload.running:
			failure = "not begun: another reload is under way"
		}
		if failure != "" {
			answer(control.Reload{Outcome: control.ReloadNotBegun, Failure: failure})
			return
		}
		t := &trial{limit: limit, held: plan.Hold(&now), owed: map[string]bool{}, prev: p.cfg}
		if b := p.takenBack; b != nil {
			for _, loss := range b.held.Lost(&now) {
				t.owed[loss.Key] = true
				p.log.Warn("lost by the trial that was taken back: this one has to bring it back", "at", b.at.Format(time.DateTime), "lost", loss.Text)
			}
			t.held = t.held.And(b.held)
		}
		p.trial = t
		p.reload.waiting = append(p.reload.waiting, answer)
		p.startReload()
	})
}

// onTrial says what another reload has to wait for.
func (p *Parent) onTrial() string {
	switch t := p.trial; {
	case t.why != "":
		return "a trial is being taken back"
	case t.until.IsZero():
		return fmt.Sprintf("a reload is under way that is on trial for %v then", t.limit)
	default:
		return "another one is on trial until " + t.until.Format(time.TimeOnly)
	}
}

// tried takes the outcome of a reload on trial; false: it is not over yet.
func (p *Parent) tried(failure *string) (over bool) {
	t := p.trial
	switch {
	case t == nil:
		if *failure == "" {
			p.takenBack = nil
		}
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
	p.manager.ready() // it has a limit for a reload, and this one may take longer
	t.until = time.Now().Add(t.limit)
	p.watchTrial(t)
	return false
}

// watchTrial looks at what is held until the trial is over.
func (p *Parent) watchTrial(t *trial) {
	p.after(trialTick, func() {
		p.status(func(now control.Status) {
			if p.trial != t || t.why != "" {
				return
			}
			if p.stopping {
				p.trial = nil
				p.reloaded("the daemon stops")
				return
			}
			lost := t.held.Lost(&now)
			missed := t.missed(lost)
			over := time.Now().After(t.until)
			switch {
			case missed != "":
				p.rollBack(missed)
			case over && len(t.owed) > 0:
				p.rollBack(fmt.Sprintf("%s, since the trial that was taken back at %s", lost[0].Text, p.takenBack.at.Format(time.TimeOnly)))
			case over:
				p.trial, p.takenBack = nil, nil
				p.reloaded("")
			default:
				p.watchTrial(t)
			}
		})
	})
}

// missed is what was lost in this trial; empty: nothing. What an earlier one lost
// and has come back counts as held from then on.
func (t *trial) missed(lost []plan.Loss) string {
	now := map[string]bool{}
	for _, l := range lost {
		now[l.Key] = true
	}
	for key := range t.owed {
		if !now[key] {
			delete(t.owed, key)
		}
	}
	for _, l := range lost {
		if !t.owed[l.Key] {
			return l.Text
		}
	}
	return ""
}

// rollBack puts the former configuration into force again. The file stays as
// it is.
func (p *Parent) rollBack(why string) {
	t := p.trial
	t.why = why
	if p.takenBack == nil {
		p.takenBack = &takenBack{at: time.Now()}
	}
	p.takenBack.held = t.held
	p.log.Error("rolling back to the former configuration; the file is not changed", "config", p.opts.ConfigFile, "err", fmt.Sprintf("the new one: %s", why))
	p.take(t.prev)
}

// trialStatus adds what is on trial, or was lost by one, to the status.
func (p *Parent) trialStatus(s *control.Status) {
	if t := p.trial; t != nil {
		s.Config.Trial = &control.Trial{For: t.limit, Until: t.until, TakenBack: t.why, Owed: len(t.owed), Waiting: len(p.reload.later)}
		if p.reload.again && s.Config.Trial.Waiting == 0 {
			s.Config.Trial.Waiting = 1
		}
	}
	if b := p.takenBack; b != nil {
		var lost []string
		for _, l := range b.held.Lost(s) {
			lost = append(lost, l.Text)
		}
		if lost != nil {
			s.Config.Lost = &control.Lost{At: b.at, What: lost}
		}
	}
}
