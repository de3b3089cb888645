package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"holdfast/internal/daemon/control"
)

// Explanation is the answer about one instance.
type Explanation struct {
	Time     time.Time        `json:"time"`
	Instance string           `json:"instance"`
	State    string           `json:"state"`
	Since    time.Time        `json:"since,omitzero"`
	Reason   string           `json:"reason,omitempty"` // why it came into its state
	Priority control.Priority `json:"priority"`
	// Winner is who would be master if there were an election now: "this
	// router", an address, or "nobody".
	Winner string `json:"winner"`
	Why    string `json:"why"`
	// Next says what happens without anything else happening, and what if the
	// master goes.
	Next []string `json:"next,omitempty"`
	// Contenders are this router and every peer heard, the strongest first.
	Contenders []Contender `json:"contenders"`
	// Unheard are others whose adverts are dropped: they may be master too.
	Unheard []Unheard `json:"unheard,omitempty"`
	Lints   []Lint    `json:"lints,omitempty"`

	limit time.Duration // silence that makes a master dead
}

// Contender is one who may be master.
type Contender struct {
	Addr      netip.Addr `json:"address"`
	Self      bool       `json:"self,omitempty"`
	Priority  uint8      `json:"priority"` // as it counts in an election
	Able      bool       `json:"able"`     // self: no fault; peer: heard within the master-down interval
	LastHeard time.Time  `json:"last_heard,omitzero"`
}

// Lint is something that will not do what it seems to.
type Lint struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// The words for Winner that are no address.
const (
	self   = "this router"
	nobody = "nobody"
)

// Instance explains one instance of v by its name.
func Instance(v *control.VRRP, name string) (*Explanation, error) {
	i := slices.IndexFunc(v.Instances, func(in control.Instance) bool { return in.Name == name })
	if i < 0 {
		return nil, unknown(v, name)
	}
	in := &v.Instances[i]
	x := &Explanation{
		Time: v.Time, Instance: in.Name, State: in.State, Since: in.Since, Reason: in.Reason, Priority: in.Priority,
		Contenders: contenders(in, v.Time), Unheard: unheard(in, v.Time),
	}
	x.limit = seconds(in.MasterDown)
	x.judge(in, groupOf(v, name), v)
	x.lint(v, in)
	return x, nil
}

// Names lists the instances that can be explained.
func Names(v *control.VRRP) []string {
	names := make([]string, 0, len(v.Instances))
	for i := range v.Instances {
		names = append(names, v.Instances[i].Name)
	}
	return names
}

// unknown says what there is in place of an instance of this name.
func unknown(v *control.VRRP, name string) error {
	for _, g := range v.Groups {
		if g.Name == name {
			return fmt.Errorf("%q is a vrrp_sync_group: explain one of its members, %s", name, strings.Join(g.Members, ", "))
		}
	}
	if len(v.Instances) == 0 {
		return fmt.Errorf("there is no vrrp_instance %q, and no other one", name)
	}
	return fmt.Errorf("there is no vrrp_instance %q, but %s", name, strings.Join(Names(v), ", "))
}

func groupOf(v *control.VRRP, name string) *control.Group {
	for i := range v.Groups {
		if slices.Contains(v.Groups[i].Members, name) {
			return &v.Groups[i]
		}
	}
	return nil
}

// seconds is a duration that the status gives in seconds.
func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(100 * time.Microsecond)
}

// alive says whether a peer was heard within the time after which it counts
// as dead, and is not about to stop.
func alive(in *control.Instance, p *control.Peer, now time.Time) bool {
	limit := seconds(in.MasterDown)
	if !able(in) { // it learns no interval: a master may have a longer one
		limit = max(limit, 4*seconds(p.AdvertInt))
	}
	return p.Priority > 0 && now.Sub(p.LastHeard) < limit
}

// contenders lists everyone who may be master, the strongest first.
func contenders(in *control.Instance, now time.Time) []Contender {
	list := []Contender{{Addr: in.Source, Self: true, Priority: counts(in), Able: able(in)}}
	for i := range in.Peers {
		p := &in.Peers[i]
		list = append(list, Contender{Addr: p.Addr, Priority: p.Priority, Able: alive(in, p, now), LastHeard: p.LastHeard})
	}
	slices.SortStableFunc(list, func(a, b Contender) int {
		if a.Able != b.Able {
			if a.Able {
				return -1
			}
			return 1
		}
		if a.Priority != b.Priority {
			return int(b.Priority) - int(a.Priority)
		}
		return b.Addr.Compare(a.Addr)
	})
	return list
}

// able says whether the instance could be master.
func able(in *control.Instance) bool {
	return in.State == "MASTER" || in.State == "BACKUP"
}

// counts is this router's priority in an election: a master's is the one that
// it advertises.
func counts(in *control.Instance) uint8 {
	if in.State == "MASTER" {
		return in.Priority.Advertised
	}
	return in.Priority.Effective
}
