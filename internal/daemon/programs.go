package daemon

import (
	"holdfast/internal/config"
	"holdfast/internal/daemon/notifier"
	"holdfast/internal/daemon/role"
	"holdfast/internal/proc"
)

// programs are startup_script and shutdown_script of the configuration in
// force; without Args there is none.
type programs struct {
	startup, shutdown proc.Spec
}

func programsOf(g *config.GlobalDefs) programs {
	of := func(c config.Command) proc.Spec {
		s := proc.Spec{Args: c.Args, Shell: c.Shell, User: c.User, Group: c.Group, Secure: g.EnableScriptSecurity}
		if s.User == "" && c.Set() {
			s.User, s.Group = notifier.ScriptUser(*g)
		}
		return s
	}
	p := programs{startup: of(g.StartupScript), shutdown: of(g.ShutdownScript)}
	p.startup.Timeout, p.shutdown.Timeout = g.StartupScriptTimeout, g.ShutdownScriptTimeout
	return p
}

// runStartup runs startup_script and starts the children when it has ended, in
// whatever way: a service that does not start for the sake of a script helps
// nobody.
func (p *Parent) runStartup() {
	s := p.cfg.programs.startup
	if len(s.Args) == 0 {
		p.launch()
		return
	}
	p.log.Info("running startup_script", "program", s.Name(), "limit", s.Timeout)
	run, err := proc.Start(s)
	if err != nil {
		p.startupResult = p.ranProgram("startup_script", proc.Result{Err: err})
		p.launch()
		return
	}
	p.startup = run
	p.manager.starting(s.Timeout + upLimit)
	go func() {
		r := run.Result()
		p.post(func() {
			p.startup = nil
			p.startupResult = p.ranProgram("startup_script", r)
			p.launch()
		})
	}()
}

// launch starts the children for the first time.
func (p *Parent) launch() {
	if p.stopping {
		return
	}
	p.launched = true
	p.cleanUp()
	p.startWanted()
	p.feelPulses()
	p.after(upLimit, p.isUp)
	p.checkUp()
}

// runShutdown runs shutdown_script and waits for its end; the children are gone
// and the parent does nothing else any more.
func (p *Parent) runShutdown() {
	if p.startup != nil {
		p.startup.Stop()
		p.ranProgram("startup_script", p.startup.Result())
	}
	s := p.cfg.programs.shutdown
	if len(s.Args) > 0 {
		p.log.Info("running shutdown_script", "program", s.Name(), "limit", s.Timeout)
		r := proc.Result{}
		if run, err := proc.Start(s); err != nil {
			r.Err = err
		} else {
			r = run.Result()
		}
		p.ranProgram("shutdown_script", r)
	}
	proc.StopAll(role.ScriptGrace) // what they left running
}

// ranProgram logs how a program ended and returns it.
func (p *Parent) ranProgram(keyword string, r proc.Result) string {
	if r.OK() {
		p.log.Info(keyword+" has ended", "took", r.Took)
	} else {
		p.log.Error(keyword+" failed", "result", r.String())
	}
	return r.String()
}

// startupText is what status says of startup_script.
func (p *Parent) startupText() string {
	if p.startup != nil {
		return "running"
	}
	return p.startupResult
}
