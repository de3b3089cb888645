package explain

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/daemon/control"
)

// holders are the members of a sync group that hold the others back: they
// neither are master nor want to be.
type holders struct {
	group string
	names []string // with their state
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
		state := o.State
		if o.State == "BACKUP" && o.Master != nil && alive(o, o.Master, v.Time) {
			state += ", follows " + o.Master.Addr.String()
		}
		h.names = append(h.names, fmt.Sprintf("%s (%s)", o.Name, state))
	}
	return h
}

func (h *holders) hold() bool { return len(h.names) > 0 }

// text says what a member that would be master without its group does.
func (h *holders) text(x *Explanation, in *control.Instance) string {
	who := fmt.Sprintf("the other members of %s: %s. Explain them", h.group, strings.Join(h.names, ", "))
	if in.Policy.GroupWait || in.Policy.Takeover.IsZero() {
		return "it wants to be master and waits for " + who
	}
	return fmt.Sprintf("in %v it wants to be master, and then waits for %s", x.until(in.Policy.Takeover), who)
}
