package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// A signal for the daemon that comes before it has read its configuration does not
// end it, and what it asks for is done.
func TestASignalDuringTheStart(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	for name, args := range map[string]func(d *director) []string{
		"keepalived": func(d *director) []string { return d.args("-n", "-l") },
		"holdfast": func(d *director) []string {
			holdfast := filepath.Join(filepath.Dir(d.prog), "holdfast")
			return []string{holdfast, "run", "-f", d.Path("k.conf"), "--control", d.Path("a.sock")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDirector(t)
			d.conf(fast)
			// Who opens a file that somebody holds a lease of waits until that is given up.
			file, err := os.OpenFile(d.Path("k.conf"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			lease := func(cmd, arg int) int {
				n, err := unix.FcntlInt(file.Fd(), cmd, arg)
				if err != nil {
					t.Fatal("lease:", err)
				}
				return n
			}
			lease(unix.F_SETLEASE, unix.F_WRLCK)
			p, err := d.Start(lab.Spec{Args: args(d), Env: []string{"TEST_PROGRAM=1"}})
			if err != nil {
				t.Fatal(err)
			}
			d.until("the configuration is opened", func() bool { return lease(unix.F_GETLEASE, 0) != unix.F_WRLCK })
			for _, sig := range []syscall.Signal{syscall.SIGUSR2, syscall.SIGHUP} {
				if err := p.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
			lease(unix.F_SETLEASE, unix.F_UNLCK)
			d.until("MASTER", d.has)
			d.until("reloaded", func() bool { return strings.Contains(p.Log(), "msg=reloaded") })
			if exit, err := p.Stop(30 * time.Second); exit != 0 || err != nil {
				t.Errorf("exit code %d, %v\n%s", exit, err, p.Log())
			}
		})
	}
}
