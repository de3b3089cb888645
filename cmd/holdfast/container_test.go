package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// As the first process of a container the daemon has as children what its scripts
// leave in the background, and has to reap them. Root there may have given up the
// right to change groups, which running scripts as root does not need.
func TestFirstProcessOfAContainer(t *testing.T) {
	lab.Require(t, "unshare", "setpriv")
	t.Parallel()
	d := newDirector(t)
	d.conf(strings.Replace(fast, "NOTIFY", "notify "+d.Path("leave.sh"), 1))
	script := fmt.Sprintf("#!/bin/sh\n(sleep 0.1; echo $3 >>%s) &\nexit 0\n", d.Path("left.log"))
	if err := lab.WriteProgram(d.Path("leave.sh"), []byte(script)); err != nil {
		t.Fatal(err)
	}
	p := d.startWith("net_admin,+net_raw", "unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
	d.until("what a script left has ended", func() bool {
		b, _ := os.ReadFile(d.Path("left.log"))
		return strings.Contains(string(b), "MASTER")
	})
	tree := p.Tree()
	d.until("it is reaped", func() bool { return deadBelow(tree) == 0 })
}

// Without the permission to set what a master has, nobody must take this one for the
// master.
func TestAMissingPermissionEndsTheStart(t *testing.T) {
	lab.Require(t, "setpriv")
	t.Parallel()
	d := newDirector(t)
	d.conf(strings.Replace(fast, "NOTIFY", "", 1))
	for _, one := range []string{"net_admin", "net_raw"} {
		p := d.startWith(one)
		exit, err := p.Wait(30 * time.Second)
		if err != nil || exit != 4 {
			t.Errorf("with %s alone: exit code %d, %v, want 4", one, exit, err)
		}
		if strings.Contains(p.Log(), "MASTER") || !strings.Contains(p.Log(), "operation not permitted") {
			t.Errorf("with %s alone:\n%s", one, p.Log())
		}
	}
}

// startWith starts the daemon with these capabilities alone, behind a command.
func (d *director) startWith(caps string, before ...string) *lab.Process {
	d.t.Helper()
	caps = "-all,+" + caps
	args := append(before, "setpriv", "--bounding-set", caps, "--inh-caps", caps)
	p, err := d.Start(lab.Spec{Args: append(args, d.args("-n", "-l")...), Env: []string{"TEST_PROGRAM=1"}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if d.t.Failed() {
			d.t.Log(p.Log())
		}
	})
	return p
}

// deadBelow is how many processes whose parent is one of these wait to be reaped.
func deadBelow(parents []int) (n int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		// pid (comm) state ppid …
		words := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		for _, pid := range parents {
			if words[0] == "Z" && words[1] == strconv.Itoa(pid) {
				n++
			}
		}
	}
	return n
}
