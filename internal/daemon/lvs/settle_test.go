package lvs

import (
	"testing"
	"time"

	"holdfast/internal/config"
)

// electedInSeconds is following with adverts every second: an election and its margin
// take 5 s.
func electedInSeconds() *config.Config {
	cfg := following(config.FollowAuto)
	for i := range cfg.Instances {
		cfg.Instances[i].AdvertInt = time.Second
	}
	return cfg
}

// A daemon that is started on the table of one before it (a crash of all of it,
// a stop that keeps the table) begins as backup: what it had as master stays
// until it is master again, or somebody else is.
func TestTableStaysUntilTheElection(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := electedInSeconds()
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

		// A router that is master at first has decided it.
		r.start(cfg, keep)
		r.master("A", true)
		r.master("B", true)
		r.end()
		r.start(cfg, keep)
		r.master("A", false)
		r.master("B", true)
		r.wantTable(had)
		r.master("B", false)
		r.wantTable("1:1=1 3:1=1 m7:1=1") // the other one may still have the first
		r.pass(5 * time.Second)
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
		cfg := electedInSeconds()
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

// A router that is in FAULT takes no part in the election, which begins when FAULT
// ends; one that stays in it keeps what was left for a minute.
func TestTableStaysOverAFaultForAWhile(t *testing.T) {
	const had, others = "1:1=1 2:1=1 3:1=1 m7:1=1", "3:1=1 m7:1=1"
	cfg := electedInSeconds()
	type step struct {
		at    time.Duration // since the start
		fault bool
	}
	const never = -1
	for _, c := range []struct {
		name  string
		told  []step
		until time.Duration
	}{
		{"backup", []step{{0, false}}, 5 * time.Second},
		{"told again", []step{{0, false}, {3 * time.Second, false}}, 5 * time.Second},
		{"for ever", []step{{0, true}}, faultTime},
		{"for ever, told again", []step{{0, true}, {50 * time.Second, true}}, faultTime},
		{"it ends", []step{{0, true}, {20 * time.Second, false}}, 25 * time.Second},
		{"it ends late", []step{{0, true}, {59 * time.Second, false}}, 64 * time.Second},
		{"it ends too late", []step{{0, true}, {61 * time.Second, false}}, faultTime},
		{"it comes during the election", []step{{0, false}, {4 * time.Second, true}, {30 * time.Second, false}}, 35 * time.Second},
		{"it comes after the election", []step{{0, false}, {6 * time.Second, true}}, 5 * time.Second},
		{"it comes and goes", []step{
			{0, true},
			{10 * time.Second, false},
			{14 * time.Second, true},
			{57 * time.Second, false},
			{58 * time.Second, true},
			{59 * time.Second, false},
			{61 * time.Second, true},
			{63 * time.Second, false},
			{200 * time.Second, true},
		}, 64 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				keep := func(d *Deps) { d.Keep = true }
				r.start(cfg, keep)
				r.master("B", true)
				r.wantTable(had)
				r.lvs.RouterStates(RouterState{Name: "B", Stopped: true})
				r.pass(time.Second)
				r.end()

				r.start(cfg, keep)
				r.master("A", false)
				begun := time.Now()
				gone := time.Duration(never)
				for at := time.Duration(0); at < 5*time.Minute; at += time.Second {
					r.pass(time.Until(begun.Add(at - time.Millisecond)))
					for len(c.told) > 0 && c.told[0].at == at {
						r.pass(time.Until(begun.Add(at)))
						r.lvs.RouterStates(RouterState{Name: "B", Fault: c.told[0].fault})
						c.told = c.told[1:]
					}
					r.pass(time.Until(begun.Add(at + time.Millisecond)))
					if got := r.table(); got == others && gone == never {
						gone = at
					} else if got != had && gone == never || got != others && gone != never {
						t.Fatalf("after %v the table is %s", at, got)
					}
				}
				if gone != c.until {
					t.Errorf("it stayed for %v, want %v", gone, c.until)
				}
				r.end()
			})
		})
	}
}

// FAULT gives no time to a router that had decided it, and none beyond its own to one
// whose vrrp process has a successor.
func TestAFaultWithoutAStartKeepsNoTable(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := electedInSeconds()
		const had, others = "1:1=1 2:1=1 3:1=1 m7:1=1", "3:1=1 m7:1=1"
		r.start(cfg, func(d *Deps) { d.Keep = true })
		r.master("A", false)
		r.master("B", true)
		r.lvs.RouterStates(RouterState{Name: "B", Fault: true})
		r.pass(0)
		r.wantTable(others)
		r.master("B", true)
		r.lvs.RouterStates(RouterState{Name: "B", Stopped: true})
		r.pass(10 * time.Second)
		r.lvs.RouterStates(RouterState{Name: "B", Fault: true})
		r.pass(faultTime - time.Second)
		r.wantTable(had)
		r.pass(2 * time.Second)
		r.wantTable(others)
		r.end()
	})
}

// A router that has to wait for longer before it may become master keeps what was left
// for so much longer, also after a stop of the vrrp process alone.
func TestTheTableStaysForAsLongAsARouterWaits(t *testing.T) {
	const had, others = "1:1=1 2:1=1 3:1=1 m7:1=1", "3:1=1 m7:1=1"
	bubble(t, func(t *testing.T, r *rig) {
		cfg := electedInSeconds()
		cfg.Global.VRRPStartupDelay = 10 * time.Minute
		for i := range cfg.Instances {
			cfg.Instances[i].StickyMaster, cfg.Instances[i].StickyHoldOff = true, 7*time.Second
		}
		const takes = 10*time.Minute + 12*time.Second
		keep := func(d *Deps) { d.Keep = true }
		r.start(cfg, keep)
		r.master("A", false)
		r.master("B", true)
		for range 2 {
			r.lvs.RouterStates(RouterState{Name: "B", Stopped: true})
			r.pass(time.Second)
			r.master("B", false)
			r.pass(takes - time.Second)
			r.wantTable(had)
			r.master("B", true)
		}
		r.end()
		r.start(cfg, keep)
		r.master("A", false)
		r.master("B", false)
		r.pass(takes - time.Second)
		r.wantTable(had)
		r.pass(2 * time.Second)
		r.wantTable(others)
		r.end()
	})
}

// What was told before a stop of the vrrp process alone says nothing of its successor,
// which may be in FAULT for as long as any other.
func TestFAULTBeforeAStopGivesAndTakesNoTime(t *testing.T) {
	const had, others = "1:1=1 2:1=1 3:1=1 m7:1=1", "3:1=1 m7:1=1"
	bubble(t, func(t *testing.T, r *rig) {
		cfg := electedInSeconds()
		keep := func(d *Deps) { d.Keep = true }
		r.start(cfg, keep)
		r.master("A", false)
		r.master("B", true)
		r.end()
		for _, fault := range []bool{false, true} {
			r.start(cfg, keep)
			r.master("A", false)
			r.lvs.RouterStates(RouterState{Name: "B", Fault: true})
			r.pass(30 * time.Second)
			r.master("B", true)
			r.lvs.RouterStates(RouterState{Name: "B", Stopped: true})
			r.pass(2 * time.Minute)
			r.wantTable(had)
			r.lvs.RouterStates(RouterState{Name: "B", Fault: fault})
			stays := 5 * time.Second
			if fault {
				stays = faultTime
			}
			r.pass(stays - time.Second)
			r.wantTable(had)
			r.pass(2 * time.Second)
			r.wantTable(others)
			r.master("B", true)
			r.end()
		}
	})
}

// A router that a reload brings had nothing to do with what was left at the start.
func TestARouterOfAReloadKeepsNoTable(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := electedInSeconds()
		keep := func(d *Deps) { d.Keep = true }
		r.start(cfg, keep)
		r.master("A", true)
		r.master("B", true)
		r.end()
		alone := with(electedInSeconds(), func(c *config.Config) { c.Instances = nil })
		r.start(alone, keep)
		r.wantTable("1:1=1 2:1=1 3:1=1 m7:1=1")
		r.reload(cfg)
		r.master("A", false)
		r.master("B", false)
		r.wantTable("3:1=1 m7:1=1")
		r.end()
	})
}
