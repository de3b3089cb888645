package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultLimit is how many scripts of one target may wait.
const DefaultLimit = 64

// DefaultPatience is how long a script may run while others wait for it before
// the log says so.
const DefaultPatience = 10 * time.Second

// ScriptsConfig is what NewScripts needs.
type ScriptsConfig struct {
	Run   Runner       // required
	Limit int          // waiting scripts a target; 0: DefaultLimit
	Log   *slog.Logger // nil: nothing is logged
	// Parallel bounds the targets whose scripts run at once; 0: no bound. A
	// script that hangs holds its place, so a bound needs timeouts.
	Parallel int
	// Patience is how long a script may run with others waiting for it before that
	// is logged, and how long it runs before Stats names it; 0: DefaultPatience.
	Patience time.Duration
}

// Scripts runs notify scripts, those of one target one after another. A
// target costs nothing while it has nothing to run.
type Scripts struct {
	cfg   ScriptsConfig
	ctx   context.Context
	slots chan struct{} // nil: no bound
	unrun notRun

	mu      sync.Mutex
	targets map[string]*target
	closed  bool
	idle    chan struct{} // closed and replaced when the last target ends
	stats   ScriptStats
}

type target struct {
	waiting []Command
	running string // the command line, empty between two scripts
	began   time.Time
	watch   *time.Timer // tells of running when others wait for it; nil: nobody waits
	told    bool        // it has
}

// ScriptStats counts since the start.
type ScriptStats struct {
	Done    uint64 // ended, with or without success
	Failed  uint64 // of those, not successful
	Dropped uint64 // never started
	Waiting int    // now
	Running int    // now
	Long    []Long // running for longer than Patience, the longest first, at most MaxLong
}

// MaxLong bounds ScriptStats.Long.
const MaxLong = 20

// Long is a script that has been running for long.
type Long struct {
	Target, Script string
	Began          time.Time
	Waiting        int // scripts of the same target
}

// NewScripts returns an empty set of queues. Scripts are stopped when ctx ends.
func NewScripts(ctx context.Context, cfg ScriptsConfig) *Scripts {
	if cfg.Limit <= 0 {
		cfg.Limit = DefaultLimit
	}
	if cfg.Patience <= 0 {
		cfg.Patience = DefaultPatience
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Scripts{unrun: notRun{log: cfg.Log}, cfg: cfg, ctx: ctx, targets: map[string]*target{}, idle: make(chan struct{})}
	if cfg.Parallel > 0 {
		s.slots = make(chan struct{}, cfg.Parallel)
	}
	return s
}

// Queue appends commands to those of a target and returns at once. Commands
// that are not set are skipped. After Drain nothing is accepted any more.
func (s *Scripts) Queue(name string, commands ...Command) {
	var dropped []Command
	s.mu.Lock()
	t := s.targets[name]
	for _, c := range commands {
		switch {
		case !c.Set():
			continue
		case s.closed:
			dropped = append(dropped, c)
			continue
		case t == nil:
			t = &target{}
			s.targets[name] = t
			go s.work(name, t)
		}
		if len(t.waiting) >= s.cfg.Limit {
			dropped = append(dropped, t.waiting[0])
			t.waiting = append(t.waiting[:0], t.waiting[1:]...)
		}
		t.waiting = append(t.waiting, c)
		s.watch(name, t)
	}
	s.stats.Dropped += uint64(len(dropped))
	s.mu.Unlock()
	s.logDropped(name, dropped)
}

func (s *Scripts) logDropped(name string, commands []Command) {
	for _, c := range commands {
		s.cfg.Log.Warn("notify script not run: too many wait or the daemon stops", "target", name, "script", c.String())
	}
}

// work runs what a target has and ends when there is nothing left.
func (s *Scripts) work(name string, t *target) {
	for {
		if !s.acquire() {
			s.abandon(name, t)
			return
		}
		c, ok := s.next(name, t)
		if !ok {
			s.release()
			return
		}
		err := s.cfg.Run(s.ctx, c)
		s.release()
		s.mu.Lock()
		took, told, waiting := t.ended()
		s.stats.Done++
		if err != nil {
			s.stats.Failed++
		}
		s.mu.Unlock()
		if told {
			s.cfg.Log.Info("notify script that held up others has ended", "target", name, "script", c.String(), "took", took.Round(time.Millisecond), "waiting", waiting)
		}
		switch _, unrun := errors.AsType[*NotRun](err); {
		case unrun:
			s.unrun.add(name, err)
		case err != nil:
			s.cfg.Log.Warn("notify script failed", "target", name, "script", c.String(), "reason", err)
		default:
			s.cfg.Log.Debug("notify script ended", "target", name, "script", c.String())
		}
	}
}

func (s *Scripts) acquire() bool {
	if s.ctx.Err() != nil {
		return false
	}
	if s.slots == nil {
		return true
	}
	select {
	case s.slots <- struct{}{}:
		return true
	case <-s.ctx.Done():
		return false
	}
}

func (s *Scripts) release() {
	if s.slots != nil {
		<-s.slots
	}
}

// next takes the oldest command, or takes the target out when there is none.
func (s *Scripts) next(name string, t *target) (Command, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(t.waiting) == 0 {
		s.remove(name)
		return Command{}, false
	}
	c := t.waiting[0]
	t.waiting = append(t.waiting[:0], t.waiting[1:]...)
	t.running, t.began = c.String(), time.Now()
	s.watch(name, t)
	return c, true
}

// watch has the log told of the script that runs, if others wait for it too long;
// s.mu is held.
func (s *Scripts) watch(name string, t *target) {
	if t.running == "" || t.watch != nil || len(t.waiting) == 0 {
		return
	}
	began := t.began
	t.watch = time.AfterFunc(s.cfg.Patience-time.Since(began), func() {
		s.mu.Lock()
		if t.running == "" || t.began != began || t.watch == nil || len(t.waiting) == 0 {
			s.mu.Unlock()
			return
		}
		t.told = true
		script, next, waiting := t.running, t.waiting[0].String(), len(t.waiting)
		s.mu.Unlock()
		s.cfg.Log.Warn("notify script holds up others", "target", name, "script", script, "running", time.Since(began).Round(time.Millisecond), "waiting", waiting, "next", next)
	})
}

// ended takes the end of the script that runs, and says how long it ran, whether
// the log was told of it, and how many wait now; Scripts.mu is held.
func (t *target) ended() (took time.Duration, told bool, waiting int) {
	took, told, waiting = time.Since(t.began), t.told, len(t.waiting)
	if t.watch != nil {
		t.watch.Stop()
	}
	t.running, t.watch, t.told = "", nil, false
	return took, told, waiting
}

// abandon drops what a target has, because the context has ended.
func (s *Scripts) abandon(name string, t *target) {
	s.mu.Lock()
	dropped := t.waiting
	t.waiting = nil
	s.stats.Dropped += uint64(len(dropped))
	s.remove(name)
	s.mu.Unlock()
	s.logDropped(name, dropped)
}

// remove takes a target out; s.mu is held.
func (s *Scripts) remove(name string) {
	delete(s.targets, name)
	if len(s.targets) == 0 {
		close(s.idle)
		s.idle = make(chan struct{})
	}
}

// Stats returns the counters.
func (s *Scripts) Stats() ScriptStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	for name, t := range s.targets {
		st.Waiting += len(t.waiting)
		if t.running == "" {
			continue
		}
		st.Running++
		if time.Since(t.began) >= s.cfg.Patience {
			st.Long = append(st.Long, Long{name, t.running, t.began, len(t.waiting)})
		}
	}
	slices.SortFunc(st.Long, func(a, b Long) int {
		return cmp.Or(a.Began.Compare(b.Began), strings.Compare(a.Target, b.Target))
	})
	st.Long = st.Long[:min(len(st.Long), MaxLong)]
	return st
}

// Drain accepts no more scripts and waits until all have ended or ctx does
// (keepalived waits 1 s). Then what waits is dropped, and the error names what
// still runs; that ends with the context of NewScripts, or with the daemon.
func (s *Scripts) Drain(ctx context.Context) error {
	defer s.unrun.flush()
	s.mu.Lock()
	s.closed = true
	for len(s.targets) > 0 {
		idle := s.idle
		s.mu.Unlock()
		select {
		case <-idle:
			s.mu.Lock()
		case <-ctx.Done():
			return s.cut()
		}
	}
	s.mu.Unlock()
	return nil
}

// cut drops everything that waits and says what runs.
func (s *Scripts) cut() error {
	s.mu.Lock()
	dropped := map[string][]Command{}
	var running []string
	for name, t := range s.targets {
		if len(t.waiting) > 0 {
			dropped[name] = append([]Command(nil), t.waiting...)
			s.stats.Dropped += uint64(len(t.waiting))
			t.waiting = t.waiting[:0]
		}
		if t.running != "" {
			running = append(running, fmt.Sprintf("%s (%s)", t.running, name))
		}
	}
	s.mu.Unlock()
	for name, c := range dropped {
		s.logDropped(name, c)
	}
	if len(running) == 0 && len(dropped) == 0 {
		return nil
	}
	return fmt.Errorf("notify: scripts not ended in time: %s", strings.Join(running, ", "))
}
