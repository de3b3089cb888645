package healthcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// unit is one item with its state. Everything is guarded by Runner.mu; check
// is used by its one look in flight.
type unit struct {
	key    string
	config Config
	print  string // fingerprint of config
	pool   int
	check  Check

	judge    Judge
	last     Result
	at       time.Time // of last
	runs     uint64
	failures uint64

	state   unitState
	paused  bool
	removed bool
	due     time.Time
	index   int                // in the queue
	cancel  context.CancelFunc // of the look in flight
}

type unitState uint8

const (
	idle    unitState = iota // paused, or not in any queue
	queued                   // waits for its time
	ready                    // waits for a place
	running                  // being looked at
)

func newUnit(it Item, print string, check Check) *unit {
	u := &unit{key: it.Key, config: it.Config, print: print, check: check, judge: NewJudge(it.Config), paused: it.Paused}
	u.judge.up = it.Up
	if it.Config.Kind == Misc {
		u.pool = poolMisc
	}
	return u
}

// inherit takes over what was seen by another one that looks at the same.
func (u *unit) inherit(was *unit) {
	if u.judge.up, u.judge.checked = was.judge.Known(); u.judge.checked {
		u.judge.weight = was.judge.weight
	}
	u.last, u.at, u.runs, u.failures = was.last, was.at, was.runs, was.failures
}

func (u *unit) verdict() Verdict {
	up, _ := u.judge.Known()
	return Verdict{Key: u.key, Up: up, Weight: u.judge.Weight(), Text: u.last.Text, Latency: u.last.Latency, At: u.at}
}

// fingerprint is equal for equal configs.
func fingerprint(c Config) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("healthcheck: config cannot be written: %v", err)) // plain values always can
	}
	return string(b)
}

// queue is a heap of units by due time.
type queue []*unit

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	u := x.(*unit)
	u.index = len(*q)
	*q = append(*q, u)
}

func (q *queue) Pop() any {
	old := *q
	n := len(old) - 1
	u := old[n]
	old[n] = nil
	*q = old[:n]
	return u
}

// Status is what a Runner knows about an item.
type Status struct {
	Key      string
	Kind     Kind
	Target   string // address, or command line of a MISC_CHECK
	Checked  bool   // there is a verdict
	Up       bool   // the verdict
	Weight   int    // given by misc_dynamic; -1: none
	Paused   bool
	Text     string // of the last look
	Latency  time.Duration
	Last     time.Time // end of the last look; zero: none yet
	Failed   int       // failures in a row while up
	Runs     uint64
	Failures uint64
}

// Status returns a copy of the state of every item, by key.
func (r *Runner) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Status, 0, len(r.units))
	for _, u := range r.units {
		s := Status{
			Key: u.key, Kind: u.config.Kind, Weight: u.judge.Weight(), Paused: u.paused,
			Text: u.last.Text, Latency: u.last.Latency, Last: u.at, Failed: u.judge.Failed(),
			Runs: u.runs, Failures: u.failures,
		}
		s.Up, s.Checked = u.judge.Known()
		if s.Target = u.config.Addr.String(); u.config.Kind == Misc {
			s.Target = strings.Join(u.config.Command.Args, " ")
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// Verdicts returns the verdicts there are now, by key.
func (r *Runner) Verdicts() map[string]Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]Verdict, len(r.units))
	for k, u := range r.units {
		if _, known := u.judge.Known(); known {
			out[k] = u.verdict()
		}
	}
	return out
}
