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
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/healthcheck"
	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/logging"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
	"holdfast/internal/daemon/role"
	"holdfast/internal/proc"
)

// The exit codes that keep the parent from starting this process again.
const (
	exitFatal      = 1
	exitPermission = 4
)

// answerLimit bounds how long a reload or a status may take.
const answerLimit = 10 * time.Second

// process is the lvs process.
type process struct {
	log    *slog.Logger
	child  *role.Child
	parent *ipc.Mailbox
	peer   *ipc.Mailbox
	out    *notifier.Notifier
	lvs    *lvs.LVS
	pipes  pipes
	stop   context.CancelFunc
}

// Main is the life of the lvs process; it returns the exit code.
func Main() int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2)
	child, err := role.Open()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lvs:", err)
		return exitFatal
	}
	log, flush := logging.New(child.Boot.Options, "lvs")
	defer flush()
	p := &process{log: log, child: child}
	if err := p.run(); err != nil {
		log.Error("lvs process ends", "err", err)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			return exitPermission
		}
		return exitFatal
	}
	return 0
}

func (p *process) run() error {
	boot := p.child.Boot
	p.parent = ipc.NewMailbox(p.child.Parent, nil)
	p.peer = ipc.NewMailbox(p.child.Peer, nil)
	p.out = notifier.New(p.log)
	p.configure(boot.Config)
	owned, err := ownedOf(boot)
	if err != nil {
		p.log.Warn("what the predecessor installed is not known", "err", err)
	}
	p.lvs = lvs.New(boot.Config, lvs.Deps{
		Log:        p.log,
		Checks:     healthcheck.Deps{Exec: p.exec},
		Event:      p.event,
		TableReady: func(router string) { _ = p.peer.PostBody(ipc.TypeTable, router) },
		Owned:      owned,
		SaveOwned:  p.saveOwned,
		Restarted:  boot.Restarted,
		Keep:       boot.Options.DontReleaseIPVS,
	})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p.stop = stop
	go p.fromParent()
	go p.fromPeer(p.child.Peer)
	_ = p.parent.PostBody(ipc.TypeReady, nil)
	err = p.lvs.Run(ctx)
	p.out.Close()
	return err
}

func ownedOf(boot role.Boot) (lvs.Owned, error) {
	var o lvs.Owned
	if len(boot.Owned) == 0 {
		return o, nil
	}
	err := json.Unmarshal(boot.Owned, &o)
	return o, err
}

// saveOwned is sent at once, not queued: what is in the stream survives this
// process.
func (p *process) saveOwned(o lvs.Owned) {
	m, err := ipc.New(ipc.TypeOwned, o)
	if err == nil {
		err = p.child.Parent.Send(m, nil)
	}
	if err != nil {
		p.log.Warn("what is installed is not remembered", "err", err)
	}
}

// configure takes over what notify needs of a configuration.
func (p *process) configure(c *config.Config) {
	p.pipes.set(c.Global.LVSNotifyFIFO, c.Global.NotifyFIFO)
	p.out.Configure(c.Global, c.Global.LVSNotifyFIFO, c.Global.NotifyFIFO)
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

// fromParent carries out what the parent says; the end of the stream is the
// parent's death.
func (p *process) fromParent() {
	defer p.stop()
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
			go p.status(m.ID)
		}
	}
}

// fromPeer takes the states of virtual routers. What was told stays when the
// stream ends: a new vrrp process tells everything anew.
func (p *process) fromPeer(c *ipc.Conn) {
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
		for _, s := range r.States {
			p.lvs.RouterState(s.Name, s.Master, s.VIPs)
		}
	}
}

func (p *process) reload(m ipc.Message) {
	answer := ipc.Message{Type: ipc.TypeConfig, ID: m.ID}
	if err := p.takeOver(m.File); err != nil {
		answer.Err = err.Error()
	}
	p.parent.Post(answer, nil)
}

func (p *process) takeOver(f *os.File) error {
	if f == nil {
		return errors.New("no configuration came with the message")
	}
	boot, err := role.ReadBoot(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	p.configure(boot.Config)
	return p.lvs.Reload(ctx, boot.Config)
}

func (p *process) status(id uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	m := ipc.Message{Type: ipc.TypeStatus, ID: id}
	st, err := p.lvs.Status(ctx)
	if err == nil {
		m.Body, err = json.Marshal(st)
	}
	if err != nil {
		m.Err = err.Error()
	}
	p.parent.Post(m, nil)
}
