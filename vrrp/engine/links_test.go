package engine

import (
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

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

// thief is an Applier that has what it installed stolen before it answers, a
// number of times.
type thief struct {
	link.Applier
	node   *node
	thefts int
}

func (f *thief) Set(owner int, gen uint64, want link.Wanted) {
	if want.Empty() {
		f.Applier.Set(owner, gen, want)
		return
	}
	go func() {
		for _, a := range want.Addresses {
			if err := f.node.host.AddAddress("eth0", a.Prefix); err != nil {
				f.node.t.Error(err)
			}
			if f.thefts > 0 {
				f.thefts--
				if err := f.node.host.RemoveAddress("eth0", a.Prefix); err != nil {
					f.node.t.Error(err)
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
		f.node.eng.Applied(link.Applied{Owner: owner, Gen: gen})
	}()
}

// An address that a stranger removes before the applier has answered is missed
// too: a parent does so when a replaced process takes up late what it held.
func TestAddressLostBeforeItWasThere(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.start(config(vr(1, 255)), func(d *Deps) { d.Applier = &thief{Applier: d.Applier, node: a, thefts: 2} })
		time.Sleep(time.Second)
		a.is(vrrp.Master)
		if s := a.router(0); !a.host.Has(addr("192.0.2.101")) || s.AddressesLost != 2 {
			t.Fatalf("not restored: %d lost", s.AddressesLost)
		}
	})
}

// late is a Watcher whose first word comes late.
type late struct {
	link.Watcher
	by time.Duration
}

func (w late) Watch(stop <-chan struct{}, f func(link.Update)) error {
	time.Sleep(w.by)
	return w.Watcher.Watch(stop, f)
}

// An address that was lost while nobody watched is missed when somebody does.
func TestAddressLostUnwatched(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		r := vr(1, 255)
		a := l.node("a", "192.0.2.1/24")
		a.start(config(r), func(d *Deps) { d.Watcher = late{d.Watcher, time.Second} })
		time.Sleep(500 * time.Millisecond)
		a.is(vrrp.Master)
		if err := a.host.RemoveAddress("eth0", r.VIPs[0].Prefix); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if s := a.router(0); !a.host.Has(addr("192.0.2.101")) || s.AddressesLost != 1 {
			t.Fatalf("not restored: %d lost", s.AddressesLost)
		}
	})
}
