package track

import (
	"context"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/proc"
)

// Key is the name under which the result of a script is told.
func Key(script string) string { return "script " + script }

// Process is a started script; *proc.Process is one.
type Process interface {
	Done() <-chan struct{}
	Expired() <-chan struct{}
	Result() proc.Result
	Stop()
}

// Deps is what a Tracker needs.
type Deps struct {
	// Changed is told the first result of every script and each change, by
	// Key, one at a time. It must not call SetScripts or Close.
	Changed func(key string, up bool)
	Log     *slog.Logger // nil: nothing is logged
	// Start starts a script; nil: proc.Start. For tests.
	Start func(proc.Spec) (Process, error)
}

// Settings is what the scripts of a configuration have in common.
type Settings struct {
	User, Group string // of scripts that name none; empty: ourselves
	Secure      bool   // enable_script_security
}

// Tracker runs scripts. Methods may be called from any goroutine.
type Tracker struct {
	deps Deps
	tell sync.Mutex // one Changed at a time; taken before mu

	mu      sync.Mutex
	scripts map[string]*script
	loops   sync.WaitGroup
	closed  bool
}

// script is one vrrp_script with its state, guarded by Tracker.mu. A change of
// its settings makes a new one.
type script struct {
	cfg  config.VRRPScript
	spec proc.Spec
	stop context.CancelFunc

	known bool // there is a result, or init_fail stands for it
	up    bool
	first bool // the next result counts alone
	count int  // results in a row against up
	stat  Status
}

// Status is what a Tracker knows about a script.
type Status struct {
	Name    string
	Known   bool // Up says something
	Up      bool
	Exit    int           // exit status of the last run; -1: it had none
	Text    string        // how the last run ended
	Last    time.Time     // end of the last run; zero: none yet
	Took    time.Duration // by the last run
	Running bool
	Count   int // results in a row that speak against Up
	Runs    uint64
	Failed  uint64
	Timeout uint64 // runs that reached their timeout
	Skipped uint64 // ticks at which the last run was still going on
}

// New returns a Tracker without scripts.
func New(d Deps) *Tracker {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Changed == nil {
		d.Changed = func(string, bool) {}
	}
	if d.Start == nil {
		d.Start = func(s proc.Spec) (Process, error) {
			p, err := proc.Start(s)
			if err != nil {
				return nil, err // not a nil *proc.Process in an interface
			}
			return p, nil
		}
	}
	return &Tracker{deps: d, scripts: map[string]*script{}}
}

// withDefaults makes the defaults explicit (interval 0 is 1 s in keepalived).
func withDefaults(c config.VRRPScript) config.VRRPScript {
	if c.Interval <= 0 {
		c.Interval = time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = c.Interval
	}
	c.Rise, c.Fall = max(c.Rise, 1), max(c.Fall, 1)
	return c
}

func spec(c config.VRRPScript, s Settings) proc.Spec {
	p := proc.Spec{
		Args: c.Command.Args, Shell: c.Command.Shell, User: c.Command.User, Group: c.Command.Group,
		Timeout: c.Timeout, Secure: s.Secure,
	}
	if p.User == "" {
		p.User = s.User
		if p.Group == "" {
			p.Group = s.Group
		}
	}
	return p
}

// sameCommand reports whether two specs run the same thing as the same user.
func sameCommand(a, b proc.Spec) bool {
	a.Timeout, b.Timeout = 0, 0
	return reflect.DeepEqual(a, b)
}

// SetScripts makes the running scripts those given; of several of one name the
// first counts. Scripts that are unchanged are not disturbed. Those that are
// gone are stopped and told no more.
func (t *Tracker) SetScripts(list []config.VRRPScript, set Settings) {
	t.tell.Lock()
	defer t.tell.Unlock()
	var failed []string
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return
	}
	next := make(map[string]*script, len(list))
	for _, c := range list {
		if next[c.Name] != nil {
			continue
		}
		c = withDefaults(c)
		p := spec(c, set)
		old := t.scripts[c.Name]
		if old != nil && reflect.DeepEqual(old.cfg, c) && reflect.DeepEqual(old.spec, p) {
			next[c.Name] = old
			continue
		}
		s := &script{cfg: c, spec: p, first: true}
		s.stat = Status{Name: c.Name, Exit: -1}
		switch {
		case old != nil && sameCommand(old.spec, p):
			s.known, s.up, s.first, s.stat = old.known, old.up, old.first, old.stat
			s.stat.Running = false
		case c.InitFail:
			s.known = true
			failed = append(failed, c.Name)
		}
		next[c.Name] = s
	}
	for name, old := range t.scripts {
		if next[name] != old {
			old.stop()
		}
	}
	for name, s := range next {
		if t.scripts[name] != s {
			var ctx context.Context
			ctx, s.stop = context.WithCancel(context.Background())
			t.loops.Add(1)
			go t.loop(ctx, s)
		}
	}
	t.scripts = next
	t.mu.Unlock()
	for _, name := range failed {
		t.deps.Log.Info("tracked script counts as failed until it succeeds (init_fail)", "script", name)
		t.deps.Changed(Key(name), false)
	}
}

// Close stops all scripts and waits for their goroutines, not for programs
// that ignore SIGTERM.
func (t *Tracker) Close() {
	t.mu.Lock()
	t.closed = true
	for _, s := range t.scripts {
		s.stop()
	}
	t.mu.Unlock()
	t.loops.Wait()
}

// Results returns the results known now, by Key.
func (t *Tracker) Results() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string]bool{}
	for name, s := range t.scripts {
		if s.known {
			out[Key(name)] = s.up
		}
	}
	return out
}
