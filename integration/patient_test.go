package integration

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/integration/lab"
)

const (
	// rounds is how often a test is tried on a machine that stalls.
	rounds = 3
	// stalled is the least delay of a processor that counts as such: with adverts
	// every 10 ms a backup waits for no more than 36 ms.
	stalled = 25 * time.Millisecond
	// repeatable is how many rounds of all tests together may be repeated: more
	// are no matter of the machine.
	repeatable = 12
	// envRounds names a file that hears of every repeated round: go test is
	// silent about what passes in the end.
	envRounds = "HOLDFAST_ROUNDS"
)

// repeated counts the rounds that were.
var repeated atomic.Int32

// patiently is a parallel test that f is the body of. Real daemons with timers of
// a fraction of a second cannot be told from broken ones while the machine stands
// still for as long: so a round that fails is repeated, in networks of its own, if
// the machine has stalled in it, and what fails three times has failed. On a
// machine that has time the first failure counts.
func patiently(f func(testing.TB)) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		patient(t, f)
	}
}

// inTurn is such a test that is not parallel.
func inTurn(f func(testing.TB)) func(*testing.T) {
	return func(t *testing.T) { patient(t, f) }
}

// patient does so with the rest of a test.
func patient(t *testing.T, f func(testing.TB)) {
	t.Helper()
	lab.WatchStalls()
	for i := 1; ; i++ {
		r := &round{TB: t}
		begun := time.Now()
		r.run(f)
		if !r.Failed() || t.Skipped() {
			return
		}
		if !again(t, "failed", i, begun) {
			return
		}
	}
}

// again says whether round i of a test, which began then and has failed for a
// reason, may be repeated, and tells that it is; if not the test has failed.
func again(t *testing.T, why string, i int, begun time.Time) bool {
	t.Helper()
	late := lab.Stalls(begun, time.Now())
	line := fmt.Sprintf("%s: round %d of %d: %s; the machine stalled for %v in it", t.Name(), i, rounds, why, late)
	if i == rounds || late < stalled {
		t.Error(line)
		return false
	}
	if n := repeated.Add(1); n > repeatable {
		t.Errorf("%s, and %d rounds were repeated before", line, n-1)
		return false
	}
	t.Log(line)
	name := os.Getenv(envRounds)
	if name == "" {
		return true
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintln(f, line)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Error(err)
	}
	return true
}

// round is a testing.TB whose failures are those of one round.
type round struct {
	testing.TB

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

// run has f end, however it does, and then what it registered, the last first.
func (r *round) run(f func(testing.TB)) {
	alone := func(f func()) {
		ended := make(chan struct{})
		go func() { // FailNow ends a goroutine
			defer close(ended)
			f()
		}()
		<-ended
	}
	alone(func() { f(r) })
	for {
		r.mu.Lock()
		n := len(r.cleanups)
		if n == 0 {
			r.mu.Unlock()
			return
		}
		last := r.cleanups[n-1]
		r.cleanups = r.cleanups[:n-1]
		r.mu.Unlock()
		alone(last)
	}
}

func (r *round) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *round) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *round) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *round) FailNow() {
	r.Fail()
	runtime.Goexit()
}

func (r *round) Error(args ...any) {
	r.TB.Helper()
	r.TB.Log(args...)
	r.Fail()
}

func (r *round) Errorf(format string, args ...any) {
	r.TB.Helper()
	r.TB.Logf(format, args...)
	r.Fail()
}

func (r *round) Fatal(args ...any) {
	r.TB.Helper()
	r.TB.Log(args...)
	r.FailNow()
}

func (r *round) Fatalf(format string, args ...any) {
	r.TB.Helper()
	r.TB.Logf(format, args...)
	r.FailNow()
}

// TestRound: the failure of a round is not that of its test, and what it
// registered is done, the last first, whatever of it fails.
func TestRound(t *testing.T) {
	var done []string
	r := &round{TB: t}
	r.run(func(t testing.TB) {
		t.Cleanup(func() { done = append(done, "first") })
		t.Cleanup(func() {
			done = append(done, "second")
			t.Fatal("a clean-up that fails, as it is meant to")
		})
		if t.Failed() {
			t.Error("failed before anything did")
		}
		t.Fatalf("a round that fails, as it is meant to")
		done = append(done, "never")
	})
	if !r.Failed() || t.Failed() || strings.Join(done, " ") != "second first" {
		t.Errorf("round %t, test %t, done %q", r.Failed(), t.Failed(), done)
	}
	tries := 0
	patient(t, func(t testing.TB) { tries++ })
	if tries != 1 {
		t.Errorf("what succeeds is done %d times", tries)
	}
}
