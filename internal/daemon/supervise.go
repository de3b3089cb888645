package daemon

import (
	"net"
	"os"
	"time"

	"github.com/vishvananda/netlink"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// exited handles the end of a child process.
func (p *Parent) exited(c *child, died time.Time, code int) {
	c.out.Close()
	c.conn.Close()
	s := p.slotOf(c)
	if s == nil {
		return
	}
	s.child = nil
	switch {
	case p.stopping:
		if s == p.vrrp {
			// Killed for taking too long, or it died on the way: nothing of
			// it may stay behind.
			p.dropHeld()
			p.tellStop(p.lvs)
		}
		p.finish()
	case s.stopping:
		s.stopping = false
		s.pid.remove()
		s.pid = nil
		p.adopt()
	case permanent(code):
		p.log.Error("process ended for good", "role", string(s.role), "exit", code)
		p.dropHeldOf(s)
		p.stop(code)
	case p.opts.DontRespawn:
		p.log.Error("process died", "role", string(s.role), "exit", code)
		p.dropHeldOf(s)
		p.stop(exitFatal)
	default:
		p.replace(s, c, died, code)
	}
}

// replace starts the successor of a dead child: at once, unless it dies again
// and again.
func (p *Parent) replace(s *slot, c *child, died time.Time, code int) {
	s.restarts++
	if died.Sub(c.started) > livedLong {
		s.delay = 0
	}
	p.log.Error("process died, starting another", "role", string(s.role), "exit", code, "restarts", s.restarts, "delay", s.delay)
	if s.delay > 0 {
		p.dropHeldOf(s)
		p.retryLater(s)
		return
	}
	s.delay = time.Second
	var resume []role.Resume
	if s == p.vrrp {
		resume = p.resume(died)
	}
	p.start(s, resume)
}

func (p *Parent) retryLater(s *slot) {
	d := max(s.delay, time.Second)
	s.delay = min(2*d, longestDelay)
	p.after(d, func() { p.start(s, nil) })
}

// resume says what a new vrrp process may take up again, and sees to it that
// addresses which it does not take up in time are removed before a peer that
// has stopped hearing us may hold them too.
func (p *Parent) resume(died time.Time) []role.Resume {
	interval := map[string]time.Duration{}
	for i := range p.cfg.Instances {
		interval[p.cfg.Instances[i].Name] = p.cfg.Instances[i].AdvertInt
	}
	var list []role.Resume
	for name, h := range p.held {
		// The last advert was sent one interval before the death at the
		// earliest.
		list = append(list, role.Resume{Router: name, LastAdvert: died.Add(-interval[name])})
		p.after(time.Until(died.Add(h.Alive)), func() {
			if c := p.vrrp.child; c != nil && c.ready {
				return // it has taken the router up, or swept its addresses
			}
			if late, ok := p.held[name]; ok {
				p.log.Warn("addresses removed: no process announces them any more", "instance", name)
				p.drop(late)
			}
		})
	}
	return list
}

// dropHeldOf removes what the dead child of s held.
func (p *Parent) dropHeldOf(s *slot) {
	if s == p.vrrp {
		p.dropHeld()
	}
}

func (p *Parent) dropHeld() {
	if p.opts.DontReleaseVRRP {
		return
	}
	for _, h := range p.held {
		p.drop(h)
	}
}

// drop removes the addresses of one virtual router from their interfaces.
func (p *Parent) drop(h ipc.Held) {
	delete(p.held, h.Router)
	for _, a := range h.Addresses {
		link, err := netlink.LinkByIndex(a.Ifindex)
		if err != nil {
			continue // its interface is gone, and the address with it
		}
		addr := &netlink.Addr{IPNet: &net.IPNet{
			IP:   a.Prefix.Addr().AsSlice(),
			Mask: net.CIDRMask(a.Prefix.Bits(), a.Prefix.Addr().BitLen()),
		}}
		// An address that is not there any more is what we want.
		_ = netlink.AddrDel(link, addr)
	}
	p.state.save(p.held, p.owned)
}

// stop begins the orderly stop: the vrrp process releases first, then the lvs
// process takes its table away.
func (p *Parent) stop(code int) {
	if p.stopping {
		return
	}
	p.stopping, p.exit = true, code
	if p.vrrp.child != nil {
		p.tellStop(p.vrrp)
	} else {
		p.tellStop(p.lvs)
	}
	p.finish()
}

func (p *Parent) tellStop(s *slot) {
	c := s.child
	if c == nil {
		return
	}
	c.out.Post(ipc.Message{Type: ipc.TypeStop}, nil)
	p.after(childWait, func() {
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
