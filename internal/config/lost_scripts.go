package config

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
		// process.
		if len(d.cfg.Instances) == 0 {
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
	if !d.executable(c) {
		return "script-not-found", clip(c.Args[0]) + " cannot be run"
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
// run, once, where it is named first. keepalived says nothing about them before
// it is to run them.
func (d *decoder) doubtfulPrograms() {
	type key struct {
		program, user string
		shell         bool
	}
	seen := map[key]bool{}
	scripts := map[*Command]bool{}
	for k := range d.cfg.Scripts {
		scripts[&d.cfg.Scripts[k].Command] = true
	}
	d.cfg.commands(true, func(c *Command) bool {
		if !c.Set() || scripts[c] {
			return true
		}
		k := key{c.Args[0], c.User, c.Shell}
		if seen[k] {
			return true
		}
		seen[k] = true
		if id, why := d.unfit(*c); id != "" {
			m := d.state.programs[c.Args[0]]
			// A program may be installed later; nobody mends its folder unasked.
			severity := Info
			if id == "script-insecure" {
				severity = Warning
			}
			d.report(m.pos, severity, ClassNone, id, m.keyword+": "+why)
		}
		return true
	})
}
