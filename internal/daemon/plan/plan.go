// Package plan says what a reload would do to the running daemon: what differs
// between two configurations, and whether a master would move. It is pure.
package plan

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/config/diff"
	"holdfast/internal/daemon/control"
)

// Plan is what a reload would do.
type Plan struct {
	Files []string `json:"files"`
	diff.Result
	// Routers says what becomes of mastership, for each virtual router of which
	// there is something to say.
	Routers []Router `json:"routers"`
	// Moves says that some master moves for certain, as far as this machine
	// knows.
	Moves bool `json:"moves"`
}

// Router is what becomes of one virtual router.
type Router struct {
	Name  string `json:"name"`
	State string `json:"state"` // now; empty when it is new
	// Outcome is one of the Outcomes.
	Outcome string `json:"outcome"`
	Text    string `json:"text"`
}

// The outcomes for a virtual router.
const (
	Starts    = "starts"     // it is new and begins as backup
	Released  = "released"   // it is gone: priority 0, its addresses go
	Loses     = "loses"      // a peer that was heard has a higher priority
	MayLose   = "may-lose"   // its priority sinks, and a backup is silent
	TakesOver = "takes-over" // its priority rises above the master's
	Splits    = "splits"     // peers with the old values drop its adverts
	Joins     = "joins"      // another master and it begin to hear each other
	Faults    = "fault"      // an interface keeps it from being master
)

// Make makes the plan for cur, which would take the place of old in a daemon
// with the given status, on a machine with the given interfaces; st and links may be
// nil when that is not known. lvs says whether old and cur hold the services whole.
func Make(old, cur *config.Config, st *control.VRRP, links Links, lvs bool) Plan {
	if !lvs {
		a, b := *old, *cur
		a.VirtualServers, b.VirtualServers = nil, nil
		old, cur = &a, &b
	}
	p := Plan{Files: cur.Files, Result: diff.Compare(old, cur)}
	before := map[string]*config.VRRPInstance{}
	for i := range old.Instances {
		before[diff.RouterKey(&old.Instances[i])] = &old.Instances[i]
	}
	was, is := faults(old, links), faults(cur, links)
	var fresh []*config.VRRPInstance
	for i := range cur.Instances {
		b := &cur.Instances[i]
		a := before[diff.RouterKey(b)]
		delete(before, diff.RouterKey(b))
		if a == nil {
			fresh = append(fresh, b)
			continue
		}
		s := status(st, a.Name)
		p.fault(b, stateOf(s), is[b.Name], was[a.Name])
		p.router(a, b, s)
	}
	for _, b := range fresh {
		if a := former(before, b); a != nil {
			delete(before, diff.RouterKey(a))
			if s := status(st, a.Name); !p.fault(b, stateOf(s), is[b.Name], was[a.Name]) {
				p.renumbered(a, b, s)
			}
			continue
		}
		// Under its name there may be one on another interface, which is removed.
		if !p.fault(b, stateOf(status(st, b.Name)), is[b.Name], nil) {
			p.say(Router{Name: b.Name, Outcome: Starts, Text: "is new and starts as backup"})
		}
	}
	for i := range old.Instances {
		a := &old.Instances[i]
		if before[diff.RouterKey(a)] == nil {
			continue
		}
		r := Router{Name: a.Name, Outcome: Released, Text: "is removed"}
		if s := status(st, a.Name); s != nil {
			r.State = s.State
			if s.State == "MASTER" {
				r.Text = "is removed: priority 0 is sent and its addresses go; another director takes over"
				p.Moves = true
			}
		}
		p.say(r)
	}
	return p
}

func (p *Plan) say(r Router) { p.Routers = append(p.Routers, r) }

func stateOf(s *control.Instance) string {
	if s == nil {
		return ""
	}
	return s.State
}

func status(st *control.VRRP, name string) *control.Instance {
	if st == nil {
		return nil
	}
	for i := range st.Instances {
		if st.Instances[i].Name == name {
			return &st.Instances[i]
		}
	}
	return nil
}

// router compares what decides about mastership.
func (p *Plan) router(a, b *config.VRRPInstance, s *control.Instance) {
	state := stateOf(s)
	if why := unheard(a, b); len(why) > 0 {
		text := strings.Join(why, " and ") + " change: directors that still have the old values drop its adverts, and two are master until all are reloaded"
		if len(why) == 1 {
			text = why[0] + " changes: directors that still have the old value drop its adverts, and two are master until all are reloaded"
		}
		p.say(Router{Name: b.Name, State: state, Outcome: Splits, Text: text})
	}
	if s == nil || a.Priority == b.Priority {
		return
	}
	now := clamp(int(s.Priority.Effective)-int(a.Priority)+int(b.Priority), b.Priority)
	switch {
	case state == "MASTER" && now < s.Priority.Effective:
		at := slices.IndexFunc(s.Peers, func(o control.Peer) bool { return o.Priority > now && !o.Foreign })
		if at >= 0 {
			o := s.Peers[at]
			p.Moves = true
			p.say(Router{
				Name: b.Name, State: state, Outcome: Loses,
				Text: fmt.Sprintf("sinks from priority %d to %d: %v, which had %d when it was last heard, takes over unless nopreempt holds it back", s.Priority.Effective, now, o.Addr, o.Priority),
			})
			return
		}
		p.say(Router{
			Name: b.Name, State: state, Outcome: MayLose,
			Text: fmt.Sprintf("sinks from priority %d to %d: a backup with more takes over; backups are silent, so that none is known here", s.Priority.Effective, now),
		})
	case state == "BACKUP" && s.Master != nil && now > s.Master.Priority && s.Priority.Effective <= s.Master.Priority && !b.NoPreempt && !b.StickyMaster:
		p.Moves = true
		p.say(Router{
			Name: b.Name, State: state, Outcome: TakesOver,
			Text: fmt.Sprintf("rises from priority %d to %d, above %v with %d: it takes over", s.Priority.Effective, now, s.Master.Addr, s.Master.Priority),
		})
	}
}

// clamp brings a priority into its range; 255 is the owner's alone.
func clamp(p int, base uint8) uint8 {
	if base == 255 {
		return 255
	}
	return uint8(min(max(p, 1), 254))
}

// unheard names everything that makes peers with the old value drop adverts.
func unheard(a, b *config.VRRPInstance) (why []string) {
	if a.Version != b.Version {
		why = append(why, "the version")
	}
	if a.Version == 2 && b.Version == 2 && a.AdvertInt != b.AdvertInt {
		why = append(why, "advert_int (VRRPv2)")
	}
	if a.AuthType != b.AuthType || string(a.AuthPass) != string(b.AuthPass) {
		why = append(why, "the authentication")
	}
	if keyless(&a.AuthHMAC, &b.AuthHMAC) {
		why = append(why, "auth_hmac")
	}
	return why
}

// keyless says that a peer with a drops what b sends: it insists on a signature,
// or verifies one, with a key that it does not have.
func keyless(a, b *config.AuthHMAC) bool {
	if len(a.Keys) == 0 {
		return false
	}
	if len(b.Keys) == 0 || b.Mode == config.HMACReceiveOnly {
		return a.Mode == config.HMACEnforce
	}
	for _, k := range b.Keys {
		if k.ID != b.ActiveKey {
			continue
		}
		return !slices.ContainsFunc(a.Keys, func(o config.HMACKey) bool { return o.ID == k.ID && string(o.Key) == string(k.Key) })
	}
	return true
}
