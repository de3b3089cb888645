package daemon

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// The delays of a child that dies again and again: none, 1 s, 2 s, 4 s … A
// child that lived for long begins anew.
const (
	livedLong    = 60 * time.Second
	longestDelay = 60 * time.Second
)

// exited handles the end of a child process.
func (p *Parent) exited(c *child, died death, code int) {
	c.out.Close()
	c.conn.Close()
	defer c.adverts.close()
	s := p.slotOf(c)
	if s == nil {
		return
	}
	s.child = nil
	if s == p.vrrp {
		p.holdings.died()
		p.unsaved = true
	}
	daemon, permanent := role.Permanent(code)
	switch {
	case p.stopping:
		if s == p.vrrp {
			if !p.opts.DontReleaseVRRP {
				p.dropOrphans() // killed for taking too long, or it died on the way
			}
			p.tellStop(p.lvs)
		}
		p.finish()
	case s.stopping:
		p.vacate(s)
		p.stepReload()
	case permanent && (s.worked || !p.up):
		p.log.Error("process ended for good", "role", string(s.role), "exit", code)
		p.dropOrphans()
		p.stop(daemon)
	case p.opts.DontRespawn:
		p.log.Error("process died", "role", string(s.role), "exit", code)
		p.dropOrphans()
		p.stop(role.DaemonFatal)
	default:
		// A process that came with a reload and cannot work here must not take
		// away what was there before.
		p.replace(s, c, died, code)
	}
	p.tellWorks()
	// Last, both: the end of a reload starts what does not run, and would start it as
	// one that replaces nobody.
	p.unanswered(c)
	p.startEnded(s, c)
}

// vacate leaves nothing behind of a child that is gone and not wanted any more.
func (p *Parent) vacate(s *slot) {
	s.stopping, s.worked, s.delay, s.away, s.end = false, false, 0, away{}, away{}
	s.pid.remove()
	s.pid = nil
	switch {
	case s == p.vrrp:
		p.dropOrphans()
	case owns(p.owned) && !p.opts.DontReleaseIPVS:
		p.log.Error("the lvs process ended before it had removed everything from the kernel's IPVS table")
	}
}

// replace starts the successor of a dead child: at once, unless it dies again
// and again.
func (p *Parent) replace(s *slot, c *child, died death, code int) {
	s.restarts++
	s.away.ended(c, died.at, code)
	s.end = s.away
	if died.at.Sub(c.started) > livedLong {
		s.delay = 0
	}
	p.log.Error("process died, starting another", "role", string(s.role), "exit", code, "restarts", s.restarts, "delay", s.delay)
	if s.delay > 0 {
		p.dropOrphans()
		p.retryLater(s)
		return
	}
	s.delay = time.Second
	var resume []role.Resume
	if s == p.vrrp {
		resume = p.resume(died, c.adverts.last(p.log))
	}
	p.start(s, resume)
}

// retryLater starts the child of s after its delay. It may run by then: a
// reload starts what is wanted at once.
func (p *Parent) retryLater(s *slot) {
	d := max(s.delay, time.Second)
	s.delay = min(2*d, longestDelay)
	s.away.next = time.Now().Add(d)
	p.after(d, func() { p.start(s, nil) })
}

// stop begins the orderly stop: the vrrp process releases first, then the lvs
// process takes its table away. Only the first call counts.
func (p *Parent) stop(code int) {
	if p.stopping {
		return
	}
	p.stopping, p.exit = true, code
	p.manager.stopping(p.stopLimit())
	if p.vrrp.child != nil {
		p.tellStop(p.vrrp)
	} else {
		p.dropOrphans() // its successor does not come any more
		p.tellStop(p.lvs)
	}
	p.finish()
}

// tellStop tells the child of s to release everything and to end, once.
func (p *Parent) tellStop(s *slot) {
	c := s.child
	if c == nil || c.told {
		return
	}
	c.told = true
	c.out.Post(ipc.Message{Type: ipc.TypeStop}, nil)
	p.after(p.childWait(), func() {
		if s.child == c {
			p.log.Error("process does not stop, killing it", "role", string(s.role))
			c.cmd.Process.Signal(os.Kill)
		}
	})
}

// finish ends the loop when both children are gone.
func (p *Parent) finish() {
	if p.vrrp.child != nil || p.lvs.child != nil {
		return
	}
	p.vrrp.pid.remove()
	p.lvs.pid.remove()
	p.over = true
}

// childrenFree says whether the pid files of the children that are to run are
// free: with the same ones, another daemon does the same work.
func (p *Parent) childrenFree() error {
	if p.opts.VRRP {
		if err := free(p.opts.VRRPPID); err != nil {
			return err
		}
	}
	if p.opts.LVS {
		return free(p.opts.LVSPID)
	}
	return nil
}

// signalName is the name that people know a signal by.
func signalName(s os.Signal) string {
	n, ok := s.(syscall.Signal)
	if name := unix.SignalName(n); ok && name != "" {
		return name
	}
	return s.String()
}
