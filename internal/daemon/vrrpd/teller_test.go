package vrrpd

import (
	"os"
	"slices"
	"sync"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// Adverts of a second master come from the network: more of them than can be
// told take no memory, and keep no change of state from being told.
func TestTellerIsBounded(t *testing.T) {
	tell := &teller{} // nobody takes anything off
	tell.wake = sync.NewCond(&tell.mu)
	rival := engine.Change{Name: "VI_1", Event: true, Reason: vrrp.ReasonLowerAdvert, From: vrrp.Master, To: vrrp.Master}
	for range 10 * maxRivals {
		tell.Changed(rival)
	}
	if n := len(tell.queue); n != maxRivals {
		t.Fatalf("%d wait, want %d", n, maxRivals)
	}
	tell.Changed(engine.Change{Name: "VI_1", From: vrrp.Master, To: vrrp.Backup})
	tell.Changed(engine.Change{Name: "VI_1", Event: true, TakingOver: true, From: vrrp.Backup, To: vrrp.Master})
	if n := len(tell.queue); n != maxRivals+2 {
		t.Fatalf("%d wait: a change was dropped", n)
	}
}

// The lvs process hears which routers take no part in the election, also when it is told
// everything anew.
func TestLVSIsToldOfFault(t *testing.T) {
	mine, theirs, err := ipc.Pair()
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]*ipc.Conn, 2)
	for i, f := range []*os.File{mine, theirs} {
		if conns[i], err = ipc.FromFile(f); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close()
	}
	tell := &teller{
		peer: ipc.NewMailbox(conns[0], nil), parent: ipc.NewMailbox(nil, nil), states: map[string]ipc.RouterState{},
		byName: map[string]*config.VRRPInstance{},
	}
	defer tell.peer.Close()
	defer tell.parent.Close()
	var names []string
	for s := vrrp.Init; s <= vrrp.Fault; s++ {
		names = append(names, s.String())
		tell.byName[s.String()] = &config.VRRPInstance{Name: s.String()}
	}
	// told is which routers are told to be in FAULT.
	told := func() (fault []string) {
		t.Helper()
		m, err := conns[1].Receive()
		if err != nil {
			t.Fatal(err)
		}
		var list ipc.Routers
		if err := m.Decode(&list); err != nil || len(list.States) != len(names) {
			t.Fatal(list, err)
		}
		for _, s := range list.States {
			if s.Fault {
				fault = append(fault, s.Name)
			}
		}
		slices.Sort(fault)
		return fault
	}
	for s := vrrp.Init; s <= vrrp.Fault; s++ {
		tell.tellState(engine.Change{Name: s.String(), To: s})
	}
	tell.flush()
	if got := told(); !slices.Equal(got, []string{"FAULT"}) { // one in INIT has stopped
		t.Errorf("changes: %q", got)
	}
	tell.retell()
	if got := told(); !slices.Equal(got, []string{"FAULT"}) {
		t.Errorf("told anew: %q", got)
	}
	// As the engine begins one in INIT waits for its interface.
	var st engine.Status
	for s := vrrp.Init; s <= vrrp.Fault; s++ {
		var r engine.RouterStatus
		r.Name, r.State = s.String(), s
		st.Routers = append(st.Routers, r)
	}
	tell.reconcile(st)
	tell.retell()
	if got := told(); !slices.Equal(got, []string{"FAULT", "INIT"}) {
		t.Errorf("at the start: %q", got)
	}
}
