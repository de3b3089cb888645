package healthcheck

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// firstDelay is the least time before a first look (keepalived's).
const firstDelay = time.Second

// Bounds on looks at one time.
const (
	DefaultParallel     = 256
	DefaultParallelMisc = 64
)

// Item is one check a Runner is to run.
type Item struct {
	Key    string // names it in verdicts; unique
	Config Config
	Paused bool // not run for now (standby_checks, ha_suspend)
	// Up says of one that is new to the Runner that it was up before: it goes
	// down as one that is up, after its retries.
	Up bool
}

// Verdict is what is known about an item.
type Verdict struct {
	Key     string
	Up      bool
	Weight  int    // -1: the configured one
	Text    string // why not up
	Latency time.Duration
	At      time.Time
}

// RunnerConfig is what a Runner needs.
type RunnerConfig struct {
	Deps Deps
	// Verdict is told the first verdict of every item and each change, in
	// order and never twice at a time. It may be late for an item that was
	// removed meanwhile.
	Verdict func(Verdict)
	// Parallel bounds checks on the network in flight, ParallelMisc programs
	// of MISC_CHECK, so that hanging programs hold up no other check.
	// 0: DefaultParallel, DefaultParallelMisc.
	Parallel, ParallelMisc int
	Rand                   func() float64 // 0 ≤ x < 1; nil: math/rand
	Log                    *slog.Logger   // nil: nothing is logged
	// New makes checks; nil: New of this package. For tests.
	New func(Config, Deps) (Check, error)
}

// Runner runs checks at their times. Methods may be called from any goroutine.
type Runner struct {
	cfg RunnerConfig

	mu       sync.Mutex
	units    map[string]*unit
	queue    queue
	pools    [2]pool // by unit.pool
	verdicts []delivery
	ctx      context.Context // of Run; nil before
	wake     chan struct{}   // buffer of 1: look at the queue
	tell     chan struct{}   // buffer of 1: look at verdicts
	running  sync.WaitGroup
}

// delivery is a verdict on its way out.
type delivery struct {
	unit *unit
	v    Verdict
}

// pool bounds the looks of one sort.
type pool struct {
	limit, busy int
	ready       []*unit // due, in order, waiting for a place
}

// The pools.
const (
	poolNet = iota
	poolMisc
)

// NewRunner returns a Runner without items. Nothing runs before Run.
func NewRunner(cfg RunnerConfig) *Runner {
	if cfg.Parallel <= 0 {
		cfg.Parallel = DefaultParallel
	}
	if cfg.ParallelMisc <= 0 {
		cfg.ParallelMisc = DefaultParallelMisc
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.New == nil {
		cfg.New = New
	}
	if cfg.Verdict == nil {
		cfg.Verdict = func(Verdict) {}
	}
	r := &Runner{cfg: cfg, units: map[string]*unit{}, wake: make(chan struct{}, 1), tell: make(chan struct{}, 1)}
	r.pools[poolNet].limit, r.pools[poolMisc].limit = cfg.Parallel, cfg.ParallelMisc
	return r
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run runs the checks until ctx ends and everything in flight has returned.
// It may be called once.
func (r *Runner) Run(ctx context.Context) error {
	r.mu.Lock()
	if r.ctx != nil {
		r.mu.Unlock()
		return errors.New("healthcheck: runner: already run")
	}
	r.ctx = ctx
	r.mu.Unlock()

	told := make(chan struct{})
	go func() {
		defer close(told)
		r.deliver(ctx)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			r.running.Wait()
			<-told
			return nil
		case <-timer.C:
		case <-r.wake:
		}
		timer.Reset(r.dispatch(time.Now()))
	}
}

// dispatch starts what is due and has a place, and returns the time until
// something is due again.
func (r *Runner) dispatch(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 && !r.queue[0].due.After(now) {
		u := heap.Pop(&r.queue).(*unit)
		u.state = ready
		p := &r.pools[u.pool]
		p.ready = append(p.ready, u)
	}
	for i := range r.pools {
		p := &r.pools[i]
		for p.busy < p.limit && len(p.ready) > 0 {
			u := p.ready[0]
			p.ready[0] = nil
			p.ready = p.ready[1:]
			if u.state == ready && r.ctx.Err() == nil { // else paused or removed meanwhile
				r.start(u, p)
			}
		}
	}
	if len(r.queue) == 0 {
		return time.Hour
	}
	return r.queue[0].due.Sub(now)
}

// start begins one look; r.mu is held.
func (r *Runner) start(u *unit, p *pool) {
	ctx, cancel := context.WithCancel(r.ctx)
	u.state, u.cancel = running, cancel
	p.busy++
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		res := u.check.Run(ctx)
		cut := ctx.Err() != nil
		cancel()
		r.finish(u, p, res, cut)
	}()
}

// finish takes the result of a look. One that was cut short says nothing.
func (r *Runner) finish(u *unit, p *pool, res Result, cut bool) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	p.busy--
	poke(r.wake)
	u.cancel = nil
	switch {
	case u.removed:
		return
	case cut && u.paused:
		u.state = idle
		return
	case cut && r.ctx.Err() == nil: // paused and resumed meanwhile
		r.schedule(u, now)
		return
	case cut:
		u.state = idle
		return
	}
	u.runs++
	if !res.Up {
		u.failures++
	}
	u.last, u.at = res, now
	changed, wait := u.judge.Next(res)
	if changed {
		r.emit(u)
	} else if up, _ := u.judge.Known(); up && !res.Up {
		r.cfg.Log.Info("health check failed, server stays up for now", "check", u.key, "failures", u.judge.Failed(), "retry", u.config.Retry, "reason", res.Text)
	}
	if u.paused {
		u.state = idle
		return
	}
	r.schedule(u, now.Add(wait))
}

// schedule puts a unit into the queue; r.mu is held.
func (r *Runner) schedule(u *unit, due time.Time) {
	u.due, u.state = due, queued
	heap.Push(&r.queue, u)
	if u.index == 0 {
		poke(r.wake)
	}
}

// emit queues the verdict of a unit; r.mu is held.
func (r *Runner) emit(u *unit) {
	r.verdicts = append(r.verdicts, delivery{u, u.verdict()})
	poke(r.tell)
}

// deliver hands verdicts out, one at a time.
func (r *Runner) deliver(ctx context.Context) {
	for {
		r.mu.Lock()
		list := r.verdicts
		r.verdicts = nil
		r.mu.Unlock()
		for _, d := range list {
			r.mu.Lock()
			gone := d.unit.removed || d.unit.key != d.v.Key
			r.mu.Unlock()
			if !gone && ctx.Err() == nil {
				r.cfg.Verdict(d.v)
			}
		}
		select {
		case <-r.tell:
		case <-ctx.Done():
			return
		}
	}
}

// Replace makes the items those given. One whose Config is unchanged keeps
// its state and its next time, under the same key or, if it stands under a new
// one and is not paused, with its verdict told again under that. One that has
// other times and the same [Config.Look], under the same key, keeps what is known
// and has its first look as a new one. Others start new. Items that cannot be made are left out and named in the joined error.
func (r *Runner) Replace(items []Item) error {
	var errs []error
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	old := r.units
	before := make(map[string]*unit) // of a fresh item, under its key
	r.units = make(map[string]*unit, len(items))

	// First everything that stays where it is.
	var fresh []Item
	var prints []string
	seen := make(map[string]bool, len(items))
	for _, it := range items {
		if seen[it.Key] {
			errs = append(errs, fmt.Errorf("healthcheck: %s: more than one item of this name", it.Key))
			continue
		}
		seen[it.Key] = true
		print := fingerprint(it.Config)
		if u := old[it.Key]; u != nil && u.print == print {
			delete(old, it.Key)
			r.units[it.Key] = u
			r.setPaused(u, it.Paused, now)
			continue
		}
		if u := old[it.Key]; u != nil {
			before[it.Key] = u
		}
		fresh = append(fresh, it)
		prints = append(prints, print)
	}
	// Then what moved: the same check under another key.
	orphans := make(map[string][]*unit, len(old))
	for _, u := range old {
		orphans[u.print] = append(orphans[u.print], u)
	}
	for i, it := range fresh {
		// What was seen for another one goes on to hold only where it is looked at
		// again: a check that rests could not take it back.
		if list := orphans[prints[i]]; len(list) > 0 && !it.Paused {
			u := list[0]
			orphans[prints[i]] = list[1:]
			delete(old, u.key)
			u.key = it.Key
			r.units[it.Key] = u
			if _, known := u.judge.Known(); known {
				r.emit(u)
			}
			r.setPaused(u, it.Paused, now)
			continue
		}
		check, err := r.cfg.New(it.Config, r.cfg.Deps)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", it.Key, err))
			continue
		}
		u := newUnit(it, prints[i], check)
		if was := before[it.Key]; was != nil && fingerprint(was.config.Look()) == fingerprint(it.Config.Look()) {
			u.inherit(was)
		}
		r.units[it.Key] = u
		if !u.paused {
			r.schedule(u, now.Add(firstDelay+r.part(it.Config.Warmup)))
		}
	}
	for _, u := range old {
		u.removed = true
		r.halt(u)
	}
	return errors.Join(errs...)
}

// part is a random part of d.
func (r *Runner) part(d time.Duration) time.Duration {
	return time.Duration(r.cfg.Rand() * float64(max(d, 0)))
}

// Pause stops the checks with these keys; what is in flight is cut short and
// says nothing. The state is kept. Unknown keys are ignored.
func (r *Runner) Pause(keys ...string) { r.pause(true, keys) }

// Resume starts paused checks again, within a second.
func (r *Runner) Resume(keys ...string) { r.pause(false, keys) }

func (r *Runner) pause(paused bool, keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, k := range keys {
		if u := r.units[k]; u != nil {
			r.setPaused(u, paused, now)
		}
	}
}

// setPaused pauses or resumes a unit; r.mu is held.
func (r *Runner) setPaused(u *unit, paused bool, now time.Time) {
	if u.paused == paused {
		return
	}
	u.paused = paused
	if paused {
		r.halt(u)
	} else if u.state == idle {
		r.schedule(u, now.Add(r.part(min(u.config.Warmup, firstDelay))))
	}
}

// halt takes a unit out of its queue or cuts its look short; r.mu is held.
func (r *Runner) halt(u *unit) {
	switch u.state {
	case queued:
		heap.Remove(&r.queue, u.index)
		u.state = idle
	case ready:
		u.state = idle // skipped when its turn comes
	case running:
		u.cancel()
	}
}
