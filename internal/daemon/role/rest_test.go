package role

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// What is left over of work goes back to the system when nothing happens any
// more, and only then.
func TestRest(t *testing.T) {
	t.Setenv("GOGC", "")
	// The runtime by itself would give it back only after much more.
	defer debug.SetGCPercent(debug.SetGCPercent(2000))
	freed := make(chan struct{}, 1)
	r := Rest{time: time.Hour, freed: func() { freed <- struct{}{} }}
	var garbage [][]byte
	for range 16 << 10 {
		garbage = append(garbage, make([]byte, 1<<10))
	}
	runtime.KeepAlive(garbage)
	garbage = nil
	runtime.GC()
	r.Stir()
	select {
	case <-freed:
		t.Error("memory was given back at once")
	default:
	}
	back := heap("/memory/classes/heap/released:bytes")
	r.time = time.Nanosecond
	r.Stir()
	select {
	case <-freed:
	case <-time.After(time.Minute):
		t.Fatal("nothing was given back")
	}
	if now := heap("/memory/classes/heap/released:bytes"); now < back+8<<20 {
		t.Errorf("%d bytes of the heap are the system's, %d before", now, back)
	}
}

// Little is not worth it, what the operator says about garbage holds, and a
// process that ends has better things to do.
func TestRestDoesNot(t *testing.T) {
	freed := func() { t.Error("memory was given back") }
	t.Setenv("GOGC", "")
	little := Rest{least: 1 << 40, freed: freed}
	little.free()

	ends := Rest{time: time.Hour, freed: freed}
	ends.Stir()
	ends.End()
	if ends.timer.Stop() {
		t.Error("an end does not stop it")
	}
	if ends.Stir(); ends.timer.Stop() {
		t.Error("it begins again after the end")
	}

	t.Setenv("GOGC", "70")
	said := Rest{freed: freed}
	if said.Stir(); said.timer != nil {
		t.Error("it waits although the operator said how often garbage is collected")
	}
}
