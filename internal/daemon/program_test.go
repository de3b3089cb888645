package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/role"
)

// An upgrade without a restart is seen: the file that processes are started from is
// replaced, or gone, and the processes still run what it was.
func TestAProgramThatWasReplacedIsSeen(t *testing.T) {
	d := newDaemon(t, "a")
	path := d.path("holdfast")
	copyTo := func() { // in its place, as install and mv do
		t.Helper()
		err := lab.CopyProgram(d.opts.Argv[0], path+".new")
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	copyTo()
	d.opts.Program = path
	d.run()
	says := func(what string) func(control.Status) bool {
		return func(s control.Status) bool {
			if len(s.Processes) != 2 || s.Program != path {
				return false
			}
			for _, p := range s.Processes {
				if p.Version != "test "+p.Role || (what == "") != (p.Outdated == "") || !strings.Contains(p.Outdated, what) {
					return false
				}
			}
			return true
		}
	}
	s := d.status(says(""))
	// The parent is this test, which was started from elsewhere.
	if !strings.Contains(s.Outdated, filepath.Base(path)+" is another program") {
		t.Errorf("of the parent: %q", s.Outdated)
	}
	copyTo()
	d.status(says("is another program"))
	// A successor is of the new program.
	syscall.Kill(d.pidNow(role.LVS, 0), syscall.SIGKILL)
	d.status(func(s control.Status) bool {
		if len(s.Processes) != 2 || s.Processes[1].Version == "" {
			return false
		}
		vrrp, lvs := s.Processes[0], s.Processes[1]
		return vrrp.Outdated != "" && vrrp.Replaced == nil && lvs.Outdated == "" && lvs.Replaced != nil && lvs.Replaced.Why == "it was ended by SIGKILL"
	})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.status(says("is not there any more"))
}
