package daemon

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"holdfast/internal/daemon/role"
	"holdfast/internal/early"
	"holdfast/internal/stack"
	"holdfast/internal/timerslack"
)

// spawner starts child processes from one locked OS thread that lives as long
// as the process: the kernel sends the parent-death signal when the thread
// that started a child ends, not when the process does.
type spawner struct {
	starts chan startRequest
}

type startRequest struct {
	cmd  *exec.Cmd
	role role.Role
	done chan error
}

func newSpawner() *spawner {
	s := &spawner{starts: make(chan startRequest)}
	go func() {
		stack.Reserve()
		runtime.LockOSThread()
		early.Block()
		for r := range s.starts {
			r.done <- r.start()
		}
	}()
	return s
}

// start starts the process. What the lvs role waits for has no hurry; adverts have.
func (r startRequest) start() error {
	if r.role == role.LVS {
		defer timerslack.Widen()()
	}
	return r.cmd.Start()
}

// close ends the thread, when there is no child any more.
func (s *spawner) close() { close(s.starts) }

// start starts program in the given role with the original command line, so
// that ps and pidof show it under the name it was called by. files become
// descriptors 3, 4 and 5; they and stderr, if it is not our own, are closed
// here.
func (s *spawner) start(program string, argv []string, r role.Role, stderr *os.File, files []*os.File) (*exec.Cmd, error) {
	cmd := &exec.Cmd{
		Path:        program,
		Args:        argv,
		Env:         append(os.Environ(), role.Env+"="+string(r)),
		Stdout:      os.Stdout,
		ExtraFiles:  files,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
	}
	if stderr != nil { // a nil *os.File is no nil io.Writer
		cmd.Stderr = stderr
	}
	done := make(chan error)
	s.starts <- startRequest{cmd, r, done}
	err := <-done
	if stderr != nil && stderr != os.Stderr {
		stderr.Close()
	}
	for _, f := range files {
		f.Close()
	}
	return cmd, err
}
