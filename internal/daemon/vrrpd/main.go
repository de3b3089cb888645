package vrrpd

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

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/logging"
	"holdfast/internal/daemon/notifier"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/track"
	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
)

// The exit codes that keep the parent from starting this process again.
const (
	exitFatal      = 1
	exitPermission = 4
)

// reloadLimit bounds how long the engine may take over a configuration.
const reloadLimit = 10 * time.Second

// process is the vrrp process.
type process struct {
	log     *slog.Logger
	child   *role.Child
	parent  *ipc.Mailbox
	peer    *ipc.Mailbox
	out     *notifier.Notifier
	tell    *teller
	engine  *engine.Engine
	tracker *track.Tracker
	applier *link.NetlinkApplier
	stop    context.CancelFunc
}

// Main is the life of the vrrp process; it returns the exit code.
func Main() int {
	// SIGTERM comes when the parent dies; the end of its stream says so too.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2)
	child, err := role.Open()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vrrp:", err)
		return exitFatal
	}
	log, flush := logging.New(child.Boot.Options, "vrrp")
	defer flush()
	p := &process{log: log, child: child}
	if err := p.run(); err != nil {
		log.Error("vrrp process ends", "err", err)
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
	watcher := link.NewWatcher(p.log)
	defer watcher.Close()
	wire, err := link.OpenWire(link.WireConfig{Log: p.log, Watcher: watcher})
	if err != nil {
		return err
	}
	defer wire.Close()
	announcer, err := link.NewAnnouncer(p.log)
	if err != nil {
		return err
	}
	defer announcer.Close()
	p.applier, err = link.NewApplier(p.log, func(a link.Applied) { p.engine.Applied(a) })
	if err != nil {
		return err
	}
	defer p.applier.Close()
	p.out = notifier.New(p.log)
	p.tell = newTeller(boot, p.parent, p.peer, &transitions{out: p.out})
	deps := engine.Deps{
		Wire: wire, Watcher: watcher, Applier: p.applier, Announcer: announcer,
		Observer: p.tell, Log: p.log, LeftOvers: boot.Leftovers,
	}
	for _, r := range boot.Resume {
		deps.Resume = append(deps.Resume, engine.Resume{Name: r.Router, LastAdvert: r.LastAdvert})
	}
	if p.engine, err = engine.New(engineConfig(boot.Config), deps); err != nil {
		return err
	}
	p.tracker = track.New(track.Deps{Changed: p.engine.Track, Log: p.log})
	p.setScripts(boot.Config)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p.stop = stop
	go p.fromParent()
	go p.fromPeer(p.child.Peer)
	go p.sayReady(ctx)
	err = p.engine.Run(ctx)
	p.tracker.Close()
	p.tell.end()
	_ = p.parent.PostBody(ipc.TypeReleased, nil)
	p.out.Close()
	return err
}

// sayReady tells the parent what this process holds, and that everything else
// which its predecessor held is gone, as soon as the engine answers: it has
// then taken up and swept.
func (p *process) sayReady(ctx context.Context) {
	st, err := p.engine.Status(ctx)
	if err != nil {
		return
	}
	p.tell.post(func() {
		p.tell.reconcile(st)
		p.tell.retell()
		_ = p.parent.PostBody(ipc.TypeReady, nil)
	})
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
			p.newPeer(m.File)
		case ipc.TypeStatus:
			go p.status(m.ID)
		}
	}
}

func (p *process) fromPeer(c *ipc.Conn) {
	for {
		m, err := c.Receive()
		if err != nil {
			return // the parent sends a new stream when there is a new process
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
	p.tell.post(p.tell.retell)
	go p.fromPeer(c)
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
	ctx, cancel := context.WithTimeout(context.Background(), reloadLimit)
	defer cancel()
	// What has been told so far was under the old names; what the engine
	// tells from here on is under the new ones.
	p.tell.post(func() { p.tell.configure(boot.Config) })
	p.setScripts(boot.Config)
	if err := p.engine.Reload(ctx, engineConfig(boot.Config)); err != nil {
		return err
	}
	st, err := p.engine.Status(ctx)
	if err != nil {
		return err
	}
	p.tell.post(func() {
		p.tell.reconcile(st)
		p.tell.retell()
	})
	return nil
}

func (p *process) status(id uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), reloadLimit)
	defer cancel()
	m := ipc.Message{Type: ipc.TypeStatus, ID: id}
	st, err := p.engine.Status(ctx)
	if err == nil {
		answer := statusOf(st)
		answer.Scripts = scriptStatus(p.tracker.Status())
		answer.Notify = p.out.Status()
		m.Body, err = json.Marshal(answer)
	}
	if err != nil {
		m.Err = err.Error()
	}
	p.parent.Post(m, nil)
}

// setScripts runs the scripts that something tracks.
func (p *process) setScripts(c *config.Config) {
	user, group := notifier.ScriptUser(c.Global)
	p.tracker.SetScripts(track.Tracked(c), track.Settings{User: user, Group: group, Secure: c.Global.EnableScriptSecurity})
}
