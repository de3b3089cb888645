package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// commands looks at the programs that will be run: scripts that cannot or must
// not be run are not tracked, and programs run without enable_script_security
// are worth a word.
func (d *decoder) commands() {
	d.lostScripts()
	d.doubtfulPrograms()
	if d.cfg.Global.EnableScriptSecurity {
		return
	}
	// The VRRP process of keepalived stops at a missing interface before it
	// looks at its scripts: the finding then does not count for the exit code.
	stopped := slices.ContainsFunc(d.found.List, func(f Diagnostic) bool { return f.ID == "no-such-interface" && f.Class != ClassNone })
	if !d.insecure(!stopped, ClassSecurity) && stopped {
		d.insecure(true, ClassNone)
	}
}

// insecure reports the first program that is run without security, and whether
// there is one; those of VRRP are looked at only with vrrp. What only a shell
// understands keepalived takes for no program.
func (d *decoder) insecure(vrrp bool, class Class) (found bool) {
	d.cfg.commands(vrrp, func(c *Command) bool {
		if found = !c.Shell && d.executable(*c) || c.Set() && d.cfg.Global.runs(c); found {
			d.report(Pos{}, Warning, class, "script-security",
				"programs are run without enable_script_security (the first one: "+c.Args[0]+")")
		}
		return !found
	})
	return found
}

// runs reports whether c is one of the programs that keepalived does not look
// for before it says that they are run without security.
func (g *GlobalDefs) runs(c *Command) bool {
	switch c {
	case &g.StartupScript, &g.ShutdownScript, &g.NotifyFIFO.Script, &g.VRRPNotifyFIFO.Script, &g.LVSNotifyFIFO.Script:
		return true
	}
	return false
}

// ErrInterpreter is the program in the first line of a script that is not there.
type ErrInterpreter struct{ Name string }

func (e ErrInterpreter) Error() string {
	hint := ""
	if strings.HasSuffix(e.Name, "\r") {
		hint = " (the lines of the file end as on Windows)"
	}
	return fmt.Sprintf("has the interpreter %q in its first line, which does not exist%s", e.Name, hint)
}

// executable reports whether a command is set and its program can be run, as far as
// keepalived looks: it does not look for interpreters.
func (d *decoder) executable(c Command) bool {
	err := d.unrunnable(c)
	return c.Set() && (err == nil || errors.As(err, new(ErrInterpreter)))
}

// unrunnable says what keeps the program of a command that is set from being run;
// nil: nothing.
func (d *decoder) unrunnable(c Command) error {
	if !c.Set() || c.Shell || d.opts.Executable == nil {
		return nil
	}
	return d.opts.Executable(c.Args[0])
}

// commands hands every command of the configuration, set or not, to f until
// that returns false; those of VRRP only with vrrp.
func (c *Config) commands(vrrp bool, f func(c *Command) bool) {
	all := func(list ...*Command) bool {
		for _, c := range list {
			if !f(c) {
				return false
			}
		}
		return true
	}
	notify := func(n *NotifySet) bool {
		return all(&n.Master, &n.Backup, &n.Fault, &n.Stop, &n.Deleted, &n.MasterRxLower, &n.Any)
	}
	g := &c.Global
	lvs := len(c.VirtualServers) > 0
	switch {
	case !all(&g.StartupScript, &g.ShutdownScript):
		return
	case (len(c.Instances) > 0 || lvs) && !f(&g.NotifyFIFO.Script):
		return
	case lvs && !f(&g.LVSNotifyFIFO.Script):
		return
	}
	// Without a virtual router nothing of VRRP is run.
	if vrrp && len(c.Instances) > 0 {
		if !f(&g.VRRPNotifyFIFO.Script) {
			return
		}
		for k := range c.Scripts {
			if !f(&c.Scripts[k].Command) {
				return
			}
		}
		for k := range c.Instances {
			if !notify(&c.Instances[k].Notify) {
				return
			}
		}
		for k := range c.SyncGroups {
			if !notify(&c.SyncGroups[k].Notify) {
				return
			}
		}
	}
	for k := range c.VirtualServers {
		s := &c.VirtualServers[k]
		if q := s.Scripts; q != nil && !all(&q.Up, &q.Down) {
			return
		}
		for r := range s.RealServers {
			server := &s.RealServers[r]
			if s := server.Extra().Scripts; s != nil && !all(&s.Up, &s.Down) {
				return
			}
			for k := range server.Checkers() {
				if !f(&server.Checkers()[k].MiscPath) {
					return
				}
			}
		}
	}
}
