package main

import (
	"fmt"
	"io"
	"time"
)

// long leaves both daemons, one after the other, alone with the heaviest load
// and counts how often an address moved.
func long(w io.Writer, subjects [2]subject, l load, d time.Duration) (missed int, err error) {
	for i, s := range subjects {
		moves, adverts, err := quiet(s, l, d)
		if err != nil {
			return missed, err
		}
		verdict := "ok"
		if moves > 0 {
			verdict = "MISSED"
			if i == 0 {
				missed++
			} else {
				verdict = "not held to it"
			}
		}
		fmt.Fprintf(w, "%s, %s for %v: %d changes of an address's holder after settling (target 0: %s); %s\n",
			s.name, l.name, d, moves, verdict, adverts)
	}
	return missed, nil
}

func quiet(s subject, l load, d time.Duration) (moves int, usage string, err error) {
	p, err := newPair(s, l)
	if err != nil {
		return 0, "", err
	}
	defer p.close()
	time.Sleep(rest)
	before := len(p.watch.Events())
	var f figures
	if err := steady([]*pair{p}, d, func(int) *figures { return &f }); err != nil && len(f.pss) == 0 {
		return 0, "", err
	}
	for _, e := range p.watch.Events()[before:] {
		if vips.Contains(e.Addr) {
			moves++
		}
	}
	return moves, fmt.Sprintf("master %.1f %%, backup %.1f %% of a core, %.1f MiB",
		100*f.master[0], 100*f.backup[0], float64(f.pss[0])/(1<<20)), p.watch.Err()
}
