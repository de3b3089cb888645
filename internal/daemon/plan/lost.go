package plan

import (
	"encoding/json"
	"fmt"
	"strings"

	"holdfast/internal/daemon/control"
)

// Lost says what a daemon held before and does not hold now: a virtual router
// that was master, a service that was up, a process that answered. What is not
// configured any more is not lost. Empty: nothing.
func Lost(before, now *control.Status) string {
	if len(now.Missing) > len(before.Missing) {
		return fmt.Sprintf("no answer from %s", strings.Join(now.Missing, ", "))
	}
	var a, b control.VRRP
	if decode(before.VRRP, &a) && decode(now.VRRP, &b) {
		states := map[string]string{}
		for i := range a.Instances {
			states[a.Instances[i].Name] = a.Instances[i].State
		}
		for i := range b.Instances {
			in := &b.Instances[i]
			if states[in.Name] == "MASTER" && in.State != "MASTER" {
				if in.Reason == "" { // it waits for its interface
					return in.Name + " was MASTER and is " + in.State
				}
				return fmt.Sprintf("%s was MASTER and is %s (%s)", in.Name, in.State, in.Reason)
			}
		}
	}
	var c, d control.LVS
	if decode(before.LVS, &c) && decode(now.LVS, &d) {
		up := map[string]bool{}
		for i := range c.Services {
			up[c.Services[i].Name] = c.Services[i].Up
		}
		for i := range d.Services {
			if s := &d.Services[i]; up[s.Name] && !s.Up {
				return fmt.Sprintf("%s had its quorum and has lost it: weight %d of %d", s.Name, s.Weight, s.Quorum)
			}
		}
	}
	return ""
}

func decode(raw json.RawMessage, v any) bool {
	return len(raw) > 0 && json.Unmarshal(raw, v) == nil
}
