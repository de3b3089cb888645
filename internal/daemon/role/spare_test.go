package role

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// settings are those of the collector, percentage (-1: off) and limit. Reading
// the percentage by setting it would race with what sets it back.
func settings() (int, int64) {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(s)
	return int(int64(s[0].Value.Uint64())), int64(s[1].Value.Uint64())
}

// Work puts collections off until its end, or until its room is used up, and
// leaves the settings as they were once it is tidied up.
func TestSpare(t *testing.T) {
	t.Setenv("GOGC", "")
	usual := debug.SetGCPercent(60)
	defer debug.SetGCPercent(usual)
	as := func(when string, percent int, limited bool) {
		t.Helper()
		if p, limit := settings(); p != percent || limit != math.MaxInt64 != limited {
			t.Errorf("%s: percentage %d, limit %d; want %d and limited: %t", when, p, limit, percent, limited)
		}
	}
	s := Spare{rest: time.Hour}
	end := s.Work()
	as("at work", -1, true)
	inner := s.Work()
	end()
	end()
	as("at the second work", -1, true)
	inner()
	as("after both", -1, true) // until what is left over is collected

	for range 10 { // on a busy machine the former work's garbage may be collected right now
		end = s.Work()
		if p, _ := settings(); p == -1 {
			break
		}
		end()
	}
	as("at work again", -1, true)
	var keep [][]byte
	for range 2 * room >> 20 {
		keep = append(keep, make([]byte, 1<<20))
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if p, _ := settings(); p == 60 {
			break
		}
	}
	as("beyond the room", 60, false)
	runtime.KeepAlive(keep)
	end()
	as("after that", 60, false)

	before := debug.SetMemoryLimit(1 << 40)
	defer debug.SetMemoryLimit(before)
	defer s.Work()()
	if p, limit := settings(); p != 60 || limit != 1<<40 {
		t.Errorf("with a limit of the operator: percentage %d, limit %d", p, limit)
	}
}

// Garbage of a work is collected soon after its end, or by the next one that
// does not leave the time for that.
func TestSpareTidies(t *testing.T) {
	t.Setenv("GOGC", "")
	cycles := func() uint64 { return heap("/gc/cycles/total:gc-cycles") }
	var s Spare
	end := s.Work()
	before := cycles()
	end()
	for deadline := time.Now().Add(time.Minute); cycles() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was collected after the work")
		}
	}
	s.rest = time.Hour // that the next one comes sooner also where the machine stands still
	before = cycles()
	s.Work()()
	if s.Work()(); cycles() == before {
		t.Error("nothing was collected before work that follows work")
	}
	s.Work() // without an end: nothing of this test happens in the next one
	s.collect()
}

// What the operator says by GOGC holds during work too.
func TestSpareGOGC(t *testing.T) {
	t.Setenv("GOGC", "70")
	defer debug.SetGCPercent(debug.SetGCPercent(70))
	s := Spare{rest: time.Hour}
	end := s.Work()
	if p, limit := settings(); p != 70 || limit != math.MaxInt64 {
		t.Errorf("at work: percentage %d, limit %d", p, limit)
	}
	end()
	if p, limit := settings(); p != 70 || limit != math.MaxInt64 {
		t.Errorf("after it: percentage %d, limit %d", p, limit)
	}
	s.had = 1 << 40
	if s.keep(); s.release != nil {
		t.Error("memory is kept in another way than the operator says")
	}
}

// The memory of a work stays with the process for the next one, and no longer
// than that is sensible.
func TestSpareKeeps(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	s := Spare{rest: time.Nanosecond}
	end := s.Work()
	var garbage [][]byte
	for range 20 << 10 {
		garbage = append(garbage, make([]byte, 1<<10))
	}
	runtime.KeepAlive(garbage)
	garbage = nil
	end()
	kept := 0
	for deadline := time.Now().Add(time.Minute); kept <= 50; time.Sleep(time.Millisecond) {
		if kept, _ = settings(); kept <= 50 && time.Now().After(deadline) {
			t.Fatal("memory is not kept after the work")
		}
	}
	// As much may be in use again as was: 20 MiB and what else there is.
	if goal := heap("/gc/heap/goal:bytes"); goal < worthwhile {
		t.Errorf("collected again at %d bytes", goal)
	}
	s.Work()
	if p, _ := settings(); p != -1 {
		t.Errorf("at work: percentage %d", p)
	}
	s.rest = time.Hour
	s.done()
	s.collect()
	left := uint64(math.MaxUint64)
	for range 5 { // the runtime may be about to have more of it unused
		s.free()
		if left = heap("/memory/classes/heap/free:bytes"); left <= 4<<20 {
			break
		}
	}
	if p, _ := settings(); p != 50 {
		t.Errorf("after the memory was given back: percentage %d", p)
	}
	if left > 4<<20 {
		t.Errorf("%d bytes are unused and not given back", left)
	}
}

// heap is a figure of the runtime's about its heap.
func heap(name string) uint64 {
	m := []metrics.Sample{{Name: name}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}
