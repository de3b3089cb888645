package vrrpd

import (
	"context"
	"encoding/json"
	"net"
	"os"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
	"holdfast/vrrp/engine"
)

// fromParent carries out what the parent says; the end of the stream is the
// parent's death.
func (p *process) fromParent() {
	defer p.stop()
	var turns uint64 // of the engine, when the parent asked last
	for {
		m, err := p.child.Parent.Receive()
		if err != nil {
			p.log.Warn("the parent is gone, releasing everything")
			return
		}
		switch m.Type {
		case ipc.TypeStop:
			return
		case ipc.TypeConfig:
			go p.reload(m)
		case ipc.TypePeer:
			p.newPeer(m.File)
		case ipc.TypeStatus:
			go p.status(m.ID)
		case ipc.TypePulse:
			// It is not woken up for the question where it has come round since
			// the last one.
			if n := p.engine.Turns(); n != turns {
				turns = n
				p.pulse(m.ID, nil)
			} else {
				go func() { p.pulse(m.ID, p.engine.Turn(context.Background())) }()
			}
		default:
			if m.File != nil {
				m.File.Close()
			}
		}
	}
}

// fromPeer hears of tables that are ready until the stream ends; the parent
// sends another one when there is another lvs process.
func (p *process) fromPeer(c *ipc.Conn) {
	defer c.Close()
	defer p.lvs.end(c)
	for {
		m, err := c.Receive()
		if err != nil {
			return
		}
		var name string
		if m.Type == ipc.TypeTable && m.Decode(&name) == nil {
			p.engine.TableReady(name)
		}
	}
}

func (p *process) newPeer(f *os.File) {
	if f == nil {
		return
	}
	c, err := ipc.FromFile(f)
	if err != nil {
		p.log.Error("no stream to the lvs process", "err", err)
		return
	}
	p.peer.Redirect(c)
	p.lvs.begin(c)
	p.tell.post(p.tell.retell)
	go p.fromPeer(c)
}

func (p *process) reload(m ipc.Message) {
	answer := ipc.Message{Type: ipc.TypeConfig, ID: m.ID}
	if err := p.takeOver(m); err != nil {
		answer.Err = err.Error()
	}
	p.parent.Post(answer, nil)
}

// takeOver takes over a configuration, or changes nothing.
func (p *process) takeOver(m ipc.Message) error {
	p.reloads.Lock()
	defer p.reloads.Unlock()
	boot, err := p.newest.Read(m, role.Taken{})
	if err != nil {
		return err
	}
	next, measures := wanted(boot.Config, boot.Other, &mtus{read: net.Interfaces})
	if err := next.Check(); err != nil {
		return err
	}
	// What has been told so far was under the old names; what the engine
	// tells from here on is under the new ones.
	p.tell.post(func() { p.tell.takeOver(boot) })
	p.track.set(boot.Config)
	p.beat.Configure(beatConfig(boot.Config))
	p.cfg.Store(boot.Config)
	p.applier.SetFirewall(firewallConfig(boot.Config))
	p.settle(boot.Config)
	if p.adverts != nil {
		_ = p.parent.PostBody(ipc.TypeAdverts, p.adverts.Add(namesOf(next.Routers)))
	}
	// However long that takes: the parent has a limit of its own, and an answer that
	// comes after it is of use. What was put in comes into force in any case.
	if err := p.engine.Reload(context.Background(), next); err != nil {
		return err
	}
	if p.adverts != nil {
		p.adverts.Keep(namesOf(next.Routers))
	}
	p.measured(boot.Other, measures)
	p.engine.Inspect(func(st engine.Status) {
		p.tell.post(func() {
			p.tell.reconcile(st)
			p.tell.retell()
			if boot.Config.Global.FIFOStatesOnReload {
				p.tell.notify.states(st)
			}
		})
	})
	return nil
}

// pulse says that the engine's loop turns, however late that is: the parent has one
// such question open at a time. It is sent at once: to wake the mailbox takes longer.
func (p *process) pulse(id uint64, err error) {
	answer := ipc.Message{Type: ipc.TypePulse, ID: id}
	if err != nil {
		answer.Err = err.Error()
	}
	_ = p.child.Parent.Send(answer, nil) // its end is noticed by who reads
}

func (p *process) status(id uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	m := ipc.Message{Type: ipc.TypeStatus, ID: id}
	st, err := p.engine.Status(ctx)
	if err == nil {
		answer := statusOf(st, p.cfg.Load())
		p.track.status(&answer)
		for _, b := range p.beat.Beats() {
			answer.Tracked.Links = append(answer.Tracked.Links, control.Link{Interface: b.Interface, Up: b.Up, Kind: string(b.Kind), Error: b.Err})
		}
		p.deviceFindings(&answer)
		answer.Notify = p.out.Status()
		answer.NoAcceptRepairs = p.applier.FirewallRepairs()
		answer.VMACRepairs = p.devices.FirewallRepairs()
		m.Body, err = json.Marshal(answer)
	}
	if err != nil {
		m.Err = err.Error()
	}
	p.parent.Post(m, nil)
}
