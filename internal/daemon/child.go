package daemon

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
	"holdfast/internal/stack"
)

// child is one running child process as the parent sees it. It belongs to the
// parent's loop; its goroutines only post to it.
type child struct {
	role    role.Role
	cmd     *exec.Cmd
	conn    *ipc.Conn
	out     *ipc.Mailbox // messages to it, sent by a goroutine of their own
	started time.Time
	ready   bool
	// givenBack is set when it was started with settings of before a trial, which it
	// has not said are in force.
	givenBack bool
	version   string // of its program, as it says; empty: it has not said it
	told      bool   // to stop
	// has is the configuration that it is known to have, nil: none is.
	has   role.Encoded
	pulse pulse
	// adverts says when its routers have sent their last adverts.
	adverts adverts
	// awaited is told whether it works, as the reload that started it waits for
	// that; nil: none does. atWork is when it was said last to be on the way.
	awaited func(error)
	atWork  time.Time
	// handed is the question that its configuration was sent as, while it has not
	// answered; 0: none is open. waits is a newer one, which is sent then.
	handed uint64
	waits  handing
	// late is set when it did not answer in time to the last one it was handed.
	late bool
	// lastWord is why it ends, as it says itself; empty: it has not said it.
	lastWord string
}

// slot is the place of a child: the process that fills it and what must be
// remembered when it is replaced.
type slot struct {
	role     role.Role
	wanted   bool
	child    *child // nil: none runs
	pidPath  string
	pid      *pidFile
	restarts int
	delay    time.Duration // before the next replacement
	stopping bool          // it is not wanted any more and has been told so
	worked   bool          // one did since the configuration wants it
	away     away
	end      away // of the one that was replaced last
}

// start starts the child of s with the present configuration.
func (p *Parent) start(s *slot, resume []role.Resume) {
	if p.stopping || !p.launched || !s.wanted || s.child != nil {
		return
	}
	if err := p.startChild(s, resume); err != nil {
		p.log.Error("process not started", "role", string(s.role), "err", err)
		s.away.notStarted(err)
		if !p.up {
			p.stop(role.DaemonFatal)
			return
		}
		p.retryLater(s)
	}
}

// startWanted starts the children that are wanted and do not run, the lvs
// process first: the IPVS table comes before the addresses.
func (p *Parent) startWanted() {
	p.start(p.lvs, nil)
	p.start(p.vrrp, nil)
}

func (p *Parent) startChild(s *slot, resume []role.Resume) error {
	boot, err := role.WriteBoot(p.boot(s, resume), p.cfg.encoded[s.role])
	if err != nil {
		return err
	}
	mine, theirs, err := ipc.Pair()
	if err != nil {
		boot.Close()
		return err
	}
	conn, err := ipc.FromFile(mine)
	if err != nil {
		boot.Close()
		theirs.Close()
		return err
	}
	peerEnd, otherEnd, err := ipc.Pair()
	if err != nil {
		boot.Close()
		conn.Close()
		theirs.Close()
		return err
	}
	cmd, err := p.spawn.start(p.opts.Program, p.opts.Argv, s.role, p.lastWords(s.role), []*os.File{theirs, peerEnd, boot})
	if err != nil {
		conn.Close()
		otherEnd.Close()
		return fmt.Errorf("start %s: %w", p.opts.Program, err)
	}
	c := &child{role: s.role, cmd: cmd, conn: conn, started: time.Now(), has: p.cfg.encoded[s.role], givenBack: s.role == role.LVS && p.givenBack != nil}
	c.out = ipc.NewMailbox(conn, nil) // its end is told by Wait
	s.child = c
	if o := p.other(s).child; o != nil {
		o.out.Post(ipc.Message{Type: ipc.TypePeer}, otherEnd)
	} else {
		otherEnd.Close()
	}
	p.writePID(s)
	p.watch(c)
	p.log.Debug("process started", "role", string(s.role), "pid", cmd.Process.Pid)
	return nil
}

func (p *Parent) boot(s *slot, resume []role.Resume) role.Boot {
	b := role.Boot{Options: p.opts.Options, Umask: p.mask(), UmaskSet: true, Folder: p.cfg.own.TmpConfigDirectory, Resume: resume, Other: p.other(s).wanted, Restarted: s.restarts > 0}
	if s.role == role.VRRP {
		b.Devices = p.devices
		b.Leftovers = p.holdings.left()
	} else {
		b.Owned, b.Settings, b.GivenBack = p.owned, p.settings, p.givenBack
	}
	return b
}

// other is the slot of the other child.
func (p *Parent) other(s *slot) *slot {
	if s == p.vrrp {
		return p.lvs
	}
	return p.vrrp
}

// lastWords is the standard error of a child: the console if we log there,
// else a pipe into our log, so that the trace of a crash is not lost. The
// spawner closes it.
func (p *Parent) lastWords(r role.Role) *os.File {
	if p.opts.Console {
		return os.Stderr
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil // /dev/null
	}
	go func() {
		defer in.Close()
		for lines := bufio.NewReader(in); ; {
			line, _, err := lines.ReadLine() // a long line comes in pieces
			if err != nil {
				return
			}
			p.log.Error("process said", "role", string(r), "text", string(line))
		}
	}()
	return out
}

func (p *Parent) writePID(s *slot) {
	var err error
	if s.pid == nil {
		s.pid, err = createPIDFile(s.pidPath, s.child.cmd.Process.Pid)
	} else {
		err = s.pid.write(s.child.cmd.Process.Pid)
	}
	if err != nil {
		p.log.Warn("pid file not written", "role", string(s.role), "err", err)
	}
}

// watch starts the goroutines that read the child's messages and wait for its
// end. Both end with the process.
func (p *Parent) watch(c *child) {
	received := make(chan struct{})
	go func() {
		defer close(received)
		stack.Reserve()
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
		died := deathNow()
		<-received // what it said before its end comes first
		p.post(func() { p.exited(c, died, exitCode(c.cmd, err)) })
	}()
}

// exitCode is the exit code of a process, 128 and the signal that ended it, or
// -1 when nobody knows.
func exitCode(cmd *exec.Cmd, err error) int {
	if cmd.ProcessState == nil {
		return -1
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}
