package vrrpd

import (
	"sync"
	"testing"

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
