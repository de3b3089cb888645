package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"holdfast/integration/uml"
)

var (
	ipvsOnly = flag.Bool("ipvs", false, "only the IPVS table")
	ipvsFile = flag.String("ipvs-inside", "", "do the work in this file, of the IPVS table, in this kernel (the bench calls itself so)")
	ipvsRuns = flag.Int("ipvsruns", 6, "pairs of lives with each IPVS table; even, as each daemon comes first in half of them")
	ipvsPin  = flag.Bool("ipvspin", false, "keep the IPVS kernel on one processor, where a page fault costs it a quarter of the time")
)

// Sizes of the table: services, each with ipvsServers real servers.
var ipvsSizes = []int{1000, 3000}

const ipvsServers = 10

// ipvsPhase is one piece of work on the table, with the target: at most so
// many times what keepalived takes.
type ipvsPhase int

const (
	ipvsInstall ipvsPhase = iota
	ipvsEvery
	ipvsOne
	ipvsStop
	ipvsPhases
)

func (p ipvsPhase) String() string {
	return [...]string{"install", "reload, every weight", "reload, one weight", "stop"}[p]
}

func (p ipvsPhase) target() float64 { return [...]float64{0.25, 0.15, 1, 0.25}[p] }

// ipvsMemory is the most that all processes may take with 30,000 real servers.
const ipvsMemory = 100 << 20

// ipvsSet is the most that one weight by holdfast set may take, ms, and
// ipvsSets how many are set.
const (
	ipvsSet  = 20
	ipvsSets = 10
)

// ipvsTable measures the IPVS table in kernels that have one. Where that is a
// user-mode kernel, each pair of lives has a fresh one: what a page fault takes there
// depends on where this machine runs its processes, and stays so while it is up.
func ipvsTable(w io.Writer, subjects [2]subject) error {
	if *ipvsRuns < 2 || *ipvsRuns%2 != 0 {
		return fmt.Errorf("-ipvsruns %d: want an even number, 2 at least", *ipvsRuns)
	}
	measure, where := ipvsPair, ""
	if !uml.HasIPVS() {
		measure, where = ipvsElsewhere, ", each in a kernel of its own"
	}
	fmt.Fprintf(w, "The IPVS table: median (worst) of %d pairs of lives%s; the ratio is the median of those of the pairs.\n", *ipvsRuns, where)
	missed := 0
	for _, size := range ipvsSizes {
		fmt.Fprintf(os.Stderr, "bench: IPVS table, %d services…\n", size)
		var pairs []ipvsLives
		for run := range *ipvsRuns {
			p, err := measure(subjects, ipvsWork{size, run % 2})
			if err != nil {
				return fmt.Errorf("%d services, pair %d: %w", size, run+1, err)
			}
			pairs = append(pairs, p)
		}
		missed += print(w, subjects, ipvsRows(size, pairs))
	}
	return verdict(missed, nil)
}

// ipvsLives is a pair of lives in one kernel; [0] is ours.
type ipvsLives [2]life

// ipvsWork is a pair of lives: how many services, and who comes first.
type ipvsWork struct{ Size, First int }

// ipvsPair measures a pair of lives in this kernel.
func ipvsPair(subjects [2]subject, work ipvsWork) (pair ipvsLives, err error) {
	for turn := range 2 {
		who := (work.First + turn) % 2
		if pair[who], err = ipvsLife(subjects[who], who, work.Size); err != nil {
			return pair, fmt.Errorf("%s: %w", subjects[who].name, err)
		}
	}
	return pair, nil
}

// ipvsElsewhere measures a pair of lives in a kernel that is booted for it.
func ipvsElsewhere(subjects [2]subject, work ipvsWork) (pair ipvsLives, err error) {
	exe, err := os.Executable()
	if err != nil {
		return pair, err
	}
	shared, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return pair, err
	}
	defer os.RemoveAll(shared)
	file := filepath.Join(shared, "work")
	if err := writeJSON(file, work); err != nil {
		return pair, err
	}
	var show []string
	for _, s := range subjects {
		show = append(show, filepath.Dir(s.prog))
	}
	res, err := uml.Run(context.Background(), uml.Options{
		Command: []string{exe, "-ipvs-inside", file, "-holdfast", subjects[0].prog, "-keepalived", subjects[1].prog},
		Show:    show, Results: shared, Timeout: 10 * time.Minute, Pin: *ipvsPin,
	})
	switch {
	case err != nil:
		return pair, err
	case res.Exit != 0:
		return pair, fmt.Errorf("in the IPVS kernel:\n%s", res.Output)
	}
	return pair, readJSON(outcome(file), &pair)
}

// outcome is the file beside that of a work that says what it took.
func outcome(file string) string { return file + ".lives" }

// ipvsInside does the work in file and writes its outcome. The programs are read
// before: in a kernel just booted, the first one would wait for the disk.
func ipvsInside(subjects [2]subject, file string) error {
	var work ipvsWork
	if err := readJSON(file, &work); err != nil {
		return err
	}
	for _, s := range subjects {
		if _, err := os.ReadFile(s.prog); err != nil {
			return err
		}
	}
	pair, err := ipvsPair(subjects, work)
	if err != nil {
		return err
	}
	return writeJSON(outcome(file), pair)
}

func writeJSON(file string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o600)
}

func readJSON(file string, v any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func ipvsRows(size int, pairs []ipvsLives) (list []row) {
	load := fmt.Sprintf("%d services with %d servers", size, ipvsServers)
	for p := range ipvsPhases {
		var took [2][]float64
		var ratios []float64
		for _, pair := range pairs {
			for who, l := range pair {
				took[who] = append(took[who], l.Took[p].Seconds())
			}
			ratios = append(ratios, pair[0].Took[p].Seconds()/pair[1].Took[p].Seconds())
		}
		show := func(v []float64) string { return fmt.Sprintf("%.2f (%.2f) s", median(v), slices.Max(v)) }
		r := row{load: load, what: p.String(), ours: show(took[0]), their: show(took[1]), ratio: median(ratios)}
		r.target, r.missed = fmt.Sprintf("<= %g", p.target()), r.ratio > p.target()
		list = append(list, r)
	}
	var set []float64
	var mem, left [2]int64
	for _, pair := range pairs {
		set = append(set, pair[0].Set...)
		for who, l := range pair {
			mem[who], left[who] = max(mem[who], l.PSS), max(left[who], l.Left)
		}
	}
	list = append(list, row{
		load: load, what: "holdfast set, one weight", ours: fmt.Sprintf("%.1f (%.1f) ms", median(set), slices.Max(set)),
		target: fmt.Sprintf("ours <= %d ms", ipvsSet), missed: median(set) > ipvsSet,
	})
	r := row{load: load, what: "memory (PSS)", ours: mib(mem[0]), their: mib(mem[1]), ratio: float64(mem[0]) / float64(mem[1])}
	if size*ipvsServers >= 30000 {
		r.target, r.missed = "ours <= "+mib(ipvsMemory), mem[0] > ipvsMemory
	}
	return append(list, r, row{
		load: load, what: "services left by the stop", ours: fmt.Sprint(left[0]), their: fmt.Sprint(left[1]),
		target: "ours = 0", missed: left[0] > 0,
	})
}
