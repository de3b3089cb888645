package daemon

import (
	"cmp"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/proc"
)

const (
	// pulseEvery is how often each child is asked whether its loop turns. One that
	// has not answered when it would be asked again does not answer, unless it says
	// that it is at work.
	pulseEvery = 10 * time.Second
	// standstill is how much later than it asked to be called the parent is where it
	// stood still itself, as on a machine that was paused: an answer may be there
	// and not be read yet.
	standstill = time.Second
)

// pulse is what the parent knows of whether a child answers.
type pulse struct {
	id     uint64    // of the question that is open; 0: none is
	asked  time.Time // and when that was, or when it was said last to be worked at
	silent time.Time // since when it has not answered; zero: it does
}

// feelPulses asks the children, again and again. One that is stopped or hangs does
// not die, so that nothing else tells of it.
func (p *Parent) feelPulses() {
	every, begun := cmp.Or(p.opts.Pulse, pulseEvery), time.Now()
	p.after(every, func() {
		stood := time.Since(begun) > every+standstill
		for _, s := range []*slot{p.vrrp, p.lvs} {
			if c := s.child; c != nil && !c.told { // its stop has a limit of its own
				p.feelPulse(c, every, stood)
			}
		}
		p.feelPulses()
	})
}

func (p *Parent) feelPulse(c *child, every time.Duration, stood bool) {
	now := time.Now()
	switch {
	case c.pulse.id == 0:
		p.nextID++
		c.pulse.id, c.pulse.asked = p.nextID, now
		c.out.Post(ipc.Message{Type: ipc.TypePulse, ID: p.nextID}, nil)
	case stood:
		c.pulse.asked = now
	case c.pulse.silent.IsZero() && now.Sub(c.pulse.asked) >= every:
		c.pulse.silent = c.pulse.asked
		pid := c.cmd.Process.Pid
		attrs := []any{"role", string(c.role), "pid", pid, "for", now.Sub(c.pulse.asked).Round(time.Millisecond)}
		if state := proc.Doing(pid); state != "" {
			attrs = append(attrs, "state", state)
		}
		p.log.Error("process does not answer", attrs...)
		p.tellWorks()
	}
}

// pulseFelt takes the answer of a child.
func (p *Parent) pulseFelt(c *child, id uint64) {
	if id != c.pulse.id {
		return
	}
	since := c.pulse.silent
	c.pulse = pulse{}
	if !since.IsZero() {
		p.log.Info("process answers again", "role", string(c.role), "pid", c.cmd.Process.Pid, "after", time.Since(since).Round(time.Millisecond))
		p.tellWorks()
	}
}
