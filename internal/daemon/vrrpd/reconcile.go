package vrrpd

import (
	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// reconcile brings what the parent knows of held addresses, and the states
// told to lvs, to what the engine holds at start and after a reload: a
// rename or another list of addresses is no change of state and is told by
// nothing else.
func (t *teller) reconcile(st engine.Status) {
	t.flush()
	states := map[string]ipc.RouterState{}
	for i := range st.Routers {
		r := &st.Routers[i]
		in := t.byName[r.Name]
		if in == nil {
			continue
		}
		// From TakingOver on, hence before MASTER is told to the world.
		master := r.State == vrrp.Master
		state := t.stateOf(in, master)
		state.Fault = !master && r.State != vrrp.Backup // or it waits for its interface
		states[r.Name] = state
		h := ipc.Held{Router: r.Name, Master: master}
		if master {
			h.Alive = aliveWindow(in)
			h.Wanted = r.Wanted
		}
		t.held = append(t.held, h)
	}
	for name := range t.states {
		if _, ok := states[name]; !ok {
			t.held = append(t.held, ipc.Held{Router: name})
		}
	}
	t.states = states
	t.flush()
}
