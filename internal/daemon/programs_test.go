package daemon

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/role"
)

// withPrograms gives the configuration programs of the shell; they run in the
// daemon's folder.
func (d *daemonUnderTest) withPrograms(startup, shutdown string, limit time.Duration) {
	c := *d.cfg.Load()
	of := func(text string) config.Command {
		return config.Command{Shell: true, Args: []string{"cd " + d.dir + "; " + text}}
	}
	c.Global.StartupScript, c.Global.ShutdownScript = of(startup), of(shutdown)
	c.Global.StartupScriptTimeout, c.Global.ShutdownScriptTimeout = limit, limit
	d.cfg.Store(&c)
}

func (d *daemonUnderTest) read(name string) string {
	b, _ := os.ReadFile(d.path(name))
	return string(b)
}

const untilGo = "while [ ! -e go ]; do sleep 0.05; done"

// Nothing runs before startup_script has ended, a reload meanwhile is taken and
// runs it no second time, and shutdown_script, as the file has it by then, finds
// that everything has stopped.
func TestProgramsBeforeAndAfterEverything(t *testing.T) {
	d := newDaemon(t, "a")
	d.withPrograms("echo startup >>ran; "+untilGo, "echo never >>ran", time.Minute)
	d.launch()
	for range 1000 {
		if d.read("ran") != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	s := d.status(func(control.Status) bool { return true })
	if s.StartupScript != "running" || len(s.Processes)+len(s.Missing) > 0 {
		t.Errorf("status %+v while startup_script runs", s)
	}
	d.set("b", true, true)
	d.withPrograms("echo twice >>ran", "cat vrrp.log lvs.log >>ran; test ! -e state && exit 3", time.Minute)
	d.signal(syscall.SIGHUP)
	d.status(func(s control.Status) bool { return !s.Config.LastReload.IsZero() && s.Config.ReloadFailure == "" })
	if log := d.read("vrrp.log") + d.read("lvs.log"); log != "" {
		t.Errorf("a process runs before startup_script has ended: %s", log)
	}
	if err := os.WriteFile(d.path("go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.told(role.VRRP, began("b"))
	d.told(role.LVS, began("b"))
	d.status(func(s control.Status) bool { return s.StartupScript == "exit status 0" && len(s.Processes) == 2 })
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	ran := d.read("ran")
	if !strings.HasPrefix(ran, "startup\n") || strings.Count(ran, "\nstop\n") != 2 || strings.Contains(ran, "twice") || strings.Contains(ran, "never") {
		t.Errorf("the programs left %q", ran)
	}
	d.nothingLeft()
}

// A startup_script that fails, or is ended at its limit, holds nobody up.
func TestStartupScriptThatFails(t *testing.T) {
	for _, c := range []struct {
		text, want string
		limit      time.Duration
	}{
		{"exit 4", "exit status 4", time.Minute},
		{untilGo, "timed out", 300 * time.Millisecond},
	} {
		d := newDaemon(t, "a")
		d.withPrograms(c.text, "", c.limit)
		d.run()
		d.told(role.VRRP, began("a"))
		if s := d.status(func(control.Status) bool { return true }); !strings.HasPrefix(s.StartupScript, c.want) {
			t.Errorf("%s: %q", c.text, s.StartupScript)
		}
		d.signal(syscall.SIGTERM)
		if code := d.wait(); code != 0 {
			t.Errorf("%s: exit code %d", c.text, code)
		}
	}
}

// A stop ends a startup_script that runs, and shutdown_script runs all the same.
func TestStopDuringStartupScript(t *testing.T) {
	d := newDaemon(t, "a")
	d.withPrograms("trap 'echo ended >>ran; exit' TERM; echo startup >>ran; "+untilGo, "echo shutdown >>ran", time.Minute)
	d.launch()
	for range 1000 {
		if d.read("ran") != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := d.read("ran"); got != "startup\nended\nshutdown\n" {
		t.Errorf("the programs left %q", got)
	}
	if log := d.read("vrrp.log") + d.read("lvs.log"); log != "" {
		t.Errorf("a process was started: %s", log)
	}
	d.nothingLeft()
}
