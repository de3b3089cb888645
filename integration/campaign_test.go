package integration

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"holdfast/integration/faults"
	"holdfast/integration/lab"
)

// TestCampaign is the short form of make campaign: every fault happens once to
// a pair of holdfast and to both mixed pairs. Afterwards the address never has
// two holders for longer than an interval, a client waits no longer than the
// timers allow, and what is no reason to move the address does not move it.
func TestCampaign(t *testing.T) {
	lab.Require(t, "nft")
	us, them := ours(t), theirs(t)
	setting := faults.Setting{Version: 3, Interval: 100 * time.Millisecond}
	var floods sync.Mutex // three at once would be another test
	for _, pair := range []struct {
		a, b  lab.Daemon
		flood bool
	}{
		{us, us, true},
		{us, them, true},
		{them, us, false}, // keepalived 2.2.7 as master stops to advertise under a flood
	} {
		t.Run(pair.a.Name+"-"+pair.b.Name, func(t *testing.T) {
			t.Parallel()
			lab.WatchStalls()
			scene, err := faults.New(lab.Test(t, "campaign"), pair.a, pair.b, setting)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range faults.All(10 * time.Second) {
				if f.Lasts > 0 {
					if !pair.flood {
						continue
					}
					floods.Lock()
					defer floods.Unlock()
				}
				harm(t, scene, f, setting)
			}
		})
	}
}

// harm has one fault happen, and again as patient has a test.
func harm(t *testing.T, scene *faults.Scene, f faults.Fault, setting faults.Setting) {
	t.Helper()
	for i := 1; ; i++ {
		begun := time.Now()
		o, err := scene.Run(f)
		if err == nil {
			t.Logf("%s: silence %.0f ms, second master %.0f ms after and %.0f ms in the fault, %d moves",
				f.Name, ms(o.Silence), ms(o.After), ms(o.During), o.Moves)
			err = f.Judge(setting, o, noise)
		}
		if err == nil {
			return
		}
		if !again(t, fmt.Sprintf("%s: %v", f.Name, err), i, begun) {
			t.FailNow()
		}
		if err := scene.Settle(); err != nil {
			t.Fatal(err)
		}
	}
}
