package uml

import (
	"bytes"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStartPinned: what is started stays on one processor with all that it starts, two
// at a time have two where there are two, and the thread may go where it might before.
func TestStartPinned(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	start := func() (allowed string, leave func()) {
		t.Helper()
		var out bytes.Buffer
		cmd := exec.Command("sh", "-c", "grep Cpus_allowed_list /proc/self/status")
		cmd.Stdout = &out
		leave, err := startPinned(cmd)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		_, allowed, _ = strings.Cut(strings.TrimSpace(out.String()), "\t")
		if allowed == "" || strings.ContainsAny(allowed, ",-") {
			t.Errorf("may use the processors %q", allowed)
		}
		return allowed, leave
	}
	first, leave := start()
	second, leaveSecond := start()
	defer leaveSecond()
	if first == second && before.Count() > 1 {
		t.Errorf("both on processor %s", first)
	}
	leave()
	if third, leave := start(); third != first {
		t.Errorf("on processor %s, where there is one kernel; none is on %s", third, first)
	} else {
		leave()
	}
	if err := unix.SchedGetaffinity(0, &after); err != nil {
		t.Fatal(err)
	}
	if after != before {
		t.Errorf("the thread might use %v, and now %v", before, after)
	}
}

// A program that cannot be started has no processor.
func TestStartPinnedThatFails(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := startPinned(exec.Command("/nowhere/program")); err == nil {
		t.Fatal("it is started")
	}
	for cpu, n := range places.kernels {
		if n != 0 {
			t.Errorf("%d kernels on processor %d", n, cpu)
		}
	}
}
