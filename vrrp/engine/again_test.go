package engine

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
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

// An interface that changes is a reason to ask at once.
func TestAnInterfaceThatChangesIsAReasonToTryAgain(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.prepare(config(vr(1, 255)))
		a.proc.FailApply(errors.New("no IPv6"))
		a.run()
		time.Sleep(5 * time.Minute)
		a.proc.FailApply(nil)
		a.host.SetMTU("eth0", 1400)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if !a.host.Has(addr("192.0.2.101")) || a.router(0).ApplyError != "" {
			t.Fatalf("not asked again: %+v", a.router(0))
		}
	})
}
