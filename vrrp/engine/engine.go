package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

const (
	// gateTime is how long a takeover waits for the IPVS table at most. The core
	// tells MASTER a second after the first advert even without addresses, and
	// nobody is to be told before they were at least asked for: less than that.
	gateTime = 900 * time.Millisecond
	// stopTime is how long a stop waits for addresses to be gone at most.
	stopTime = 2 * time.Second
	// retryTime is between two attempts to open what could not be opened.
	retryTime = time.Second
	// maxRounds bounds how often one turn reads again, so that a flood
	// cannot keep a due deadline waiting for ever.
	maxRounds = 16
	// pauseLimit is how long the handling of packets may take before the
	// engine reads again: more may have come, and the deadline may have
	// passed, meanwhile.
	pauseLimit = time.Millisecond
	// maxWaitErrors in a row end Run.
	maxWaitErrors = 8
)

// ErrStopped is returned by calls to an engine whose Run has ended.
var ErrStopped = errors.New("engine: stopped")

// Deps is what an engine works with. All but Log, Resume and LeftOvers are
// required.
type Deps struct {
	Wire      link.Wire
	Watcher   link.Watcher
	Applier   link.Applier // answers through Engine.Applied
	Announcer link.Announcer
	Devices   link.Devices // answers through Engine.Devices; nil where no router has a device
	Observer  Observer
	Log       *slog.Logger
	// Wall is the wall clock, for authentication; nil: link.Wall.
	Wall func() time.Time
	// Boot is the time since the machine started, suspended or not, as other processes
	// read it; nil: link.SinceBoot. It is read seldom.
	Boot func() time.Duration
	// Resume lists what a predecessor that died a moment ago was master of.
	Resume []Resume
	// LeftOvers is what else is to be removed at start, such as what a state
	// file lists.
	LeftOvers link.Wanted
	// Urgent is called on the engine's thread when that becomes one that does
	// nothing else, to raise its priority; undo is called there when it ceases
	// to be one, and is not nil. nil: the engine never takes a thread.
	Urgent func() (undo func())
	// Late is told, on the engine's thread, how late a turn began; nil: nobody wants to know. It must not block.
	Late func(by time.Duration)
	// Sent is told, on the engine's thread, when by Boot a router has sent an advert,
	// or a little before, and 0 when that was a farewell; and the same again when a
	// reload has renamed it, under the new name. nil: nobody wants to know. It must not
	// block.
	Sent func(router string, at time.Duration)
}

// Engine runs the virtual routers of one machine.
type Engine struct {
	deps  Deps
	log   *slog.Logger
	wire  link.Wire
	inbox inbox

	dir     *vrrp.Director
	routers []*router // by vrrp.ID; nil where removed
	byName  map[string]*router
	groups  []Group
	// groupKeys are the keys of tracks that routers, by name, have by groups.
	groupKeys  map[string][]string
	statics    []*static
	pacing     Pacing
	logUnknown bool
	ownThread  bool
	spaced     bool                // the announcer has gaps to keep
	virtual    map[netip.Addr]bool // addresses of all routers
	results    map[string]result   // last one of everything tracked but interfaces
	ifaces     map[string]*link.Interface
	byIndex    map[int]*link.Interface
	ports      map[link.Port]*port
	segments   map[segmentKey]*segment
	devices    map[link.DeviceKey]link.DeviceState

	// What a turn works with, kept so that it allocates nothing.
	last    *port // of lastKey
	lastKey link.Port
	in      vrrp.Advert
	out     vrrp.Advert
	meta    vrrp.Meta
	ev      vrrp.Event
	acts    []vrrp.Action
	batch   []link.Datagram
	senders []outgoing // of batch
	arena   []byte     // bodies of batch

	turn      uint64
	turns     atomic.Uint64 // turn, for others
	gen       uint64        // of the applier, over all routers: a used-again ID meets no old answer
	deadline  time.Time
	yielded   int           // routers that found another master in this turn
	overslept bool          // this turn began later than some peers' dead time
	minSleep  time.Duration // lateness from which a turn may have overslept
	gated     int           // routers that wait for their table
	tableless bool          // nobody makes tables ready: no router waits
	retryAt   time.Time     // ports to open again; zero: none
	watchAt   time.Time     // watcher to start again; zero: none
	againAt   time.Time     // routers with an againAt, at the earliest; zero: none
	deviceAt  time.Time     // devices to ask for again; zero: none
	watched   bool          // the watcher has told what there is
	unknown   uint64        // packets on no known port
	refilter  bool          // a segment is dirty
	late      lateness
	asleep    time.Duration // of the machine, as far as handled
	booted    time.Time     // the start of the machine by the wire's clock, see boottime

	askedDevices []link.Device
	promoted     map[string]int // interfaces with promote_secondaries, as last asked

	paced    pace
	unpace   func() // undoes what it took
	stopping bool
	changes  []Change // held back until the addresses are gone
	watch    watching
	looks    looks
	ended    chan struct{}
}

// New makes an engine for cfg. The error names what is contradictory in it.
func New(cfg Config, deps Deps) (*Engine, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if deps.Wire == nil || deps.Watcher == nil || deps.Applier == nil || deps.Announcer == nil || deps.Observer == nil {
		return nil, errors.New("engine: wire, watcher, applier, announcer and observer are required")
	}
	e := &Engine{
		deps: deps, log: deps.Log, wire: deps.Wire,
		dir:     vrrp.NewDirector(),
		byName:  map[string]*router{},
		virtual: map[netip.Addr]bool{},
		results: map[string]result{},
		ports:   map[link.Port]*port{},
		ended:   make(chan struct{}),
	}
	if e.deps.Wall == nil {
		e.deps.Wall = link.Wall
	}
	if e.deps.Boot == nil {
		e.deps.Boot = link.SinceBoot
	}
	e.tieBoot()
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	for i := range cfg.Routers {
		e.add(&cfg.Routers[i])
	}
	if deps.Devices == nil && len(e.wantedDevices()) > 0 {
		return nil, errors.New("engine: devices are required")
	}
	e.setGroups(cfg.Groups)
	e.pacing, e.logUnknown, e.ownThread = cfg.Pacing, cfg.LogUnknown, cfg.OwnThread
	e.configureStatics(cfg.Static)
	e.acts = e.dir.SetGroups(e.wire.Now(), e.groupConfigs(), e.acts)
	e.tune()
	return e, nil
}

// Run is the engine until ctx ends; once only. At the end every master has
// sent priority 0, its addresses are removed and the observer knows. The error
// says why it ended before ctx did.
func (e *Engine) Run(ctx context.Context) error {
	defer e.end()
	e.setPace(e.pace())
	defer e.setPace(unset)
	wake := context.AfterFunc(ctx, e.wire.Wake)
	defer wake()

	if err := e.start(); err != nil {
		return err
	}
	defer e.watch.end()
	defer e.looks.end()
	failed := 0
	for ctx.Err() == nil {
		e.deadline = e.next()
		packets, err := e.wire.Wait(e.deadline)
		if err != nil {
			if errors.Is(err, link.ErrKilled) {
				return err
			}
			e.log.Error("waiting failed", "error", err)
			if failed++; failed >= maxWaitErrors {
				e.stop()
				return fmt.Errorf("engine: wait: %w", err)
			}
			continue
		}
		failed = 0
		e.run(packets)
		if pace := e.pace(); pace != e.paced {
			e.setPace(pace)
		}
	}
	e.stop()
	return nil
}

// run is one turn of the loop: what was read, what was put in, what is due.
func (e *Engine) run(packets []link.Packet) {
	now := e.wire.Now()
	e.turn++
	e.turns.Store(e.turn)
	e.overslept, e.yielded = false, 0
	asked := e.deadline
	if !e.deadline.IsZero() && !now.Before(e.deadline) {
		late := now.Sub(e.deadline)
		e.late.add(late)
		if e.deps.Late != nil {
			e.deps.Late(late)
		}
		e.overslept = late >= e.minSleep
	}
	e.suspended(now)
	for range maxRounds {
		e.receive(now, packets)
		d := e.next()
		took := e.wire.Now().Sub(now)
		if (d.IsZero() || d.After(now) || len(packets) == 0) && took < pauseLimit {
			break
		}
		// Something is due: nothing may be left unread, and a pause of this
		// process may have happened at any place.
		var err error
		if packets, err = e.wire.Wait(now); err != nil {
			break // the next Wait tells
		}
		now = e.wire.Now()
		if !d.IsZero() && now.Sub(d) >= e.minSleep {
			e.overslept = true
		}
	}
	e.drain(now)
	e.acts = e.dir.Expire(now, e.acts)
	e.dispatch(now)
	if e.overslept {
		e.late.overslept++
	}
	if e.yielded > 0 {
		e.late.yielded += uint64(e.yielded)
		e.log.Warn("was silent for longer than the peers wait, and others are master now",
			"routers", e.yielded, "late", now.Sub(asked))
	}
	e.due(now)
}

// next is the earliest moment at which something has to be done.
func (e *Engine) next() time.Time {
	d := e.dir.Deadline()
	d = earlier(d, e.retryAt)
	d = earlier(d, e.watchAt)
	for _, s := range e.statics {
		d = earlier(d, s.retryAt)
	}
	d = earlier(d, e.deviceAt)
	d = earlier(d, e.looks.againAt)
	d = earlier(d, e.againAt)
	if e.gated > 0 {
		for _, r := range e.routers {
			if r != nil {
				d = earlier(d, r.gate)
			}
		}
	}
	return d
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// due does what is due besides the core's affairs.
func (e *Engine) due(now time.Time) {
	if e.gated > 0 {
		for _, r := range e.routers {
			if r != nil && !r.gate.IsZero() && !r.gate.After(now) {
				e.log.Warn("the IPVS table was not ready in time", r.attrs()...)
				e.openGate(r)
			}
		}
	}
	e.dueStatics(now)
	e.dueAgain(now)
	e.dueLook(now)
	if !e.watchAt.IsZero() && !e.watchAt.After(now) {
		e.watchAt = time.Time{}
		e.startWatch()
	}
	if !e.deviceAt.IsZero() && !e.deviceAt.After(now) {
		e.deviceAt = time.Time{}
		e.deps.Devices.Set(e.askedDevices)
	}
	if !e.retryAt.IsZero() && !e.retryAt.After(now) {
		e.reopen(now)
	}
}

// step puts one event into the core.
func (e *Engine) step(now time.Time, r *router, ev *vrrp.Event) {
	e.acts = e.dir.Step(now, r.id, ev, e.acts)
}

func (e *Engine) router(id vrrp.ID) *router {
	if id < 0 || int(id) >= len(e.routers) {
		return nil
	}
	return e.routers[id]
}

// tune computes what follows from all routers together.
func (e *Engine) tune() {
	e.spread()
	e.minSleep = math.MaxInt64
	clear(e.virtual)
	for _, r := range e.routers {
		if r == nil {
			continue
		}
		e.minSleep = min(e.minSleep, r.dead-r.cfg.AdvertInt)
		for _, v := range r.cfg.VIPs {
			e.virtual[v.Prefix.Addr()] = true
		}
	}
}
