package link

import (
	"testing"
	"time"
)

func TestAsleepTellsASuspendFromAStepOfTheClock(t *testing.T) {
	asked := 0
	boot := 5 * time.Second // slept before the wire was opened
	a := asleep{offset: 0, base: boot}
	read := func() time.Duration { asked++; return boot }
	look := func(offset, want time.Duration, reads int) {
		t.Helper()
		asked = 0
		if got := a.since(offset, read); got != want || asked != reads {
			t.Errorf("%v after %d readings, want %v after %d", got, asked, want, reads)
		}
	}
	look(0, 0, 0)
	look(500*time.Microsecond, 0, 0)
	look(1400*time.Microsecond, 0, 0) // the drift adds up
	look(time.Hour, 0, 1)             // the wall clock was set
	look(time.Hour, 0, 0)
	boot += 90 * time.Second
	look(time.Hour+90*time.Second, 90*time.Second, 1)
	look(time.Hour+90*time.Second, 90*time.Second, 0)
	look(0, 90*time.Second, 1) // set back
	boot += time.Second
	look(time.Second, 91*time.Second, 1)
}

func TestAsleepReadsTheKernelsClocks(t *testing.T) {
	w, err := NewWire(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if d := w.Asleep(); d != 0 {
		t.Errorf("asleep for %v", d)
	}
	w.asleep.offset -= time.Hour // as if the wall clock had jumped: the kernel says no
	if d := w.Asleep(); d != 0 {
		t.Errorf("asleep for %v after a step of the clock", d)
	}
	if n := testing.AllocsPerRun(100, func() { w.Asleep() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
