package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"holdfast/integration/faults"
)

// table collects the outcomes of one setting.
type table struct {
	setting faults.Setting
	pairs   []string
	faults  []faults.Fault
	worst   map[string]map[string]faults.Outcome // by fault and pair
}

func (t *table) add(f faults.Fault, pair string, o faults.Outcome) {
	if t.worst[f.Name] == nil {
		t.worst[f.Name] = map[string]faults.Outcome{}
		t.faults = append(t.faults, f)
	}
	t.worst[f.Name][pair] = o
}

// print writes the table and what was missed, and counts that.
func (t *table) print(w io.Writer) (missed int) {
	fmt.Fprintf(w, "%s: client's silence; second master after the fault [and in it], in ms\n", t.setting)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "fault\t%s\t\n", strings.Join(t.pairs, "\t"))
	var verdicts []string
	for _, f := range t.faults {
		fmt.Fprintf(tw, "%s\t", f.Name)
		for _, p := range t.pairs {
			o, ok := t.worst[f.Name][p]
			if !ok {
				fmt.Fprint(tw, "\t")
				continue
			}
			fmt.Fprintf(tw, "%.0f; %.0f", ms(o.Silence), ms(o.After))
			if o.During > 0 {
				fmt.Fprintf(tw, " [%.0f]", ms(o.During))
			}
			if f.Calm && o.Moves > 0 {
				fmt.Fprintf(tw, ", moved %dx", o.Moves)
			}
			fmt.Fprint(tw, "\t")
		}
		fmt.Fprintln(tw)
		for _, v := range t.verdicts(f) {
			verdicts = append(verdicts, v)
			if !strings.HasSuffix(v, "not held to it") {
				missed++
			}
		}
	}
	tw.Flush()
	for _, v := range verdicts {
		fmt.Fprintln(w, v)
	}
	if len(verdicts) == 0 {
		fmt.Fprintln(w, "no target missed")
	}
	return missed
}

// verdicts are the targets missed under one fault.
func (t *table) verdicts(f faults.Fault) (out []string) {
	for _, p := range t.pairs {
		o, ok := t.worst[f.Name][p]
		if !ok {
			continue
		}
		if err := f.Judge(t.setting, o, slack); err != nil {
			verdict := "MISSED"
			// Where keepalived has a part the fault may be its own; the table shows it.
			if p != ourPair {
				verdict = "not held to it"
			}
			out = append(out, fmt.Sprintf("%s, %s: %s: %s", f.Name, p, strings.ReplaceAll(err.Error(), "\n", "; "), verdict))
		}
	}
	a, okA := t.worst[f.Name][ourPair]
	b, okB := t.worst[f.Name][theirPair]
	// The phase of the fault alone makes a difference of one interval.
	if okA && okB && a.Silence > b.Silence+t.setting.Interval+slack && !slices.ContainsFunc(out, func(s string) bool { return strings.Contains(s, ourPair) }) {
		out = append(out, fmt.Sprintf("%s: %s silent for %v, %s for %v: MISSED", f.Name, ourPair, a.Silence, theirPair, b.Silence))
	}
	return out
}

const (
	ourPair   = "holdfast-holdfast"
	theirPair = "keepalived-keepalived"
)

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
