package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/integration/faults"
	"holdfast/integration/lab"
)

var gapOnly = flag.Bool("gap", false, "only the failover gap")

// gapLimit is how much later than the timers a client may have its answer, in
// every run.
const gapLimit = 10 * time.Millisecond

// gapSettings are those of the failover gap; pairs of one daemon run at the
// same time where a run takes long.
var gapSettings = []struct {
	faults.Setting
	pairs int
}{
	{faults.Setting{Version: 3, Interval: time.Second}, 4},
	{faults.Setting{Version: 3, Interval: 100 * time.Millisecond}, 1},
	{faults.Setting{Version: 3, Interval: 10 * time.Millisecond}, 1},
}

// pausing is the harm that leaves the kernel alive.
const pausing = "pause of the master"

// gapFaults are the kinds of harm.
var gapFaults = []string{"crash of the master", "stop of the master", pausing}

// gaps measures the failover gap of both daemons and prints a table.
func gaps(w io.Writer, subjects [2]subject, runs int, only string) error {
	var list []row
	for _, s := range gapSettings {
		if !strings.Contains("gap "+s.String(), only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: failover gap, %s…\n", s)
		got, err := gap(subjects, s.Setting, runs, s.pairs)
		if err != nil {
			return err
		}
		list = append(list, gapRows(s.Setting, got)...)
	}
	if len(list) == 0 {
		return fmt.Errorf("no failover gap's name contains %q", only)
	}
	fmt.Fprintln(w, "Failover gap: worst run (median).")
	return verdict(print(w, subjects, list), nil)
}

// gapRows are the lines of one setting; [0] is ours.
func gapRows(s faults.Setting, got [2]outcomes) (list []row) {
	for _, name := range gapFaults {
		add := func(what string, of func(faults.Outcome) time.Duration, limit time.Duration) {
			a, b := got[0].values(name, of), got[1].values(name, of)
			r := row{
				load: fmt.Sprintf("%s, %s", s, name), what: what, ours: spread(a), their: spread(b),
				ratio: slices.Max(a) / slices.Max(b),
			}
			if limit > 0 {
				r.target = fmt.Sprintf("ours <= %v", limit)
				r.missed = slices.Max(a) > limit.Seconds()
			}
			list = append(list, r)
		}
		// A paused machine's kernel answers until the backup is there.
		silence := time.Duration(0)
		if name == pausing {
			silence = s.Down() + gapLimit
		}
		add("client's silence", func(o faults.Outcome) time.Duration { return o.Silence }, silence)
		add("  takeover past the timers", func(o faults.Outcome) time.Duration { return o.Took }, 0)
		if name != pausing {
			add("  answer past the timers", func(o faults.Outcome) time.Duration { return o.Answered }, gapLimit)
		}
	}
	return list
}

func spread(v []float64) string {
	return fmt.Sprintf("%.1f (%.1f) ms", 1000*slices.Max(v), 1000*median(v))
}

// outcomes are the runs of one daemon by fault.
type outcomes map[string][]faults.Outcome

func (o outcomes) values(name string, of func(faults.Outcome) time.Duration) []float64 {
	var v []time.Duration
	for _, x := range o[name] {
		v = append(v, of(x))
	}
	return seconds(v)
}

// gap has each harm happen so many times to each daemon, in turns.
func gap(subjects [2]subject, s faults.Setting, runs, pairs int) (out [2]outcomes, err error) {
	scenes := make([]*faults.Scene, 2*pairs) // even: the first subject
	var started []*lab.Lab
	defer func() {
		for _, l := range started {
			_ = l.Close()
		}
	}()
	for i := range scenes {
		l, err := lab.New("gap")
		if err != nil {
			return out, err
		}
		started = append(started, l)
		sub := subjects[i%2]
		d := lab.Daemon{Name: sub.name, Prog: sub.prog, Args: []string{"-n", "-l", "-G", "-f"}}
		if scenes[i], err = faults.New(l, d, d, s); err != nil {
			return out, err
		}
	}
	out = [2]outcomes{{}, {}}
	var mu sync.Mutex
	for _, f := range faults.All(0) {
		if !slices.Contains(gapFaults, f.Name) {
			continue
		}
		for round := range max(1, (runs+pairs-1)/pairs) {
			for turn := range 2 {
				who := (round + turn) % 2
				err := each(pairs, func(i int) error {
					// Pairs that change at one moment would wait for each other.
					time.Sleep(time.Duration(i) * s.Interval / time.Duration(pairs))
					o, err := scenes[2*i+who].Run(f)
					mu.Lock()
					defer mu.Unlock()
					if err == nil && !o.TookOver {
						err = fmt.Errorf("%s, %s: the backup did not take over", subjects[who].name, f.Name)
					}
					out[who][f.Name] = append(out[who][f.Name], o)
					return err
				})
				if err != nil {
					return out, err
				}
			}
		}
	}
	return out, nil
}
