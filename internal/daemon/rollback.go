package daemon

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/plan"
	"holdfast/internal/daemon/role"
)

// trialTick is how often a configuration on trial is looked at.
const trialTick = 250 * time.Millisecond

// trial is a reload that is taken back when the daemon loses what it held.
// While it lasts the reload counts as running: others wait.
type trial struct {
	limit time.Duration
	held  plan.Held // with what an earlier trial lost: it has to come back
	knew  plan.Understood
	prev  *running
	until time.Time
	why   string // it was taken back
	waits bool   // beyond until, as lvs cannot say how its services are

	// restarts are those of the processes when it began; one that did not run
	// then is not in it.
	restarts map[role.Role]int

	// settings are those of operators when it began. It ends them, as each reload
	// does, and they hold again when it is taken back.
	settings json.RawMessage
}

// takenBack is what was held before a trial that was taken back and is not there
// again, until a reload without a trial makes the present state the measure. What
// a next trial finds lost would otherwise count as never held.
type takenBack struct {
	at   time.Time
	held plan.Held
}

// lookBackEvery is the longest time between two looks whether it is there again.
const lookBackEvery = time.Minute

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
		t := &trial{limit: limit, held: plan.Hold(&now), knew: plan.Understand(&now), prev: p.cfg, settings: p.settings, restarts: map[role.Role]int{}}
		for _, s := range []*slot{p.vrrp, p.lvs} {
			if !slices.ContainsFunc(now.NotRunning, func(n control.NotRunning) bool { return n.Role == string(s.role) }) {
				t.restarts[s.role] = s.restarts
			}
		}
		if b := p.takenBack; b != nil {
			for _, loss := range b.held.Lost(&now) {
				p.log.Warn("lost by the trial that was taken back: this one has to bring it back", "at", b.at.Format(time.DateTime), "lost", loss.Text)
			}
			t.held = t.held.And(b.held)
		}
		if why := plan.Unknown(&now, time.Time{}); why != "" {
			p.log.Warn("services are not watched in this trial: how they are is not known", "err", why)
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
		p.watchTakenBack(p.takenBack, trialTick)
		p.reload.rolledBack = t.why
		*failure = rolledBack(t.why, *failure)
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
	case *failure != "" && !t.bears(p.reload.untaken):
		p.rollBack(*failure)
		return false
	}
	p.log.Info("reloaded, on trial", "for", t.limit.String())
	p.tellReady() // the manager has a limit for a reload, and this one may take longer
	t.until = time.Now().Add(t.limit)
	p.watchTrial(t)
	return false
}

// tries says whether a configuration is on trial that the processes have been
// handed.
func (p *Parent) tries() bool { return p.trial != nil && !p.trial.until.IsZero() && p.trial.why == "" }

// bears says whether those who have not taken the configuration over did not run
// before either: that is no loss.
func (t *trial) bears(list []untaken) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(u untaken) bool {
		_, ran := t.restarts[u.role]
		return ran
	})
}

// rolledBack says that a reload was taken back, why, and how that failed; empty: it
// did not.
func rolledBack(why, failure string) string {
	if failure != "" {
		failure = "; and that failed: " + failure
	}
	return "rolled back: " + why + failure
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
			owed := p.owed(&now, t.until.Add(-t.limit))
			over := time.Now().After(t.until) && !p.waitsForServices(t, &now)
			missed := t.missed(&now, owed, over)
			for _, s := range []*slot{p.vrrp, p.lvs} {
				if n, ran := t.restarts[s.role]; ran && s.restarts > n && missed == "" {
					missed = fmt.Sprintf("%s was replaced: %s", s.role, s.end.why)
				}
			}
			switch {
			case missed != "":
				p.rollBack(missed)
			case over && len(owed) > 0:
				p.rollBack(fmt.Sprintf("%s, since the trial that was taken back at %s", owed[0].Text, p.takenBack.at.Format(time.TimeOnly)))
			case over:
				p.trial, p.takenBack = nil, nil
				p.reloaded(p.reload.whoHasNot())
			default:
				p.watchTrial(t)
			}
		})
	})
}

// waitsForServices reports whether a trial cannot be over yet: nobody knows how the
// services were at its end, as lvs is at work. One that hangs does not answer at all.
func (p *Parent) waitsForServices(t *trial, now *control.Status) bool {
	if t.held.Services() == 0 {
		return false
	}
	why := plan.Unknown(now, t.until)
	if why != "" && !t.waits {
		t.waits = true
		p.log.Warn("the trial goes on: how the services are is not known", "err", why)
	}
	return why != ""
}

// missed is what was lost in this trial and not in an earlier one, or who is not
// understood any more; empty: nothing.
func (t *trial) missed(now *control.Status, owed []plan.Loss, over bool) string {
	known := map[string]bool{}
	for _, l := range owed {
		known[l.Key] = true
	}
	begun := t.until.Add(-t.limit)
	for _, l := range t.held.Since(begun).Lost(now) {
		if !known[l.Key] {
			return l.Text
		}
	}
	if list := t.knew.Split(now, begun, over); len(list) > 0 {
		return list[0].Text
	}
	return ""
}

// owed is what a trial lost that was taken back and is not there again. Of a busy lvs
// process counts what it said after since; the zero time: nothing.
func (p *Parent) owed(now *control.Status, since time.Time) []plan.Loss {
	if p.takenBack == nil {
		return nil
	}
	return p.takenBack.held.Since(since).Lost(now)
}

// watchTakenBack looks whether what was lost is there again, until all is. What
// is lost after that has other reasons.
func (p *Parent) watchTakenBack(b *takenBack, next time.Duration) {
	p.after(next, func() {
		if p.takenBack != b || p.stopping {
			return
		}
		p.status(func(control.Status) { p.watchTakenBack(b, min(2*next, lookBackEvery)) })
	})
}

// looksBack is what the status that is gathered from now on can say something
// about: nothing while the former configuration comes into force again, for what
// holds then need not last.
func (p *Parent) looksBack() *takenBack {
	if p.trial != nil && p.trial.why != "" {
		return nil
	}
	return p.takenBack
}

// lookBack forgets what is there again of b, which looksBack returned before the
// status was gathered.
func (p *Parent) lookBack(b *takenBack, now *control.Status) {
	if b == nil || b != p.takenBack {
		return
	}
	var some bool
	if b.held, some = b.held.Rest(now); !some {
		p.takenBack = nil
		p.log.Info("all is there again that the trial had lost that was taken back", "at", b.at.Format(time.DateTime))
	}
}

// rollBack puts the former configuration into force again. The file stays as
// it is.
func (p *Parent) rollBack(why string) {
	t := p.trial
	t.why = why
	b := &takenBack{at: time.Now(), held: t.held}
	if p.takenBack != nil {
		b.at = p.takenBack.at
	}
	p.takenBack = b // another one, for who has looked at the former already
	p.log.Error("rolling back to the former configuration; the file is not changed", "config", p.opts.ConfigFile, "err", fmt.Sprintf("the new one: %s", why))
	if p.givenBack = t.settings; p.givenBack == nil {
		p.givenBack = json.RawMessage("[]") // those of the trial are not to end either
	}
	p.take(t.prev)
}

// trialStatus adds what is on trial, or was lost by one, to the status.
func (p *Parent) trialStatus(s *control.Status) {
	if t := p.trial; t != nil {
		s.Config.Trial = &control.Trial{For: t.limit, Until: t.until, TakenBack: t.why, Owed: len(p.owed(s, time.Time{})), Waiting: len(p.reload.later)}
		if p.reload.again && s.Config.Trial.Waiting == 0 {
			s.Config.Trial.Waiting = 1
		}
	}
	if lost := p.owed(s, time.Time{}); lost != nil {
		s.Config.Lost = &control.Lost{At: p.takenBack.at}
		for _, l := range lost {
			s.Config.Lost.What = append(s.Config.Lost.What, l.Text)
		}
	}
}
