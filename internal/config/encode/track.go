package encode

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/config"
	"holdfast/vrrp/route"
)

// lists are the tracked things of an instance or a group.
type lists struct{ scripts, interfaces, files, processes, bfds []config.Track }

func (e *encoder) tracks(l lists) {
	for _, t := range []struct {
		name string
		list []config.Track
		own  func(name string) (config.Track, bool)
	}{
		{"track_script", l.scripts, own(e.c.Scripts, func(s *config.VRRPScript) config.Track {
			return config.Track{Name: s.Name, Weight: s.Weight, Reverse: s.Reverse}
		})},
		{"track_interface", l.interfaces, func(name string) (config.Track, bool) { return config.Track{Name: name}, true }},
		{"track_file", l.files, own(e.c.TrackFiles, func(f *config.TrackFile) config.Track {
			return config.Track{Name: f.Name, Weight: f.Weight, Reverse: f.Reverse}
		})},
		{"track_process", l.processes, own(e.c.TrackProcesses, func(p *config.TrackProcess) config.Track {
			return config.Track{Name: p.Name, Weight: p.Weight, Reverse: p.Reverse}
		})},
		{"track_bfd", l.bfds, own(e.c.BFDInstances, func(b *config.BFDInstance) config.Track {
			return config.Track{Name: b.Name, Weight: b.Weight, Reverse: b.Reverse}
		})},
	} {
		e.block(false, func() {
			for k := range t.list {
				def, ok := t.own(t.list[k].Name)
				if ok && def == t.list[k] {
					e.put(t.list[k].Name)
					continue
				}
				e.put(track(&t.list[k], def.Reverse)...)
			}
		}, t.name)
	}
}

// own finds the weight that a thing has where the line that tracks it says none.
func own[T any](list []T, track func(*T) config.Track) func(name string) (config.Track, bool) {
	return func(name string) (config.Track, bool) {
		for i := range list {
			if t := track(&list[i]); t.Name == name {
				return t, true
			}
		}
		return config.Track{}, false
	}
}

// track says the weight, which is not the thing's own; reverse is whether that
// one is reversed.
func track(t *config.Track, reverse bool) []string {
	out := []string{t.Name, "weight", strconv.Itoa(t.Weight)}
	switch {
	case t.Reverse && !reverse:
		out = append(out, "reverse")
	case reverse && !t.Reverse:
		out = append(out, "noreverse")
	}
	return out
}

func (e *encoder) group(g *config.SyncGroup) {
	e.block(true, func() {
		e.members(g.Members)
		e.tracks(lists{g.TrackScripts, g.TrackInterfaces, g.TrackFiles, g.TrackProcesses, g.TrackBFDs})
		e.flag("sync_group_tracking_weight", g.TrackingWeight)
		e.notify(&g.Notify)
		e.boolean("smtp_alert", g.SMTPAlert, false)
	}, "vrrp_sync_group", g.Name)
}

func (e *encoder) members(names []string) {
	e.block(true, func() {
		for _, m := range names {
			e.put(m)
		}
	}, "group")
}

// tracked adds what is defined to be tracked.
func (e *encoder) tracked() {
	for i := range e.c.TrackFiles {
		e.file(&e.c.TrackFiles[i])
	}
	for i := range e.c.TrackProcesses {
		e.process(&e.c.TrackProcesses[i])
	}
	for i := range e.c.BFDInstances {
		e.bfd(&e.c.BFDInstances[i])
	}
	e.links(&e.c.Links)
}

func (e *encoder) weight(v, def int, reverse bool) {
	if v != def || reverse {
		w := []string{"weight", strconv.Itoa(v)}
		if reverse {
			w = append(w, "reverse")
		}
		e.put(w...)
	}
}

func (e *encoder) file(f *config.TrackFile) {
	e.block(true, func() {
		e.put("file", f.Path)
		e.weight(f.Weight, 1, f.Reverse)
		if f.InitFile {
			w := []string{"init_file", strconv.Itoa(f.InitValue)}
			if f.Overwrite {
				w = append(w, "overwrite")
			}
			e.put(w...)
		}
	}, "track_file", f.Name)
}

func (e *encoder) process(p *config.TrackProcess) {
	e.block(true, func() {
		name := p.Process
		if e.toml && len(p.Args) == 0 && strings.ContainsAny(name, " \t") {
			name = shellWord(name, false) // one text is a command line there
		}
		e.put(append([]string{"process", name}, p.Args...)...)
		e.flag("full_command", p.FullCommand)
		switch {
		case p.Match == config.MatchPartial:
			e.put("param_match", "partial")
		case p.Match == config.MatchInitial:
			e.put("param_match", "initial")
		}
		e.weight(p.Weight, 0, p.Reverse)
		e.number("quorum", p.Quorum, 1)
		e.number("quorum_max", p.QuorumMax, -1)
		e.time("fork_delay", p.ForkDelay, 0)
		e.time("terminate_delay", p.TerminateDelay, 0)
	}, "vrrp_track_process", p.Name)
}

func (e *encoder) bfd(b *config.BFDInstance) {
	ms := func(name string, v, def time.Duration) {
		if v != def {
			e.put(name, strconv.FormatFloat(float64(v)/float64(time.Millisecond), 'f', -1, 64))
		}
	}
	e.block(true, func() {
		e.put("neighbor_ip", b.Neighbor.String())
		if b.Source.IsValid() {
			e.put("source_ip", b.Source.String())
		}
		ms("min_rx", b.MinRX, 10*time.Millisecond)
		ms("min_tx", b.MinTX, 10*time.Millisecond)
		ms("idle_tx", b.IdleTX, time.Second)
		e.number("multiplier", int(b.Multiplier), 5)
		e.flag("passive", b.Passive)
		e.flag("multihop", b.Multihop)
		ttl := 255
		if b.Neighbor.Is6() && !e.toml {
			ttl = 64
		}
		e.number("ttl", int(b.TTL), ttl)
		e.number("max_hops", b.MaxHops, 0)
		e.weight(b.Weight, 0, b.Reverse)
		e.flag("vrrp", b.VRRP && !b.Checker)
		e.flag("checker", b.Checker && !b.VRRP)
	}, "bfd_instance", b.Name)
}

func (e *encoder) links(l *config.Links) {
	e.flag("linkbeat_use_polling", l.PollAll)
	e.block(false, func() {
		for _, p := range l.Polls {
			w := []string{p.Interface}
			if p.Kind != "" {
				w = append(w, string(p.Kind))
			}
			e.put(w...)
		}
	}, "linkbeat_interfaces")
	e.block(false, func() {
		for _, d := range l.Delays {
			e.put(d.Interface, seconds(d.Down), seconds(d.Up))
		}
	}, "interface_up_down_delays")
}

// static adds what is there whoever is master.
func (e *encoder) static() {
	for _, g := range e.c.TrackGroups {
		e.block(true, func() { e.members(g.Members) }, "track_group", g.Name)
	}
	e.vips("static_ipaddress", e.c.StaticAddresses)
	e.routes("static_routes", e.c.StaticRoutes)
	e.rules("static_rules", e.c.StaticRules)
}

func (e *encoder) routes(name string, list []route.Route) {
	e.block(false, func() {
		for i := range list {
			e.put(object(list[i].Text, list[i].Group)...)
		}
	}, name)
}

// object takes a route or a rule as it was written, with the track_group that
// counts: one that does not exist was ignored.
func object(text, group string) []string {
	words := strings.Fields(text)
	if at := slices.Index(words, "track_group"); at >= 0 && at+1 < len(words) && group == "" {
		words = slices.Delete(words, at, at+2)
	}
	return words
}

// rules says the preference of a rule that got one by its place.
func (e *encoder) rules(name string, list []route.Rule) {
	e.block(false, func() {
		for i := range list {
			words := object(list[i].Text, list[i].Group)
			given := slices.ContainsFunc(words, func(w string) bool {
				return slices.Contains([]string{"priority", "preference", "order"}, w)
			})
			if !given {
				words = append([]string{"priority", strconv.FormatUint(uint64(list[i].Priority), 10)}, words...)
			}
			e.put(words...)
		}
	}, name)
}
