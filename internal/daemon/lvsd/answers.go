package lvsd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/role"
	"holdfast/internal/stack"
)

// fromParent carries out what the parent says; the end of the stream is the
// parent's death.
func (p *process) fromParent() {
	defer p.stop()
	stack.Reserve()
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
			if m.File == nil {
				continue
			}
			c, err := ipc.FromFile(m.File)
			if err != nil {
				p.log.Error("no stream to the vrrp process", "err", err)
				continue
			}
			p.peer.Redirect(c)
			go p.fromPeer(c)
		case ipc.TypeStatus:
			go p.answers.status(m.ID)
		case ipc.TypePulse:
			p.pulse(m.ID)
		case ipc.TypeSet:
			go p.set(m)
		default:
			if m.File != nil {
				m.File.Close()
			}
		}
	}
}

// fromPeer takes the states of virtual routers. What was told stays when the
// stream ends: a new vrrp process tells everything anew.
func (p *process) fromPeer(c *ipc.Conn) {
	defer c.Close()
	stack.Reserve()
	for {
		m, err := c.Receive()
		if err != nil {
			return
		}
		var r ipc.Routers
		if m.Type != ipc.TypeRouters {
			continue
		}
		if err := m.Decode(&r); err != nil {
			p.log.Error("message not understood", "err", err)
			continue
		}
		list := make([]lvs.RouterState, len(r.States))
		for i, s := range r.States {
			list[i] = lvs.RouterState(s)
		}
		p.lvs.RouterStates(list...)
	}
}

func (p *process) reload(m ipc.Message) {
	stack.Reserve()
	answer := ipc.Message{Type: ipc.TypeConfig, ID: m.ID}
	// To read it is progress of this reload, and not of the role, whose loop may hang: it
	// would count as busy as long as reloads come.
	var read atomic.Uint64
	progress := func() uint64 { return p.lvs.Progress() + read.Load() }
	ctx, cancel := patience(progress, func() { p.parent.Post(ipc.Message{Type: ipc.TypeAtWork, ID: m.ID}, nil) })
	defer cancel()
	err := p.takeOver(ctx, m, func() { read.Add(1) })
	if err != nil {
		answer.Err = err.Error()
	}
	stands := errors.Is(err, errStands)
	if stands {
		answer.Body = json.RawMessage("true")
	}
	p.parent.Post(answer, nil)
	if stands && p.lvs.Turn(context.Background()) == nil {
		p.parent.Post(ipc.Message{Type: ipc.TypeConfig, ID: m.ID}, nil) // it is now
	}
}

// errStands says that a configuration is not taken over yet, and why.
var errStands error = standsError{}

type standsError struct{}

func (standsError) Error() string {
	return fmt.Sprintf("the kernel's table has not come on for %v; the configuration is in force when it does", answerLimit)
}

// patience is a context that ends when progress has stayed the same for
// answerLimit. Where it has changed tell is called, every tellEvery at most.
func patience(progress func() uint64, tell func()) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		last, since := progress(), time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				switch p := progress(); {
				case p != last:
					last, since = p, now
					tell()
				case now.Sub(since) >= answerLimit:
					cancel(errStands)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// takeOver takes over a configuration; read is called when it is there to be taken over.
func (p *process) takeOver(ctx context.Context, m ipc.Message, read func()) error {
	p.reloads.Lock()
	defer p.reloads.Unlock()
	defer p.spare.Work()()
	boot, err := p.newest.Read(m, p.took)
	if err != nil {
		return err
	}
	read()
	p.configure(boot.Config)
	defer p.out.LookUp()
	var back []lvs.Setting
	if err := decode(boot.GivenBack, &back); err != nil {
		p.log.Warn("settings of before the trial that is taken back are not known whole", "err", err)
	}
	err = p.lvs.Change(ctx, boot.Config, lvs.Change{Of: p.took.Config, Kept: boot.Kept, GivenBack: back})
	p.took = role.Taken{ID: boot.ID, Config: boot.Config}
	return err
}

// pulse answers when the loop of the role turns, however late that is: the parent
// has one such question open at a time. Meanwhile it hears of a long work that
// comes on.
func (p *process) pulse(id uint64) {
	answered := make(chan struct{})
	slow := p.comesOn(id, p.lvs.Progress(), answered)
	p.lvs.OnTurn(func() {
		close(answered)
		slow.Stop()
		_ = p.child.Parent.Send(ipc.Message{Type: ipc.TypePulse, ID: id}, nil) // its end is noticed by who reads
	})
}

// comesOn tells the parent again and again that a question is being worked at, as
// long as the work comes on, until it is answered.
func (p *process) comesOn(id, last uint64, answered <-chan struct{}) *time.Timer {
	return time.AfterFunc(tellEvery, func() {
		select {
		case <-answered:
			return
		default:
		}
		now := p.lvs.Progress()
		if now != last {
			p.parent.Post(ipc.Message{Type: ipc.TypeAtWork, ID: id}, nil)
		}
		p.comesOn(id, now, answered)
	})
}

func (p *process) set(m ipc.Message) {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	answer := ipc.Message{Type: ipc.TypeSet, ID: m.ID}
	var ask lvs.Ask
	var out lvs.Answer
	err := m.Decode(&ask)
	if err == nil {
		out, err = p.lvs.Set(ctx, ask)
	}
	if err == nil {
		answer.Body, err = json.Marshal(out)
	}
	if err != nil {
		answer.Err = err.Error()
	}
	p.parent.Post(answer, nil)
}
