package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/tune"
	"holdfast/internal/early"
	"holdfast/internal/proc"
	"holdfast/vrrp/link"
)

// Options are the settings of the daemon as a whole.
type Options struct {
	role.Options
	Version    string
	Program    string   // absolute path, started again for the children
	Argv       []string // the original command line
	ConfigFile string
	ConfigID   string // that Load reads it with; empty: the host's name
	VRRP, LVS  bool   // which parts may run (-P, -C)
	All        bool   // they run even without configuration (--all)
	PIDFile    string // of the parent
	VRRPPID    string
	LVSPID     string
	Control    string // path of the control socket
	State      string // path of the state file

	UmaskFixed bool // the file creation mask is given on the command line (-u)

	IgnoreInterrupt bool // SIGINT means nothing (--ignore-sigint)

	// Load reads and checks the configuration; nil if it cannot be used. It
	// is called in a goroutine of its own on reload.
	Load func() (*config.Config, []config.Diagnostic)
	// Check says what the roles would not accept; nil: nothing.
	Check func(*config.Config) error
	// Refused is the exit code for a configuration with errors at start.
	Refused func([]config.Diagnostic) int
	// Up is called once when the children work, or do not after upLimit.
	Up func()
	// Manager is told the states that sd_notify(3) has names for, one after the
	// other; nil: there is no service manager that wants to know.
	Manager func(state string)

	// Pulse is how often each process is asked for a sign of life; 0: every ten
	// seconds.
	Pulse time.Duration
}

const (
	// upLimit is how long the children may take to work before the daemon
	// counts as up nevertheless.
	upLimit = 10 * time.Second
)

// Parent is the first process. Its fields belong to the goroutine in Run; all
// others post functions to it.
type Parent struct {
	opts    Options
	log     *slog.Logger
	events  chan func()
	done    chan struct{} // closed when nobody takes events any more
	spawn   *spawner
	started time.Time

	cfg       *running
	reload    reloadState
	trial     *trial     // of the reload that runs; nil: none
	takenBack *takenBack // an earlier trial; nil: none, or what it lost is back
	vrrp, lvs *slot
	holdings  holdings
	owned     json.RawMessage // what the lvs role owns in the kernel
	settings  json.RawMessage // of operators, that the lvs role has in force
	givenBack json.RawMessage // of operators, that a trial ended which is taken back; the lvs role is to have them again
	state     *stateFile
	unsaved   bool // holdings, devices, owned or settings changed
	timer     reloadTimer
	umask     int               // that the daemon was started with
	saved     int               // configurations written to config_save_dir
	devices   link.DeviceRecord // what the vrrp process made, or one before it
	asked     map[uint64]question
	overdue   map[uint64]question // were due, and an answer is still of use
	nextID    uint64

	manager       *manager
	tune          tune.Process
	spare         role.Spare
	settled       func()        // ends the work of the start
	startup       *proc.Process // startup_script while it runs
	startupResult string        // how it ended; empty: it did not yet, or there is none
	launched      bool          // the children may be started
	up            bool
	stopping      bool
	exit          int
	over          bool
}

// Run is the parent's life; it returns the exit code.
func Run(opts Options, log *slog.Logger) int {
	// First of all: a signal that comes early must wait, not kill.
	signals := early.Take()
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	role.HoldSignals(syscall.SIGPIPE)
	if os.Getpid() == 1 {
		defer proc.ReapOrphans()()
	}

	p := &Parent{
		opts: opts, log: log, started: time.Now(),
		events: make(chan func(), 64), done: make(chan struct{}),
		vrrp:  &slot{role: role.VRRP, pidPath: opts.VRRPPID},
		lvs:   &slot{role: role.LVS, pidPath: opts.LVSPID},
		asked: map[uint64]question{}, overdue: map[uint64]question{}, umask: presentMask(),
		tune: tune.Process{Log: log, Default: "keepalived"}, manager: newManager(opts.Manager),
	}
	defer p.manager.close()
	p.settled = p.spare.Work() // reading a configuration takes many times what is kept of it
	cfg, diags := opts.Load()
	logDiagnostics(log, diags)
	if cfg == nil || config.HasErrors(diags) {
		log.Error("not started: the configuration has errors", "config", opts.ConfigFile)
		return opts.Refused(diags)
	}
	run, err := newRunning(&opts, cfg, diags)
	if err != nil {
		log.Error("not started", "err", err)
		return opts.Refused(diags)
	}
	p.cfg, p.spawn, p.state = run, newSpawner(), newStateFile(opts.State, log)
	defer p.spawn.close()
	pid, err := createPIDFile(opts.PIDFile, os.Getpid())
	if err == nil {
		if err = p.childrenFree(); err != nil {
			pid.remove()
		}
	}
	if err != nil {
		log.Error("not started", "err", err)
		if errors.Is(err, ErrRunning) && opts.KeepalivedNaming {
			return 0 // as keepalived
		}
		return role.DaemonFatal
	}
	defer pid.remove()
	stopControl, err := p.listen()
	if err != nil {
		log.Error("not started", "err", err)
		return role.DaemonFatal
	}
	defer stopControl()
	p.inherit()

	p.log.Info("started", "version", opts.Version, "config", opts.ConfigFile)
	p.upkeep()
	p.want()
	if !p.endsBeforeItBegins(signals) {
		p.runStartup()
		p.loop(signals)
	}
	close(p.done)

	switch {
	case p.exit != 0 || opts.DontReleaseVRRP || opts.DontReleaseIPVS:
		p.state.wait()
	case owns(p.owned) || owns(p.settings):
		// Settings that are to be kept, and what nobody has removed from the table:
		// the lvs process was killed for taking too long, or never ran.
		p.state.save(savedState{Owned: p.owned, Settings: p.settings})
		p.state.wait()
	default:
		p.state.remove()
	}
	p.runShutdown()
	p.log.Info("stopped", "exit", p.exit)
	return p.exit
}

// endsBeforeItBegins handles the signals that came while the configuration was read
// and says whether the daemon is to stop: then nothing is started for it.
func (p *Parent) endsBeforeItBegins(signals <-chan os.Signal) bool {
	for {
		select {
		case s := <-signals:
			p.signalled(s)
		default:
			return p.over
		}
	}
}

func (p *Parent) loop(signals <-chan os.Signal) {
	for !p.over {
		select {
		case f := <-p.events:
			f()
		case s := <-signals:
			p.signalled(s)
		}
		if p.unsaved && (len(p.events) == 0 || p.over) {
			p.unsaved = false
			p.state.save(savedState{Wanted: p.holdings.all(), Devices: p.devices, Owned: p.owned, Settings: p.settings})
		}
	}
}

// post hands f to the parent's loop; any goroutine but the loop's. After the
// end nothing happens.
func (p *Parent) post(f func()) {
	select {
	case p.events <- f:
	case <-p.done:
	}
}

func (p *Parent) after(d time.Duration, f func()) { time.AfterFunc(d, func() { p.post(f) }) }

func (p *Parent) signalled(s os.Signal) {
	switch s {
	case syscall.SIGHUP:
		p.startReload()
	case syscall.SIGINT:
		if p.opts.IgnoreInterrupt {
			return
		}
		fallthrough
	case syscall.SIGTERM:
		if !p.stopping {
			p.log.Info("stopping", "signal", s.String())
		}
		p.stop(0)
	default:
		p.log.Warn("signal has no effect yet: the dump files are not written; use holdfast status --json", "signal", signalName(s))
	}
}

// inherit takes over what a killed daemon wrote down.
func (p *Parent) inherit() {
	left, err := p.state.load()
	if err != nil {
		p.log.Warn("state of the former daemon not used", "err", err)
		return
	}
	p.holdings.leftovers, p.owned = left.Wanted, left.Owned
	p.devices, p.settings = left.Devices, left.Settings
	if !left.Empty() || owns(left.Owned) {
		p.log.Info("a former daemon left something behind: it was killed, or stopped with -I or -V", "addresses", len(left.Addresses), "routes_and_rules", len(left.Objects), "ipvs", owns(left.Owned))
	}
}

// want says which children the configuration needs, and names the parent.
func (p *Parent) want() {
	p.tune.Apply(p.cfg.name, p.cfg.named)
	p.vrrp.wanted = p.opts.VRRP && (p.cfg.hasVRRP || p.opts.All)
	p.lvs.wanted = p.opts.LVS && (p.cfg.hasLVS || p.opts.All)
	if !p.vrrp.wanted && !p.lvs.wanted {
		p.log.Warn("nothing to run: no vrrp_instance and no virtual_server in the configuration")
	}
	for _, text := range p.cfg.halved {
		p.log.Warn(text)
	}
}

// cleanUp removes what a killed daemon left and no child of this one will look
// after.
func (p *Parent) cleanUp() {
	if !p.vrrp.wanted && !p.holdings.leftovers.Empty() {
		p.log.Info("removing left-over addresses, routes and rules")
		p.removeHeld(p.holdings.leftovers)
		p.holdings.swept()
		p.unsaved = true
	}
	if !p.vrrp.wanted {
		p.undoDevices()
	}
	if !p.lvs.wanted && p.opts.LVS && !p.opts.DontReleaseIPVS && owns(p.owned) {
		// A lvs process takes everything away when it stops.
		if err := p.startChild(p.lvs, nil); err != nil {
			p.log.Error("what is left in the kernel's IPVS table is not removed", "err", err)
			return
		}
		p.lvs.stopping = true
		p.tellStop(p.lvs)
	}
}

// checkUp tells that the daemon is up when all children work.
func (p *Parent) checkUp() {
	if p.allWork() {
		p.isUp()
	}
}

func (p *Parent) isUp() {
	if p.up || p.stopping {
		return
	}
	p.up = true
	if !p.allWork() {
		p.log.Warn("up, although not everything works", "is", p.works())
	}
	p.tellReady()
	if p.opts.Up != nil {
		p.opts.Up()
	}
	p.settled()
}

func logDiagnostics(log *slog.Logger, diags []config.Diagnostic) {
	for _, d := range diags {
		level := slog.LevelInfo
		switch d.Severity {
		case config.Warning:
			level = slog.LevelWarn
		case config.Error:
			level = slog.LevelError
		}
		text := d.Text
		if d.Hint != "" {
			text += " (" + d.Hint + ")"
		}
		attrs := []any{"id", d.ID}
		if place := d.Pos.String(); place != "" {
			attrs = append(attrs, "at", place)
		}
		log.Log(context.Background(), level, text, attrs...)
	}
}

// owns says whether there is anything in what the lvs role said it owns, or has
// in force.
func owns(said json.RawMessage) bool {
	switch string(said) {
	case "", "{}", "[]", "null":
		return false
	}
	return true
}

// message handles what a child said.
func (p *Parent) message(c *child, m ipc.Message) {
	s := p.slotOf(c)
	if m.File != nil && (s == nil || m.Type != ipc.TypeAdverts) {
		m.File.Close()
	}
	if s == nil {
		return
	}
	switch m.Type {
	case ipc.TypeReady:
		c.ready, s.worked = true, true
		p.isOf(c, m)
		s.away = away{}
		if s == p.vrrp {
			p.holdings.swept()
			p.unsaved = true
		}
		p.checkUp()
		p.tellWorks()
		p.taken(s)
		if c.awaited != nil {
			c.awaited(nil)
		}
	case ipc.TypeHeld:
		var list []ipc.Held
		if err := m.Decode(&list); err != nil {
			p.log.Error("message not understood", "role", string(c.role), "err", err)
			return
		}
		if p.stopping && p.opts.DontReleaseVRRP {
			return // it keeps what it held: the next start has to know
		}
		for _, h := range list {
			p.holdings.said(h)
		}
		p.unsaved = true
	case ipc.TypeAdverts:
		if err := c.adverts.said(m); err != nil {
			p.log.Error("message not understood", "role", string(c.role), "err", err)
		}
	case ipc.TypeDevices:
		p.saidDevices(c, m)
	case ipc.TypeOwned:
		p.remember(c, m, &p.owned)
	case ipc.TypeSettings:
		p.remember(c, m, &p.settings)
		if c.givenBack { // what it says are those now, and what became of them since
			c.givenBack, p.givenBack = false, nil
		}
	case ipc.TypeReleased:
		if p.stopping {
			p.tellStop(p.lvs)
		}
	case ipc.TypeEnds:
		c.lastWord = m.Err
	case ipc.TypePulse:
		p.pulseFelt(c, m.ID)
	case ipc.TypeAtWork:
		if c.pulse.id == m.ID {
			c.pulse.asked = time.Now()
		}
		p.startsStill(c)
		p.atWork(c, m.ID)
	default:
		p.answered(c, m)
	}
}

// remember keeps a word of a child for a successor and for the state file. What is no
// JSON would serve neither, and keep the addresses out of the file as well: then the
// former word stays.
func (p *Parent) remember(c *child, m ipc.Message, word *json.RawMessage) {
	if !json.Valid(m.Body) {
		p.log.Error("message not understood", "role", string(c.role), "err", "what it says for a successor is no JSON", "what", m.Type)
		return
	}
	*word = m.Body
	p.unsaved = true
}

func (p *Parent) slotOf(c *child) *slot {
	for _, s := range []*slot{p.vrrp, p.lvs} {
		if s.child == c {
			return s
		}
	}
	return nil
}
