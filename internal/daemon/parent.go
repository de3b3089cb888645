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
)

// Options are the settings of the daemon as a whole.
type Options struct {
	role.Options
	Version    string
	Program    string   // absolute path, started again for the children
	Argv       []string // the original command line
	ConfigFile string
	VRRP, LVS  bool   // which parts may run (-P, -C)
	PIDFile    string // of the parent
	VRRPPID    string
	LVSPID     string
	Control    string // path of the control socket
	State      string // path of the state file

	// Load reads and checks the configuration.
	Load func() (*config.Config, []config.Diagnostic)
	// Refused is the exit code for a configuration with errors at start.
	Refused func([]config.Diagnostic) int
	// Up is called once when the children run.
	Up func()
}

// How long a child may take to stop before it is killed (keepalived's
// child_wait_time), and the respawn delays of a child that dies again and again.
const (
	childWait    = 5 * time.Second
	livedLong    = 60 * time.Second
	longestDelay = 60 * time.Second
)

// Parent is the first process. Its fields belong to the goroutine in Run; all
// others post functions to it.
type Parent struct {
	opts    Options
	log     *slog.Logger
	events  chan func()
	spawn   *spawner
	state   *stateFile
	pid     *pidFile
	started time.Time

	cfg       *config.Config
	loaded    time.Time
	reload    reloadState
	vrrp, lvs *slot
	held      map[string]ipc.Held // by virtual router, of the vrrp process
	leftovers savedState
	owned     json.RawMessage
	asked     map[uint64]func(ipc.Message, error) // answers that children owe
	nextID    uint64

	stopping bool
	exit     int
	over     bool
}

// Run is the parent's life; it returns the exit code.
func Run(opts Options, log *slog.Logger) int {
	cfg, diags := opts.Load()
	logDiagnostics(log, diags)
	if cfg == nil || worst(diags) == config.Error {
		return opts.Refused(diags)
	}
	p := &Parent{
		opts: opts, log: log, cfg: cfg, loaded: time.Now(), started: time.Now(),
		events: make(chan func(), 64),
		spawn:  newSpawner(),
		state:  newStateFile(opts.State),
		vrrp:   &slot{role: role.VRRP},
		lvs:    &slot{role: role.LVS},
		held:   map[string]ipc.Held{},
		asked:  map[uint64]func(ipc.Message, error){},
	}
	pid, err := createPIDFile(opts.PIDFile, os.Getpid())
	if err != nil {
		log.Error("not started", "err", err)
		if errors.Is(err, ErrRunning) && opts.KeepalivedNaming {
			return 0 // as keepalived
		}
		return exitFatal
	}
	p.pid = pid
	defer pid.remove()
	if p.leftovers, err = p.state.load(); err != nil {
		log.Warn("state of the former daemon not read", "err", err)
	}
	p.owned = p.leftovers.Owned
	stopControl, err := p.listen()
	if err != nil {
		log.Error("not started", "err", err)
		return exitFatal
	}
	defer stopControl()

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGUSR2)
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Stop(signals)

	p.log.Info("started", "version", opts.Version, "config", opts.ConfigFile)
	p.adopt()
	if opts.Up != nil && !p.over {
		opts.Up()
	}
	for !p.over {
		select {
		case f := <-p.events:
			f()
		case s := <-signals:
			p.signalled(s)
		}
	}
	if p.exit == 0 {
		p.state.remove()
	}
	p.log.Info("stopped", "exit", p.exit)
	return p.exit
}

// post hands f to the parent's loop; any goroutine but the loop's.
func (p *Parent) post(f func()) { p.events <- f }

func (p *Parent) after(d time.Duration, f func()) { time.AfterFunc(d, func() { p.post(f) }) }

func (p *Parent) signalled(s os.Signal) {
	switch s {
	case syscall.SIGHUP:
		p.startReload()
	case syscall.SIGTERM, syscall.SIGINT:
		p.log.Info("stopping", "signal", s.String())
		p.stop(0)
	default:
		p.log.Warn("signal has no effect yet: the dump files are not written; use holdfast status --json", "signal", s.String())
	}
}

// adopt starts and stops children so that they fit the configuration.
func (p *Parent) adopt() {
	p.vrrp.wanted = p.opts.VRRP && (len(p.cfg.Instances) > 0)
	p.lvs.wanted = p.opts.LVS && (len(p.cfg.VirtualServers) > 0 || p.cfg.Global.LVSSyncDaemon != nil)
	if !p.vrrp.wanted && !p.lvs.wanted {
		p.log.Warn("nothing to run: no vrrp_instance and no virtual_server in the configuration")
	}
	for _, s := range []*slot{p.lvs, p.vrrp} {
		switch {
		case s.wanted && s.child == nil:
			p.start(s, nil)
		case !s.wanted && s.child != nil && !s.stopping:
			s.stopping = true
			p.tellStop(s)
		}
	}
}

// other is the slot of the other child.
func (p *Parent) other(s *slot) *slot {
	if s == p.vrrp {
		return p.lvs
	}
	return p.vrrp
}

// start starts the child of s with the present configuration.
func (p *Parent) start(s *slot, resume []role.Resume) {
	if p.stopping || !s.wanted || s.child != nil {
		return
	}
	if err := p.startChild(s, resume); err != nil {
		p.log.Error("process not started", "role", string(s.role), "err", err)
		p.retryLater(s)
	}
}

func (p *Parent) startChild(s *slot, resume []role.Resume) error {
	boot, err := role.WriteBoot(p.boot(s, resume))
	if err != nil {
		return err
	}
	mine, theirs, err := ipc.Pair()
	if err != nil {
		boot.Close()
		return err
	}
	peerEnd, otherEnd, err := ipc.Pair()
	if err != nil {
		boot.Close()
		mine.Close()
		theirs.Close()
		return err
	}
	cmd, err := p.spawn.start(p.opts.Program, p.opts.Argv, s.role, []*os.File{theirs, peerEnd, boot})
	if err != nil {
		mine.Close()
		otherEnd.Close()
		return err
	}
	conn, err := ipc.FromFile(mine)
	if err != nil {
		otherEnd.Close()
		cmd.Process.Kill()
		cmd.Wait()
		return err
	}
	c := &child{role: s.role, cmd: cmd, conn: conn, started: time.Now()}
	c.out = ipc.NewMailbox(conn, nil)
	s.child = c
	if o := p.other(s).child; o != nil {
		o.out.Post(ipc.Message{Type: ipc.TypePeer}, otherEnd)
	} else {
		otherEnd.Close()
	}
	p.writePID(s)
	p.watch(c)
	p.log.Debug("process started", "role", string(s.role), "pid", cmd.Process.Pid)
	return nil
}

func (p *Parent) boot(s *slot, resume []role.Resume) role.Boot {
	b := role.Boot{Options: p.opts.Options, Config: p.configFor(s.role), Resume: resume, Other: p.other(s).wanted, Restarted: s.restarts > 0}
	if s.role == role.VRRP {
		b.Leftovers = p.leftovers.Addresses
		for _, h := range p.held {
			b.Leftovers = append(b.Leftovers, h.Addresses...)
		}
	} else {
		b.Owned = p.owned
	}
	return b
}

// configFor leaves out what a role has no use for: the vrrp process stays
// small however many services there are, but still has to know which
// addresses have one.
func (p *Parent) configFor(r role.Role) *config.Config {
	if r == role.LVS {
		return p.cfg
	}
	c := *p.cfg
	c.VirtualServers = make([]config.VirtualServer, len(p.cfg.VirtualServers))
	for i := range c.VirtualServers {
		vs := &p.cfg.VirtualServers[i]
		c.VirtualServers[i] = config.VirtualServer{Addr: vs.Addr, FWMark: vs.FWMark, Family: vs.Family}
	}
	return &c
}

func (p *Parent) writePID(s *slot) {
	path := p.opts.VRRPPID
	if s.role == role.LVS {
		path = p.opts.LVSPID
	}
	var err error
	if s.pid == nil {
		s.pid, err = createPIDFile(path, s.child.cmd.Process.Pid)
	} else {
		err = s.pid.write(s.child.cmd.Process.Pid)
	}
	if err != nil {
		p.log.Warn("pid file not written", "role", string(s.role), "err", err)
	}
}

// message handles what a child said.
func (p *Parent) message(c *child, m ipc.Message) {
	if m.File != nil {
		m.File.Close()
	}
	s := p.slotOf(c)
	if s == nil {
		return
	}
	switch m.Type {
	case ipc.TypeReady:
		c.ready = true
		if m.Err != "" {
			p.log.Error("process not ready", "role", string(c.role), "err", m.Err)
		}
	case ipc.TypeHeld:
		var h ipc.Held
		if err := m.Decode(&h); err != nil {
			p.log.Error("message not understood", "role", string(c.role), "err", err)
			return
		}
		if h.Master {
			p.held[h.Router] = h
		} else {
			delete(p.held, h.Router)
		}
		p.state.save(p.held, p.owned)
	case ipc.TypeOwned:
		p.owned = m.Body
		p.state.save(p.held, p.owned)
	case ipc.TypeReleased:
		if p.stopping {
			p.tellStop(p.lvs)
		}
	default:
		if f, ok := p.asked[m.ID]; ok {
			delete(p.asked, m.ID)
			f(m, nil)
		}
	}
}

func (p *Parent) slotOf(c *child) *slot {
	for _, s := range []*slot{p.vrrp, p.lvs} {
		if s.child == c {
			return s
		}
	}
	return nil
}

var errGone = errors.New("process ended or did not answer")

// ask sends a question to the child of s; answer is called once, in the loop.
func (p *Parent) ask(s *slot, m ipc.Message, f *os.File, limit time.Duration, answer func(ipc.Message, error)) {
	if s.child == nil {
		if f != nil {
			f.Close()
		}
		answer(ipc.Message{}, errGone)
		return
	}
	p.nextID++
	id := p.nextID
	m.ID = id
	p.asked[id] = answer
	s.child.out.Post(m, f)
	p.after(limit, func() {
		if late, ok := p.asked[id]; ok {
			delete(p.asked, id)
			late(ipc.Message{}, errGone)
		}
	})
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
		log.Log(context.Background(), level, text, "at", d.Pos.String(), "id", d.ID)
	}
}

func worst(diags []config.Diagnostic) config.Severity {
	w := config.Info
	for _, d := range diags {
		w = max(w, d.Severity)
	}
	return w
}
