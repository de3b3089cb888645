package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
)

// outdated says how the file at path, which would be started now, differs from the
// program that process pid runs; empty: it does not, or nobody knows. A program that
// runs cannot be written to, so that another content is another file.
func outdated(path string, pid int) string {
	runs, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid)) // also where it is deleted
	if err != nil {
		return ""
	}
	switch there, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return path + " is not there any more; a process that dies cannot be replaced"
	case err != nil || os.SameFile(runs, there):
		return ""
	}
	return path + " is another program than the one that runs; a restart of the daemon changes to it"
}

// isOf notes of which version the program is that c runs, which says that it works.
func (p *Parent) isOf(c *child, m ipc.Message) {
	var r ipc.Ready
	if len(m.Body) == 0 || m.Decode(&r) != nil {
		return // of before the version was said
	}
	c.version = r.Version
	if r.Version != p.opts.Version {
		p.log.Warn("the process is of another version than the parent: restart the daemon", "role", string(c.role), "pid", c.cmd.Process.Pid, "version", r.Version, "parent", p.opts.Version)
	}
}

// describe is what the status says of the process of s, which runs; program is the
// file that its successor would be started from.
func (s *slot) describe(program string) control.Process {
	c := s.child
	d := control.Process{
		Role: string(s.role), PID: c.cmd.Process.Pid, Started: c.started, Restarts: s.restarts,
		Version: c.version, Outdated: outdated(program, c.cmd.Process.Pid), SilentSince: c.pulse.silent,
	}
	if s.end.why != "" {
		d.Replaced = &control.Replaced{Why: s.end.why, At: s.end.since}
	}
	return d
}
