package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"holdfast/integration/lab"
)

func main() {
	ours := flag.String("holdfast", "build/keepalived", "holdfast, by a name that takes keepalived's command line")
	theirs := flag.String("keepalived", "keepalived", "the real keepalived")
	runs := flag.Int("runs", 20, "crashes of each daemon; a slow load gets a part of them")
	secs := flag.Float64("seconds", 10, "how long the processor time is taken")
	only := flag.String("only", "", "only loads whose name contains this, such as 10ms")
	endurance := flag.Bool("long", false, "instead of the table: 255 routers at 10 ms left alone, counting changes of master")
	minutes := flag.Float64("minutes", 10, "length of -long")
	flag.Parse()

	err := run(*ours, *theirs, *runs, time.Duration(*secs*float64(time.Second)), *only, *endurance,
		time.Duration(*minutes*float64(time.Minute)))
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errMissed ends a run that worked with figures that are not good enough.
var errMissed = errors.New("targets missed")

func run(ours, theirs string, runs int, seconds time.Duration, only string, endurance bool, length time.Duration) error {
	if err := lab.Available(); err != nil {
		return err
	}
	subjects, err := find(ours, theirs)
	if err != nil {
		return err
	}
	return lab.Guard(func() error {
		if *ipvsFile != "" {
			return ipvsInside(subjects, *ipvsFile)
		}
		if endurance {
			missed, err := long(os.Stdout, subjects, loads[len(loads)-1], length)
			return verdict(missed, err)
		}
		if *ipvsOnly {
			return ipvsTable(os.Stdout, subjects)
		}
		if *gapOnly {
			return gaps(os.Stdout, subjects, runs, only)
		}
		err := table(subjects, runs, seconds, only)
		if only == "" && (err == nil || errors.Is(err, errMissed)) {
			err = errors.Join(err, gaps(os.Stdout, subjects, runs, only), ipvsTable(os.Stdout, subjects))
		}
		return err
	})
}

func verdict(missed int, err error) error {
	if err == nil && missed > 0 {
		err = fmt.Errorf("%w: %d", errMissed, missed)
	}
	return err
}

func table(subjects [2]subject, runs int, seconds time.Duration, only string) error {
	begun := time.Now()
	var list []row
	for _, l := range loads {
		if !strings.Contains(l.name, only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s…\n", l.name)
		f, err := measure(subjects, l, runs, seconds)
		if err != nil {
			return err
		}
		list = append(list, rows(l, f)...)
	}
	if strings.Contains(largeName, only) {
		fmt.Fprintf(os.Stderr, "bench: %s…\n", largeName)
		more, err := large(subjects, runs)
		if err != nil {
			return err
		}
		list = append(list, more...)
	}
	if len(list) == 0 {
		return fmt.Errorf("no load's name contains %q", only)
	}
	fmt.Printf("%s beside %s, %d processors, %v\n", subjects[0].name, subjects[1].name, runtime.NumCPU(), time.Since(begun).Round(time.Second))
	fmt.Println("CPU in percent of one core, all processes of a director; takeover from the last advert heard to the last address.")
	missed := print(os.Stdout, subjects, list)
	return verdict(missed, nil)
}

// find names both programs with their versions.
func find(ours, theirs string) (s [2]subject, err error) {
	if s[0].prog, s[1].prog, err = lab.Programs(ours, theirs); err != nil {
		return s, err
	}
	s[0].name = "holdfast"
	out, err := exec.Command(s[1].prog, "--version").CombinedOutput()
	if err != nil {
		return s, fmt.Errorf("%s --version: %w", s[1].prog, err)
	}
	s[1].name = "keepalived"
	// "Keepalived v2.2.7 (01/16,2022)"
	if words := strings.Fields(string(out)); slices.Contains(words, "Keepalived") {
		if i := slices.Index(words, "Keepalived"); i+1 < len(words) {
			s[1].name += " " + strings.TrimPrefix(words[i+1], "v")
		}
	}
	return s, nil
}
