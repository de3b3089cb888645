package config

import (
	"fmt"
	"path/filepath"
	"time"
)

// maxSlowStart and maxDrain bound how long a server is on its way in or out.
const (
	maxSlowStart = time.Hour
	maxDrain     = 7 * 24 * time.Hour
	maxPath      = 4096 // PATH_MAX
)

// poolGlobalRows are what real servers have in common beside their checks.
func poolGlobalRows() []Keyword {
	return []Keyword{
		row("rs_init_notifies", rare, optBool(func(g *globals, v bool) { g.RSInitNotifies = v }), "off", "tell at the start of real servers that are in service before their first check: notify_up and lines in FIFOs"),
		row("quiescent", own, optBool(func(g *globals, v bool) { g.quiescent = v }), "off", "default of quiescent in every virtual_server, as in ldirectord"),
		row("maintenance_file", own, absolute(func(g *globals, v string) { g.MaintenanceFile = v }), "", "file that lists servers in maintenance, or folder with a file for each, read every second: see real-servers.md"),
	}
}

// poolServiceRows are the defaults that a virtual server has for its servers.
func poolServiceRows() []Keyword {
	return []Keyword{
		row("quiescent", own, optBool(func(s *service, v bool) { s.quiescent = &v }), "global quiescent", "inhibit_on_failure of every server here that does not say otherwise; ldirectord's word"),
		row("slow_start", own, timer("seconds", 0, maxSlowStart, func(s *service, v time.Duration) { s.slowStart = v }), "0", "default of slow_start in every real_server here"),
	}
}

// poolRealRows are what is done with a real server beside its checks.
func poolRealRows() []Keyword {
	return []Keyword{
		row("slow_start", own, timer("seconds", 0, maxSlowStart, func(r *realServer, v time.Duration) { r.slowStart = &v }), "the virtual server's", "a server that comes up again gets its weight within this time, in ten steps"),
		row("drain", own, custom("[<seconds>]", []Arg{{Name: "seconds", Kind: KindTimer, Optional: true}}, drain), "off", "weight 0 until its connections have ended, or for this long; then it is taken out of the table"),
		row("maintenance_file", own, absolute(func(r *realServer, v string) { r.extras().MaintenanceFile = v }), "", "while this file is there the server is out of service, or as the words in it say: see real-servers.md"),
	}
}

func drain(d *decoder, r *realServer, n *Node) {
	r.Drain = true
	if len(n.Words) < 2 {
		return
	}
	v, _, err := parseTimer(n.Arg(0), time.Second, maxDrain)
	if err != nil {
		d.bad(n, 0, ClassInvalidNumber, "%v: it is drained without a deadline", err)
		return
	}
	r.extras().DrainLimit = v
}

// absolute is the path of a file, which must not depend on the folder that the
// daemon was started in.
func absolute[T any](set func(t *T, v string)) value {
	return value{args: []Arg{{Name: "path"}}, syntax: "<path>", set: func(d *decoder, target any, n *Node) {
		s, ok := arg1(d, n)
		if !ok {
			return
		}
		if !filepath.IsAbs(s) || len(s) >= maxPath {
			d.bad(n, 0, ClassGeneral, "'%s' is no absolute path, ignored", clip(s))
			return
		}
		set(target.(*T), filepath.Clean(s))
	}}
}

// finishPool resolves what a real server inherits of that.
func (d *decoder) finishPool(s *service, r *RealServer, p *pendingReal) {
	if !p.inhibitSet {
		switch {
		case s.quiescent != nil:
			r.InhibitOnFailure = *s.quiescent
		case d.state.global.quiescent:
			r.InhibitOnFailure = true
		}
	}
	if r.Extra().SlowStart > 0 && r.Weight == 1 {
		d.report(d.pos(p.begin), Info, ClassNone, "slow-start-weight", fmt.Sprintf(
			"virtual_server %s: real_server %v: slow_start has no effect with weight 1, of which there is no part: give the servers weights of 10 and more", s.describe(), r.Addr))
	}
}
