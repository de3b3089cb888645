package engine

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
	"holdfast/vrrp/route"
)

func objects(n *node, owner int) string {
	var texts []string
	for _, o := range n.eng.deps.Applier.(*link.MemApplier).Objects(owner) {
		texts = append(texts, o.Text)
	}
	return strings.Join(texts, ", ")
}

func routeTo(to, dev string) route.Route {
	return route.Route{Family: 4, To: netip.MustParsePrefix(to), Scope: route.ScopeAuto, Next: route.Hop{Dev: dev}, Text: to + " dev " + dev}
}

// Routes and rules come with mastership and go with it; a reload changes them;
// one over an interface that is missing comes when that does.
func TestRoutesFollowMastership(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 150)
		r.Routes = []route.Route{routeTo("10.1.0.0/16", "eth0"), routeTo("10.2.0.0/16", "eth1")}
		r.Rules = []route.Rule{{Family: 4, Action: route.ToTable, Table: 100, Priority: 1000, Text: "table 100 priority 1000"}}
		a := l.node("a", "192.0.2.1/24").start(config(r))
		time.Sleep(time.Second)
		a.is(vrrp.Backup)
		if got := objects(a, 0); got != "" {
			t.Fatalf("a backup has %s", got)
		}
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		if got := objects(a, 0); got != "10.1.0.0/16 dev eth0, table 100 priority 1000" {
			t.Fatalf("a master has %s", got)
		}
		a.host.AddInterface("eth1", netip.MustParsePrefix("198.51.100.1/24"))
		time.Sleep(time.Second)
		if got := objects(a, 0); got != "10.1.0.0/16 dev eth0, 10.2.0.0/16 dev eth1, table 100 priority 1000" {
			t.Fatalf("with its interface a master has %s", got)
		}
		fewer := r
		fewer.Routes = r.Routes[:1]
		a.reload(config(fewer))
		synctest.Wait()
		if got := objects(a, 0); got != "10.1.0.0/16 dev eth0, table 100 priority 1000" {
			t.Fatalf("after a reload a master has %s", got)
		}
		var held link.Wanted
		for _, c := range a.obs.all() {
			if c.To == vrrp.Master {
				held = c.Wanted
			}
		}
		if len(held.Addresses) != 1 || len(held.Objects) != 2 {
			t.Fatalf("told as held: %+v", held)
		}
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 200)))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Backup)
		b.is(vrrp.Master)
		if got := objects(a, 0); got != "" {
			t.Fatalf("a backup has %s", got)
		}
	})
}

// A route that somebody removes is asked for again; after the fourth time in
// ten seconds the router gives up mastership for a moment, as for addresses.
func TestLostRoute(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 150)
		r.Routes = []route.Route{routeTo("10.1.0.0/16", "eth0")}
		a := l.node("a", "192.0.2.1/24").start(config(r))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		for range 3 {
			a.eng.ObjectLost(0)
			time.Sleep(time.Second)
			a.is(vrrp.Master)
		}
		if s := a.router(0); s.AddressesLost != 3 {
			t.Fatalf("%d losses counted", s.AddressesLost)
		}
		a.eng.ObjectLost(0)
		a.is(vrrp.Backup)
		if got := objects(a, 0); got != "" {
			t.Fatalf("a backup has %s", got)
		}
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		a.eng.ObjectLost(7) // nobody
		a.eng.ObjectLost(-1)
		a.is(vrrp.Master)
	})
}

// Lost news of routes cost no mastership, however often.
func TestRoutesInDoubt(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 150)
		r.Routes = []route.Route{routeTo("10.1.0.0/16", "eth0")}
		c := config(r)
		c.Static = []Static{{Routes: []route.Route{routeTo("10.2.0.0/16", "eth0")}}}
		sets := &setCounter{by: map[int]int{}}
		a := l.node("a", "192.0.2.1/24").start(c, func(d *Deps) { sets.Applier, d.Applier = d.Applier, sets })
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		before := sets.by[0]
		for range 20 {
			a.eng.ObjectInDoubt(0)
			a.eng.ObjectInDoubt(-1)
			a.eng.ObjectInDoubt(7)
			time.Sleep(100 * time.Millisecond)
		}
		a.is(vrrp.Master)
		if s := a.router(0); s.AddressesLost != 0 || sets.by[0] != before+20 || sets.by[-1] < 20 {
			t.Fatalf("%d losses counted, asked %d and %d times", s.AddressesLost, sets.by[0]-before, sets.by[-1])
		}
	})
}

// Interfaces that come and go, as those of containers do, have routes asked for
// again and announce nothing.
func TestOtherInterfacesAnnounceNothing(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 150)
		r.Routes = []route.Route{routeTo("10.1.0.0/16", "eth0")}
		sets := &setCounter{by: map[int]int{}}
		a := l.node("a", "192.0.2.1/24").start(config(r), func(d *Deps) { sets.Applier, d.Applier = d.Applier, sets })
		time.Sleep(20 * time.Second)
		a.is(vrrp.Master)
		announced, asked := len(a.proc.Announced()), sets.by[0]
		for range 5 {
			a.host.AddInterface("veth7", netip.MustParsePrefix("198.51.100.1/24"))
			time.Sleep(time.Second)
			a.host.DeleteInterface("veth7")
			time.Sleep(time.Second)
		}
		a.is(vrrp.Master)
		if n := len(a.proc.Announced()); n != announced || sets.by[0] < asked+10 {
			t.Fatalf("%d announcements more, asked for %d times more", n-announced, sets.by[0]-asked)
		}
	})
}

// A router that joins a track_group by a reload learns of what is static there,
// also when nobody was in the group before.
func TestStaticFoundByReload(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		with := func(routers ...Router) Config {
			c := config(routers...)
			c.Static = []Static{{Name: "g", Routes: []route.Route{routeTo("10.2.0.0/16", "eth0")}}}
			return c
		}
		a := l.node("a", "192.0.2.1/24").start(with(vr(1, 150)))
		time.Sleep(time.Second)
		a.reload(with(vr(1, 150)))
		time.Sleep(time.Second)
		member := vr(2, 150)
		member.Tracks = []vrrp.Track{{Key: "static g", Pending: true}}
		a.reload(with(vr(1, 150), member))
		synctest.Wait()
		if s := a.router(1); s.State != vrrp.Backup {
			t.Fatalf("%v, waits for %q", s.State, s.Faults)
		}
	})
}

// setCounter counts the Sets of each owner.
type setCounter struct {
	link.Applier
	by map[int]int
}

func (c *setCounter) Set(owner int, gen uint64, want link.Wanted) {
	c.by[owner]++
	c.Applier.Set(owner, gen, want)
}

// Static routes are there from the start to the end, and a router of their
// track_group is in FAULT while one of them cannot be.
func TestStatic(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 150)
		r.Tracks = []vrrp.Track{{Key: "static TG", Pending: true}}
		cfg := config(r)
		cfg.Static = []Static{
			{Routes: []route.Route{routeTo("10.8.0.0/16", "eth0")}, Interface: "eth0", VIPs: []VIP{{Prefix: netip.MustParsePrefix("192.0.2.200/32")}}},
			{Name: "TG", Routes: []route.Route{routeTo("10.9.0.0/16", "eth1")}},
		}
		a := l.node("a", "192.0.2.1/24")
		a.start(cfg)
		time.Sleep(10 * time.Second)
		a.is(vrrp.Fault)
		if got := objects(a, -1); got != "10.8.0.0/16 dev eth0" || !a.host.Has(addr("192.0.2.200")) {
			t.Fatalf("static: %s", got)
		}
		a.host.AddInterface("eth1", netip.MustParsePrefix("198.51.100.1/24"))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		if got := objects(a, -2); got != "10.9.0.0/16 dev eth1" {
			t.Fatalf("static: %s", got)
		}

		// A stranger is put right, but not for ever at once.
		for range 2 * staticLimit {
			if err := a.host.RemoveAddress("eth0", netip.MustParsePrefix("192.0.2.200/32")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			if !a.host.Has(addr("192.0.2.200")) {
				break
			}
		}
		if a.host.Has(addr("192.0.2.200")) {
			t.Fatal("put back without end")
		}
		time.Sleep(staticWindow)
		if !a.host.Has(addr("192.0.2.200")) {
			t.Fatal("never put back again")
		}

		cfg.Static = cfg.Static[:1]
		r.Tracks = nil
		cfg.Routers = []Router{r}
		a.reload(cfg)
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		if got := objects(a, -2); got != "" {
			t.Fatalf("after a reload without it: %s", got)
		}
		var told []Change
		for _, c := range a.obs.all() {
			if c.Static {
				told = append(told, c)
			}
		}
		if last := told[len(told)-1]; last.Name != "TG" || !last.Wanted.Empty() {
			t.Fatalf("told last: %+v", last)
		}
		applier := a.eng.deps.Applier.(*link.MemApplier)
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		if a.host.Has(addr("192.0.2.200")) || len(applier.Objects(-1)) > 0 {
			t.Fatal("static things outlive a stop")
		}
	})
}
