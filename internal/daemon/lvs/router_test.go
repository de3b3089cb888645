package lvs

import (
	"net/netip"
	"slices"
	"testing"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// A reload adds an address and its service; the vrrp process takes it over
// later, and tells the addresses then.
func TestReloadAddsAnAddress(t *testing.T) {
	one := autoOf(virtual(1, 1))
	one.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.1/24")}
	two := autoOf(virtual(1, 1), virtual(2, 1))
	two.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.1/24", "192.0.2.2/24")}
	for _, master := range []bool{false, true} {
		bubble(t, func(t *testing.T, r *rig) {
			before, after := "", ""
			if master {
				before, after = "1:1=1", "1:1=1 2:1=1"
			}
			r.start(one)
			r.lvs.RouterStates(RouterState{Name: "A", Master: master, VIPs: []netip.Addr{key(1).Addr}})
			r.pass(0)
			r.wantTable(before)
			r.reload(two)
			r.wantTable(after)
			r.lvs.RouterStates(RouterState{Name: "A", Master: master, VIPs: []netip.Addr{key(1).Addr, key(2).Addr}})
			r.pass(0)
			r.wantTable(after)
			r.end()
		})
	}
}

// What was told of a router that a reload took away says nothing of a later one
// of that name.
func TestReloadForgetsRouters(t *testing.T) {
	named := func(name string) *config.Config {
		cfg := autoOf(virtual(1, 1))
		cfg.Instances = []config.VRRPInstance{instance(name, 1, "192.0.2.1/24")}
		return cfg
	}
	vips := []netip.Addr{key(1).Addr}
	for _, end := range [][]RouterState{nil, {{Name: "A"}}} { // without and with news of its end
		bubble(t, func(t *testing.T, r *rig) {
			r.start(named("A"))
			r.lvs.RouterStates(RouterState{Name: "A", VIPs: vips})
			r.reload(named("B"))
			r.lvs.RouterStates(append(end, RouterState{Name: "B", Master: true, VIPs: vips})...)
			r.pass(0)
			r.wantTable("1:1=1")
			r.wantReady("B")
			r.reload(named("A"))
			r.pass(2 * leaveLimit) // the vrrp process takes its time
			r.wantTable("1:1=1")
			r.lvs.RouterStates(RouterState{Name: "B"}, RouterState{Name: "A", Master: true, VIPs: vips})
			r.pass(0)
			r.wantReady("A")
			r.wantTable("1:1=1")
			r.end()
		})
	}
}

// A router takes over before this process has the configuration that has it:
// its table is ready after that, at once if it has none.
func TestTableReadyOfAnUnknownRouter(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(autoOf())
		r.master("A", true)
		r.master("C", true)
		r.master("D", true)
		r.lvs.RouterStates(RouterState{Name: "D"}) // and is gone
		r.wantReady()
		cfg := autoOf(virtual(1, 1))
		cfg.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.1/24"), instance("B", 2), instance("C", 3), instance("D", 4)}
		r.refuse(func(ipvs.Op) error { r.wantReady(); return nil })
		r.reload(cfg)
		r.mu.Lock()
		slices.Sort(r.ready)
		r.mu.Unlock()
		r.wantReady("A", "C")
		r.wantTable("1:1=1")
		r.master("B", true)
		r.wantReady("B")
		r.end()
	})
}
