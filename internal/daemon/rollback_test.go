package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/role"
)

// says sets what the fake vrrp process says of itself.
func (d *daemonUnderTest) says(state string) {
	d.t.Helper()
	tmp := filepath.Join(d.dir, "tmp")
	body := `{"instances":[{"name":"VI_1","state":"` + state + `","reason":"made so"}]}`
	if err := os.WriteFile(tmp, []byte(body), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(d.dir, "vrrp.status")); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemonUnderTest) try(limit time.Duration) chan control.Reload {
	out := make(chan control.Reload, 1)
	go func() {
		var r control.Reload
		if err := control.Ask(d.opts.Control, control.Request{Command: "reload", Rollback: limit}, &r); err != nil {
			r.Failure = err.Error()
		}
		out <- r
	}()
	return out
}

func TestAReloadThatLosesMastershipIsTakenBack(t *testing.T) {
	d := newDaemon(t, "a")
	d.says("MASTER")
	d.run()
	d.story(role.LVS, began("a"), "peer")

	// One that loses nothing stays, and the answer comes when the trial is over.
	d.set("b", true, true)
	begun := time.Now()
	if r := <-d.try(time.Second); r.Failure != "" || time.Since(begun) < time.Second {
		t.Errorf("%q after %v", r.Failure, time.Since(begun))
	}

	d.set("c", true, true)
	out := d.try(time.Minute)
	d.told(role.VRRP, "config c other=true")
	d.says("FAULT")
	r := <-out
	if !strings.Contains(r.Failure, "rolled back: VI_1 was MASTER and is FAULT (made so)") {
		t.Errorf("failure %q", r.Failure)
	}
	d.says("MASTER")
	d.story(role.VRRP, began("a"), "config b other=true", "config c other=true", "config b other=true")

	// A refused one is no trial, and one that a process dies of is taken back.
	good := d.cfg.Load()
	d.cfg.Store(nil)
	if r := <-d.try(time.Minute); !strings.Contains(r.Failure, "refused") {
		t.Errorf("failure %q", r.Failure)
	}
	d.cfg.Store(good)

	// A reload that is asked for meanwhile comes after the trial.
	d.set("d", true, true)
	out = d.try(time.Second)
	d.told(role.VRRP, "config d other=true")
	d.set("e", true, true)
	d.signal(syscall.SIGHUP)
	if r := <-out; r.Failure != "" {
		t.Errorf("failure %q", r.Failure)
	}
	d.told(role.VRRP, "config e other=true")

	// The daemon stops in the middle of one.
	d.set("f", true, true)
	out = d.try(time.Minute)
	d.told(role.VRRP, "config f other=true")
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if r := <-out; r.Failure == "" {
		t.Error("a trial that the end of the daemon cut short counts as a success")
	}
}

// The children may have taken the new configuration over before the daemon
// stops, or not: neither is a trial that was passed.
func TestATrialThatTheEndCutShortIsNoSuccess(t *testing.T) {
	for _, answered := range []string{"", "vrrp: process ended"} {
		p := &Parent{cfg: &running{}, stopping: true}
		p.trial = &trial{limit: time.Minute, prev: &running{}}
		failure := answered
		if !p.tried(&failure) {
			t.Errorf("%q: the trial goes on", answered)
		}
		if failure == "" || p.trial != nil {
			t.Errorf("%q: failure %q, trial %v", answered, failure, p.trial)
		}
	}
}
