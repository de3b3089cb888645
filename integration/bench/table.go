package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// memoryLimit is the most that all processes of one director with up to 255
// virtual routers may take.
const memoryLimit = 40 << 20

// row is one line of the table.
type row struct {
	load, what  string
	ours, their string // their: empty where keepalived has no such thing
	ratio       float64
	target      string
	missed      bool
}

// rows are the lines of one load; [0] is ours.
func rows(l load, f [2]figures) []row {
	var out []row
	atMost := func(what string, limit float64, ours, their float64, show func(float64) string) {
		r := row{load: l.name, what: what, ours: show(ours), their: show(their), ratio: ours / their}
		if limit > 0 {
			r.target = fmt.Sprintf("<= %g", limit)
			r.missed = r.ratio > limit
		}
		out = append(out, r)
	}
	core := func(v float64) string { return fmt.Sprintf("%.3f %%", 100*v) }
	atMost("CPU of the master", l.cpu, median(f[0].master), median(f[1].master), core)
	atMost("CPU of the backup", l.cpu, median(f[0].backup), median(f[1].backup), core)

	ours, their := slices.Max(f[0].pss), slices.Max(f[1].pss)
	memory := row{load: l.name, what: "memory (PSS)", ours: mib(ours), their: mib(their), ratio: float64(ours) / float64(their)}
	if l.routers <= 255 {
		memory.target, memory.missed = "ours <= "+mib(memoryLimit), ours > memoryLimit
	}
	out = append(out, memory)

	if f[0].moved+f[1].moved > 0 {
		out = append(out, row{
			load: l.name, what: "  mastership moved while nothing happened",
			ours: fmt.Sprint(f[0].moved), their: fmt.Sprint(f[1].moved), ratio: float64(f[0].moved) / float64(f[1].moved),
			target: "ours <= 0", missed: f[0].moved > 0,
		})
	}

	ms := func(v float64) string { return fmt.Sprintf("%.1f ms", 1000*v) }
	a, b := seconds(f[0].takeovers), seconds(f[1].takeovers)
	n := fmt.Sprintf("%d runs", len(a))
	atMost("takeover, median of "+n, l.takeover, median(a), median(b), ms)
	atMost("takeover, worst of "+n, 0, slices.Max(a), slices.Max(b), ms)
	bound := l.bound().Seconds()
	past := func(v float64) string { return fmt.Sprintf("%+.1f ms", 1000*v) }
	atMost(fmt.Sprintf("  median beyond the timers' %v", l.bound().Round(100*time.Microsecond)), 0, median(a)-bound, median(b)-bound, past)
	return out
}

func mib(v int64) string { return fmt.Sprintf("%.1f MiB", float64(v)/(1<<20)) }

// print writes the table and tells how many targets were missed.
func print(w io.Writer, subjects [2]subject, list []row) (missed int) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "load\t\t%s\t%s\tratio\ttarget\t\n", subjects[0].name, subjects[1].name)
	load := ""
	for _, r := range list {
		name := r.load
		if name == load {
			name = ""
		}
		load = r.load
		verdict := ""
		switch {
		case r.missed:
			verdict = "MISSED"
			missed++
		case r.target != "":
			verdict = "ok"
		}
		ratio := fmt.Sprintf("%.2f", r.ratio)
		if r.their == "" { // nothing of it there
			ratio = ""
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, r.what, r.ours, r.their, ratio, r.target, verdict)
	}
	t.Flush()
	return missed
}

func seconds(v []time.Duration) []float64 {
	out := make([]float64, len(v))
	for i, d := range v {
		out[i] = d.Seconds()
	}
	return out
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
