package engine

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// What the kernel refuses is asked for again, ever more rarely, and at once when
// an interface changes; until then nobody is told that it is there.
func TestWhatTheKernelRefusesIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		vip := addr("192.0.2.101")
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("eth7")
		var sets *asked
		a.prepare(config(vr(1, 255)), func(d *Deps) {
			sets = &asked{Applier: d.Applier}
			d.Applier = sets
		})
		a.proc.FailApply(errors.New("no room"))
		a.run()
		time.Sleep(500 * time.Millisecond)
		a.is(vrrp.Master)
		held := func(want bool) {
			t.Helper()
			synctest.Wait()
			r := a.router(0)
			if a.host.Has(vip) != want || r.VIPs[0].Applied != want || (r.ApplyError == "") != want || (len(a.proc.Announced()) > 0) != want {
				t.Fatalf("%v after the start: held %v, status %v, error %q, announced %v",
					time.Since(l.began), a.host.Has(vip), r.VIPs[0].Applied, r.ApplyError, a.proc.Announced())
			}
		}
		held(false)
		before := sets.n.Load()
		time.Sleep(10 * time.Minute)
		if n := sets.n.Load() - before; n < 12 || n > 18 {
			t.Fatalf("asked %d times in ten minutes", n)
		}
		held(false)
		a.proc.FailApply(nil)
		time.Sleep(againLimit)
		held(true)
		before = sets.n.Load()
		time.Sleep(10 * time.Minute)
		if n := sets.n.Load() - before; n != 0 {
			t.Fatalf("asked %d times although it is there", n)
		}
	})
}

// An interface that changes is a reason to ask at once, unless the router has
// nothing to do with it, and not one to ask all the time.
func TestAnInterfaceThatChangesIsAReasonToTryAgain(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		var sets *asked
		a.prepare(config(vr(1, 255)), func(d *Deps) {
			sets = &asked{Applier: d.Applier}
			d.Applier = sets
		})
		a.proc.FailApply(errors.New("no IPv6"))
		a.run()
		time.Sleep(290 * time.Second)
		before := sets.n.Load()
		for range 10 {
			a.host.AddInterface("eth9")
			time.Sleep(10 * time.Millisecond)
			a.host.DeleteInterface("eth9")
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := sets.n.Load() - before; n != 0 {
			t.Fatalf("asked %d times because of interfaces of others", n)
		}
		for k := range 110 {
			a.host.SetMTU("eth0", 1400+k%2)
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if n := sets.n.Load() - before; n != 2 {
			t.Fatalf("asked %d times in 1.1 s, want at once and after a second", n)
		}
		time.Sleep(time.Minute)
		a.proc.FailApply(nil)
		a.host.SetMTU("eth0", 1500)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if !a.host.Has(addr("192.0.2.101")) || a.router(0).ApplyError != "" {
			t.Fatalf("not asked again: %+v", a.router(0))
		}
	})
}

// partial leaves the first address out.
type partial struct{ link.Applier }

func (p partial) Set(owner int, gen uint64, want link.Wanted) {
	if len(want.Addresses) > 0 {
		want.Addresses = want.Addresses[1:]
	}
	p.Applier.Set(owner, gen, want)
}

// reading counts how often the kernel's list is read.
type reading struct {
	link.Watcher
	n atomic.Uint64
}

func (r *reading) List() ([]link.Interface, error) {
	r.n.Add(1)
	return r.Watcher.List()
}

// What of a refused set is there is known from the answer: the engine's thread
// does not read the kernel's list for that.
func TestTheOthersOfARefusedSet(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		var list *reading
		a.start(config(vr(1, 255, "192.0.2.101/32", "192.0.2.102/32")), func(d *Deps) {
			list = &reading{Watcher: d.Watcher}
			d.Watcher = list
			d.Applier = partial{a.proc.Applier(func(x link.Applied) {
				x.Err = errors.New("no room")
				// With what the applier adds to it.
				x.Failed = []link.Address{{Ifindex: 1, Prefix: netip.MustParsePrefix("192.0.2.101/32"), Flags: 2}}
				a.eng.Applied(x)
			})}
		})
		time.Sleep(1500 * time.Millisecond)
		a.is(vrrp.Master)
		before := list.n.Load()
		time.Sleep(time.Minute)
		synctest.Wait()
		r := a.router(0)
		if r.Ifindex != 1 || r.VIPs[0].Applied || !r.VIPs[1].Applied || r.ApplyError == "" {
			t.Errorf("status %+v, error %q", r.VIPs, r.ApplyError)
		}
		if n := list.n.Load() - before; n != 0 {
			t.Errorf("the list was read %d times", n)
		}
		for _, x := range a.proc.Announced() {
			if !slices.Equal(x.Addrs, []netip.Addr{addr("192.0.2.102")}) {
				t.Errorf("announced %v", x.Addrs)
			}
		}
	})
}

// What a router gave up is not done.
func TestARefusedSetThatIsGivenUpIsNotDone(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var b bytes.Buffer
		a := l.node("a", "192.0.2.1/24")
		a.prepare(config(vr(1, 255)), logTo(&b))
		a.proc.FailApply(errors.New("no room"))
		a.run()
		time.Sleep(1500 * time.Millisecond)
		a.is(vrrp.Master)
		a.host.SetUp("eth0", false)
		a.is(vrrp.Fault)
		if r := a.router(0); r.ApplyError != "" {
			t.Errorf("error %q", r.ApplyError)
		}
		a.stop()
		if s := b.String(); !strings.Contains(s, "no room") || strings.Contains(s, "is done") {
			t.Errorf("log:\n%s", s)
		}
	})
}
