package proc

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDoing(t *testing.T) {
	if s := Doing(os.Getpid()); strings.Contains(s, "stopped") {
		t.Errorf("this process: %q", s)
	}
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		c.Process.Kill()
		c.Wait()
	}()
	pid := c.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("stopped by a signal; kill -CONT %d lets it go on", pid)
	for deadline := time.Now().Add(time.Minute); Doing(pid) != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q, want %q", Doing(pid), want)
		}
	}
}
