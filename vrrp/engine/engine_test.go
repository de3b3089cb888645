package engine

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// Time is the wire's: an engine that asked another clock could not be driven
// by a test, and would mix two clocks.
func TestNoClockOfItsOwn(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	banned := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "NewTimer", "NewTicker", "Tick"}
	n := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		n++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if s, ok := node.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(banned, s.Sel.Name) {
					t.Errorf("%v: time.%s", set.Position(s.Pos()), s.Sel.Name)
				}
			}
			return true
		})
	}
	if n == 0 {
		t.Fatal("no source files read")
	}
}

func TestTakeoverAtTheExactInstant(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		n := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)))
		time.Sleep(down100 - 1)
		n.is(vrrp.Backup)
		if len(l.adverts("a", l.began)) != 0 {
			t.Fatal("a backup sent")
		}
		time.Sleep(time.Nanosecond)
		n.is(vrrp.Master)
		if got := l.adverts("a", l.began); len(got) != 1 || got[0].at.Sub(l.began) != 3609375*time.Microsecond || got[0].prio != 100 {
			t.Fatalf("first advert: %+v", got)
		}
		if !n.host.Has(addr("192.0.2.101")) {
			t.Fatal("no address")
		}
		ann := n.proc.Announced()
		if len(ann) != 1 || ann[0].Rounds != 5 || ann[0].Addrs[0] != addr("192.0.2.101") {
			t.Fatalf("announced %+v", ann)
		}
		time.Sleep(5 * time.Second) // the second set; adverts on their grid
		synctest.Wait()
		if got := len(n.proc.Announced()); got != 2 {
			t.Fatalf("%d announcements", got)
		}
		for i, s := range l.adverts("a", l.began) {
			if s.at.Sub(l.began) != down100+time.Duration(i)*time.Second {
				t.Fatalf("advert %d at %v", i, s.at.Sub(l.began))
			}
		}
		want := []string{"VI_1 INIT>BACKUP", "VI_1 BACKUP>MASTER"}
		if got := n.obs.told(); !slices.Equal(got, want) {
			t.Fatalf("told %q", got)
		}
	})
}

func TestElectionAndStop(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if p := b.router(0).Peers; len(p) != 1 || p[0].Addr != addr("192.0.2.1") || p[0].Priority != 150 {
			t.Fatalf("heard %+v", p)
		}
		at := time.Now()
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		if got := prios(l.adverts("a", at)); !slices.Equal(got, []int{0}) {
			t.Fatalf("sent at the stop: %v", got)
		}
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("address left behind")
		}
		if told := a.obs.told(); told[len(told)-1] != "VI_1 MASTER>INIT" {
			t.Fatalf("told %q", told)
		}
		skew := 156 * time.Second / 256
		time.Sleep(time.Until(at.Add(skew)) - 1)
		b.is(vrrp.Backup)
		time.Sleep(time.Nanosecond)
		b.is(vrrp.Master)
	})
}

func TestStopWaitsForTheKernel(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		for _, slow := range []time.Duration{300 * time.Millisecond, time.Hour} {
			a := l.node("a"+slow.String(), "192.0.2.1/24").start(config(vr(1, 255)))
			time.Sleep(1500 * time.Millisecond)
			a.is(vrrp.Master)
			a.proc.ApplyDelay(slow)
			at := time.Now()
			a.cancel()
			err := <-a.done
			a.done <- err
			took := time.Since(at)
			if got := prios(l.adverts(a.name, at)); err != nil || !slices.Equal(got, []int{0}) {
				t.Fatalf("%v: %v, %v", slow, got, err)
			}
			if took != min(slow, stopTime) {
				t.Fatalf("%v: took %v", slow, took)
			}
			if told := a.obs.all(); !told[len(told)-1].Time.Equal(at.Add(took)) {
				t.Fatal("told before the addresses were gone")
			}
			a.kill()
		}
	})
}

func TestCrash(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		sent := l.adverts("a", l.began)
		a.kill()
		last := sent[len(sent)-1].at
		time.Sleep(time.Until(last.Add(down100)) - 1)
		b.is(vrrp.Backup)
		time.Sleep(time.Nanosecond)
		b.is(vrrp.Master)
		if !a.host.Has(addr("192.0.2.101")) {
			t.Fatal("a killed process cannot have removed its address")
		}
		// Started again it removes what was left before it does anything else.
		a.start(config(vr(1, 150)))
		synctest.Wait()
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("left-over address")
		}
		time.Sleep(10 * time.Second) // preemption
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if b.host.Has(addr("192.0.2.101")) {
			t.Fatal("two holders")
		}
	})
}

func TestLinkDown(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 150)
		a := l.node("a", "192.0.2.1/24").start(config(r))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.host.SetUp("eth0", false)
		a.is(vrrp.Fault)
		if a.host.Has(addr("192.0.2.101")) {
			t.Fatal("address kept")
		}
		time.Sleep(4 * time.Second)
		b.is(vrrp.Master)
		a.host.SetUp("eth0", true)
		a.is(vrrp.Backup)
		time.Sleep(4 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
	})
}

func TestTrackedInterface(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 150)
		r.Tracks = []vrrp.Track{{Key: "interface eth1", Weight: -60, Pending: true}, {Key: "interface eth2", Pending: true}}
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("eth1")
		a.host.AddInterface("eth2")
		a.start(config(r))
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		a.host.SetUp("eth1", false)
		synctest.Wait()
		if p := a.router(0).EffectivePriority; p != 90 {
			t.Fatalf("priority %d", p)
		}
		a.host.DeleteInterface("eth2")
		a.is(vrrp.Fault)
		a.host.AddInterface("eth2")
		a.host.SetUp("eth1", true)
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		if p := a.router(0).EffectivePriority; p != 150 {
			t.Fatalf("priority %d", p)
		}
	})
}

func TestWaitingInterface(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		dont := vr(2, 255)
		dont.DontTrackPrimary = true
		a := l.node("a", "").start(config(vr(1, 255), dont))
		time.Sleep(time.Minute)
		a.is(vrrp.Init)
		if s := a.router(0); !s.Waiting {
			t.Fatal("not waiting")
		}
		first := a.host.AddInterface("eth0")
		synctest.Wait()
		a.is(vrrp.Init) // nothing to send from
		if err := a.host.AddAddress("eth0", vr(1, 1, "192.0.2.1/24").VIPs[0].Prefix); err != nil {
			t.Fatal(err)
		}
		a.is(vrrp.Master)
		if s := a.router(0); s.Waiting || s.Ifindex != first {
			t.Fatalf("%+v", s)
		}

		time.Sleep(1500 * time.Millisecond)
		a.host.DeleteInterface("eth0")
		a.is(vrrp.Fault)
		for i := range 2 {
			if s := a.router(i); !s.Waiting || s.State != vrrp.Fault {
				t.Fatalf("%v, waiting %v", s.State, s.Waiting)
			}
		}
		at := time.Now()
		time.Sleep(5 * time.Second)
		if got := l.adverts("a", at); len(got) != 0 {
			t.Fatalf("sent without an interface: %v", got)
		}
		second := a.host.AddInterface("eth0", vr(1, 1, "192.0.2.1/24").VIPs[0].Prefix)
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		if s := a.router(0); s.Ifindex != second || first == second {
			t.Fatalf("ifindex %d", s.Ifindex)
		}
		if got := l.adverts("a", at); len(got) == 0 {
			t.Fatal("the port was not opened anew")
		}
	})
}

func TestAddressLost(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 255, "192.0.2.101/32", "192.0.2.102/32")
		r.VIPs[1].NoTrack = true
		a := l.node("a", "192.0.2.1/24").start(config(r))
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		if err := a.host.RemoveAddress("eth0", r.VIPs[1].Prefix); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if a.host.Has(addr("192.0.2.102")) || a.router(0).AddressesLost != 0 {
			t.Fatal("no_track is not obeyed")
		}
		if err := a.host.RemoveAddress("eth0", r.VIPs[0].Prefix); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if s := a.router(0); !a.host.Has(addr("192.0.2.101")) || s.AddressesLost != 1 || s.State != vrrp.Master {
			t.Fatalf("not restored: %d lost, %v", s.AddressesLost, s.State)
		}
	})
}

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
			time.Sleep(60*time.Millisecond - 1)
			synctest.Wait()
			if a.host.Has(addr("192.0.2.101")) {
				t.Fatal("address before 100 ms")
			}
			time.Sleep(time.Nanosecond)
			a.is(vrrp.Master)
			if !a.host.Has(addr("192.0.2.101")) || a.router(0).TableWait {
				t.Fatal("no address after 100 ms")
			}
		})
	}
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

func TestUnicast(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		cfg := func(prio uint8, peers ...string) Config {
			r := vr(1, prio)
			r.Unicast = true
			r.Group = link.Port{}.Group
			for _, p := range peers {
				r.Peers = append(r.Peers, addr(p))
			}
			return config(r)
		}
		a := l.node("a", "192.0.2.1/24").start(cfg(150, "192.0.2.2", "192.0.2.3"))
		b := l.node("b", "192.0.2.2/24").start(cfg(100, "192.0.2.1", "192.0.2.3"))
		c := l.node("c", "192.0.2.3/24").start(cfg(90, "192.0.2.1", "192.0.2.2"))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		c.is(vrrp.Backup)
		sent := l.adverts("a", l.began)
		if len(sent) < 4 || sent[0].dst == sent[1].dst || sent[0].at != sent[1].at {
			t.Fatalf("want one to each peer at a time: %+v", sent)
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

// An address on another interface follows that interface.
func TestOtherDevice(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 255, "192.0.2.101/32", "198.51.100.101/32", "192.0.2.103/32")
		r.VIPs[1].Dev = "eth1"
		a := l.node("a", "192.0.2.1/24").start(config(r))
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		if !a.host.Has(addr("192.0.2.103")) || a.host.Has(addr("198.51.100.101")) {
			t.Fatal("want all addresses but the one without an interface")
		}
		eth1 := a.host.AddInterface("eth1")
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		if !a.host.Has(addr("198.51.100.101")) {
			t.Fatal("missing on the interface that appeared")
		}
		ann := a.proc.Announced()
		on := map[int]int{}
		for _, x := range ann[1:] {
			on[x.Ifindex] += len(x.Addrs)
		}
		if on[1] != 3 && on[1] != 2 || on[eth1] != 1 {
			t.Fatalf("announced %+v", ann)
		}
		a.host.DeleteInterface("eth1")
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		if s := a.router(0); len(s.Live) != 2 || s.AddressesLost != 0 {
			t.Fatalf("live %v, lost %d", s.Live, s.AddressesLost)
		}
	})
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

// Two routers of one group with sources of their own have a port each, which
// both hear everything: nothing counts twice.
func TestTwoSources(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		two := vr(2, 100)
		two.Source = addr("192.0.2.22")
		a := l.node("a", "192.0.2.1/24")
		if err := a.host.AddAddress("eth0", netip.MustParsePrefix("192.0.2.22/24")); err != nil {
			t.Fatal(err)
		}
		a.start(config(vr(1, 255), two))
		time.Sleep(time.Millisecond)
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100), vr(2, 255)))
		time.Sleep(10*time.Second + 500*time.Millisecond)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		s := a.status()
		if s.Routers[1].Received != 11 || len(s.Ports) != 2 || s.Ports[0].UnknownVRID+s.Ports[1].UnknownVRID != 0 {
			t.Fatalf("received %d, %+v", s.Routers[1].Received, s.Ports)
		}
		b.stop()
		time.Sleep(time.Second)
		if sent := l.adverts("a", time.Now().Add(-time.Second)); len(sent) < 2 {
			t.Fatalf("%+v", sent)
		}
	})
}

// Failures to send are counted and logged once a minute, not every time.
func TestSendFailures(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var log bytes.Buffer
		r := vr(1, 255)
		r.DontTrackPrimary = true
		a := l.node("a", "192.0.2.1/24").start(config(r), logTo(&log))
		time.Sleep(1500 * time.Millisecond)
		a.host.SetUp("eth0", false)
		time.Sleep(90 * time.Second)
		a.is(vrrp.Master)
		s := a.router(0)
		if s.SendErrors != 90 || s.SendError == "" {
			t.Fatalf("%d errors, %q", s.SendErrors, s.SendError)
		}
		a.stop()
		if got := strings.Count(log.String(), "sending an advert failed"); got != 2 {
			t.Fatalf("%d log lines:\n%s", got, log.String())
		}
	})
}

// What cannot be opened is tried again, and until then the router is no master.
func TestPortFailure(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.prepare(config(vr(1, 255)))
		p := link.Port{Ifindex: 1, Group: vr(1, 1).Group}
		a.proc.Wire().FailOpen(p, os.ErrPermission)
		a.run()
		time.Sleep(3500 * time.Millisecond)
		a.is(vrrp.Init)
		if s := a.router(0); s.PortError == "" || s.LinkUp {
			t.Fatalf("%+v", s)
		}
		a.proc.Wire().FailOpen(p, nil)
		time.Sleep(time.Second)
		a.is(vrrp.Master)
	})
}

func TestStatusAfterStop(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)))
		a.stop()
		if _, err := a.eng.Status(t.Context()); err != ErrStopped {
			t.Fatalf("status: %v", err)
		}
		if err := a.eng.Reload(t.Context(), config()); err != ErrStopped {
			t.Fatalf("reload: %v", err)
		}
	})
}

func TestConfigCheck(t *testing.T) {
	uni := vr(1, 100)
	uni.Unicast = true
	for _, tc := range []struct {
		want   string
		change func(*Config)
	}{
		{"used twice", func(c *Config) { c.Routers[1].Name = "VI_1" }},
		{"same interface, VRID", func(c *Config) { c.Routers[1].VRID = 1 }},
		{"no interface", func(c *Config) { c.Routers[0].Interface = "" }},
		{"VRID 0", func(c *Config) { c.Routers[0].VRID = 0 }},
		{"priority 0", func(c *Config) { c.Routers[0].Priority = 0 }},
		{"interval", func(c *Config) { c.Routers[0].AdvertInt = 0 }},
		{"no multicast group", func(c *Config) { c.Routers[0].Group = addr("192.0.2.1") }},
		{"unicast without peers", func(c *Config) { c.Routers[0] = uni }},
		{`no router "X"`, func(c *Config) { c.Groups = []Group{{Name: "G", Members: []string{"X"}}} }},
	} {
		c := config(vr(1, 100), vr(2, 100))
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		tc.change(&c)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
}

func TestLatenessBuckets(t *testing.T) {
	last := -1
	for _, d := range []time.Duration{0, 1, 3, 4, 5, 7, 8, 9, 10, 15, 16, 1000, 1 << 20, 1<<20 + 1<<18, 1<<63 - 1} {
		b := bucket(d)
		if b < last || upper(b) < d || b > 0 && upper(b-1) >= d {
			t.Errorf("%d: bucket %d, upper %d", d, b, upper(b))
		}
		last = b
	}
	var l lateness
	for i := range 1000 {
		l.add(time.Duration(i) * time.Microsecond)
	}
	if s := l.status(); s.Count != 1000 || s.Max != 999*time.Microsecond || s.P99 < 990*time.Microsecond {
		t.Errorf("%+v", s)
	}
}
