package engine

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
)

// Reloads of all kinds in the middle of intervals: the adverts stay on their
// grid, none more and none less.
func TestReloadSendsNothingMore(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		told := len(a.obs.told())

		renamed := vr(1, 150)
		renamed.Name = "VI_other"
		prio := renamed
		prio.Priority = 160
		more := prio
		more.VIPs = append(slices.Clone(more.VIPs), VIP{Prefix: netip.MustParsePrefix("192.0.2.201/32")})
		more.Addresses = append(slices.Clone(more.Addresses), addr("192.0.2.201"))
		for _, r := range []Router{vr(1, 150), renamed, prio, more} {
			time.Sleep(1270 * time.Millisecond)
			a.reload(config(r))
			a.is(vrrp.Master)
		}
		time.Sleep(2 * time.Second)
		sent := l.adverts("a", l.began)
		for i, s := range sent {
			if d := s.at.Sub(sent[0].at); d != time.Duration(i)*time.Second {
				t.Fatalf("advert %d after %v", i, d)
			}
		}
		if last := sent[len(sent)-1]; last.prio != 160 || last.n != 2 {
			t.Fatalf("the new configuration is not advertised: %+v", last)
		}
		if got := a.obs.told(); len(got) != told {
			t.Fatalf("changes told: %q", got[told:])
		}
		if s := a.router(0); s.Name != "VI_other" {
			t.Fatalf("name %q", s.Name)
		}
	})
}

// The backup's timer goes on over a reload.
func TestReloadRestartsNoTimer(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		sent := l.adverts("a", l.began)
		a.kill()
		last := sent[len(sent)-1].at
		for range 3 {
			time.Sleep(time.Second)
			b.reload(config(vr(1, 100)))
		}
		time.Sleep(time.Until(last.Add(down100)) - 1)
		b.is(vrrp.Backup)
		time.Sleep(time.Nanosecond)
		b.is(vrrp.Master)
	})
}

func TestReloadAddressesAndNeighbours(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 255, "192.0.2.101/32", "192.0.2.102/32")))
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		before := len(a.proc.Announced())

		r := vr(1, 255, "192.0.2.102/32") // 101 goes
		a.reload(config(r))
		synctest.Wait()
		if a.host.Has(addr("192.0.2.101")) || !a.host.Has(addr("192.0.2.102")) {
			t.Fatal("addresses are not as configured")
		}
		if got := a.proc.Announced()[before:]; len(got) != 0 {
			t.Fatalf("nothing is new, but announced: %+v", got)
		}
		r.VIPs = append(r.VIPs, VIP{Prefix: netip.MustParsePrefix("192.0.2.103/32"), Excluded: true}) // 103 comes
		a.reload(config(r))
		synctest.Wait()
		if !a.host.Has(addr("192.0.2.103")) {
			t.Fatal("excluded address missing")
		}
		got := a.proc.Announced()[before:]
		if len(got) != 1 || !slices.Equal(got[0].Addrs, []netip.Addr{addr("192.0.2.102"), addr("192.0.2.103")}) || got[0].Rounds != 5 {
			t.Fatalf("want all addresses announced once: %+v", got)
		}
		ev := a.obs.events()
		if last := ev[len(ev)-1]; last.Reason != vrrp.ReasonReload || len(last.Addresses) != 2 {
			t.Fatalf("the observer does not know the addresses: %+v", last)
		}
	})
}

func TestReloadAddsAndRemoves(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 255), vr(2, 255), vr(3, 255)))
		time.Sleep(1500 * time.Millisecond)
		a.is(vrrp.Master)
		at := time.Now()
		// 2 is gone, 4 is new and has 2's address.
		a.reload(config(vr(1, 255), vr(3, 255), vr(4, 100, "192.0.2.102/32")))
		synctest.Wait()
		if got := l.adverts("a", at); len(got) != 1 || got[0].vrid != 2 || got[0].prio != 0 {
			t.Fatalf("want priority 0 for VRID 2 only: %+v", got)
		}
		if a.host.Has(addr("192.0.2.102")) {
			t.Fatal("address of a removed router")
		}
		told := a.obs.told()
		if got := told[len(told)-2:]; !slices.Equal(got, []string{"VI_2 MASTER>INIT deleted", "VI_4 INIT>BACKUP"}) {
			t.Fatalf("told %q", got)
		}
		time.Sleep(time.Until(at.Add(down100)) - 1)
		if a.host.Has(addr("192.0.2.102")) {
			t.Fatal("new router did not wait")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !a.host.Has(addr("192.0.2.102")) {
			t.Fatal("new router is no master")
		}
		for _, r := range a.status().Routers {
			if r.State != vrrp.Master {
				t.Fatalf("%s is %v", r.Name, r.State)
			}
		}
	})
}

// An address that moves from one master to another never leaves the machine.
func TestReloadMovesAddress(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 255), vr(2, 255, "192.0.2.102/32", "192.0.2.150/32")))
		time.Sleep(1500 * time.Millisecond)
		a.is(vrrp.Master)
		removed := 0
		l.net.Change(func(n *linkNet) {
			n.OnAddress = func(_ time.Time, _, _ string, p netip.Prefix, added bool) {
				if p.Addr() == addr("192.0.2.150") && !added {
					removed++
				}
			}
		})
		a.reload(config(vr(1, 255, "192.0.2.101/32", "192.0.2.150/32"), vr(2, 255)))
		time.Sleep(time.Second)
		if !a.host.Has(addr("192.0.2.150")) || removed != 0 {
			t.Fatalf("removed %d times, there: %v", removed, a.host.Has(addr("192.0.2.150")))
		}
	})
}

func TestReloadRefused(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 255)))
		time.Sleep(1500 * time.Millisecond)
		at := time.Now()
		bad := vr(2, 255)
		bad.Interface = ""
		if err := a.eng.Reload(context.Background(), config(bad)); err == nil {
			t.Fatal("accepted")
		}
		a.is(vrrp.Master)
		if got := l.adverts("a", at); len(got) != 0 || !a.host.Has(addr("192.0.2.101")) {
			t.Fatalf("changed by a refused reload: %+v", got)
		}
	})
}

// A reload towards an interface that does not exist releases what was held and
// waits; keepalived ends without a word and leaves its address behind.
func TestReloadMissingInterface(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 255)))
		time.Sleep(1500 * time.Millisecond)
		at := time.Now()
		r := vr(1, 255)
		r.Interface = "eth7"
		a.reload(config(r))
		synctest.Wait()
		if s := a.router(0); !s.Waiting || s.State != vrrp.Init || a.host.Has(addr("192.0.2.101")) {
			t.Fatalf("%v, waiting %v", s.State, s.Waiting)
		}
		if got := prios(l.adverts("a", at)); !slices.Equal(got, []int{0}) {
			t.Fatalf("sent %v", got)
		}
	})
}

// Results of scripts reach routers that a reload brings.
func TestReloadTrack(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 200)
		r.Tracks = []vrrp.Track{{Key: "script chk", Weight: -50, Pending: true}}
		a := l.node("a", "192.0.2.1/24").start(config(r))
		a.eng.Track("script chk", false)
		synctest.Wait()
		if p := a.router(0).EffectivePriority; p != 150 {
			t.Fatalf("priority %d", p)
		}
		two := vr(2, 200)
		two.Tracks = []vrrp.Track{{Key: "script chk", Weight: -20, Pending: true}}
		a.reload(config(r, two))
		three := two
		three.Tracks = []vrrp.Track{{Key: "script chk", Weight: -20, Pending: true}, {Key: "interface lo9", Weight: -3, Pending: true}}
		a.reload(config(r, three)) // now to a router that runs
		if q := a.router(1).EffectivePriority; q != 177 {
			t.Fatalf("priority %d", q)
		}
		a.reload(config(r, two))
		if p, q := a.router(0).EffectivePriority, a.router(1).EffectivePriority; p != 150 || q != 180 {
			t.Fatalf("priorities %d, %d", p, q)
		}
	})
}

func TestGroup(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		inner := vr(2, 150)
		inner.Interface = "eth1"
		cfg := config(vr(1, 150), inner)
		cfg.Groups = []Group{{Name: "G", Members: []string{"VI_1", "VI_2"}, Tracks: []vrrp.Track{{Key: "script chk", Pending: true}}}}
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("eth1", netip.MustParsePrefix("198.51.100.1/24"))
		a.start(cfg)
		a.eng.Track("script chk", true)
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		a.host.SetUp("eth1", false)
		a.is(vrrp.Fault)
		a.host.SetUp("eth1", true)
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		a.eng.Track("script chk", false)
		a.is(vrrp.Fault)
		if g := a.status().Groups; len(g) != 1 || g[0].State != vrrp.Fault {
			t.Fatalf("%+v", g)
		}
		// Without the group the routers stand alone.
		a.reload(config(vr(1, 150), inner))
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
	})
}

// A reload that changes the version keeps the mastership, as keepalived does:
// only what says where adverts come and go makes another router.
func TestReloadOfTheVersion(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		c := vr(1, 150)
		c.Version = 2
		a := l.node("a", "192.0.2.1/24").start(config(c))
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		told, at := len(a.obs.told()), time.Now()
		c.Version = 3
		a.reload(config(c))
		time.Sleep(3500 * time.Millisecond)
		a.is(vrrp.Master)
		if s := a.router(0); s.Version != 3 || len(a.obs.told()) != told {
			t.Fatalf("version %d, told %q", s.Version, a.obs.told())
		}
		if got := prios(l.adverts("a", at)); !slices.Equal(got, []int{150, 150, 150}) && !slices.Equal(got, []int{150, 150, 150, 150}) {
			t.Fatalf("sent %v", got)
		}
	})
}

// What a peer said in version 2 is not read as version 3 after a reload.
func TestReloadKeepsWhatWasHeard(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		v2 := func(prio uint8) Router {
			r := vr(1, prio)
			r.Version = 2
			return r
		}
		l.node("a", "192.0.2.1/24").start(config(v2(150)))
		b := l.node("b", "192.0.2.2/24").start(config(v2(100)))
		time.Sleep(10 * time.Second)
		b.reload(config(vr(1, 100)))
		time.Sleep(2 * time.Second) // adverts of the old version are dropped
		peers := b.router(0).Peers
		if len(peers) != 1 || peers[0].Version != 2 || peers[0].AdvertInt != time.Second {
			t.Fatalf("peers %+v, want one of version 2 every second", peers)
		}
	})
}

// What is noted of a router's last advert goes with it when reloads rename it, also to
// a name that another one had.
func TestReloadTakesTheLastAdvertToAnotherName(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var mu sync.Mutex
		noted := map[string]time.Duration{}
		first, second := vr(1, 150), vr(2, 100)
		first.AdvertInt = 10 * time.Second
		a := l.node("a", "192.0.2.1/24").start(config(first, second), func(d *Deps) {
			d.Sent = func(router string, at time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				noted[router] = at
			}
		})
		l.node("b", "192.0.2.2/24").start(config(vr(2, 150)))
		time.Sleep(63 * time.Second) // the second one is backup
		want := sinceBoot(l.lastSent("a", 1, false))
		if len(noted) != 1 || noted["VI_1"] != want {
			t.Fatalf("noted %v, want %v", noted, want)
		}
		first.Name, second.Name = "VI_2", "VI_1"
		a.reload(config(first, second))
		if noted["VI_2"] != want || noted["VI_1"] != 0 {
			t.Errorf("after they changed names: %v, want %v", noted, want)
		}
		first.Name = "VI_3"
		a.reload(config(first, second))
		if noted["VI_3"] != want {
			t.Errorf("after another name: %v, want %v", noted, want)
		}
	})
}
