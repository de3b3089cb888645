package daemon

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/role"
)

func TestReloadTellsBothChildrenAndABadOneTellsNobody(t *testing.T) {
	d := start(t, "a")
	d.story(role.LVS, began("a"), "peer")
	good := d.cfg.Load()
	d.cfg.Store(nil)
	d.signal(syscall.SIGHUP)
	refused := func(s control.Status) bool { return strings.Contains(s.Config.ReloadFailure, "refused") }
	d.status(refused)
	d.cfg.Store(good)
	d.signal(syscall.SIGHUP)
	d.story(role.VRRP, began("a"), "config a other=true")
	d.story(role.LVS, began("a"), "peer", "config a other=true")
	d.status(func(s control.Status) bool { return s.Config.ReloadFailure == "" })

	// What only the roles can find wrong is found before anything is changed.
	wrong := errors.New("two routers of one name")
	d.bad.Store(&wrong)
	d.set("b", false, true)
	d.signal(syscall.SIGHUP)
	s := d.status(refused)
	if !strings.Contains(s.Config.ReloadFailure, wrong.Error()) {
		t.Errorf("failure %q", s.Config.ReloadFailure)
	}
	d.bad.Store(nil)
	d.set("c", true, true)
	d.signal(syscall.SIGHUP)
	d.story(role.VRRP, began("a"), "config a other=true", "config c other=true")
	d.story(role.LVS, began("a"), "peer", "config a other=true", "config c other=true")
	s = d.status(func(s control.Status) bool { return s.Config.ReloadFailure == "" })
	if string(s.VRRP) != `"vrrp"` || string(s.LVS) != `"lvs"` || len(s.Processes) != 2 {
		t.Errorf("status %+v", s)
	}
}

func TestReloadStopsAndStartsChildren(t *testing.T) {
	d := start(t, "a")
	d.waitHeld()
	d.set("b", true, false)
	d.signal(syscall.SIGHUP)
	d.story(role.LVS, began("a"), "peer", "stop")
	// The other one hears of it when it is gone, and of what it is now alone with.
	d.story(role.VRRP, began("a"), "config b other=false")
	d.status(func(s control.Status) bool {
		return len(s.Processes) == 1 && len(s.Missing) == 0 && !s.Config.LastReload.IsZero()
	})

	d.set("c", false, true)
	d.signal(syscall.SIGHUP)
	d.story(role.VRRP, began("a"), "config b other=false", "stop")
	d.told(role.LVS, "start c resume=0 left=0 restarted=false other=false owned=[]")
	d.status(func(s control.Status) bool {
		return len(s.Processes) == 1 && s.Processes[0].Role == "lvs" && s.Config.ReloadFailure == ""
	})

	d.set("d", true, true)
	d.signal(syscall.SIGHUP)
	d.told(role.VRRP, "start d resume=0 left=0 restarted=false other=true owned=")
	d.told(role.LVS, "config d other=true")
	d.told(role.LVS, "peer")

	// An empty file is one that somebody is about to write.
	d.set("e", false, false)
	d.signal(syscall.SIGHUP)
	s := d.status(func(s control.Status) bool { return s.Config.ReloadFailure != "" })
	if !strings.Contains(s.Config.ReloadFailure, "neither vrrp_instance nor virtual_server") || len(s.Processes) != 2 {
		t.Errorf("failure %q, processes %+v", s.Config.ReloadFailure, s.Processes)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	d.nothingLeft()
}

func TestAChildThatDiesOfItsNewConfigurationFailsTheReloadAtOnce(t *testing.T) {
	d := start(t, "a")
	d.waitHeld()
	d.set("die", true, true)
	var r control.Reload
	if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"lvs: ", "; ", "vrrp: ", "successor"} {
		if !strings.Contains(r.Failure, want) {
			t.Errorf("failure %q without %q", r.Failure, want)
		}
	}
	for _, r := range []role.Role{role.VRRP, role.LVS} {
		d.told(r, "config die other=true")
	}
	// The reload ends with the process: its successor has to know nevertheless
	// that it is one, and of what.
	d.told(role.VRRP, "start die resume=1 left=1 restarted=true other=true owned=")
	d.told(role.LVS, `start die resume=0 left=0 restarted=true other=true owned=["tcp 192.0.2.10:80"]`)
	// They have the configuration, and the reload counts as done.
	d.status(func(s control.Status) bool {
		return len(s.Processes) == 2 && len(s.Missing) == 0 && s.Config.ReloadFailure == "" && !s.Config.LastReload.IsZero()
	})
}

func TestReloadWhileAChildIsBeingReplaced(t *testing.T) {
	d := start(t, "a")
	d.waitHeld()
	syscall.Kill(d.pidNow(role.LVS, 0), syscall.SIGKILL)
	d.told(role.LVS, `start a resume=0 left=0 restarted=true other=true owned=["tcp 192.0.2.10:80"]`)
	// The next one comes after 1 s, then after 2 s and so on: on a busy machine it
	// may be there before the reload.
	for n := 1; ; n++ {
		syscall.Kill(d.pidNow(role.LVS, n), syscall.SIGKILL)
		d.status(func(s control.Status) bool {
			return len(s.Missing) == 1 || slices.ContainsFunc(s.Processes, func(p control.Process) bool { return p.Restarts > n })
		})
		id := fmt.Sprint("b", n)
		d.set(id, true, true)
		d.signal(syscall.SIGHUP)
		d.signal(syscall.SIGHUP)
		d.told(role.VRRP, "config "+id+" other=true")
		d.status(func(s control.Status) bool { return len(s.Missing) == 0 })
		if strings.Contains(d.read("lvs.log"), "start "+id+` resume=0 left=0 restarted=true other=true owned=["tcp 192.0.2.10:80"]`+"\n") {
			break
		}
		if n == 4 {
			t.Fatalf("the reload never started a process:\n%s", d.read("lvs.log"))
		}
	}
	d.status(func(s control.Status) bool { return len(s.Processes) == 2 && s.Config.ReloadFailure == "" })
}

// TestReloadOnRequest asks on the control socket: the answer comes when the
// reload is over, with what was found in the file.
func TestReloadOnRequest(t *testing.T) {
	d := start(t, "a")
	d.story(role.LVS, began("a"), "peer")
	ask := func() (r control.Reload) {
		t.Helper()
		if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	d.set("b", true, true)
	if r := ask(); r.Failure != "" {
		t.Errorf("failed: %s", r.Failure)
	}
	d.told(role.VRRP, "config b other=true")
	d.told(role.LVS, "config b other=true")

	d.cfg.Store(nil)
	if r := ask(); !strings.Contains(r.Failure, "refused") {
		t.Errorf("a configuration that cannot be used: %q", r.Failure)
	}

	// Everyone who asks while one runs is answered, by a reload that began later.
	d.set("c", true, true)
	answers := make(chan string, 8)
	for range cap(answers) {
		go func() {
			var r control.Reload
			if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil {
				answers <- err.Error()
				return
			}
			answers <- r.Failure
		}()
	}
	for range cap(answers) {
		if f := <-answers; f != "" {
			t.Error(f)
		}
	}
	d.told(role.VRRP, "config c other=true")
	var r control.Reload
	if err := control.Ask(d.opts.Control, control.Request{Command: "reload", NoWait: true}, &r); err != nil || r.Failure != "" {
		t.Errorf("not waited for: %v %s", err, r.Failure)
	}
}

// TestConfigOnRequest asks for the configuration in force, before and after a
// reload.
func TestConfigOnRequest(t *testing.T) {
	d := newDaemon(t, "a")
	d.opts.ConfigFile = "k.conf" // where the daemon is; who asks may be elsewhere
	d.run()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	d.story(role.LVS, began("a"), "peer")
	for _, want := range []string{"a", "b"} {
		var in control.InForce
		if err := d.ask(control.Request{Command: "config"}, &in); err != nil {
			t.Fatal(err)
		}
		c, err := role.Decode(in.Encoded)
		if err != nil || c.Global.RouterID != want || !in.Services || in.File != wd+"/k.conf" {
			t.Errorf("%+v %v", c, err)
		}
		d.set("b", true, true)
		var r control.Reload
		if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil || r.Failure != "" {
			t.Fatal(err, r.Failure)
		}
	}
}

// During the stop no reload begins, whether anybody waits for it or not.
func TestNoReloadBeginsDuringTheStop(t *testing.T) {
	for _, r := range []control.Request{{Command: "reload", NoWait: true}, {Command: "reload"}, {Command: "reload", Rollback: time.Second}} {
		p := &Parent{
			log: quiet(), cfg: &running{}, events: make(chan func(), 1), done: make(chan struct{}),
			vrrp: &slot{role: role.VRRP}, lvs: &slot{role: role.LVS}, stopping: true,
		}
		go func() { (<-p.events)() }()
		v, err := p.answer(r)
		if got, ok := v.(control.Reload); err != nil || !ok || got.Outcome != control.ReloadNotBegun || got.Failure == "" {
			t.Errorf("%+v: %+v, %v", r, v, err)
		}
	}
}
