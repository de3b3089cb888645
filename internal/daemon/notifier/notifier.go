// Package notifier joins package notify with the configuration: which
// commands and pipes hear of what, as which user. Both child processes use it.
package notifier

import (
	"context"
	"errors"
	"log/slog"
	"os/user"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/proc"
	"holdfast/notify"
)

// StopLimit is how long notify scripts may still run when the daemon stops. Tests
// of what they do then have more patience, and set it before they begin.
var StopLimit = time.Second

// scriptUser is the account that scripts run as when none is named.
const scriptUser = "keepalived_script"

// Notifier runs commands and writes lines. Its methods do not block, except
// for Configure and Close.
type Notifier struct {
	log     *slog.Logger
	scripts *notify.Scripts
	fifos   *notify.FIFOs
	cancel  context.CancelFunc

	mu     sync.Mutex
	global config.GlobalDefs
	// user is ScriptUser of global, looked up by its first call: see LookUp.
	user func() (name, group string)
}

// New returns a Notifier without pipes; Configure opens them.
func New(log *slog.Logger) *Notifier {
	ctx, cancel := context.WithCancel(context.Background())
	n := &Notifier{log: log, cancel: cancel, user: func() (string, string) { return "", "" }}
	n.scripts = notify.NewScripts(ctx, notify.ScriptsConfig{Run: n.run, Log: log})
	n.fifos = notify.NewFIFOs(notify.FIFODeps{Start: n.start, Log: log})
	return n
}

// Configure takes over the settings and opens, keeps and closes pipes. Those
// with readers that another process starts have no Script.
func (n *Notifier) Configure(g config.GlobalDefs, pipes ...config.FIFO) {
	n.mu.Lock()
	n.global, n.user = g, sync.OnceValues(func() (string, string) { return ScriptUser(g) })
	n.mu.Unlock()
	var cfgs []notify.FIFOConfig
	for _, p := range pipes {
		if p.Path == "" {
			continue
		}
		c := notify.FIFOConfig{Path: p.Path, Reader: n.Command(p.Script)}
		if p.User != "" {
			cred, err := proc.Lookup(p.User, p.Group)
			if err != nil {
				n.log.Error("notify fifo: user not found", "fifo", p.Path, "err", err)
				continue
			}
			c.Owner = &notify.Owner{UID: int(cred.UID), GID: int(cred.GID)}
		}
		cfgs = append(cfgs, c)
	}
	ctx, cancel := context.WithTimeout(context.Background(), StopLimit)
	defer cancel()
	if err := n.fifos.Set(ctx, cfgs...); err != nil {
		n.log.Error("notify fifo", "err", err)
	}
}

// LookUp looks up the user that scripts run as by default, once for each Configure:
// Command does it otherwise, and reads files for it. Where time counts it comes as
// late as can be.
func (n *Notifier) LookUp() {
	n.mu.Lock()
	user := n.user
	n.mu.Unlock()
	user()
}

// Command turns a configured command into one to run, with the user it runs
// as; none stays none.
func (n *Notifier) Command(c config.Command) notify.Command {
	if !c.Set() {
		return notify.Command{}
	}
	out := notify.Command{Args: c.Args, Shell: c.Shell, User: c.User, Group: c.Group}
	if out.User == "" {
		n.mu.Lock()
		user := n.user
		n.mu.Unlock()
		out.User, out.Group = user()
	}
	return out
}

// ScriptUser is the user and group that scripts run as by default: script_user,
// else keepalived_script if there is such a user, else ourselves (empty).
func ScriptUser(g config.GlobalDefs) (name, group string) {
	if g.ScriptUser != "" {
		return g.ScriptUser, g.ScriptGroup
	}
	if _, err := user.Lookup(scriptUser); err == nil {
		return scriptUser, ""
	}
	return "", ""
}

// Queue runs the commands of one target one after another.
func (n *Notifier) Queue(target string, commands ...notify.Command) {
	n.scripts.Queue(target, commands...)
}

// Write writes a line to those of the pipes that are open.
func (n *Notifier) Write(line string, pipes ...config.FIFO) {
	paths := make([]string, 0, len(pipes))
	for _, p := range pipes {
		paths = append(paths, p.Path)
	}
	n.fifos.Write(line, paths...)
}

// Status is what the notify side shows of itself.
type Status struct {
	Scripts Scripts `json:"scripts"`
	FIFOs   []FIFO  `json:"fifos,omitempty"`
}

// Scripts counts notify scripts since the start.
type Scripts struct {
	Done    uint64 `json:"done"`    // ended, with or without success
	Failed  uint64 `json:"failed"`  // of those, not successful
	Dropped uint64 `json:"dropped"` // never started
	Waiting int    `json:"waiting"` // now
	Running int    `json:"running"` // now
	// Long lists those that have been running for longer than others should wait.
	Long []LongScript `json:"long,omitempty"`
}

// LongScript is a notify script that has been running for long.
type LongScript struct {
	Target  string    `json:"target"` // what its scripts wait for each other for: INSTANCE VI_1
	Script  string    `json:"script"` // the command line
	Since   time.Time `json:"since"`
	Waiting int       `json:"waiting"` // scripts that wait for it
}

// FIFO counts the lines of one pipe since it was opened.
type FIFO struct {
	Path    string `json:"path"`
	Written uint64 `json:"written"`
	Dropped uint64 `json:"dropped"`
	Waiting int    `json:"waiting"` // now, because the pipe is full
}

// Status returns the counters.
func (n *Notifier) Status() Status {
	c := n.scripts.Stats()
	st := Status{Scripts: Scripts{Done: c.Done, Failed: c.Failed, Dropped: c.Dropped, Waiting: c.Waiting, Running: c.Running}}
	for _, l := range c.Long {
		st.Scripts.Long = append(st.Scripts.Long, LongScript{Target: l.Target, Script: l.Script, Since: l.Began, Waiting: l.Waiting})
	}
	for path, f := range n.fifos.Stats() {
		st.FIFOs = append(st.FIFOs, FIFO{Path: path, Written: f.Written, Dropped: f.Dropped, Waiting: f.Waiting})
	}
	slices.SortFunc(st.FIFOs, func(a, b FIFO) int { return strings.Compare(a.Path, b.Path) })
	return st
}

// Close waits for what is queued, StopLimit at most, and ends everything.
func (n *Notifier) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), StopLimit)
	defer cancel()
	if err := errors.Join(n.scripts.Drain(ctx), n.fifos.Close(ctx)); err != nil {
		n.log.Warn("notify not finished within its limit", "limit", StopLimit, "err", err)
	}
	n.cancel()
}

// Spec says how a configured command is run: as which user, and whether its
// path must be safe from others.
func (n *Notifier) Spec(c config.Command) proc.Spec { return n.spec(n.Command(c)) }

func (n *Notifier) spec(c notify.Command) proc.Spec {
	n.mu.Lock()
	defer n.mu.Unlock()
	return proc.Spec{
		Args: c.Args, Shell: c.Shell, User: c.User, Group: c.Group,
		Timeout: c.Timeout, Secure: n.global.EnableScriptSecurity,
	}
}

func (n *Notifier) run(ctx context.Context, c notify.Command) error {
	r := proc.Run(ctx, n.spec(c))
	if r.Err != nil && ctx.Err() == nil {
		return &notify.NotRun{Err: r.Err}
	}
	return r.Error()
}

func (n *Notifier) start(c notify.Command) (notify.Program, error) {
	p, err := proc.Start(n.spec(c))
	if err != nil {
		return nil, err
	}
	return p, nil
}
