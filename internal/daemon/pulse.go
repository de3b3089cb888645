package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"holdfast/internal/daemon/ipc"
)

const (
	// pulseEvery is the time between the answer of a child to the question
	// whether its loop turns and the next such question.
	pulseEvery = 5 * time.Second
	// pulseLimit is how late the answer may be before the log says that the child
	// does not answer. One that is at work says so in time.
	pulseLimit = 5 * time.Second
)

// feelPulse asks c, which has just been started or has answered, whether its loop
// turns, again and again until it ends: one that is stopped or hangs does not die, so
// that nothing else tells of it.
func (p *Parent) feelPulse(s *slot, c *child) {
	every, limit := pulseEvery, pulseLimit
	if p.opts.pulse > 0 {
		every, limit = p.opts.pulse, p.opts.pulse
	}
	p.after(every, func() {
		if s.child != c || c.told {
			return
		}
		asked := time.Now()
		p.askOn(s, ipc.Message{Type: ipc.TypePulse}, nil, limit, func(_ ipc.Message, err error) {
			switch {
			case errors.Is(err, errGone):
			case errors.Is(err, errLate):
				p.fellSilent(s, c, asked)
			default: // whatever it answers, it does
				p.feelPulse(s, c)
			}
		}, func(error) {
			p.log.Info("process answers again", "role", string(s.role), "pid", c.cmd.Process.Pid, "after", time.Since(c.silent).Round(time.Millisecond))
			c.silent = time.Time{}
			p.tellWorks()
			p.feelPulse(s, c)
		})
	})
}

// fellSilent is told once of each time that c does not answer.
func (p *Parent) fellSilent(s *slot, c *child, asked time.Time) {
	if c.told {
		return // its stop has a limit of its own
	}
	c.silent = asked
	pid := c.cmd.Process.Pid
	attrs := []any{"role", string(s.role), "pid", pid, "for", time.Since(asked).Round(time.Millisecond)}
	if state := doing(pid); state != "" {
		attrs = append(attrs, "state", state)
	}
	p.log.Error("process does not answer", attrs...)
	p.tellWorks()
}

// doing says why a process may be one that does not answer, by its state in /proc;
// empty: that says nothing.
func doing(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// pid (comm) state …; comm may hold anything.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) == 0 {
		return ""
	}
	switch string(f[0]) {
	case "T":
		return fmt.Sprintf("stopped by a signal; kill -CONT %d lets it go on", pid)
	case "t":
		return "stopped by a debugger"
	case "D":
		return "waits in the kernel"
	}
	return ""
}
