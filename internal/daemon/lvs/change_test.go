package lvs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// change reloads as for a configuration that came as a change.
func (r *rig) change(cfg, of *config.Config, kept ...int) {
	r.t.Helper()
	if err := r.lvs.Change(context.Background(), cfg, Change{Of: of, Kept: kept}); err != nil {
		r.t.Error(err)
	}
	r.pass(0)
}

// One weight is one SET_DEST, by a reload and by an operator, and nothing is
// read for it.
func TestOneWeightIsOneChange(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		first := configOf(virtual(1, 1, 2, 3), virtual(2, 1, 2, 3), virtual(3, 1))
		next := configOf(first.VirtualServers[0], virtual(2, 1, 2, 3), first.VirtualServers[2])
		next.VirtualServers[1].RealServers[1].Weight = 9
		whole := configOf(first.VirtualServers[0], virtual(2, 1, 2, 3), virtual(3, 1))
		r.start(first)
		r.kernel.Ops()
		reads := r.kernel.Reads()
		r.change(next, first, 0, -1, 2)
		r.wantOps("~d")
		r.wantTable("1:1=1,2=2,3=3 2:1=1,2=9,3=3 3:1=1")
		r.reload(whole)
		r.wantOps("~d")
		r.wantTable("1:1=1,2=2,3=3 2:1=1,2=2,3=3 3:1=1")
		r.change(whole, whole, 0, 1, 2)
		r.wantOps("")
		if _, err := r.lvs.Set(context.Background(), Ask{Service: "192.0.2.2:80", Server: "198.51.100.2:80", Words: []string{"weight", "5"}}); err != nil {
			t.Error(err)
		}
		r.wantOps("~d")
		if n := r.kernel.Reads() - reads - 2; n != 0 { // two by this test
			t.Errorf("the table was read %d times", n)
		}
		r.end()
	})
}

// A change ends where the whole configuration does, whatever was before: the
// same table, the same status, the same events.
func TestAChangeIsAsGoodAsTheWhole(t *testing.T) {
	a := configOf(virtual(1, 1, 2), virtual(2, 2, 3), virtual(3, 3, 4))
	b := configOf(virtual(4, 1), a.VirtualServers[2], virtual(1, 2, 5), a.VirtualServers[1])
	c := with(configOf(b.VirtualServers[1], b.VirtualServers[0]), func(c *config.Config) {
		c.Global.RSInitNotifies = true
		c.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.3/24")}
	})
	tell := func(f func(r *rig)) (out string) {
		bubble(t, func(t *testing.T, r *rig) {
			r.start(a)
			r.pass(readEvery / 2)
			r.fail("198.51.100.3:80")
			r.pass(readEvery / 4)
			f(r)
			r.mu.Lock()
			out += strings.Join(r.lines, "\n")
			r.mu.Unlock()
			r.end()
		})
		return out
	}
	noted := 0
	story := func(r *rig, reload func(cfg, of *config.Config, kept ...int)) {
		noted = 0
		note := func() {
			// Checks of one second end in any order.
			r.mu.Lock()
			slices.Sort(r.lines[noted:])
			r.mu.Unlock()
			st := r.status()
			var words []string
			for _, s := range st.Services {
				words = append(words, fmt.Sprint(s.Name, s.Up, s.Weight, s.Wanted))
				for _, rs := range s.Servers {
					words = append(words, fmt.Sprint(rs.Addr, rs.State, rs.Weight, len(rs.Checks), rs.Checks[0].State, rs.Checks[0].Runs > 0))
				}
			}
			r.mu.Lock()
			r.lines = append(r.lines, r.table(), strings.Join(words, " "))
			noted = len(r.lines)
			r.mu.Unlock()
		}
		note()
		reload(b, a, -1, 2, -1, 1)
		note()
		r.pass(readEvery / 4)
		note()
		reload(c, b, 1, 0)
		note()
		r.master("A", true)
		note()
		r.fail()
		r.pass(readEvery / 4)
		note()
	}
	parts := tell(func(r *rig) { story(r, r.change) })
	whole := tell(func(r *rig) { story(r, func(cfg, _ *config.Config, _ ...int) { r.reload(cfg) }) })
	if parts != whole || !strings.Contains(parts, "DOWN") {
		t.Errorf("in parts\n%s\n\nwhole\n%s", parts, whole)
	}
}

// What the kernel refused is tried again by a reload, also where nothing of it
// has changed; and one refusal in a large table leaves all others in place.
func TestARefusalInALargeTable(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var list []config.VirtualServer
		var want []string
		for n := range byte(250) { // more than are planned at a time
			list = append(list, virtual(n, 1))
			if n != 120 {
				want = append(want, fmt.Sprintf("%d:1=1", n))
			}
		}
		r.refuse(func(op ipvs.Op) error {
			if op.Service.Addr == key(120).Addr {
				return syscall.ENOMEM
			}
			return nil
		})
		cfg := configOf(list...)
		r.start(cfg)
		r.wantTable(strings.Join(want, " "))
		r.refuse(nil)
		r.kernel.Ops()
		kept := make([]int, len(list))
		for i := range kept {
			kept[i] = i
		}
		r.change(cfg, cfg, kept...)
		r.wantOps("+s +d")
		r.wantTable(strings.Join(slices.Insert(want, 120, "120:1=1"), " "))
		r.reload(configOf(list[:3]...))
		r.wantTable("0:1=1 1:1=1 2:1=1")
		r.end()
	})
}

// What stands twice counts once; a change that keeps the other one, or that is of
// another configuration than the one in force, takes nothing from the wrong one. A
// service may be a group's as well.
func TestAChangeOfWhatStandsTwice(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		twice := configOf(virtual(1, 1), virtual(1, 2))
		r.start(twice)
		r.wantTable("1:1=1")
		once := configOf(twice.VirtualServers[1])
		r.change(once, twice, 1)
		r.wantTable("1:2=2")
		r.change(twice, configOf(twice.VirtualServers[1], twice.VirtualServers[0]), 1, 0)
		r.wantTable("1:1=1")
		both := grouped()
		both.VirtualServers = append(both.VirtualServers, virtual(1, 3))
		both.VirtualServers[2].Port = 8080
		both.VirtualServers[2].RealServers[0].Port = 8080
		r.reload(both)
		r.wantTable("1:1=1,3=3 1:2=2 2:1=1 2:2=2 m7:1=1,2=2")
		r.end()
	})
}
