package examples_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// sleeper starts a process with the given command name that does nothing, and
// returns it with the name of a file that holds its pid.
func sleeper(t *testing.T, name string) (*exec.Cmd, string) {
	t.Helper()
	dir := t.TempDir()
	program, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, code, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	pidfile := filepath.Join(dir, "pid")
	if err := os.WriteFile(pidfile, fmt.Appendf(nil, "%d\n", cmd.Process.Pid), 0o644); err != nil {
		t.Fatal(err)
	}
	return cmd, pidfile
}

// check runs the script and returns its exit status.
func check(t *testing.T, args ...string) int {
	t.Helper()
	cmd := exec.Command("./nginx-ha-check.sh", args...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%s", out)
	return cmd.ProcessState.ExitCode()
}

// alive says whether the process runs and no signal is on its way to it.
func alive(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	is := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		is[name] = strings.TrimSpace(value)
	}
	t.Logf("state %s, pending %s and %s", is["State"], is["SigPnd"], is["ShdPnd"])
	none := strings.Repeat("0", 16)
	return strings.ContainsAny(is["State"][:1], "RSD") && is["SigPnd"] == none && is["ShdPnd"] == none
}

func TestNginxCheckAlive(t *testing.T) {
	_, nginx := sleeper(t, "nginx")
	daemon, pidfile := sleeper(t, "daemon")
	if status := check(t, nginx, pidfile, "false"); status != 0 {
		t.Errorf("status %d with nginx alive", status)
	}
	if !alive(t, daemon) {
		t.Error("the daemon was stopped")
	}
}

func TestNginxCheckRestarts(t *testing.T) {
	_, nginx := sleeper(t, "nginx")
	daemon, pidfile := sleeper(t, "daemon")
	missing := filepath.Join(t.TempDir(), "nginx.pid")
	if status := check(t, missing, pidfile, "cp", nginx, missing); status != 0 {
		t.Errorf("status %d although the start command brought nginx back", status)
	}
	if !alive(t, daemon) {
		t.Error("the daemon was stopped")
	}
}

func TestNginxCheckStopsTheDaemon(t *testing.T) {
	_, stale := sleeper(t, "other") // a pid file that names another program
	daemon, pidfile := sleeper(t, "daemon")
	if status := check(t, stale, pidfile, "false"); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	_ = daemon.Wait() // it ends by itself after a minute
	if s := daemon.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGTERM {
		t.Errorf("the daemon ended with %v, want SIGTERM", daemon.ProcessState)
	}
}
