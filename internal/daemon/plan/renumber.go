package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/config/diff"
	"holdfast/internal/daemon/control"
)

// former is the instance, among those that are gone, in whose place b comes: it
// has one of b's addresses, and its adverts are others than b's. The one of b's
// name goes first; nil: there is none.
func former(gone map[string]*config.VRRPInstance, b *config.VRRPInstance) *config.VRRPInstance {
	var list []*config.VRRPInstance
	for _, a := range gone {
		if a.Family == b.Family && shareAddress(a, b) && len(otherAdverts(a, b)) > 0 {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return slices.MinFunc(list, func(x, y *config.VRRPInstance) int {
		if (x.Name == b.Name) != (y.Name == b.Name) {
			if x.Name == b.Name {
				return -1
			}
			return 1
		}
		return strings.Compare(diff.RouterKey(x), diff.RouterKey(y))
	})
}

func shareAddress(a, b *config.VRRPInstance) bool {
	has := map[netip.Addr]bool{}
	for i := range a.VirtualIPAddress {
		has[a.VirtualIPAddress[i].Prefix.Addr()] = true
	}
	return slices.ContainsFunc(b.VirtualIPAddress, func(v config.VIP) bool { return has[v.Prefix.Addr()] })
}

// otherAdverts says by what no director that has a as it was hears b, or is heard
// by it. Another interface may be on the same segment, and is not among that.
func otherAdverts(a, b *config.VRRPInstance) (why []string) {
	if a.VirtualRouterID != b.VirtualRouterID {
		why = append(why, fmt.Sprintf("virtual_router_id changes from %d to %d", a.VirtualRouterID, b.VirtualRouterID))
	}
	if to, from := way(b), way(a); to != from {
		why = append(why, fmt.Sprintf("its adverts go by %s and not by %s", to, from))
	}
	return why
}

// way is how the adverts of an instance go.
func way(i *config.VRRPInstance) string {
	if len(i.UnicastPeer) > 0 {
		return "unicast"
	}
	if i.McastDstIP.IsValid() {
		return "multicast to " + i.McastDstIP.String()
	}
	return "multicast"
}

// renumbered tells of a router whose adverts no director understands that has the
// former configuration a.
func (p *Plan) renumbered(a, b *config.VRRPInstance, s *control.Instance) {
	if s != nil {
		if m := s.VRIDMismatch; m != nil && m.Now && m.VRID == b.VirtualRouterID && way(a) == way(b) {
			p.Moves = p.Moves || s.State == "MASTER"
			p.say(Router{
				Name: b.Name, State: s.State, Outcome: Joins,
				Text: fmt.Sprintf("%s, by which %s advertises %s already: the two hear each other then, and one is master, that with the higher priority", strings.Join(otherAdverts(a, b), " and "), m.Addr, m.VIP),
			})
			return
		}
	}
	r := Router{Name: b.Name, Outcome: Splits}
	r.Text = strings.Join(otherAdverts(a, b), " and ") + ": directors that are as before do not hear it any more, nor it them, and two are master until all are reloaded"
	if s != nil {
		r.State = s.State
		if s.State == "MASTER" {
			r.Text += "; it releases its addresses first and starts as backup"
			p.Moves = true
		}
	}
	p.say(r)
}
