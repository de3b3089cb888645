package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// Both processes are asked whether they work: the log tells of those that are
// stopped, and that they go on.
func TestTheLogTellsOfProcessesThatAreStopped(t *testing.T) {
	t.Parallel() // it waits for most of its time
	d := newDirector(t)
	d.conf(fast)
	p, err := d.Start(lab.Spec{Args: d.args("-n", "-l", "--all"), Env: []string{"TEST_PROGRAM=1", "TEST_PULSE=1s"}})
	if err != nil {
		t.Fatal(err)
	}
	d.until("MASTER", d.has)
	said := func(what string) bool {
		n := 0
		for _, file := range []string{"v.pid", "c.pid"} {
			for line := range strings.Lines(p.Log()) {
				if strings.Contains(line, what) && strings.Contains(line, fmt.Sprintf("pid=%d ", d.pid(file))) {
					n++
					break
				}
			}
		}
		return n == 2
	}
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		for _, file := range []string{"v.pid", "c.pid"} {
			if err := syscall.Kill(d.pid(file), sig); err != nil {
				t.Fatal(err)
			}
		}
		if sig == syscall.SIGSTOP {
			if !lab.WaitFor(90*time.Second, func() bool { return said("process does not answer") }) {
				t.Fatalf("no line for each that does not answer in\n%s", p.Log())
			}
		} else {
			d.until("a line for each that answers again", func() bool { return said("process answers again") })
		}
	}
}
