package daemon

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/role"
)

func TestStopReleasesAddressesBeforeTheTable(t *testing.T) {
	d := start(t, "a")
	d.story(role.VRRP, began("a"))
	d.story(role.LVS, began("a"), "peer")
	for range 3 { // only the first counts
		d.signal(syscall.SIGTERM)
	}
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	d.story(role.VRRP, began("a"), "stop")
	d.story(role.LVS, began("a"), "peer", "stop")
	d.nothingLeft()
}

func TestAKilledChildIsReplacedAndToldWhatItHeld(t *testing.T) {
	d := start(t, "a")
	d.story(role.LVS, began("a"), "peer")
	d.waitHeld()
	syscall.Kill(d.pidOf("vrrp.pid"), syscall.SIGKILL)
	d.story(role.VRRP, began("a"), "start a resume=1 left=1 restarted=true other=true owned=")
	d.story(role.LVS, began("a"), "peer", "peer")
	syscall.Kill(d.pidOf("lvs.pid"), syscall.SIGKILL)
	d.story(role.LVS, began("a"), "peer", "peer",
		`start a resume=0 left=0 restarted=true other=true owned=["tcp 192.0.2.10:80"]`)
	d.status(func(s control.Status) bool {
		return len(s.Processes) == 2 && s.Processes[0].Restarts == 1 && s.Processes[1].Restarts == 1
	})
}

func TestAChildThatEndsForGoodEndsTheDaemonWithItsCode(t *testing.T) {
	for code, want := range map[int]int{role.ExitFatal: 1, role.ExitPermission: 4} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			d := start(t, fmt.Sprintf("exit=%d", code))
			if got := d.wait(); got != want {
				t.Errorf("exit code %d, want %d", got, want)
			}
		})
	}
}

// The Go runtime ends a program that panics with 2, which is keepalived's code
// for a configuration that no child can run with.
func TestAChildThatPanicsIsReplaced(t *testing.T) {
	d := start(t, "panic")
	d.told(role.VRRP, "start panic resume=0 left=0 restarted=true other=true owned=")
	d.told(role.LVS, "start panic resume=0 left=0 restarted=true other=true owned=")
}

func TestAChildThatDiesAgainAndAgainIsReplacedMoreAndMoreSeldom(t *testing.T) {
	d := newDaemon(t, "exit=3")
	d.set("exit=3", true, false)
	began := time.Now()
	d.launch()
	starts := 0
	for time.Since(began) < 30*time.Second {
		b, _ := os.ReadFile(d.path("vrrp.log"))
		if starts = strings.Count(string(b), "exit 3"); starts >= 4 { // at 0, 0, 1 and 3 s
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(began); took < 3*time.Second || starts < 4 {
		t.Errorf("%d starts after %v, want the fourth after 3 s", starts, took)
	}
	d.signal(syscall.SIGTERM) // while none runs
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	d.nothingLeft()
}

func TestAProgramThatCannotBeStartedEndsTheDaemon(t *testing.T) {
	d := newDaemon(t, "a")
	d.opts.Program = d.path("nothing")
	if code := d.run().wait(); code != role.DaemonFatal {
		t.Errorf("exit code %d", code)
	}
	d.nothingLeft()
}

func TestDontRespawnEndsTheDaemonWithTheFirstChild(t *testing.T) {
	d := newDaemon(t, "a")
	d.opts.DontRespawn = true
	d.run()
	d.waitHeld()
	syscall.Kill(d.pidOf("lvs.pid"), syscall.SIGKILL)
	if code := d.wait(); code != role.DaemonFatal {
		t.Errorf("exit code %d", code)
	}
	d.told(role.VRRP, "stop")
}

func TestAChildThatDoesNotStopIsKilled(t *testing.T) {
	d := start(t, "hang")
	d.story(role.LVS, began("hang"), "peer")
	vrrp, lvs := d.pidOf("vrrp.pid"), d.pidOf("lvs.pid")
	began := time.Now()
	d.signal(syscall.SIGTERM)
	d.told(role.VRRP, "stop")
	d.signal(syscall.SIGHUP)            // means nothing any more
	syscall.Kill(vrrp, syscall.SIGKILL) // a child killed during the stop
	d.told(role.LVS, "stop")
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took < shortestWait || took > shortestWait+20*time.Second {
		t.Errorf("the lvs process was killed after %v, want %v", took, shortestWait)
	}
	for _, pid := range []int{vrrp, lvs} {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
	// What it had in the table is still there, and the next one has to know.
	d.nothingLeft("state")
	state := d.opts.State
	next := newDaemon(t, "b")
	next.opts.State = state
	next.run()
	next.story(role.LVS, `start b resume=0 left=0 restarted=false other=true owned=["tcp 192.0.2.10:80"]`, "peer")
}

// A stop that is asked for while the configuration is read comes before everything
// that others would notice.
func TestAStopThatComesEarlyStartsNothing(t *testing.T) {
	d := newDaemon(t, "a")
	d.leave("192.0.2.77/32", `["tcp 192.0.2.77:80"]`)
	load := d.opts.Load
	d.opts.Load = func() (*config.Config, []config.Diagnostic) {
		came := make(chan os.Signal, 1)
		signal.Notify(came, syscall.SIGTERM)
		d.signal(syscall.SIGTERM)
		<-came
		signal.Stop(came) // when it has come to everybody
		return load()
	}
	d.launch()
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, r := range []role.Role{role.VRRP, role.LVS} {
		if b, err := os.ReadFile(d.path(string(r) + ".log")); err == nil {
			t.Errorf("a process was started: %s", b)
		}
	}
	// But what a killed daemon left in the table is not forgotten.
	d.nothingLeft("state", "vrrp.pid", "lvs.pid")
	if b, _ := os.ReadFile(d.path("state")); !strings.Contains(string(b), "192.0.2.77:80") || strings.Contains(string(b), "192.0.2.77/32") {
		t.Errorf("state %s", b)
	}
}

// A daemon counts as up when its children work, not when they were started.
func TestUpWhenTheChildrenWork(t *testing.T) {
	d := newDaemon(t, "slow")
	launched := time.Now()
	d.launch()
	d.told(role.LVS, "peer")
	select {
	case <-d.up:
		if time.Since(launched) < upLimit { // on a busy machine that may be over by now
			t.Error("up although no child was ready")
		}
	case <-time.After(300 * time.Millisecond):
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestOnlyWhatIsAllowedAndConfiguredRuns(t *testing.T) {
	for name, c := range map[string]struct {
		vrrp, lvs bool // allowed
		all       bool
		want      []string
	}{
		"-P":    {true, false, false, []string{"vrrp"}},
		"-C":    {false, true, false, nil},
		"--all": {true, true, true, []string{"vrrp", "lvs"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(t, "a")
			d.set("a", true, false)
			d.opts.VRRP, d.opts.LVS, d.opts.All = c.vrrp, c.lvs, c.all
			d.run()
			var got []string
			for _, p := range d.status(func(control.Status) bool { return true }).Processes {
				got = append(got, p.Role)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("processes %v, want %v", got, c.want)
			}
		})
	}
}

func TestStatusSaysWhoDoesNotAnswerAndWhatIsNotActive(t *testing.T) {
	d := start(t, "mute")
	s := d.status(func(control.Status) bool { return true })
	if fmt.Sprint(s.Missing) != "[lvs vrrp]" || fmt.Sprint(s.Config.NotActive) != "[dancing is not active yet]" {
		t.Errorf("%+v", s)
	}
	// What was asked for comes about later, which is worth knowing before another try.
	err := d.ask(control.Request{Command: "set", Set: &lvs.Ask{}}, &struct{}{})
	if err == nil || !strings.Contains(err.Error(), errLate.Error()+"; it has been told, and sets it when it goes on") {
		t.Errorf("set: %v", err)
	}
	var unknown control.Status
	if err := control.Ask(d.opts.Control, control.Request{Command: "dance"}, &unknown); err == nil {
		t.Error("no error for an unknown command")
	}
}

func TestASecondDaemonDoesNotTakeTheFirstOnesFiles(t *testing.T) {
	d := start(t, "a")
	log := d.opts
	second := func(change func(*Options)) int {
		o := log
		o.Up = func() { t.Error("the second daemon is up") }
		change(&o)
		return Run(o, quiet())
	}
	if code := second(func(o *Options) {}); code != role.DaemonFatal {
		t.Errorf("exit code %d", code)
	}
	if code := second(func(o *Options) { o.KeepalivedNaming = true }); code != 0 {
		t.Errorf("exit code as keepalived %d", code)
	}
	other := filepath.Join(t.TempDir(), "other.pid")
	if code := second(func(o *Options) { o.PIDFile = other }); code != role.DaemonFatal {
		t.Errorf("exit code with the same control socket %d", code)
	}
	if _, err := os.Lstat(other); err == nil {
		t.Error("the pid file of a daemon that did not start is left behind")
	}
	d.status(func(s control.Status) bool { return s.PID == os.Getpid() })
}
