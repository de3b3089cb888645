package lvs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/healthcheck"
	"holdfast/internal/config"
	"holdfast/ipvs"
	"holdfast/vrrp/link"
)

// readEvery is how often the kernel's table is read to find what others
// changed.
const readEvery = time.Minute

// Deps is what an LVS needs from outside. Every function may be called from
// the goroutine of Run and must not block it, except Open.
type Deps struct {
	Log *slog.Logger // nil: nothing is logged
	// Open connects to IPVS; nil: ipvs.Open. It is called when the
	// configuration needs IPVS and again after failures.
	Open func() (ipvs.Kernel, error)
	// Checks is what health checks need.
	Checks healthcheck.Deps
	// NewCheck makes checks; nil: healthcheck.New. For tests.
	NewCheck func(healthcheck.Config, healthcheck.Deps) (healthcheck.Check, error)
	// Event hears of real and virtual servers that go up or down, in order.
	Event func(Event)
	// TableReady hears that all services of a router that became master are
	// in the kernel.
	TableReady func(router string)
	// Owned is what SaveOwned was last given by a predecessor that could not
	// undo it; the zero value: nothing.
	Owned Owned
	// SaveOwned keeps what is to be undone. It is called before the kernel is
	// told of it, and must not return before the value would survive the
	// death of this process. The lists are the caller's: they are only read.
	SaveOwned func(Owned)
	// Settings are what SaveSettings was last given by a predecessor, and GivenBack
	// those of before a trial that is taken back, which hold where none of the former
	// is about the same.
	Settings, GivenBack []Setting
	// SaveSettings keeps the operator's settings for a successor. It is called
	// before they are carried out, and must not return before the value would
	// survive the death of this process.
	SaveSettings func([]Setting)
	// Restarted is set for a process that replaces one that died: lvs_flush
	// is then not done.
	Restarted bool
	// Keep leaves everything in the kernel at the end (-I).
	Keep bool
	// Links tells of interfaces and addresses; nil: the system's. It is asked
	// for a configuration with ha_suspend or connection sync, and while a
	// service waits for its address to go.
	Links link.Watcher
	// Sync is the part of the kernel that connection sync needs beside Open;
	// nil: the system's.
	Sync *SyncKernel
}

// LVS is the work of the lvs process. Methods may be called from any
// goroutine.
type LVS struct {
	deps   Deps
	log    *slog.Logger
	inbox  inbox
	runner *healthcheck.Runner
	ended  chan struct{} // closed when Run has returned

	// Everything below belongs to the goroutine of Run.
	cfg      *config.Config
	services *services
	pool     *ipvs.Pool
	follow   *follow
	routers  map[string]*router
	starting map[string]bool // routers of the start that nothing was told of yet
	found    own             // services of a predecessor
	since    since
	table    table
	daemons  daemons
	profile  []ProfileStatus // settings of lvs_profile
	// followLinks begins to follow the interfaces, once; links are those told
	// last, nil: none were.
	followLinks func()
	links       []link.Interface
	leaving     map[ipvs.ServiceKey]time.Time // see leave
	owned       Owned
	own         own
	// ownChanged says that own is not what SaveOwned was last given.
	ownChanged bool
	flushed    bool            // lvs_flush was done
	gates      map[string]bool // routers that wait for TableReady
	settings   map[subject]Setting
	// enabled is when operators took settings back since the last reload: a trial
	// that is taken back does not bring those again.
	enabled map[subject]time.Time
	// savedSettings is what SaveSettings was last given.
	savedSettings []Setting
	ctx           context.Context // of Run
	pins          map[subject]pinned
	endPins       context.CancelFunc // of what reads maintenance files; may be nil
	// pinTurn is full while files are read: a file system that hangs holds one
	// reader, however many reloads there are. pinsLate: a read has not ended
	// within pinWait.
	pinTurn  chan struct{}
	pinsLate bool
	readPin  func(pinSource) ([]pin, error)
	counting bool         // the kernel is asked for connections
	countAt  time.Time    // and not again before
	first    []ipvs.Event // of the start, told once the table is in the kernel

	stats stats

	// progress counts what was done of long works, see Progress; any goroutine's.
	progress atomic.Uint64
	busy     busy
}

// New prepares the services of a configuration. Nothing happens before Run.
func New(cfg *config.Config, deps Deps) *LVS {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Open == nil {
		deps.Open = ipvs.Open
	}
	if deps.Event == nil {
		deps.Event = func(Event) {}
	}
	if deps.TableReady == nil {
		deps.TableReady = func(string) {}
	}
	if deps.SaveOwned == nil {
		deps.SaveOwned = func(Owned) {}
	}
	if deps.SaveSettings == nil {
		deps.SaveSettings = func([]Setting) {}
	}
	if deps.Links == nil {
		deps.Links = link.NewWatcher(deps.Log)
	}
	if deps.Sync == nil {
		deps.Sync = systemSync()
	}
	found := ownOf(deps.Owned.Services)
	l := &LVS{
		deps: deps, log: deps.Log, ended: make(chan struct{}),
		cfg: cfg, services: convert(cfg), routers: map[string]*router{}, gates: map[string]bool{},
		owned: deps.Owned.clone(), own: found, found: found, flushed: deps.Restarted,
		leaving:  map[ipvs.ServiceKey]time.Time{},
		settings: map[subject]Setting{}, enabled: map[subject]time.Time{}, pins: map[subject]pinned{}, savedSettings: deps.Settings,
		pinTurn: make(chan struct{}, 1), readPin: pinSource.read,
	}
	l.deps.Settings = withGivenBack(deps.Settings, deps.GivenBack)
	l.inbox.wake = make(chan struct{}, 1)
	l.follow = newFollow(cfg, l.services, l.routers, addresses(l.links))
	l.starting = maps.Clone(l.follow.names)
	l.daemons.begun.index = l.owned.SyncIndex
	l.since.init()
	l.runner = healthcheck.NewRunner(healthcheck.RunnerConfig{
		Deps: deps.Checks, New: deps.NewCheck, Log: deps.Log,
		Verdict: func(v healthcheck.Verdict) { l.inbox.post(func() { l.verdict(v) }) },
	})
	return l
}

// Run does the work until ctx ends, and then removes from the kernel what is
// ours and restores what was there. It may be called once. The error wraps
// ipvs.ErrNoIPVS if the configuration needs IPVS and the kernel has none when
// Run begins, or EPERM if this process may not set it; other failures of the kernel are retried, and shown in Status.
func (l *LVS) Run(ctx context.Context) error {
	defer close(l.ended)
	defer l.closeKernel()
	l.ctx = ctx
	if l.needsKernel() {
		if err := l.openFirst(); err != nil {
			return err
		}
	}
	l.busy.begin(busyStart)
	if err := l.runner.Replace(l.begin(time.Now())); err != nil {
		l.log.Error("health checks that cannot be run", "err", err)
	}
	checks := make(chan struct{})
	go func() {
		defer close(checks)
		_ = l.runner.Run(ctx) // its error is for a second call only
	}()
	defer func() { <-checks }()

	l.followLinks = sync.OnceFunc(func() { go l.watchLinks(ctx) })
	l.followAddresses()
	l.first = append(l.first, l.watchPins()...)
	l.table.dirtyAll()
	l.saveSettings()
	l.work(time.Now()) // the table comes first, as in a reload
	l.tell(events(l.first, l.services, nil))
	l.first = nil
	l.busy.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			l.busy.begin(busyStop)
			l.release()
			return nil
		case <-timer.C:
		case <-l.inbox.wake:
		}
		l.busy.begin(busyTable)
		if l.stopping() {
			continue
		}
		for _, f := range l.inbox.take() {
			f()
		}
		now := time.Now()
		due := l.advance(now)
		wait := l.work(now)
		if !due.IsZero() {
			wait = min(wait, max(due.Sub(now), 0))
		}
		l.busy.end()
		timer.Reset(wait)
	}
}

// Reload takes over another configuration. What is known of servers whose
// checks are unchanged is kept, and entries of the table are changed in place.
// It returns when the kernel was told, whether or not that went well (Status
// says), or when ctx ends.
func (l *LVS) Reload(ctx context.Context, cfg *config.Config) error {
	return l.Change(ctx, cfg, Change{})
}

// Change says how a configuration came, and what comes with it.
type Change struct {
	// Of is the configuration that it came as a change of, if any, and Kept says
	// where each of its virtual servers stands in that; -1: it does not.
	Of   *config.Config
	Kept []int
	// GivenBack are the settings of before a trial that it takes back, which ends
	// none; nil: it takes none back.
	GivenBack []Setting
}

// Change is Reload for a configuration that is more than that.
func (l *LVS) Change(ctx context.Context, cfg *config.Config, c Change) error {
	done := make(chan struct{})
	l.inbox.post(func() {
		if l.cfg != c.Of {
			c.Kept = nil
		}
		l.reload(cfg, c.Kept, c.GivenBack)
		close(done)
	})
	select {
	case <-done:
		return nil
	case <-l.ended:
		return errors.New("lvs: not running")
	case <-ctx.Done():
		return fmt.Errorf("lvs: reload: %w", context.Cause(ctx))
	}
}

func (l *LVS) reload(cfg *config.Config, kept []int, back []Setting) {
	l.busy.begin(busyReload)
	defer l.busy.begin(busyTable) // the rest of the turn
	old, oldFollow := l.services, l.follow
	if was, now := l.cfg.Global.LVSSyncDaemon, cfg.Global.LVSSyncDaemon; was != nil && now != nil && was.MaxLen != 0 && now.MaxLen == 0 {
		l.daemons.stale = true
	}
	l.cfg, l.services = cfg, convert(cfg)
	l.cameOn() // each part may take seconds on a machine that is slow or busy
	l.follow = newFollow(cfg, l.services, l.routers, addresses(l.links))
	l.leave(oldFollow, time.Now())
	l.forgetRouters()
	l.cameOn()
	list := l.pool.Reload(len(l.services.order), l.services.forPool(l.pool, time.Now(), old, kept))
	l.cameOn()
	l.dirtyChanged(old, oldFollow)
	list = append(list, l.forget(back == nil)...)
	list = append(list, l.giveBack(back, time.Now())...)
	list = append(list, l.watchPins()...)
	l.saveSettings()
	l.since.reload(old, l.services, l.pool.Renewed(), time.Now())
	l.followAddresses()
	l.cameOn()
	if err := l.runner.Replace(l.items()); err != nil {
		l.log.Error("health checks that cannot be run", "err", err)
	}
	l.cameOn()
	l.daemons.dirty = true
	l.work(time.Now())
	l.leaveFrom(time.Now())
	l.cameOn()
	l.tell(events(list, l.services, old))
}

// dirtyChanged has everything looked at that the configuration of now may want
// otherwise than the one before.
func (l *LVS) dirtyChanged(old *services, oldFollow *follow) {
	// To look at all of them takes less than to note most of them one by one.
	if !l.follow.sameRules(oldFollow) || len(l.pool.Renewed()) > len(l.services.keys)/2 {
		l.table.dirtyAll()
		return
	}
	for _, k := range l.pool.Renewed() {
		l.table.dirtyOne(l.services.of(k)...)
	}
	for k := range l.table.stuck {
		l.table.dirtyOne(k)
	}
	for _, k := range l.services.keys {
		behind := l.services.behind(k)
		// What a group makes of its services depends on more than the pool's.
		if !slices.Equal(old.behind(k), behind) || behind[0].Group != "" {
			l.table.dirtyOne(k)
		}
	}
	for _, k := range old.keys {
		if l.services.behind(k) == nil {
			l.table.dirtyOne(k)
		}
	}
}

// items are the checks of the configuration with their state of rest.
func (l *LVS) items() []healthcheck.Item {
	for i := range l.services.items {
		it := &l.services.items[i]
		it.Paused = l.follow.rests() && l.follow.paused(l.services.refs[it.Key].service)
	}
	return l.services.items
}

func (l *LVS) verdict(v healthcheck.Verdict) {
	ref, ok := l.services.refs[v.Key]
	if !ok {
		return // of a configuration before this one
	}
	l.since.check(v.Key, v.Up, v.At)
	list := l.pool.Verdict(ipvs.Verdict{Service: ref.service, Server: ref.server, Check: ref.id, Up: v.Up, Weight: v.Weight, At: v.At})
	l.table.dirtyOne(l.services.of(ref.service)...)
	if len(list) > 0 {
		l.log.Info("health", "check", v.Key, "up", v.Up, "text", v.Text)
	}
	l.tell(events(list, l.services, nil))
}

// logged is how many events of services that come up are logged each by itself;
// thousands at the start are not.
const logged = 100

// tell hands out events.
func (l *LVS) tell(list []Event) {
	now := time.Now()
	more, last := -logged, ""
	for _, e := range list {
		l.since.event(e.subject, now, len(list))
		if e.Up {
			more, last = more+1, e.Line
		}
		if !e.Up || more <= 0 {
			l.log.Info("state", "event", e.Line)
		}
		l.deps.Event(e)
	}
	if more > 0 {
		l.log.Info("more of the same moment that are up", "count", more, "last", last)
	}
}

// inbox takes functions for the owner's goroutine from any other. It is not
// bounded: what is posted are changes, and the owner never waits for those
// who post.
type inbox struct {
	mu    sync.Mutex
	queue []func()
	wake  chan struct{} // buffer of 1: look at the queue
}

func (b *inbox) post(f func()) {
	b.mu.Lock()
	b.queue = append(b.queue, f)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue
	b.queue = nil
	return q
}
