package daemon

import (
	"os/exec"
	"syscall"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// child is one running child process as the parent sees it. It belongs to the
// parent's loop; its two goroutines only post to it.
type child struct {
	role    role.Role
	cmd     *exec.Cmd
	conn    *ipc.Conn
	out     *ipc.Mailbox // messages to it, sent by a goroutine of their own
	started time.Time
	ready   bool
}

// slot is the place of a child: the process that fills it and what must be
// remembered when it is replaced.
type slot struct {
	role     role.Role
	wanted   bool
	child    *child // nil: none runs
	pid      *pidFile
	restarts int
	delay    time.Duration // before the next replacement
	stopping bool
}

// The exit codes by which a child says that starting it again is of no use;
// they are keepalived's and become the parent's own.
const (
	exitFatal      = 1
	exitConfig     = 2
	exitPermission = 4
)

func permanent(code int) bool {
	return code == exitFatal || code == exitConfig || code == exitPermission
}

// watch starts the goroutines that read the child's messages and wait for its
// end. Both end with the process.
func (p *Parent) watch(c *child) {
	received := make(chan struct{})
	go func() {
		defer close(received)
		for {
			m, err := c.conn.Receive()
			if err != nil {
				return
			}
			p.post(func() { p.message(c, m) })
		}
	}()
	go func() {
		err := c.cmd.Wait()
		died := time.Now()
		<-received // what it said before its end comes first
		p.post(func() { p.exited(c, died, exitCode(c.cmd, err)) })
	}()
}

func exitCode(cmd *exec.Cmd, err error) int {
	if cmd.ProcessState == nil {
		return -1
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
