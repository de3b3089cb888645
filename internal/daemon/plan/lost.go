package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/role"
)

// Held is what a daemon holds that a reload could make it lose: the virtual
// routers that are master, the services that are up. The zero value holds
// nothing, and counts every process as one that answered.
type Held struct {
	masters, services, mute map[string]bool
	// shared are masters beside another one: that one of the two yields is what a
	// reload may be for.
	shared map[string]bool
	since  time.Time // see Since
}

func newHeld() Held {
	return Held{masters: map[string]bool{}, services: map[string]bool{}, mute: map[string]bool{}, shared: map[string]bool{}}
}

// Since is h for Lost, where what a busy lvs process said last counts if it said it
// after t; without it nothing counts that was so before the present work.
func (h Held) Since(t time.Time) Held {
	h.since = t
	return h
}

// Unknown says what keeps a status from telling how the services were after t;
// empty: nothing.
func Unknown(now *control.Status, t time.Time) string {
	var l control.LVS
	if !decode(now.LVS, &l) || told(l.Busy, t) {
		return ""
	}
	return "lvs is busy with " + l.Busy.With
}

// Absent says why a status tells nothing of what a process does that should be there;
// empty: it tells that, or there should be none.
func Absent(now *control.Status, process role.Role) string {
	if !slices.Contains(now.Missing, string(process)) {
		return ""
	}
	if i := slices.IndexFunc(now.NotRunning, func(n control.NotRunning) bool { return n.Role == string(process) }); i >= 0 {
		return string(process) + " is not running: " + now.NotRunning[i].Why
	}
	return "no answer from " + string(process)
}

// told reports whether the services of a status were so after t.
func told(b *control.Busy, t time.Time) bool {
	return b == nil || !t.IsZero() && b.AsOf.After(t)
}

// Hold takes down what a daemon with this status holds.
func Hold(st *control.Status) Held {
	h := newHeld()
	for _, process := range st.Missing {
		h.mute[process] = true
	}
	var v control.VRRP
	if decode(st.VRRP, &v) {
		for i := range v.Instances {
			switch in := &v.Instances[i]; {
			case in.State != "MASTER":
			case second(&v, in, time.Time{}) != "":
				h.shared[in.Name] = true
			default:
				h.masters[in.Name] = true
			}
		}
	}
	var l control.LVS
	if decode(st.LVS, &l) && l.Busy == nil { // else it was so before
		for i := range l.Services {
			if l.Services[i].Up {
				h.services[l.Services[i].Name] = true
			}
		}
	}
	return h
}

// Masters and Services count what is held.
func (h Held) Masters() int  { return len(h.masters) + len(h.shared) }
func (h Held) Services() int { return len(h.services) }

// And is what is held in h, in o or in both.
func (h Held) And(o Held) Held {
	both := newHeld()
	for _, in := range []Held{h, o} {
		for name := range in.masters {
			both.masters[name] = true
		}
		for name := range in.shared {
			both.shared[name] = true
		}
		for name := range in.services {
			both.services[name] = true
		}
	}
	for process := range h.mute {
		if o.mute[process] {
			both.mute[process] = true
		}
	}
	return both
}

// Rest is what of h is not there again, and whether that is anything: h without
// what is held now and what is not configured any more. What a process holds
// that does not answer is not known, and stays.
func (h Held) Rest(now *control.Status) (rest Held, some bool) {
	rest = newHeld()
	var v control.VRRP
	decode(now.VRRP, &v)
	isMaster := map[string]bool{} // of those configured
	for i := range v.Instances {
		isMaster[v.Instances[i].Name] = v.Instances[i].State == "MASTER"
	}
	var l control.LVS
	decode(now.LVS, &l)
	isUp := map[string]bool{}
	for i := range l.Services {
		isUp[l.Services[i].Name] = l.Services[i].Up
	}
	for _, part := range []struct {
		process        role.Role
		was, left, has map[string]bool
	}{{role.VRRP, h.masters, rest.masters, isMaster}, {role.LVS, h.services, rest.services, isUp}} {
		process := string(part.process)
		silent := slices.Contains(now.Missing, process) || part.process == role.LVS && l.Busy != nil
		for name := range part.was {
			if has, configured := part.has[name]; silent || configured && !has {
				part.left[name] = true
			}
		}
		if !silent || h.mute[process] {
			rest.mute[process] = true
		}
	}
	return rest, len(rest.masters)+len(rest.services)+len(rest.Lost(now)) > 0
}

// Loss is one thing that was held and is not now.
type Loss struct {
	Key  string // names the thing among all losses
	Text string
}

// Lost says what was held and is not now: a process that answered or is new, a
// virtual router that was master, a service that was up. What is not configured
// any more is not lost.
func (h Held) Lost(now *control.Status) []Loss {
	var list []Loss
	for _, process := range now.Missing {
		if !h.mute[process] {
			list = append(list, Loss{"process " + process, Absent(now, role.Role(process))})
		}
	}
	var v control.VRRP
	if decode(now.VRRP, &v) {
		for i := range v.Instances {
			in := &v.Instances[i]
			held := h.masters[in.Name] || h.shared[in.Name] && in.State != "BACKUP"
			if !held || in.State == "MASTER" {
				continue
			}
			text := in.Name + " was MASTER and is " + in.State
			switch {
			case len(in.Faults) > 0:
				text += " (" + strings.Join(in.Faults, "; ") + ")"
			case in.Reason != "":
				text += " (" + in.Reason + ")"
			}
			list = append(list, Loss{"master " + in.Name, text})
		}
	}
	var l control.LVS
	if decode(now.LVS, &l) && told(l.Busy, h.since) {
		for i := range l.Services {
			if s := &l.Services[i]; h.services[s.Name] && !s.Up {
				list = append(list, Loss{"service " + s.Name, fmt.Sprintf("%s had its quorum and has lost it: weight %d of %d", s.Name, s.Weight, s.Quorum)})
			}
		}
	}
	return list
}

func decode(raw json.RawMessage, v any) bool {
	return len(raw) > 0 && json.Unmarshal(raw, v) == nil
}
