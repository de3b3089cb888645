package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

func TestTableGate(t *testing.T) {
	for _, ready := range []bool{true, false} {
		bubble(t, func(t *testing.T, l *lab) {
			r := vr(1, 255)
			r.TableGate = true
			a := l.node("a", "192.0.2.1/24").start(config(r))
			time.Sleep(40 * time.Millisecond)
			synctest.Wait()
			if len(l.adverts("a", l.began)) != 1 || a.host.Has(addr("192.0.2.101")) || !a.router(0).TableWait {
				t.Fatal("want the advert and no address yet")
			}
			ev := a.obs.events()
			if len(ev) != 1 || !ev[0].TakingOver || len(ev[0].Addresses) != 1 {
				t.Fatalf("events %+v", ev)
			}
			if ready {
				a.eng.TableReady("VI_1")
				a.eng.TableReady("no such router")
				synctest.Wait()
				if !a.host.Has(addr("192.0.2.101")) {
					t.Fatal("no address after TableReady")
				}
				return
			}
			time.Sleep(gateTime - 40*time.Millisecond - 1)
			synctest.Wait()
			if a.host.Has(addr("192.0.2.101")) {
				t.Fatal("address before the limit")
			}
			if all := a.obs.all(); len(all) != 1 || !all[0].TakingOver {
				t.Fatalf("told before the addresses were asked for: %+v", all)
			}
			time.Sleep(time.Nanosecond)
			a.is(vrrp.Master)
			if !a.host.Has(addr("192.0.2.101")) || a.router(0).TableWait {
				t.Fatal("no address after the limit")
			}
		})
	}
}

// Without anybody who makes tables ready no takeover waits, and one that waits
// goes on.
func TestNoTables(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		one, two := vr(1, 255), vr(2, 255)
		one.TableGate, two.TableGate = true, true
		a := l.node("a", "192.0.2.1/24").start(config(one))
		time.Sleep(40 * time.Millisecond)
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("it does not wait")
		}
		a.eng.Tables(false)
		synctest.Wait()
		if !a.host.Has(addr("192.0.2.101")) {
			t.Fatal("it waits for nobody")
		}
		if err := a.eng.Reload(t.Context(), config(one, two)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Millisecond)
		if !a.host.Has(addr("192.0.2.102")) || a.router(1).TableWait {
			t.Fatal("a takeover waits for nobody")
		}
		a.eng.Tables(true)
		a.host.SetUp("eth0", false)
		time.Sleep(time.Second)
		a.host.SetUp("eth0", true)
		time.Sleep(1500 * time.Millisecond)
		if a.router(0).State != vrrp.Master || !a.router(0).TableWait {
			t.Fatal("it does not wait for the table of a new one")
		}
	})
}

// A router that leaves MASTER while it waits for its table sets nothing.
func TestTableGateAbandoned(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 255)
		r.TableGate = true
		a := l.node("a", "192.0.2.1/24").start(config(r))
		time.Sleep(40 * time.Millisecond)
		a.host.SetUp("eth0", false)
		a.is(vrrp.Fault)
		a.eng.TableReady("VI_1")
		time.Sleep(time.Second)
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("address of a router in FAULT")
		}
	})
}

// The table is let go of when the addresses are gone, not before.
func TestTableAfterRelease(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 255)
		r.TableGate = true
		a := l.node("a", "192.0.2.1/24")
		a.prepare(config(r))
		a.proc.ApplyDelay(300 * time.Millisecond)
		a.run()
		time.Sleep(10 * time.Millisecond)
		a.eng.TableReady("VI_1")
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		a.host.SetUp("eth0", false)
		a.is(vrrp.Fault)
		released := func() (releasing, released bool) {
			for _, c := range a.obs.all() {
				releasing = releasing || !c.Event && c.To == vrrp.Fault && c.Releasing
				released = released || c.Released
			}
			return releasing, released
		}
		if before, after := released(); !before || after || !a.host.Has(addr("192.0.2.101")) {
			t.Fatalf("releasing %v, released %v", before, after)
		}
		time.Sleep(time.Second)
		if _, after := released(); !after || a.host.Has(addr("192.0.2.101")) {
			t.Fatal("the release is not told")
		}
	})
}

// An answer of the applier to another question is none.
func TestStaleAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.prepare(config(vr(1, 255)))
		a.proc.ApplyDelay(300 * time.Millisecond)
		a.run()
		time.Sleep(10 * time.Millisecond)
		for _, s := range []link.Applied{{Owner: 0, Gen: 77}, {Owner: 0, Gen: 0}, {Owner: 5, Gen: 1}, {Owner: -1, Gen: 1}} {
			a.eng.Applied(s)
		}
		synctest.Wait()
		if s := a.router(0); s.Applied || len(a.proc.Announced()) != 0 {
			t.Fatal("believed")
		}
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if s := a.router(0); !s.Applied || len(a.proc.Announced()) != 1 {
			t.Fatal("the true answer is not believed")
		}
	})
}

// Adverts of lower priority that are read together get one answer.
func TestOneAnswerInATurn(t *testing.T) {
	e, w := standing(t, 1, 200)
	w.now = w.now.Add(5 * time.Second)
	e.deadline = e.next()
	e.run(nil)
	if w.sent != 1 || e.routers[0].core.State() != vrrp.Master {
		t.Fatalf("%d sent, %v", w.sent, e.routers[0].core.State())
	}
	p := heard(e, 100)
	e.run([]link.Packet{p[0], p[0], p[0]})
	if w.sent != 2 {
		t.Fatalf("%d answers", w.sent-1)
	}
}

// A takeover that ends before the addresses are there was never told as
// MASTER; who was told of its beginning is told of its end.
func TestTakeoverTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.prepare(config(vr(1, 100)))
		a.proc.ApplyDelay(300 * time.Millisecond)
		a.run()
		time.Sleep(down100 + 50*time.Millisecond)
		h := vr(1, 200)
		src := addr("192.0.2.9")
		adv := vrrp.Advert{Version: 3, VRID: 1, Priority: 200, AdvertInt: 100, Addrs: h.Addresses}
		l.net.Inject("eth0", src, h.Group, 255, adv.AppendTo(nil, src, h.Group, true))
		a.is(vrrp.Backup)
		ev := a.obs.events()
		if len(ev) != 2 || !ev[0].TakingOver || ev[0].To != vrrp.Master || !ev[1].TakingOver || ev[1].From != vrrp.Master || ev[1].To != vrrp.Backup {
			t.Fatalf("events %+v", ev)
		}
		if told := a.obs.told(); len(told) != 1 {
			t.Fatalf("told %q", told)
		}
		time.Sleep(time.Second)
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("address of a backup")
		}
	})
}
