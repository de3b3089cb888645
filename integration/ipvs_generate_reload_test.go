package integration

import (
	"fmt"
	"slices"
	"strings"
)

// reload changes the configuration in ways that keepalived 2.2.7 gets right: of
// a server it takes up new thresholds only together with a new weight, and
// servers of a group it removes with wrong ports, and a group not at all with
// lvs_flush_on_stop (docs/differences.md). Of a server that is down it puts back
// what gets another method, so where servers are checked only they themselves come
// and go, and their weights change, and none comes to where a sorry server may be;
// and a weight that a program is going to give it takes for 0, so every program has
// run. A service without a quorum keeps its sorry server, and it and its servers
// inhibit_on_failure and the methods: the servers that keepalived has put aside for
// these stay so, and a sorry server that stays keeps its old method, also where it
// stands by with weight 0.
func (g *ipvsGen) reload() {
	var kept []*genService
	for _, s := range g.services {
		what := g.IntN(8)
		if s.grouped() && (what != 0 || g.flushes("")) {
			what = 7 // as it is
		}
		if s.grouped() && s.groups == "" {
			what = 7 // it goes with the group
		}
		if s.checked() && (what == 1 || what == 2) {
			what = 5
		}
		switch what {
		case 0:
			g.wide.remove(s)
			continue // gone
		case 1:
			before, kind := s.lines, s.kind
			// The seeds of every run are known to be right.
			starved := g.programs && (s.starved() || slices.Contains(s.lines, "sorry_server_inhibit"))
			if g.scheduling(s); starved {
				s.lines = keep(s.lines, before, "sorry_server", "inhibit_on_failure")
				s.kind = kind
				delete(s.words, "lb_kind")
			}
		case 2:
			starved := g.programs && s.starved()
			for i := range s.servers {
				r := &s.servers[i]
				before := r.lines
				if g.change(s, r); starved {
					r.lines = keep(r.lines, before, "inhibit_on_failure", "lvs_method")
				}
				s.servers[i].lines = append(s.servers[i].lines, fmt.Sprintf("weight %d", 2+g.IntN(60000)))
			}
		case 3:
			if s.sorry() != "" && (s.checked() || g.programs && s.starved()) {
				break
			}
			s.servers = append(s.servers, g.server(s, len(s.servers)))
			g.rare.server(&s.servers[len(s.servers)-1])
		case 4:
			if len(s.servers) > 1 {
				s.gone, s.servers = s.servers[:1], s.servers[1:]
			}
		case 5:
			for i := range s.servers {
				s.servers[i].lines = append(slices.Clone(s.servers[i].lines), fmt.Sprintf("weight %d", 1+g.IntN(60000)))
			}
		case 6:
			g.wide.again(s)
		}
		g.rare.again(s)
		kept = append(kept, s)
	}
	g.services = slices.DeleteFunc(kept, func(s *genService) bool {
		return s.grouped() && !slices.ContainsFunc(kept, func(o *genService) bool { return o.head == s.head && o.groups != "" })
	})
	g.services = append(g.services, g.wide.back()...)
	for range 1 + g.size/9 {
		g.add()
	}
	g.Shuffle(len(g.services), func(i, j int) { g.services[i], g.services[j] = g.services[j], g.services[i] })
	g.inGroups()
}

// inGroups puts the services of a group in the order that they had: keepalived
// 2.2.7 tells them apart by it.
func (g *ipvsGen) inGroups() {
	for i, s := range g.services {
		if !s.grouped() || s.groups != "" {
			continue
		}
		for j := i + 1; j < len(g.services); j++ {
			if o := g.services[j]; o.head == s.head {
				g.services[i], g.services[j] = o, s
			}
		}
	}
}

// starved reports whether the quorum of the service can be out of reach although
// all its servers are up.
func (s *genService) starved() bool {
	if slices.ContainsFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, "hysteresis ") }) {
		return true
	}
	return !slices.ContainsFunc(s.servers, func(r genServer) bool {
		weight := "" // the last one counts; without one it is the service's, which is not 0
		for _, l := range r.lines {
			if w, ok := strings.CutPrefix(l, "weight "); ok {
				weight = w
			}
		}
		return weight != "0"
	})
}

// keep is lines with those that begin with one of words as they were before.
func keep(lines, before []string, words ...string) []string {
	with := func(l string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(l, w) })
	}
	lines = slices.DeleteFunc(lines, with)
	for _, l := range before {
		if with(l) {
			lines = append(lines, l)
		}
	}
	return lines
}

// checked reports whether a server of the service has a check.
func (s *genService) checked() bool {
	return slices.ContainsFunc(s.servers, func(r genServer) bool { return r.check != "" })
}
