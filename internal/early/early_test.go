package early

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays a program that a signal comes to before it has done
// anything.
func TestMain(m *testing.M) {
	what := os.Getenv("TEST_EARLY")
	if what == "" {
		// What is started begins with the default of a signal that is caught, and
		// ignores one that is ignored, as SIGHUP is in all that nohup starts.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		os.Exit(m.Run())
	}
	kill := func(s syscall.Signal) {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			panic(err)
		}
	}
	switch what {
	case "hand":
		for _, s := range Signals {
			kill(s.(syscall.Signal))
		}
		come(len(Signals))
		c := Take()
		LetGo() // has no effect any more
		kill(syscall.SIGUSR1)
		for deadline := time.Now().Add(time.Minute); len(c) <= len(Signals) && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		}
		fmt.Print(len(c), " ", <-c, " ", len(Take()))
	case "let go":
		kill(syscall.SIGHUP)
		come(1)
		fmt.Print("held")
		LetGo()
		time.Sleep(time.Minute)
	case "late":
		c := Take()
		kill(syscall.SIGUSR1)
		fmt.Print(<-c)
	}
	os.Exit(0)
}

// come waits until so many signals were caught.
func come(n int) {
	for deadline := time.Now().Add(time.Minute); len(held) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			panic(fmt.Sprint(len(held), " signals have come"))
		}
	}
}

// plays runs the test binary by another name.
func plays(t *testing.T, what string, start func(*exec.Cmd) error, env string, args ...string) (string, syscall.Signal) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	c := &exec.Cmd{Path: self, Args: args, Env: append(os.Environ(), "TEST_EARLY="+what, RoleEnv+"="+env), Stdout: &out, Stderr: &errs}
	if err = start(c); err == nil {
		err = c.Wait()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
			return out.String(), ws.Signal()
		}
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", what, err, errs.String())
	}
	return out.String(), 0
}

func TestSignalsWaitForADaemon(t *testing.T) {
	start := (*exec.Cmd).Start
	for _, c := range []struct {
		what, env string
		args      []string
		out       string
		died      syscall.Signal
	}{
		{"hand", "", []string{"/sbin/keepalived", "-n"}, "6 hangup 0", 0},
		{"hand", "", []string{"holdfast", "run", "-f", "x"}, "6 hangup 0", 0},
		{"hand", "lvs", []string{"whatever"}, "6 hangup 0", 0},
		{"let go", "", []string{"keepalived", "-t"}, "held", syscall.SIGHUP},
		{"let go", "", []string{"holdfast", "status"}, "", syscall.SIGHUP},
		{"late", "", []string{"keepalived"}, "user defined signal 1", 0},
		{"late", "", []string{"holdfast"}, "user defined signal 1", 0},
	} {
		out, died := plays(t, c.what, start, c.env, c.args...)
		if out != c.out || died != c.died {
			t.Errorf("%s as %q: %q, signal %d; want %q, %d", c.what, c.args, out, died, c.out, c.died)
		}
	}
}

// Before that they are blocked in what this program starts of itself, and in
// nothing else.
func TestSignalsWaitForTheProgramToBegin(t *testing.T) {
	shell := func(start func(*exec.Cmd) error) (string, error) {
		c := exec.Command("sh", "-c", "for s in HUP USR1 USR2 36 63; do kill -$s $$; done; echo alive")
		var out strings.Builder
		c.Stdout = &out
		if err := start(c); err != nil {
			return "", err
		}
		err := c.Wait()
		return out.String(), err
	}
	blocked := func(c *exec.Cmd) error { return Start(c.Start) }
	if out, err := shell(blocked); err != nil || out != "alive\n" {
		t.Errorf("blocked: %q, %v", out, err)
	}
	if out, err := shell((*exec.Cmd).Start); err == nil {
		t.Errorf("not blocked any more: %q", out)
	}
	if out, died := plays(t, "hand", blocked, "", "holdfast", "run"); out != "6 hangup 0" || died != 0 {
		t.Errorf("the program gets them: %q, signal %d", out, died)
	}
	done := make(chan struct{})
	go func() { // its thread ends with it
		defer close(done)
		runtime.LockOSThread()
		Block()
		Unblock()
		if out, err := shell((*exec.Cmd).Start); err == nil {
			t.Errorf("unblocked: %q", out)
		}
	}()
	<-done
}
