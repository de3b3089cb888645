package config

import "time"

// defaultProgramLimit is how long startup_script and shutdown_script may take.
const defaultProgramLimit = 10 * time.Second

// programRows are the programs that the parent runs before and after everything
// else.
func programRows() []Keyword {
	limit := func(set func(g *globals, v time.Duration)) value { return seconds("seconds", 1, 1000, set) }
	return []Keyword{
		row("startup_script", rare, once(program(func(g *globals) *Command { return &g.StartupScript })), "", "program run once before anything else: the other processes are started when it has ended, with or without success"),
		row("startup_script_timeout", rare, limit(func(g *globals, v time.Duration) { g.StartupScriptTimeout = v }), "10", "limit for startup_script: it is ended then"),
		row("shutdown_script", rare, once(program(func(g *globals) *Command { return &g.ShutdownScript })), "", "program run once when everything is released and the other processes are gone"),
		row("shutdown_script_timeout", rare, limit(func(g *globals, v time.Duration) { g.ShutdownScriptTimeout = v }), "10", "limit for shutdown_script: it is ended then"),
	}
}

// program is a program of the parent: keepalived looks its user up while it
// reads the file, and goes on without a program whose user does not exist.
func program(get func(g *globals) *Command) value {
	return scriptOf(ClassGeneral, func(d *decoder, g *globals, c Command, n *Node) {
		if d.usable(&c, n) {
			*get(g) = c
		}
	})
}
