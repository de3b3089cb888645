package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
)

// A suspended machine has nothing to read when it wakes up. Its master listens
// for an interval, and finds who replaced it.
func TestSuspendedMasterListensFirst(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		a.proc.Suspend()
		time.Sleep(20*time.Second + 300*time.Millisecond)
		b.is(vrrp.Master)
		at := time.Now()
		a.proc.Continue()
		time.Sleep(1200 * time.Millisecond)
		a.is(vrrp.Backup)
		b.is(vrrp.Master)
		if got := l.adverts("a", at); len(got) != 0 {
			t.Fatalf("it should have been silent: %+v", got)
		}
		if s := a.status().Lateness; s.Suspended != 1 || s.Yielded != 1 {
			t.Fatalf("lateness %+v", s)
		}
	})
}

// Nobody replaced it: it goes on as it was, one interval later.
func TestSuspendedMasterAlone(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		time.Sleep(10 * time.Second)
		told := len(a.obs.told())
		a.proc.Suspend()
		time.Sleep(time.Hour)
		at := time.Now()
		a.proc.Continue()
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		if got := l.adverts("a", at); len(got) != 0 {
			t.Fatalf("sent %+v", got)
		}
		time.Sleep(2 * time.Second)
		a.is(vrrp.Master)
		if len(l.adverts("a", at)) != 2 || len(a.obs.told()) != told {
			t.Fatalf("sent %+v, told %q", l.adverts("a", at), a.obs.told())
		}
	})
}

// A backup's timer stood still, and its end says nothing about the master.
func TestSuspendedBackupWaitsAnew(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		b.proc.Suspend()
		time.Sleep(time.Hour)
		b.proc.Continue()
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if got := l.adverts("b", l.began); len(got) != 0 {
			t.Fatalf("sent %+v", got)
		}
	})
}

// A second master is counted by incident and shown while it is heard.
func TestSecondMasterIsSeen(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)))
		time.Sleep(5 * time.Second)
		b := l.node("b", "192.0.2.2/24")
		for range 2 {
			l.net.Partition("b", true)
			b.start(config(vr(1, 100)))
			time.Sleep(5500 * time.Millisecond) // b's next advert comes before a's
			b.is(vrrp.Master)
			l.net.Partition("b", false)
			time.Sleep(1750 * time.Millisecond) // no phase in common the next time
			b.is(vrrp.Backup)
			a.is(vrrp.Master)
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		}
		s := a.router(0)
		if s.SecondMaster != 2 || s.Rival.Addr != addr("192.0.2.2") || s.Rival.Priority != 100 || s.Rival.Adverts == 0 {
			t.Fatalf("%d incidents, %+v", s.SecondMaster, s.Rival)
		}
	})
}
