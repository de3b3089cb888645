package config

import (
	"errors"
	"fmt"
	"slices"
)

// lostScripts reports scripts that cannot be run, or must not be under
// enable_script_security. keepalived goes on without them; TOML keeps them, so
// that they fail.
func (d *decoder) lostScripts() {
	tracked := d.trackedScripts()
	lost := map[string]bool{}
	for k := range d.cfg.Scripts {
		s := &d.cfg.Scripts[k]
		id, why := d.unfit(s.Command)
		if id == "" {
			continue
		}
		lost[s.Name] = true
		class, text := ClassGeneral, ": it is not tracked"
		if d.toml() {
			class, text = ClassNone, ": it counts as failed"
		}
		// keepalived looks at its scripts, tracked or not, where it has a VRRP
		// process, and not for their interpreters: what it cannot run then counts
		// as a success.
		if len(d.cfg.Instances) == 0 || id == "script-interpreter" {
			class = ClassNone
		}
		if !tracked[s.Name] {
			text = ""
		}
		d.report(d.state.scriptPos[s.Name], Warning, class, id, "vrrp_script "+s.Name+": "+why+text)
	}
	if len(lost) == 0 || d.toml() {
		return
	}
	gone := func(t Track) bool { return lost[t.Name] }
	for k := range d.cfg.Instances {
		d.cfg.Instances[k].TrackScripts = without(d.cfg.Instances[k].TrackScripts, gone)
	}
	for k := range d.cfg.SyncGroups {
		d.cfg.SyncGroups[k].TrackScripts = without(d.cfg.SyncGroups[k].TrackScripts, gone)
	}
}

// trackedScripts returns the names of the scripts that somebody tracks.
func (d *decoder) trackedScripts() map[string]bool {
	tracked := map[string]bool{}
	for _, i := range d.cfg.Instances {
		for _, t := range i.TrackScripts {
			tracked[t.Name] = true
		}
	}
	for _, g := range d.cfg.SyncGroups {
		for _, t := range g.TrackScripts {
			tracked[t.Name] = true
		}
	}
	return tracked
}

// unfit says why a command will not be run, with the name of the finding; both
// are empty when it will.
func (d *decoder) unfit(c Command) (id, why string) {
	if err := d.unrunnable(c); err != nil {
		id = "script-not-found"
		if errors.As(err, new(ErrInterpreter)) {
			id = "script-interpreter"
		}
		return id, clip(c.Args[0]) + " " + err.Error()
	}
	if d.opts.Insecure == nil || !d.cfg.Global.EnableScriptSecurity {
		return "", ""
	}
	if c.User == "" {
		c.User = d.cfg.Global.ScriptUser
		if c.Group == "" {
			c.Group = d.cfg.Global.ScriptGroup
		}
	}
	if err := d.opts.Insecure(c); err != nil {
		return "script-insecure", clip(c.Args[0]) + " is not run: " + err.Error()
	}
	return "", ""
}

// doubtfulPrograms reports every program besides vrrp_scripts that will not be
// run, once for each keyword, where that names it first, and leaves checks out that
// have one (lostChecks). keepalived says nothing about them before it is to run them.
func (d *decoder) doubtfulPrograms() {
	type key struct {
		program, user string
		shell         bool
	}
	seen := map[key]bool{}
	lost := map[string]bool{}
	scripts := map[*Command]bool{}
	for k := range d.cfg.Scripts {
		scripts[&d.cfg.Scripts[k].Command] = true
	}
	d.cfg.commands(true, func(c *Command) bool {
		if !c.Set() || scripts[c] {
			return true
		}
		k := key{c.Args[0], c.User, c.Shell}
		if seen[k] || lost[c.Args[0]] {
			return true
		}
		seen[k] = true
		id, why := d.unfit(*c)
		places := d.state.programs[c.Args[0]]
		switch {
		case id == "" || len(places) == 0:
			return true
		case id == "script-insecure": // for this user
			places = places[:1]
		default:
			lost[c.Args[0]] = true
		}
		for _, m := range places {
			text := m.keyword + ": " + why
			switch {
			case m.keyword != "misc_path" || id == "script-insecure":
			case d.toml():
				text += ": the check fails each time"
			default:
				text += ": the check is left out, and the server stays in service without it"
			}
			if m.more > 0 && id != "script-insecure" {
				text += fmt.Sprintf(" (and in %d more)", m.more)
			}
			d.report(m.pos, Warning, ClassNone, id, text)
		}
		return true
	})
	if len(lost) > 0 && !d.toml() {
		d.lostChecks(lost)
	}
}

// lostChecks leaves out each MISC_CHECK with one of these programs, as keepalived
// does with those that it does not find; that of one without its interpreter
// succeeds there.
func (d *decoder) lostChecks(programs map[string]bool) {
	for i := range d.cfg.VirtualServers {
		servers := d.cfg.VirtualServers[i].RealServers
		for k := range servers {
			servers[k].SetCheckers(slices.DeleteFunc(servers[k].Checkers(), func(c Checker) bool {
				return c.MiscPath.Set() && !c.MiscPath.Shell && programs[c.MiscPath.Args[0]]
			}))
		}
	}
}
