package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/daemon/control"
)

// holders are the members of a sync group that hold the others back: they
// neither are master nor want to be.
type holders struct {
	group string
	names []string // with their state
	// last is the one of the others that is to want it last, at lastAt; empty:
	// all that matters is when this one does.
	last   string
	lastAt time.Time
}

// holdersOf lists those that keep in from being master.
func holdersOf(v *control.VRRP, in *control.Instance, g *control.Group) holders {
	if g == nil {
		return holders{}
	}
	h := holders{group: g.Name}
	for i := range v.Instances {
		o := &v.Instances[i]
		if o.Name == in.Name || !slices.Contains(g.Members, o.Name) || o.State == "MASTER" || o.State == "BACKUP" && o.Policy.GroupWait {
			continue
		}
		if wants(o, v.Time) {
			if at := o.Policy.Takeover; at.After(in.Policy.Takeover) && at.After(h.lastAt) {
				h.last, h.lastAt = o.Name, at
			}
			continue
		}
		state := o.State
		if o.State == "BACKUP" && o.Master != nil && alive(o, o.Master, v.Time) {
			state += ", follows " + o.Master.Addr.String()
		}
		h.names = append(h.names, fmt.Sprintf("%s (%s)", o.Name, state))
	}
	return h
}

// wants says whether a backup is to want to be master when its timer has run out:
// it hears nobody, or somebody whom it does not follow. Two members that do are
// no obstacle to each other.
func wants(in *control.Instance, now time.Time) bool {
	if in.State != "BACKUP" || in.Policy.Takeover.IsZero() {
		return false
	}
	m := in.Master
	return m == nil || !alive(in, m, now) || !stays(in, m.Priority) && !in.Policy.PreemptAt.After(now)
}

// stays says whether a backup follows a master of a priority as long as that
// lives.
func stays(in *control.Instance, priority uint8) bool {
	return priority >= in.Priority.Effective || heldBack(in)
}

// heldBack says whether a backup follows any master, whatever the priorities.
func heldBack(in *control.Instance) bool {
	p := &in.Policy
	return p.NoPreempt || p.Sticky && !p.Owner
}

func (h *holders) hold() bool { return len(h.names) > 0 }

// when says when a member that nobody holds back takes over; empty: now, or not
// known.
func (h *holders) when(x *Explanation, in *control.Instance) string {
	switch {
	case h.last != "":
		return fmt.Sprintf("it takes over in %v, when %s of the sync group %s wants to be master as well", x.until(h.lastAt), h.last, h.group)
	case !in.Policy.Takeover.IsZero():
		return fmt.Sprintf("it takes over in %v", x.until(in.Policy.Takeover))
	}
	return ""
}

// text says what a member that would be master without its group does.
func (h *holders) text(x *Explanation, in *control.Instance) string {
	who := fmt.Sprintf("the other members of %s: %s. Explain them", h.group, strings.Join(h.names, ", "))
	if in.Policy.GroupWait || in.Policy.Takeover.IsZero() {
		return "it wants to be master and waits for " + who
	}
	return fmt.Sprintf("in %v it wants to be master, and then waits for %s", x.until(in.Policy.Takeover), who)
}
