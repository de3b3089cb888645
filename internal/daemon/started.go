package daemon

import (
	"errors"
	"fmt"
	"time"
)

// startLimit is how long a process that a reload started may take until it works,
// and anew each time it says that it is at work on the kernel's table. It is asked
// for that every pulseEvery.
const startLimit = 30 * time.Second

// startedWork calls over when every process that the configuration wants works, or
// when it is known why one does not, which is noted then. A reload is not done while
// a process that it started may still find that it cannot work here.
func (p *Parent) startedWork(over func()) {
	var list []*slot
	for _, s := range []*slot{p.lvs, p.vrrp} {
		if s.wanted && p.launched && !s.works() && !p.reload.hasNot(s.role) {
			list = append(list, s)
		}
	}
	open := len(list)
	if open == 0 {
		over()
		return
	}
	for _, s := range list {
		p.awaitStart(s, func(err error) {
			if err != nil {
				p.notTaken(s, err)
			}
			if open--; open == 0 {
				over()
			}
		})
	}
}

// awaitStart calls started once: with nil when the child of s works, else with why
// it does not.
func (p *Parent) awaitStart(s *slot, started func(error)) {
	c := s.child
	if c == nil {
		started(errors.New(s.away.why)) // it was started in vain a moment ago
		return
	}
	c.awaited = func(err error) {
		c.awaited = nil
		started(err)
	}
	c.atWork = time.Now()
	p.extendReload(startLimit)
	p.startDue(c, startLimit)
}

// startDue ends the wait for c when it has not said for startLimit that it works,
// or is at work.
func (p *Parent) startDue(c *child, d time.Duration) {
	p.after(d, func() {
		if c.awaited == nil {
			return
		}
		if left := startLimit - time.Since(c.atWork); left > 0 {
			p.startDue(c, left)
			return
		}
		c.awaited(fmt.Errorf("it was started %v ago and does not work yet", time.Since(c.started).Round(time.Second)))
	})
}

// startsStill gives c its time anew, as it says that it is at work.
func (p *Parent) startsStill(c *child) {
	if c.awaited == nil {
		return
	}
	c.atWork, p.reload.atWork = time.Now(), true
	p.extendReload(startLimit)
}

// startEnded tells who waits for c that it has ended.
func (p *Parent) startEnded(s *slot, c *child) {
	switch {
	case c.awaited == nil:
	case p.stopping:
		c.awaited(errors.New("the daemon stops"))
	default:
		c.awaited(errors.New(s.away.why))
	}
}
