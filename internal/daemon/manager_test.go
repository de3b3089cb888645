package daemon

import (
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
)

// The service manager hears of the start when the children work, of a reload
// from its beginning to its end, whatever comes of it, and of the stop.
func TestServiceManager(t *testing.T) {
	d := newDaemon(t, "a")
	var mu sync.Mutex
	var said []string
	d.opts.Manager = func(state string) {
		first, more, _ := strings.Cut(state, "\n")
		if first == "RELOADING=1" != strings.HasPrefix(more, "MONOTONIC_USEC=") {
			t.Errorf("said %q", state)
		}
		mu.Lock()
		defer mu.Unlock()
		said = append(said, first)
	}
	heard := func(want ...string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			mu.Lock()
			got := slices.Clone(said)
			mu.Unlock()
			if slices.Equal(got, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("said %q, want %q", got, want)
			}
		}
	}
	d.run()
	heard("READY=1")
	var r control.Reload
	d.set("b", true, true)
	if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil || r.Failure != "" {
		t.Fatalf("reload: %v %s", err, r.Failure)
	}
	heard("READY=1", "RELOADING=1", "READY=1")
	d.cfg.Store(nil)
	if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil || r.Failure == "" {
		t.Fatalf("a reload of nothing: %v %s", err, r.Failure)
	}
	heard("READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1")
	// One on trial is over for the manager when the trial begins: it need not be
	// over at the stop.
	d.set("c", true, true)
	go func() {
		var r control.Reload
		_ = control.Ask(d.opts.Control, control.Request{Command: "reload", Rollback: time.Hour}, &r)
	}()
	heard("READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1")
	d.signal(syscall.SIGTERM)
	d.wait()
	heard("READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1")
}

// A manager that does not listen stops nothing.
func TestServiceManagerThatHangs(t *testing.T) {
	d := newDaemon(t, "a")
	release := make(chan struct{})
	defer close(release)
	d.opts.Manager = func(string) { <-release }
	d.run()
	for range 20 {
		var r control.Reload
		if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil || r.Failure != "" {
			t.Fatalf("reload: %v %s", err, r.Failure)
		}
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
