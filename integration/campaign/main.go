package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"holdfast/integration/faults"
	"holdfast/integration/lab"
)

func main() {
	ours := flag.String("holdfast", "build/keepalived", "holdfast, by a name that takes keepalived's command line")
	theirs := flag.String("keepalived", "keepalived", "the real keepalived")
	rounds := flag.Int("rounds", 3, "how often each fault happens to each pair")
	only := flag.String("only", "", "only faults whose name contains this")
	pairs := flag.String("pairs", "", "only pairs whose name contains this, such as holdfast-holdfast")
	flood := flag.Duration("flood", time.Minute, "how long the flood lasts; it happens once")
	slow := flag.Bool("slow", false, "also at v2, 1 s")
	flag.Parse()
	if err := run(*ours, *theirs, plan{rounds: *rounds, only: *only, pairs: *pairs, flood: *flood, slow: *slow}); err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
		os.Exit(1)
	}
}

// plan is what is to be done.
type plan struct {
	rounds      int
	only, pairs string
	flood       time.Duration
	slow        bool
}

// slack is what this machine may add to a time.
const slack = 80 * time.Millisecond

// pairing is who runs as master and who as backup.
type pairing struct{ a, b lab.Daemon }

func (p pairing) String() string { return p.a.Name + "-" + p.b.Name }

func run(ours, theirs string, p plan) error {
	if err := lab.Available(); err != nil {
		return err
	}
	us, them, err := lab.Programs(ours, theirs)
	if err != nil {
		return err
	}
	return lab.Guard(func() error {
		return p.run(lab.Keepalived("holdfast", us), lab.Keepalived("keepalived", them))
	})
}

func (p plan) run(us, them lab.Daemon) error {
	settings := []faults.Setting{{Version: 3, Interval: 100 * time.Millisecond}}
	if p.slow {
		settings = append(settings, faults.Setting{Version: 2, Interval: time.Second})
	}
	missed := 0
	for _, s := range settings {
		t := table{setting: s, worst: map[string]map[string]faults.Outcome{}}
		for _, pair := range []pairing{{us, us}, {them, them}, {us, them}, {them, us}} {
			if !strings.Contains(pair.String(), p.pairs) {
				continue
			}
			t.pairs = append(t.pairs, pair.String())
			if err := p.pair(s, pair, &t); err != nil {
				return err
			}
		}
		missed += t.print(os.Stdout)
	}
	if missed > 0 {
		return fmt.Errorf("%d targets missed", missed)
	}
	return nil
}

// pair has every fault happen to one pair.
func (p plan) pair(s faults.Setting, pair pairing, t *table) error {
	fmt.Fprintf(os.Stderr, "campaign: %s, %s…\n", s, pair)
	l, err := lab.New("campaign")
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	scene, err := faults.New(l, pair.a, pair.b, s)
	if err != nil {
		return err
	}
	for _, f := range faults.All(p.flood) {
		if !strings.Contains(f.Name, p.only) {
			continue
		}
		rounds := p.rounds
		if f.Lasts > 0 {
			rounds = 1
		}
		var worst faults.Outcome
		for range rounds {
			o, err := scene.Run(f)
			if err != nil {
				return errors.Join(fmt.Errorf("%s: %w", pair, err), scene.Logs(os.TempDir()))
			}
			worst = worst.Worse(o)
		}
		t.add(f, pair.String(), worst)
	}
	return nil
}
