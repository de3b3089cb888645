package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
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

// gapTries is how often a run is made for each that is wanted, at the most: there
// is another one for one that is set aside, see excused.
const gapTries = 3

// excused reports whether a run is late only for the time in which a processor
// of this machine stood still. Every other run counts, in time or not. Both
// daemons are treated alike, and what was set aside is told.
func excused(o faults.Outcome, still time.Duration) bool {
	return o.Answered > gapLimit && o.Answered-still <= gapLimit
}

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
	var aside []string
	short := 0
	// Blocked system calls of the clients must not keep other clients waiting.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(64))
	stalls, err := watchStillness()
	if err != nil {
		return err
	}
	defer stalls.close()
	for _, s := range gapSettings {
		if !strings.Contains("gap "+s.String(), only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: failover gap, %s…\n", s)
		got, err := gap(subjects, s.Setting, stalls, runs, s.pairs)
		if err != nil {
			return err
		}
		list = append(list, gapRows(s.Setting, got)...)
		for i, o := range got {
			for _, f := range gapFaults {
				if n := len(o[f]); n < runs {
					short++
					aside = append(aside, fmt.Sprintf("%s, %s, %s: only %d of %d runs count", s, subjects[i].name, f, n, runs))
				}
			}
			if len(o[setAside]) > 0 {
				answers := o.values(setAside, func(o faults.Outcome) time.Duration { return o.Answered })
				aside = append(aside, fmt.Sprintf("%s, %s: %d runs set aside, late for no longer than a processor stood still: answers %s past the timers",
					s, subjects[i].name, len(answers), spread(answers)))
			}
		}
	}
	if len(list) == 0 {
		return fmt.Errorf("no failover gap's name contains %q", only)
	}
	fmt.Fprintln(w, "Failover gap: worst run (median).")
	missed := print(w, subjects, list)
	for _, line := range aside {
		fmt.Fprintln(w, line)
	}
	return verdict(missed+short, nil)
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

// setAside is the name of the runs in which the machine stood still.
const setAside = "set aside"

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
func gap(subjects [2]subject, s faults.Setting, stalls *stillness, runs, pairs int) (out [2]outcomes, err error) {
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
		enough := func(who int) bool { return len(out[who][f.Name]) >= runs }
		for round := 0; (!enough(0) || !enough(1)) && round < gapTries*runs; round++ {
			for turn := range 2 {
				who := (round + turn) % 2
				if enough(who) {
					continue
				}
				err := each(pairs, func(i int) error {
					// Pairs that change at one moment would wait for each other.
					time.Sleep(time.Duration(i) * s.Interval / time.Duration(pairs))
					o, err := scenes[2*i+who].Run(f)
					mu.Lock()
					defer mu.Unlock()
					if err == nil && !o.TookOver {
						err = fmt.Errorf("%s, %s: the backup did not take over", subjects[who].name, f.Name)
					}
					kind, still := f.Name, stalls.between(o.Due, o.Due.Add(o.Answered))
					if kind != pausing && excused(o, still) {
						kind = setAside
					}
					if o.Answered > gapLimit {
						fmt.Fprintf(os.Stderr, "bench: %s, %s, %s, due at %s: address %v, answer %v past the timers; a processor stood still for %v; the backup waited for one for %v in all of the run\n",
							subjects[who].name, s, f.Name, o.Due.Format("15:04:05.000"), o.Took, o.Answered, still, o.Waited)
					}
					out[who][kind] = append(out[who][kind], o)
					return err
				})
				if err != nil {
					return out, err
				}
			}
		}
	}
	for who := range out {
		for _, name := range gapFaults {
			if len(out[who][name]) == 0 {
				return out, fmt.Errorf("%s, %s: a processor of this machine stood still in every one of %d runs", subjects[who].name, name, len(out[who][setAside]))
			}
		}
	}
	return out, nil
}
