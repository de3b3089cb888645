package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/plan"
	"holdfast/internal/daemon/role"
	"holdfast/vrrp"
)

// says sets what the fake vrrp process says of itself.
func (d *daemonUnderTest) says(state string) {
	d.t.Helper()
	d.saysAll(`{"instances":[{"name":"VI_1","state":"` + state + `","reason":"made so"}]}`)
}

// saysAll sets all of that.
func (d *daemonUnderTest) saysAll(body string) {
	d.t.Helper()
	d.saysOf(role.VRRP, body)
}

// saysOf sets what a fake process says of itself.
func (d *daemonUnderTest) saysOf(r role.Role, body string) {
	d.t.Helper()
	tmp := filepath.Join(d.dir, "tmp")
	if err := os.WriteFile(tmp, []byte(body), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(d.dir, string(r)+".status")); err != nil {
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

// What operators have set ends with a reload on trial, and holds again when that is
// taken back: the lvs process gets it with the former configuration, and not with
// the next one.
func TestATrialThatIsTakenBackGivesSettingsBack(t *testing.T) {
	d := newDaemon(t, "set")
	out := d.masterOnTrial("set")
	d.lost(out)
	d.says("MASTER")
	d.set("c", true, true)
	d.signal(syscall.SIGHUP)
	d.told(role.LVS, "config c other=true")
	d.told(role.VRRP, "config c other=true")
	d.set("d", true, true)
	out = d.try(time.Minute)
	d.told(role.VRRP, "config d other=true")
	d.lost(out)
	d.story(role.LVS, began("set"), "peer", "config b other=true", `config set other=true back=["disable"]`, "config c other=true", "config d other=true", "config c other=true back=[]")
}

// An lvs process that dies of the configuration that is taken back to has a successor
// that gets what was set before the trial, and says so. From then on that is what
// counts: the next one gets no more, or what an operator has taken back meanwhile
// would hold again.
func TestSettingsAreGivenBackOnceToASuccessor(t *testing.T) {
	d := newDaemon(t, "set die")
	out := d.masterOnTrial("set die")
	d.lost(out)
	again := "start set die resume=0 left=0 restarted=true other=true owned=[\"tcp 192.0.2.10:80\"]"
	d.told(role.LVS, again+" back=[\"disable\"]")
	syscall.Kill(d.pidNow(role.LVS, 1), syscall.SIGKILL)
	d.told(role.LVS, again)
}

// A process that a reload adds and that cannot work here, as lvs without IPVS in
// the kernel, leaves the other one alone: a trial is taken back, and without one
// it is tried again until another reload.
func TestAReloadThatAddsAProcessThatCannotWork(t *testing.T) {
	d := newDaemon(t, "a")
	d.set("a", true, false)
	d.says("MASTER")
	d.run()
	d.status(func(s control.Status) bool { return len(s.Processes) == 1 && len(s.Missing) == 0 })
	d.set("exit=101", true, true)
	if r := <-d.try(time.Minute); r.Outcome != control.ReloadRolledBack || r.Failure != "rolled back: lvs: it ended with exit code 101 (told to end with 101)" {
		t.Errorf("failure %q", r.Failure)
	}
	d.status(func(s control.Status) bool { return len(s.Processes) == 1 && len(s.Missing) == 0 })
	var r control.Reload
	if err := control.Ask(d.opts.Control, control.Request{Command: "reload"}, &r); err != nil || r.Outcome != control.ReloadIncomplete || r.Failure != "lvs: it ended with exit code 101 (told to end with 101)" {
		t.Errorf("%+v %v", r, err)
	}
	d.status(func(s control.Status) bool { return len(s.Processes) >= 1 && slices.Contains(s.Missing, "lvs") })
	d.status(func(s control.Status) bool {
		return len(s.NotRunning) == 1 && s.NotRunning[0].Role == "lvs" && s.NotRunning[0].Why == "it ended with exit code 101 (told to end with 101)" && s.NotRunning[0].NextTry.After(s.NotRunning[0].Since)
	})
	d.set("b", true, true)
	d.signal(syscall.SIGHUP)
	d.status(func(s control.Status) bool {
		return len(s.Processes) == 2 && len(s.Missing) == 0 && len(s.NotRunning) == 0
	})
	d.told(role.VRRP, "config b other=true")
	if b, _ := os.ReadFile(d.path("vrrp.log")); strings.Count(string(b), "start ") != 1 {
		t.Errorf("the vrrp process was started more than once:\n%s", b)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
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

// masterOnTrial has a master of a configuration take over b on trial for an hour,
// and returns what comes of that.
func (d *daemonUnderTest) masterOnTrial(of string) <-chan control.Reload {
	d.t.Helper()
	d.says("MASTER")
	d.run()
	d.story(role.LVS, began(of), "peer")
	d.set("b", true, true)
	out := d.try(time.Hour)
	d.told(role.VRRP, "config b other=true")
	return out
}

// lost has a trial taken back, as the master is none any more in it.
func (d *daemonUnderTest) lost(out <-chan control.Reload) {
	d.t.Helper()
	d.says("FAULT")
	if r := <-out; r.Outcome != control.ReloadRolledBack {
		d.t.Errorf("%+v", r)
	}
}

// What a trial lost that was taken back has to come back in the next one: it
// would otherwise pass with a director that is master of nothing.
func TestASecondTrialBringsBackWhatTheFirstLost(t *testing.T) {
	d := newDaemon(t, "a")
	out := d.masterOnTrial("a")
	d.status(func(s control.Status) bool {
		return s.Config.Trial != nil && time.Until(s.Config.Trial.Until) > time.Minute && s.Config.Trial.Waiting == 0
	})

	// Others are told, or shown, that they wait.
	if r := <-d.try(time.Minute); r.Outcome != control.ReloadNotBegun || !strings.Contains(r.Failure, "another one is on trial until ") {
		t.Errorf("%+v", r)
	}
	var r control.Reload
	if err := control.Ask(d.opts.Control, control.Request{Command: "reload", NoWait: true}, &r); err != nil || r.Outcome != control.ReloadWaits {
		t.Errorf("%+v, %v", r, err)
	}
	d.status(func(s control.Status) bool { return s.Config.Trial.Waiting == 1 })
	d.cfg.Store(nil) // what waits is refused
	d.says("FAULT")
	if r = <-out; r.Outcome != control.ReloadRolledBack {
		t.Errorf("%+v", r)
	}
	d.says("BACKUP")
	d.status(func(s control.Status) bool {
		l := s.Config.Lost
		return s.Config.Trial == nil && l != nil && strings.HasPrefix(l.What[0], "VI_1 was MASTER and is BACKUP") && strings.HasPrefix(s.Config.ReloadFailure, "refused")
	})

	// It does not come back.
	d.set("c", true, true)
	r = <-d.try(time.Second)
	if r.Outcome != control.ReloadRolledBack || !strings.Contains(r.Failure, "VI_1 was MASTER and is BACKUP (made so), since the trial that was taken back at ") {
		t.Errorf("%+v", r)
	}
	// It comes back, and is watched from then on.
	d.set("d", true, true)
	out = d.try(time.Hour)
	d.told(role.VRRP, "config d other=true")
	d.status(func(s control.Status) bool { return s.Config.Trial.Owed == 1 })
	d.says("MASTER")
	d.status(func(s control.Status) bool { return s.Config.Trial.Owed == 0 && s.Config.Lost == nil })
	d.says("BACKUP")
	if r = <-out; r.Outcome != control.ReloadRolledBack || strings.Contains(r.Failure, "since the trial") {
		t.Errorf("%+v", r)
	}
	// A reload without a trial makes what is then the measure.
	d.set("e", true, true)
	d.signal(syscall.SIGHUP)
	d.told(role.VRRP, "config e other=true")
	d.status(func(s control.Status) bool { return s.Config.Lost == nil && s.Config.ReloadFailure == "" })
	d.set("f", true, true)
	if r = <-d.try(time.Second); r.Outcome != control.ReloadDone {
		t.Errorf("%+v", r)
	}
	d.cfg.Store(nil)
	if r = <-d.try(time.Second); r.Outcome != control.ReloadRefused {
		t.Errorf("%+v", r)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// What is there again after a trial that was taken back is owed no more: when it
// is lost later that has other reasons.
func TestWhatIsThereAgainIsOwedNoMore(t *testing.T) {
	d := newDaemon(t, "a")
	out := d.masterOnTrial("a")
	d.lost(out)
	d.status(func(s control.Status) bool { return s.Config.Lost != nil })
	d.says("MASTER")
	d.status(func(s control.Status) bool { return s.Config.Lost == nil })
	d.says("BACKUP") // an ordinary failover
	if l := d.status(func(control.Status) bool { return true }).Config.Lost; l != nil {
		t.Errorf("lost by the trial: %q", l.What)
	}
	d.set("c", true, true)
	if r := <-d.try(time.Millisecond); r.Outcome != control.ReloadDone {
		t.Errorf("%+v", r)
	}
}

// The daemon looks by itself whether what a trial lost is there again.
func TestTheDaemonLooksForWhatATrialLost(t *testing.T) {
	handsOver(t, func(h handingOver) {
		now := control.Status{VRRP: []byte(`{"instances":[{"name":"VI_1","state":"MASTER"}]}`)}
		h.takenBack = &takenBack{held: plan.Hold(&now)}
		h.vrrp.child, h.lvs.child, h.lvs.wanted = nil, nil, false // nobody knows what becomes of it
		h.watchTakenBack(h.takenBack, trialTick)
		h.pass(time.Hour)
		if h.takenBack == nil {
			t.Error("what was lost is forgotten although no process answers")
		}
		h.vrrp.wanted = false // by nobody any more
		h.pass(lookBackEvery)
		if h.takenBack != nil {
			t.Error("what was lost is not forgotten")
		}
		h.pass(lookBackEvery)
		if len(h.events) > 0 {
			t.Error("it goes on looking")
		}
	})
}

// While the former configuration comes into force again, nothing is there again
// for good.
func TestNothingIsThereAgainBeforeATrialIsTakenBack(t *testing.T) {
	now := control.Status{VRRP: []byte(`{"instances":[{"name":"VI_1","state":"MASTER"}]}`)}
	p := &Parent{log: quiet(), takenBack: &takenBack{held: plan.Hold(&now)}}
	p.trial = &trial{why: "VI_1 was MASTER and is BACKUP"}
	if p.lookBack(p.looksBack(), &now); p.takenBack == nil {
		t.Error("forgotten while it is taken back")
	}
	p.trial = nil
	before := p.looksBack()
	p.takenBack = &takenBack{held: plan.Hold(&now)} // another one came between
	if p.lookBack(before, &now); p.takenBack == nil {
		t.Error("forgotten by a look that began before it")
	}
	if p.lookBack(p.looksBack(), &now); p.takenBack != nil {
		t.Error("not forgotten")
	}
}

// A trial that begins before the daemon is up does not make it so.
func TestATrialDoesNotSayThatTheDaemonIsUp(t *testing.T) {
	said := make(chan string, managerQueue)
	p := &Parent{
		log: quiet(), cfg: &running{}, done: make(chan struct{}), manager: &manager{says: said},
		vrrp: &slot{wanted: true}, lvs: &slot{}, trial: &trial{limit: time.Hour, prev: &running{}},
	}
	defer close(p.done)
	var failure string
	if p.tried(&failure) {
		t.Error("the trial is over")
	}
	if len(said) > 0 {
		t.Errorf("said %q", <-said)
	}
}

// A backup whose master is not understood after a reload becomes a second one: the
// reload is taken back. What it owes is nothing then: the next trial has a measure
// of its own.
func TestABackupThatDoesNotUnderstandItsMasterIsTakenBack(t *testing.T) {
	d := newDaemon(t, "a")
	now := time.Now().Format(time.RFC3339Nano)
	d.saysAll(`{"time":"` + now + `","instances":[{"name":"VI_1","state":"BACKUP","master_down":3.6,"advert_int":1,"master":{"address":"192.0.2.1","priority":150,"last_heard":"` + now + `"}}]}`)
	d.run()
	d.story(role.LVS, began("a"), "peer")
	d.set("b", true, true)
	out := d.try(time.Hour)
	d.told(role.VRRP, "config b other=true")
	d.saysAll(`{"time":"` + now + `","instances":[{"name":"VI_1","state":"MASTER","reason":"` + vrrp.ReasonTimeout.String() + `"}]}`)
	if r := <-out; r.Outcome != control.ReloadRolledBack || !strings.Contains(r.Failure, "VI_1 followed the master 192.0.2.1 and is MASTER") {
		t.Errorf("%+v", r)
	}
	if l := d.status(func(s control.Status) bool { return s.Config.Trial == nil }).Config.Lost; l != nil {
		t.Errorf("owed: %q", l.What)
	}
	d.story(role.VRRP, began("a"), "config b other=true", "config a other=true")
}

// How the services are is not known when a trial begins while lvs is busy: it watches
// none, and the log says so.
func TestATrialWatchesNoServicesThatNothingIsKnownOf(t *testing.T) {
	d := newDaemon(t, "a")
	out := &testLog{out: t.Output()}
	t.Cleanup(out.close)
	log := heardLog{also: out}
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	d.says("MASTER")
	const services = `"services":[{"name":"[192.0.2.10]:tcp:80","up":%t,"weight":1,"quorum":2}]}`
	d.saysOf(role.LVS, fmt.Sprintf("{"+services, true))
	d.run()
	d.story(role.LVS, began("a"), "peer")
	unwatched := []string{"level=WARN", "services are not watched", "lvs is busy with a reload"}
	d.set("b", true, true)
	if r := <-d.try(time.Nanosecond); r.Outcome != control.ReloadDone || log.has(unwatched...) != 0 {
		t.Errorf("%+v, and %d warnings", r, log.has(unwatched...))
	}
	d.saysOf(role.LVS, fmt.Sprintf(`{"busy":{"with":"a reload","since":%q},`+services, time.Now().Format(time.RFC3339Nano), true))
	d.set("c", true, true)
	end := d.try(time.Hour)
	log.wait(t, 1, unwatched...)
	d.saysOf(role.LVS, fmt.Sprintf("{"+services, false))
	d.told(role.VRRP, "config c other=true")
	if s := d.status(func(s control.Status) bool { return s.Config.Trial != nil && !s.Config.Trial.Until.IsZero() }); s.Config.Trial.TakenBack != "" {
		t.Errorf("taken back: %s", s.Config.Trial.TakenBack)
	}
	d.says("BACKUP") // which ends it
	if r := <-end; r.Outcome != control.ReloadRolledBack {
		t.Errorf("%+v", r)
	}
}

// What lvs said before a trial says nothing about its end, and what it said after
// that is enough: it may be busy for long.
func TestATrialEndsWhenItIsKnownHowTheServicesAre(t *testing.T) {
	d := newDaemon(t, "a")
	d.says("MASTER")
	services := func(busy string, up bool) {
		t.Helper()
		d.saysOf(role.LVS, fmt.Sprintf(`{%s"services":[{"name":"[192.0.2.10]:tcp:80","up":%t,"weight":1,"quorum":2}]}`, busy, up))
	}
	busy := func(asOf time.Time) string {
		return fmt.Sprintf(`"busy":{"with":"a reload","since":%q,"as_of":%q},`, asOf.Format(time.RFC3339Nano), asOf.Format(time.RFC3339Nano))
	}
	services("", true)
	d.run()
	d.story(role.LVS, began("a"), "peer")
	begun := time.Now()
	goesOn := func(name string) <-chan control.Reload {
		t.Helper()
		services("", true)
		d.set(name, true, true)
		out := d.try(2 * time.Second)
		d.told(role.VRRP, "config "+name+" other=true")
		services(busy(begun), true)
		d.status(func(s control.Status) bool {
			return s.Config.Trial != nil && !s.Config.Trial.Until.IsZero() && time.Since(s.Config.Trial.Until) > 2*trialTick
		})
		return out
	}
	out := goesOn("b")
	services(busy(time.Now()), true)
	if r := <-out; r.Outcome != control.ReloadDone {
		t.Errorf("%+v", r)
	}
	out = goesOn("c")
	services(busy(time.Now()), false)
	if r := <-out; r.Outcome != control.ReloadRolledBack || !strings.Contains(r.Failure, "has lost it: weight 1 of 2") {
		t.Errorf("%+v", r)
	}
	services("", true)
	d.status(func(s control.Status) bool { return s.Config.Lost == nil })
	out = goesOn("d")
	services("", false)
	if r := <-out; r.Outcome != control.ReloadRolledBack || !strings.Contains(r.Failure, "has lost it: weight 1 of 2") {
		t.Errorf("%+v", r)
	}
}
