package daemon

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
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
		// On a slow machine it may be up before the children are, and says how
		// they do when that changes.
		if len(said) == 0 || said[len(said)-1] != first {
			said = append(said, first)
		}
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

// A manager that listens again after a while hears the last word.
func TestServiceManagerThatHangsForAWhile(t *testing.T) {
	begun, release, last := make(chan struct{}), make(chan struct{}), make(chan string, 100)
	var once sync.Once
	m := newManager(func(s string) {
		once.Do(func() { close(begun) })
		<-release
		last <- s
	})
	m.reloading("reloading")
	<-begun
	for range managerQueue {
		m.ready("working: vrrp")
		m.reloading("reloading")
	}
	m.ready("working: lvs")
	close(release)
	m.close()
	var heard string
	for range 1 + managerQueue {
		heard = <-last
	}
	if heard != "READY=1\nSTATUS=working: lvs" {
		t.Errorf("the last word is %q", heard)
	}
}

// When not all children work in time the daemon is up nevertheless, and the
// manager is told who does not work, until that changes.
func TestServiceManagerHearsWhoDoesNotWork(t *testing.T) {
	said := make(chan string, managerQueue)
	works := func() *child { return &child{ready: true} }
	p := &Parent{
		log: quiet(), cfg: &running{}, manager: &manager{says: said}, settled: func() {},
		vrrp: &slot{role: role.VRRP, wanted: true, child: works()}, lvs: &slot{role: role.LVS, wanted: true, child: &child{}},
	}
	hears := func(when, want string) {
		t.Helper()
		var got string
		if len(said) > 0 {
			got = <-said
		}
		if got != want || len(said) > 0 {
			t.Errorf("%s: said %q, want %q", when, got, want)
		}
	}
	p.checkUp()
	hears("at first", "")
	p.isUp()
	hears("after a while", "READY=1\nSTATUS=not working: lvs")
	p.message(p.lvs.child, ipc.Message{Type: ipc.TypeReady})
	hears("then", "READY=1\nSTATUS=working: vrrp, lvs")
	p.message(p.lvs.child, ipc.Message{Type: ipc.TypeReady})
	hears("no news", "")
	p.reload.running = true
	p.tellReloading()
	if got := <-said; !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || !strings.HasSuffix(got, "\nSTATUS=reloading") {
		t.Errorf("at a reload: said %q", got)
	}
	p.tellWorks()
	hears("no news of it", "")
	p.lvs.child.pulse.silent = time.Now()
	p.tellWorks()
	hears("during it", "STATUS=reloading; not answering: lvs")
	p.vrrp.child = nil
	p.tellWorks()
	hears("then", "STATUS=reloading; not working: vrrp; not answering: lvs")
	p.lvs.child.pulse.silent = time.Time{}
	p.reload.running = false
	p.tellWorks()
	hears("after its death", "READY=1\nSTATUS=not working: vrrp")
	p.vrrp.wanted, p.lvs.wanted = false, false
	p.tellWorks()
	hears("nothing to do", "READY=1\nSTATUS=nothing to run")
}

// What programs of the configuration may take, the manager gives them.
func TestServiceManagerLeavesTimeForThePrograms(t *testing.T) {
	d := newDaemon(t, "a")
	d.withPrograms(untilGo, "true", 1000*time.Second)
	said := make(chan string, 100)
	d.opts.Manager = func(state string) { said <- state }
	d.launch()
	hears := func(part string, least time.Duration) {
		t.Helper()
		limit := time.After(60 * time.Second)
		for {
			select {
			case s := <-said:
				if !strings.Contains(s, part) {
					continue
				}
				_, after, _ := strings.Cut(s, "EXTEND_TIMEOUT_USEC=")
				number, _, _ := strings.Cut(after, "\n")
				if us, err := strconv.Atoi(number); err != nil || time.Duration(us)*time.Microsecond <= least {
					t.Errorf("said %q, which is not more than %v", s, least)
				}
				return
			case <-limit:
				t.Fatalf("%s is not said", part)
			}
		}
	}
	hears("STATUS=running startup_script", 1000*time.Second+upLimit)
	d.signal(syscall.SIGTERM)
	hears("STOPPING=1", 1000*time.Second+2*30*time.Second) // and child_wait_time for each process
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
