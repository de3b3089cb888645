package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast/internal/config"
)

// Links are the interfaces of a machine by name, and whether each is up; nil: they
// are not known.
type Links map[string]bool

// faults says, by instance, which interfaces will keep it from being master with c:
// its own, those that it tracks without a weight, those that its addresses, routes
// and rules are on, and what its sync group brings. Nothing else that is tracked is
// looked at.
func faults(c *config.Config, links Links) map[string][]string {
	out := map[string][]string{}
	if links == nil {
		return out
	}
	made := false // interfaces that are not there may be made
	for i := range c.Instances {
		made = made || c.Instances[i].VMAC.Kind != config.VMACNone
	}
	tracked := func(list []config.Track) (why []string) {
		for _, t := range list {
			if t.Weight == 0 && links[t.Name] == t.Reverse {
				why = append(why, links.say(t.Name))
			}
		}
		return why
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		var why []string
		up, there := links[in.Interface]
		if !there || !up && !in.DontTrackPrimary {
			why = append(why, links.say(in.Interface))
		}
		why = append(why, tracked(in.TrackInterfaces)...)
		for _, name := range in.ImpliedInterfaces() {
			if up, there := links[name]; !up && (there || !made) {
				why = append(why, links.say(name))
			}
		}
		if len(why) > 0 {
			out[in.Name] = why
		}
	}
	own := maps.Clone(out)
	for _, g := range c.SyncGroups {
		all := tracked(g.TrackInterfaces)
		for _, m := range g.Members {
			for _, why := range own[m] {
				all = append(all, "member "+m+": "+why)
			}
		}
		for _, m := range g.Members {
			if len(own[m]) == 0 && len(all) > 0 {
				out[m] = all
			}
		}
	}
	return out
}

// say says how an interface is that should be otherwise.
func (l Links) say(name string) string {
	up, there := l[name]
	switch {
	case !there:
		text := "interface " + name + " does not exist"
		if like := config.Nearest(name, slices.Sorted(maps.Keys(l))); like != "" {
			text += " (did you mean " + like + "?)"
		}
		return text
	case up:
		return "interface " + name + " is up"
	}
	return "interface " + name + " is down"
}

// fault says that an instance will not hold its addresses on this machine, and
// why: that it does not hold them already because of the same is no news, and not
// said.
func (p *Plan) fault(in *config.VRRPInstance, state string, why, before []string) (said bool) {
	if len(why) == 0 || slices.Equal(why, before) {
		return false
	}
	r := Router{Name: in.Name, State: state, Outcome: Faults}
	what := strings.Join(why, "; ")
	if state == "MASTER" {
		p.Moves = true
		r.Text = fmt.Sprintf("LOSES %s, and another director takes over: %s", addresses(in), what)
	} else {
		r.Text = fmt.Sprintf("cannot become master here: %s", what)
	}
	p.say(r)
	return true
}

// addresses names what an instance holds.
func addresses(in *config.VRRPInstance) string {
	const most = 3
	var list []string
	all := append(slices.Clone(in.VirtualIPAddress), in.VirtualIPAddressExcluded...)
	for i := range all {
		if i == most {
			list = append(list, fmt.Sprintf("%d more", len(all)-most))
			break
		}
		list = append(list, all[i].Prefix.String())
	}
	if len(list) == 0 {
		return "mastership"
	}
	return strings.Join(list, ", ")
}
