package engine

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/vrrp"
)

// maxCauses bounds how many causes a line of the log names.
const maxCauses = 5

// trackKinds are the first words of the keys that are names of tracked things.
var trackKinds = []string{"interface", "script", "file", "process", "bfd"}

// because adds causes to the attributes of a line of the log, if there are any.
func because(attrs []any, causes []string) []any {
	if len(causes) == 0 {
		return attrs
	}
	text := strings.Join(causes[:min(len(causes), maxCauses)], "; ")
	if more := len(causes) - maxCauses; more > 0 {
		text = fmt.Sprintf("%s; and %d more", text, more)
	}
	return append(attrs, "because", text)
}

// causes adds what made the core ask for a: the peer, or what is tracked.
func (e *Engine) causes(r *router, a *vrrp.Action, attrs []any) []any {
	if a.Peer.IsValid() {
		attrs = append(attrs, "peer", a.Peer)
		if a.PeerPriority != 0 {
			attrs = append(attrs, "peer_priority", a.PeerPriority)
		}
	}
	switch {
	case a.Kind == vrrp.ActionChanged && a.To == vrrp.Fault:
		return because(attrs, e.faults(r))
	case a.Member != "":
		return because(attrs, []string{vrrp.Led(a.Member, a.MemberReason.String())})
	case a.Track != "":
		return because(attrs, e.tracked(r, a.Track))
	case a.Kind == vrrp.ActionEvent && a.Reason == vrrp.ReasonPriority:
		return because(attrs, e.sum(r))
	}
	return attrs
}

// tracked says how the track with that key is.
func (e *Engine) tracked(r *router, key string) []string {
	s := r.core.Status()
	for _, c := range s.Contributions {
		if c.Key == key {
			return []string{trackText(r, c)}
		}
	}
	return nil
}

// sum says what the priority is made of.
func (e *Engine) sum(r *router) []string {
	s := r.core.Status()
	out := []string{fmt.Sprintf("base %d", s.BasePriority)}
	for _, c := range s.Contributions {
		if c.Value != 0 {
			out = append(out, fmt.Sprintf("%s: %+d", trackText(r, c), c.Value))
		}
	}
	return out
}

// faults says what holds r in FAULT: causes of its own, or else one of
// another member of its sync group.
func (e *Engine) faults(r *router) []string {
	out := e.ownFaults(r)
	if len(out) > 0 {
		return out
	}
	if m := r.core.Culprit(); m != nil {
		if o := e.router(m.ID()); o != nil {
			return texts(e.memberFaults(o))
		}
	}
	return nil
}

// memberFault is a cause for which a member of a sync group is in FAULT.
type memberFault struct {
	member *router
	cause  string
}

func (f memberFault) String() string { return vrrp.Led(f.member.cfg.Name, f.cause) }

// groupFaults says which members of a sync group have a cause to be in FAULT,
// and which.
func (e *Engine) groupFaults(name string) []memberFault {
	var out []memberFault
	for i := range e.groups {
		if e.groups[i].Name != name {
			continue
		}
		for _, m := range e.groups[i].Members {
			if r := e.byName[m]; r != nil {
				out = append(out, e.memberFaults(r)...)
			}
		}
	}
	return out
}

// memberFaults are the causes that r itself has, as a member of its group.
func (e *Engine) memberFaults(r *router) []memberFault {
	var out []memberFault
	for _, cause := range e.ownFaults(r) {
		out = append(out, memberFault{r, cause})
	}
	return out
}

// others says what of a group's causes holds r in FAULT and is not its own cause
// too. It names some only: all members of a large group may have one.
func (e *Engine) others(r *router, all []memberFault) []string {
	own := e.ownFaults(r)
	out, more := make([]string, 0, min(len(all), maxCauses)), 0
	for _, f := range all {
		switch {
		case f.member == r || slices.Contains(own, f.cause):
		case len(out) < maxCauses:
			out = append(out, f.String())
		default:
			more++
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return out
}

// texts are causes for people.
func texts(list []memberFault) []string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = f.String()
	}
	return out
}

// ownFaults says what r itself has to be in FAULT for.
func (e *Engine) ownFaults(r *router) []string {
	if !r.core.OwnFault() {
		return nil
	}
	var out []string
	s := r.core.Status()
	for _, f := range s.Faults {
		if f == "interface" {
			out = append(out, e.linkFault(r))
		}
	}
	for _, c := range s.Contributions {
		if c.Fault {
			out = append(out, trackText(r, c))
		}
	}
	return out
}

// linkFault says what r's interface lacks.
func (e *Engine) linkFault(r *router) string {
	name := "interface " + r.cfg.Interface
	i := e.iface(&r.cfg)
	switch {
	case e.ifaces[r.cfg.Interface] == nil:
		return name + " does not exist"
	case i == nil:
		if err := e.devices[r.cfg.Device.Key()].Err; err != nil {
			return err.Error()
		}
		return name + " has lost its virtual interface"
	case i.Index != r.ifindex:
		return name + " was made anew"
	case r.sourceless && r.duplicate.IsValid():
		return name + " has no address to send from: " + duplicateText(r.duplicate)
	case r.sourceless:
		return name + " has no address to send from"
	case i.Up && r.portErr != nil:
		return r.portErr.Error()
	}
	return name + " is down"
}

// trackText says how a tracked thing is: "script chk is down", "file load is
// 7". Those that the engine adds itself have no names of their own.
func trackText(r *router, c vrrp.Contribution) string {
	switch {
	case c.Key == portTrack && !c.Up:
		return "interface " + r.cfg.Interface + " cannot be used"
	case c.Key == sourceTrack && !c.Up:
		return fmt.Sprintf("no interface has the source address %v", r.cfg.Source)
	}
	kind, _, _ := strings.Cut(c.Key, " ")
	switch {
	case !slices.Contains(trackKinds, kind): // says all itself
		return c.Key
	case c.Pending:
		return c.Key + " has no result yet"
	case c.Scaled:
		return fmt.Sprintf("%s is %d", c.Key, c.Content)
	case c.Up:
		return c.Key + " is up"
	}
	return c.Key + " is down"
}
