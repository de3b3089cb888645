// Package lvsd is the lvs process: it joins the lvs role, the notify queues
// and the streams to the parent and the vrrp process.
package lvsd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast/healthcheck"
	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/logging"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/tune"
	"holdfast/internal/proc"
)

const (
	// answerLimit bounds how long a status may take, and a reload when nothing
	// comes on in the kernel.
	answerLimit = 10 * time.Second
	// tellEvery is how often the parent hears that a reload is being worked at.
	tellEvery = 2 * time.Second
	// flushLimit bounds how long the last words to the parent may take.
	flushLimit = time.Second
)

// process is the lvs process.
type process struct {
	version string // of the program

	log     *slog.Logger
	child   *role.Child
	parent  *ipc.Mailbox
	peer    *ipc.Mailbox
	out     *notifier.Notifier
	lvs     *lvs.LVS
	pipes   pipes
	answers statuses
	tune    tune.Process
	spare   role.Spare
	// started ends the work of the start.
	started func()
	stop    context.CancelFunc // begins the orderly stop; at any time, many times
	ready   atomic.Bool        // the role worked

	reloads sync.Mutex // one at a time; guards the rest
	newest  role.Newest
	took    role.Taken // the configuration in force
}

// Main is the life of the lvs process of a program of that version; it returns the
// exit code.
func Main(version string) int {
	ctx, stop := role.UntilTerm()
	role.HoldSignals(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2)
	p := &process{stop: stop, version: version}
	p.started = p.spare.Work()
	child, err := role.Open()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lvs:", err)
		return role.ExitFatal
	}
	log, flush := logging.New(child.Boot.Options, string(role.LVS))
	defer flush()
	restarted := child.Boot.Restarted
	p.log, p.child, p.tune = log, child, tune.Process{Log: log, Default: "keepalived_lvs"}
	if err = p.run(ctx); err != nil {
		log.Error("lvs process ends", "err", err)
	}
	return role.ExitCode(err, restarted || p.ready.Load())
}

func (p *process) run(ctx context.Context) error {
	boot := p.child.Boot
	p.child.Boot = role.Boot{} // a reload must not keep the first configuration alive
	p.took = role.Taken{ID: boot.ID, Config: boot.Config}
	p.parent = ipc.NewMailbox(p.child.Parent, p.notSent)
	p.peer = ipc.NewMailbox(p.child.Peer, p.notSent)
	p.out = notifier.New(p.log)
	p.configure(boot.Config)
	var owned lvs.Owned
	var settings, back []lvs.Setting
	if err := errors.Join(decode(boot.Owned, &owned), decode(boot.Settings, &settings), decode(boot.GivenBack, &back)); err != nil {
		p.log.Warn("what the predecessor installed or was told is not known whole", "err", err)
	}
	p.lvs = lvs.New(boot.Config, lvs.Deps{
		Log:        p.log,
		Checks:     healthcheck.Deps{Exec: p.exec},
		Event:      p.event,
		TableReady: func(router string) { _ = p.peer.PostBody(ipc.TypeTable, router) },
		Owned:      owned,
		SaveOwned: func(o lvs.Owned) {
			said, err := o.JSON()
			p.remember(ipc.Message{Type: ipc.TypeOwned, Body: said}, err)
		},
		Settings: settings, GivenBack: back,
		SaveSettings: func(list []lvs.Setting) {
			p.remember(ipc.New(ipc.TypeSettings, list))
		},
		Restarted: boot.Restarted,
		Keep:      boot.Options.DontReleaseIPVS,
	})
	p.answers = statuses{ask: p.lvs.Status, busy: p.lvs.Busy, out: p.out.Status, post: func(m ipc.Message) { p.parent.Post(m, nil) }}
	go p.fromParent()
	go p.fromPeer(p.child.Peer)
	go p.sayReady(ctx)
	err := p.lvs.Run(ctx)
	if err != nil {
		p.parent.Post(ipc.Message{Type: ipc.TypeEnds, Err: err.Error()}, nil)
	}
	p.out.Close()
	proc.StopAll(role.ScriptGrace)
	limit, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	p.parent.Flush(limit)
	return err
}

// sayReady tells the parent when the role works: it has then found the
// kernel's IPVS, if it needs it.
func (p *process) sayReady(ctx context.Context) {
	if p.lvs.Worked(ctx) == nil {
		p.ready.Store(true)
		p.out.LookUp()
		_ = p.parent.PostBody(ipc.TypeReady, ipc.Ready{Version: p.version})
		p.started()
	}
}

// notSent hears of messages that the stream does not take. That the other
// process is gone is no news: the parent replaces it, or is gone itself.
func (p *process) notSent(err error) {
	if errors.Is(err, ipc.ErrMessage) {
		p.log.Error("message not sent", "err", err)
	}
}

// decode reads what a predecessor said, if it said anything.
func decode(said json.RawMessage, v any) error {
	if len(said) == 0 {
		return nil
	}
	return json.Unmarshal(said, v)
}

// remember has the parent keep something for a successor, unless it could not be
// put into words. It is sent at once, not queued: what is in the stream survives
// this process.
func (p *process) remember(m ipc.Message, err error) {
	if err == nil {
		err = p.child.Parent.Send(m, nil)
	}
	switch {
	case err == nil:
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		// The parent is dead, and so nobody starts a successor.
		p.log.Debug("not remembered: the parent is gone", "what", m.Type)
	default:
		p.log.Warn("what a successor has to know is not remembered", "what", m.Type, "err", err)
	}
}

// configure takes over what notify needs of a configuration.
func (p *process) configure(c *config.Config) {
	p.pipes.set(c.Global.LVSNotifyFIFO, c.Global.NotifyFIFO)
	p.out.Configure(c.Global, c.Global.LVSNotifyFIFO, c.Global.NotifyFIFO)
	p.tune.Apply(c.Global.LVSProcess, c.Global.ProcessNames)
}

func (p *process) event(e lvs.Event) {
	p.out.Write(e.Line, p.pipes.get()...)
	if e.Command.Set() {
		p.out.Queue(e.Target, p.out.Command(e.Command))
	}
}

func (p *process) exec(ctx context.Context, c healthcheck.Command) (int, string, error) {
	s := p.out.Spec(config.Command{Args: c.Args, Shell: c.Shell, User: c.User, Group: c.Group})
	s.Timeout = c.Timeout
	s.Capture = 1 << 10
	r := proc.Run(ctx, s)
	n, err := r.Status()
	return n, string(r.Output), err
}
