package engine

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// haltingWire is a wire whose clock stands still while the machine is suspended, as
// CLOCK_MONOTONIC does.
type haltingWire struct{ *link.MemWire }

func (w haltingWire) Now() time.Time { return w.MemWire.Now().Add(-w.Asleep()) }

func (w haltingWire) Wait(deadline time.Time) ([]link.Packet, error) {
	if !deadline.IsZero() {
		deadline = deadline.Add(w.Asleep())
	}
	return w.MemWire.Wait(deadline)
}

// What is noted of adverts goes by the time since the machine started, whatever is done
// to the time of day, and counts the time that the machine was suspended. It is read
// once and after a suspend: a reading is a system call, and adverts are many.
func TestAdvertsAreNotedByTheTimeSinceBoot(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var mu sync.Mutex
		var noted time.Duration
		reads := 0
		day := 0
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 150)), func(d *Deps) {
			d.Wire = haltingWire{d.Wire.(*link.MemWire)}
			boot := d.Boot
			d.Boot = func() time.Duration {
				mu.Lock()
				defer mu.Unlock()
				reads++
				return boot()
			}
			d.Wall = func() time.Time { // set back by an hour with each reading
				day--
				return time.Now().Add(time.Duration(day) * time.Hour)
			}
			d.Sent = func(_ string, at time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				noted = at
			}
		})
		look := func(when string, limit int) {
			t.Helper()
			synctest.Wait()
			a.is(vrrp.Master)
			mu.Lock()
			defer mu.Unlock()
			if want := sinceBoot(l.lastSent("a", 1, false)); noted != want {
				t.Errorf("%s: noted %v, want %v", when, noted, want)
			}
			if reads > limit {
				t.Errorf("%s: the time since boot was read %d times", when, reads)
			}
		}
		time.Sleep(100 * time.Second)
		look("at first", 1)
		a.proc.Suspend()
		time.Sleep(time.Hour)
		a.proc.Continue()
		time.Sleep(100 * time.Second)
		look("after a suspend", 2)
	})
}
