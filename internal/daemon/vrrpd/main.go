package vrrpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lastadvert"
	"holdfast/internal/daemon/logging"
	"holdfast/internal/daemon/notifier"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/tune"
	"holdfast/internal/proc"
	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
)

const (
	// answerLimit bounds how long the engine may take for a status.
	answerLimit = 10 * time.Second
	// flushLimit bounds how long the last words to the parent may take.
	flushLimit = time.Second
)

// parallel is how many goroutines run at the same time at most, also where
// there are fewer processors.
const parallel = 4

// process is the vrrp process.
type process struct {
	version string // of the program

	log     *slog.Logger
	child   *role.Child
	parent  *ipc.Mailbox
	peer    *ipc.Mailbox
	lvs     lvsThere
	out     *notifier.Notifier
	tell    *teller
	engine  *engine.Engine
	track   *tracking
	beat    *link.Beat
	devices *link.NetlinkDevices
	applier *link.NetlinkApplier
	watcher *link.NetlinkWatcher
	urgent  *realTime
	adverts *lastadvert.Record // nil: there is none
	tune    tune.Process
	stop    context.CancelFunc // begins the orderly stop; at any time, many times
	ready   atomic.Bool        // the engine ran

	cfg     atomic.Pointer[config.Config] // in force
	reloads sync.Mutex                    // one at a time; guards the rest

	newest   role.Newest
	other    bool     // there is an lvs process to wait for
	measures measures // in force

	refitting atomic.Bool // a refit waits for reloads
}

// Main is the life of the vrrp process of a program of that version; it returns the
// exit code.
func Main(version string) int {
	// SIGTERM comes when the parent dies; the end of its stream says so too.
	ctx, stop := role.UntilTerm()
	role.HoldSignals(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2)
	if os.Getenv("GOMAXPROCS") == "" {
		// One for the engine; on a takeover the applier must not wait behind
		// those who tell and log, and at a reload the engine not behind those who
		// decode, whose threads, ordinary ones, may be waiting for a processor.
		// A number that is set also keeps the runtime from looking every second
		// how many there should be.
		runtime.GOMAXPROCS(parallel)
	}
	child, err := role.Open()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vrrp:", err)
		return role.ExitFatal
	}
	log, flush := logging.New(child.Boot.Options, string(role.VRRP))
	defer flush()
	restarted := child.Boot.Restarted
	p := &process{version: version, log: log, child: child, stop: stop, tune: tune.Process{Log: log, Default: "keepalived_vrrp"}}
	if err = p.run(ctx); err != nil {
		log.Error("vrrp process ends", "err", err)
		p.parent.Post(ipc.Message{Type: ipc.TypeEnds, Err: err.Error()}, nil)
		limit, cancel := context.WithTimeout(context.Background(), flushLimit)
		p.parent.Flush(limit)
		cancel()
	}
	return role.ExitCode(err, restarted || p.ready.Load())
}

// Check reports what the engine would not accept of a configuration.
func Check(c *config.Config) error {
	e := engineConfig(c, &mtus{read: net.Interfaces})
	return e.Check()
}

func (p *process) run(ctx context.Context) error {
	boot := p.child.Boot
	p.child.Boot = role.Boot{} // a reload must not keep the first configuration alive
	p.cfg.Store(boot.Config)
	p.parent = ipc.NewMailbox(p.child.Parent, p.notSent)
	p.peer = ipc.NewMailbox(p.child.Peer, p.notSent)
	deps := engine.Deps{Log: p.log, LeftOvers: boot.Leftovers}
	for _, r := range boot.Resume {
		deps.Resume = append(deps.Resume, engine.Resume{Name: r.Router, LastAdvert: r.SentAt})
	}
	wire, closeLinks, err := p.open(&deps, boot.Devices)
	defer closeLinks()
	if err != nil {
		return err
	}
	if boot.Options.DontReleaseVRRP {
		k := &keep{applied: func(a link.Applied) { p.engine.Applied(a) }}
		deps.Wire, deps.Applier = keptWire{wire, k}, keptApplier{deps.Applier, k}
		var end context.CancelFunc
		ctx, end = k.until(ctx)
		defer end()
	}
	p.out = notifier.New(p.log)
	p.tell = newTeller(boot, p.parent, p.peer, &transitions{out: p.out})
	deps.Observer = p.tell
	first, measures := wanted(boot.Config, boot.Other, &mtus{read: net.Interfaces})
	p.measured(boot.Other, measures)
	p.recordAdverts(first.Routers)
	if p.adverts != nil {
		deps.Sent = p.adverts.Note
	}
	if p.engine, err = engine.New(first, deps); err == nil {
		p.track = newTracking(p.engine, p.log, boot.Restarted)
		p.track.set(boot.Config)
		p.lvs.tell = p.engine.Tables
		p.lvs.begin(p.child.Peer)
		go p.fromParent()
		go p.fromPeer(p.child.Peer)
		p.sayReady()
		claims, cerr := link.WatchClaims(p.log, func(c link.Claim) { p.engine.Claimed(c) })
		if cerr != nil {
			p.log.Warn("what other machines say about the addresses is not heard", "err", cerr)
		}
		err = p.engine.Run(ctx)
		if claims != nil {
			_ = claims.Close() // there is nobody left to care
		}
		p.track.close()
	}
	p.tell.end()
	p.parent.Post(ipc.Message{Type: ipc.TypeReleased}, nil)
	p.out.Close()
	p.closeDevices(boot.Options.DontReleaseVRRP)
	proc.StopAll(role.ScriptGrace)
	// What the parent does not hear before this process ends it never hears.
	limit, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	p.parent.Flush(limit)
	return err
}

// open opens everything that touches the network; closeAll closes what was
// opened, also after an error.
func (p *process) open(deps *engine.Deps, left link.DeviceRecord) (wire *link.EpollWire, closeAll func(), err error) {
	var closers []func() error
	closeAll = func() {
		for i := len(closers) - 1; i >= 0; i-- {
			_ = closers[i]() // there is nobody left to care
		}
	}
	if setsSomething(p.cfg.Load()) {
		if err := link.MayChange(); err != nil {
			return nil, closeAll, err
		}
	}
	watcher := link.NewWatcher(p.log)
	closers = append(closers, watcher.Close)
	wire, err = link.OpenWire(link.WireConfig{Log: p.log, Watcher: watcher})
	if err != nil {
		return nil, closeAll, err
	}
	closers = append(closers, wire.Close)
	announcer, err := link.NewAnnouncer(p.log)
	if err != nil {
		return nil, closeAll, err
	}
	closers = append(closers, announcer.Close)
	// It answers the engine only, which exists when it first asks.
	applier, err := link.NewApplier(p.log, func(list []link.Applied) { p.engine.Applied(list...) })
	if err != nil {
		return nil, closeAll, err
	}
	closers = append(closers, applier.Close)
	applier.WatchObjects(func(owner int) { p.engine.ObjectLost(owner) }, func(owner int) { p.engine.ObjectInDoubt(owner) })
	applier.WatchArrivals(func(x link.Arriving) { p.engine.Arriving(x) })
	p.urgent = &realTime{log: p.log}
	deps.Urgent, deps.Late = urgent(p.urgent, applier), p.urgent.late
	p.applier, p.watcher = applier, watcher
	p.settle(p.cfg.Load())
	applier.SetFirewall(firewallConfig(p.cfg.Load()))
	prober, err := link.NewKernelProber()
	if err != nil {
		return nil, closeAll, err
	}
	closers = append(closers, prober.Close)
	p.beat = link.NewBeat(watcher, prober, beatConfig(p.cfg.Load()), p.log)
	deps.Wire, deps.Watcher, deps.Announcer, deps.Applier = wire, mtuWatch{p.beat, p.refit}, announcer, applier
	deps.Devices = p.openDevices(left, len(deps.Resume) > 0)
	return wire, closeAll, nil
}

// setsSomething reports whether a master has anything to set in the kernel. Without the
// permission for it a director that others take for the master would have nothing.
func setsSomething(c *config.Config) bool {
	return slices.ContainsFunc(c.Instances, func(i config.VRRPInstance) bool {
		return len(i.VirtualIPAddress)+len(i.VirtualIPAddressExcluded)+len(i.VirtualRoutes)+len(i.VirtualRules) > 0
	})
}

// urgent raises the engine's thread, and the applier's while that works.
func urgent(t *realTime, applier *link.NetlinkApplier) func() func() {
	return func() func() {
		undo := t.raise()
		applier.Urgent(t.raise)
		return func() {
			applier.Urgent(nil)
			undo()
		}
	}
}

// notSent hears of messages that the stream does not take. That the other
// process is gone is no news: the parent replaces it, or is gone itself.
func (p *process) notSent(err error) {
	if errors.Is(err, ipc.ErrMessage) {
		p.log.Error("message not sent", "err", err)
	}
}

// sayReady tells the parent what this process holds, and that everything else
// which its predecessor held is gone, as soon as the engine answers: it has
// then taken up and swept.
func (p *process) sayReady() {
	p.engine.Inspect(func(st engine.Status) {
		p.ready.Store(true)
		p.tell.post(func() {
			p.tell.reconcile(st)
			p.tell.retell()
			_ = p.parent.PostBody(ipc.TypeReady, ipc.Ready{Version: p.version})
		})
	})
}
