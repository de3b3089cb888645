package lvs

import (
	"testing"
	"time"

	"holdfast/internal/config"
)

// A daemon that is started on the table of one before it (a crash of all of it,
// a stop that keeps the table) begins as backup: what it had as master stays
// until it is master again, or somebody else is.
func TestTableStaysUntilTheElection(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := following(config.FollowAuto)
		for i := range cfg.Instances {
			cfg.Instances[i].AdvertInt = time.Second
		}
		keep := func(d *Deps) { d.Keep = true }
		const had = "1:1=1 2:1=1 3:1=1 m7:1=1"
		r.start(cfg, keep)
		r.master("B", true)
		r.wantTable(had)
		r.kernel.Ops()
		r.lvs.RouterStates(RouterState{Name: "B", Stopped: true}) // the vrrp process ends first
		r.pass(time.Second)
		r.end()
		r.wantTable(had)

		r.start(cfg, keep)
		r.master("A", false)
		r.master("B", false)
		r.pass(3 * time.Second)
		r.wantTable(had)
		r.reload(cfg)
		r.master("B", false) // told again
		r.master("B", true)
		r.wantReady("B", "B")
		r.pass(time.Minute)
		r.wantTable(had)
		r.wantOps("")
		r.master("B", false) // now it is decided
		r.wantTable("3:1=1 m7:1=1")
		r.master("B", true)
		r.wantTable(had)
		r.end()

		// Somebody else is master.
		r.start(cfg, keep)
		r.master("A", false)
		r.master("B", false)
		r.pass(4 * time.Second)
		r.wantTable(had)
		r.pass(2 * time.Second)
		r.wantTable("3:1=1 m7:1=1")
		r.end()

		// What was not there does not come.
		r.start(cfg)
		r.master("A", false)
		r.master("B", false)
		r.wantTable("3:1=1 m7:1=1")
		r.end()
	})
}

// A vrrp process that ends alone, as by a signal of its own, says what it says when
// the whole daemon stops. Another one takes its place, and a backup of its keeps no
// table for longer than an election takes.
func TestTableOfALoneStop(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := following(config.FollowAuto)
		for i := range cfg.Instances {
			cfg.Instances[i].AdvertInt = time.Second
		}
		const had = "1:1=1 2:1=1 3:1=1 m7:1=1"
		r.start(cfg, func(d *Deps) { d.Keep = true })
		r.master("A", false)
		r.master("B", true)
		r.wantTable(had)
		stopped := RouterState{Name: "B", Stopped: true}
		r.lvs.RouterStates(stopped)
		r.pass(10 * time.Second)
		r.wantTable(had)
		r.master("B", false)
		r.pass(4 * time.Second)
		r.wantTable(had)
		r.master("B", false) // told again
		r.pass(2 * time.Second)
		r.wantTable("3:1=1 m7:1=1")

		r.master("B", true)
		r.lvs.RouterStates(stopped)
		r.pass(time.Second)
		r.master("B", false)
		r.pass(time.Second)
		r.kernel.Ops()
		r.master("B", true)
		r.pass(time.Minute)
		r.wantTable(had)
		r.wantOps("")
		r.end()
	})
}
