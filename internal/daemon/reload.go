package daemon

import (
	"errors"
	"fmt"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/stack"
)

// reloadState is what is known of reloads.
type reloadState struct {
	running bool
	again   bool   // asked for while one was running
	done    func() // takes the file of reload_file away
	worked  func() // ends what it is for the spare memory
	next    func() // what follows when no child is stopping any more
	last    time.Time
	failure string // of the last one; empty: it succeeded
	refused bool   // the one that runs was
	// untaken are those who did not take over what was handed over last, and
	// rolledBack is why that was the former configuration; empty: it was not.
	untaken    []untaken
	rolledBack string
	atWork     bool // it waits for the lvs process, which is at work

	findings []config.Diagnostic    // about the file read last
	waiting  []func(control.Reload) // for the one that runs
	later    []func(control.Reload) // for the one after it
}

// whileStopping answers who asks for a reload during the stop.
var whileStopping = control.Reload{Outcome: control.ReloadNotBegun, Failure: "not begun: the daemon stops"}

// beginReload reloads and says whether that has begun.
func (p *Parent) beginReload() control.Reload {
	r := control.Reload{Outcome: control.ReloadBegun}
	switch {
	case p.stopping:
		return whileStopping
	case p.reload.running:
		r.Outcome = control.ReloadWaits
	}
	p.startReload()
	return r
}

// askReload reloads and answers when that is over. A reload that runs already
// may have read the file before it was changed, so one more follows it.
func (p *Parent) askReload(answer func(control.Reload)) {
	switch {
	case p.stopping:
		answer(whileStopping)
		return
	case p.reload.running:
		p.reload.later = append(p.reload.later, answer)
	default:
		p.reload.waiting = append(p.reload.waiting, answer)
	}
	p.startReload()
}

// startReload reads and checks the whole new configuration beside the running
// one, in a goroutine: nothing waits for it.
func (p *Parent) startReload() {
	if p.stopping {
		return
	}
	if p.reload.running {
		p.reload.again = true
		if p.trial != nil {
			p.log.Info("the reload waits", "for", p.onTrial())
		}
		return
	}
	p.reload.running, p.reload.refused, p.reload.atWork, p.reload.rolledBack = true, false, false, ""
	p.tellReloading()
	p.reload.worked = p.spare.Work()
	p.reload.done = p.reading()
	p.log.Info("reloading", "config", p.opts.ConfigFile)
	opts := p.opts
	go func() {
		stack.Reserve()
		cfg, diags := opts.Load()
		var next *running
		var err error
		switch list := refusals(diags); {
		case len(list) > 1:
			err = fmt.Errorf("%s (and %d more)", list[0], len(list)-1)
		case len(list) > 0:
			err = errors.New(list[0].String())
		case cfg == nil:
			err = errors.New("the configuration cannot be used")
		default:
			next, err = newRunning(&opts, cfg, diags)
		}
		p.post(func() { p.loadedAnew(next, diags, err) })
	}()
}

func (p *Parent) loadedAnew(next *running, diags []config.Diagnostic, err error) {
	logDiagnostics(p.log, diags)
	p.reload.findings = diags
	if err != nil {
		p.refuse(err)
		return
	}
	if err := p.cfg.fixed(next); err != nil {
		p.refuse(err)
		return
	}
	p.givenBack = nil
	p.take(next)
}

// refuse ends a reload with the running configuration in force.
func (p *Parent) refuse(why error) {
	p.reload.refused, p.reload.untaken = true, nil // who has not taken the former one is not news of this one
	p.reloaded("refused, the running configuration stays: " + why.Error())
}

// take puts a configuration into force.
func (p *Parent) take(next *running) {
	if p.stopping {
		p.reloaded("the daemon stops")
		return
	}
	p.cfg = next
	p.upkeep()
	p.want()
	// Those that are not wanted any more end first: what they share with the
	// other process, it takes over.
	for _, s := range []*slot{p.vrrp, p.lvs} {
		switch {
		case s.wanted:
		case s.child != nil:
			s.stopping = true
			p.tellStop(s)
		default: // it died a moment ago
			p.vacate(s)
		}
	}
	p.reload.next = p.handOver
	p.stepReload()
}

// stepReload goes on when no child is stopping.
func (p *Parent) stepReload() {
	if p.vrrp.stopping || p.lvs.stopping {
		return
	}
	if f := p.reload.next; f != nil {
		p.reload.next = nil
		f()
		return
	}
	p.startWanted() // wanted again since it was told to stop
}

// refusals are the findings that a reload is refused for. A brace that does
// not close is one even in keepalived.conf, where a start goes on with what is
// there: the file was most likely read while somebody was writing it.
func refusals(diags []config.Diagnostic) []config.Diagnostic {
	var list []config.Diagnostic
	for _, d := range diags {
		if d.RefusesReload() {
			list = append(list, d)
		}
	}
	return list
}

// reloaded ends a reload.
func (p *Parent) reloaded(failure string) {
	t := p.trial
	if !p.tried(&failure) {
		return
	}
	outcome := control.ReloadIncomplete
	switch {
	case failure == "":
		outcome = control.ReloadDone
	case p.reload.refused:
		outcome = control.ReloadRefused
	case t != nil && t.why != "":
		outcome = control.ReloadRolledBack
	}
	p.reload.running, p.reload.last, p.reload.failure = false, time.Now(), failure
	if p.reload.worked != nil {
		p.reload.worked()
		p.reload.worked = nil
	}
	if p.reload.done != nil {
		p.reload.done()
		p.reload.done = nil
	}
	p.tellReady()
	if failure != "" {
		p.log.Error("reload failed", "err", failure)
	} else {
		p.log.Info("reloaded")
	}
	p.taken(p.vrrp) // as one that was replaced meanwhile
	p.taken(p.lvs)
	for _, answer := range p.reload.waiting {
		answer(control.Reload{Outcome: outcome, Failure: failure, Diagnostics: p.reload.findings})
	}
	p.reload.waiting, p.reload.later, p.reload.findings = p.reload.later, nil, nil
	if p.reload.again {
		p.reload.again = false
		p.startReload()
	}
}
