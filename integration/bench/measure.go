package main

import (
	"errors"
	"sync"
	"time"
)

// figures are what was measured of one daemon under one load.
type figures struct {
	master, backup []float64 // parts of one core
	pss            []int64
	takeovers      []time.Duration
	// moved is how often mastership had moved while nothing happened.
	moved int
}

// rest is how long after the takeover nothing but adverts is left: the second
// announcement comes after 5 s (garp_master_delay).
const rest = 6500 * time.Millisecond

// measure runs both daemons under one load.
func measure(subjects [2]subject, l load, runs int, seconds time.Duration) ([2]figures, error) {
	runs = max(1, int(float64(runs)/l.slower))
	if !l.heavy {
		return together(subjects, l, runs, seconds)
	}
	// The first half in one order, the second in the other.
	var out [2]figures
	for _, turn := range []struct{ who, runs int }{
		{0, (runs + 1) / 2}, {1, (runs + 1) / 2}, {1, runs / 2}, {0, runs / 2},
	} {
		if err := alone(subjects[turn.who], l, turn.runs, seconds/2, &out[turn.who]); err != nil {
			return out, err
		}
	}
	return out, nil
}

// alone measures one daemon with nothing beside it.
func alone(s subject, l load, runs int, seconds time.Duration, out *figures) error {
	p, err := newPair(s, l)
	if err != nil {
		return err
	}
	defer p.close()
	time.Sleep(rest)
	if err := steady([]*pair{p}, seconds, func(int) *figures { return out }); err != nil {
		return err
	}
	for range runs {
		took, err := p.crash()
		if err != nil {
			return err
		}
		out.takeovers = append(out.takeovers, took)
	}
	return nil
}

// together measures steady state at the same time, and the crashes of one
// daemon after those of the other; pairs of the same daemon crash together.
func together(subjects [2]subject, l load, runs int, seconds time.Duration) (out [2]figures, err error) {
	pairs := make([]*pair, 2*l.pairs) // even: the first subject
	defer func() {
		for _, p := range pairs {
			if p != nil {
				p.close()
			}
		}
	}()
	err = each(len(pairs), func(i int) (err error) {
		pairs[i], err = newPair(subjects[i%2], l)
		return err
	})
	if err != nil {
		return out, err
	}
	time.Sleep(rest)
	if err := steady(pairs, seconds, func(i int) *figures { return &out[i%2] }); err != nil {
		return out, err
	}
	rounds := max(1, (runs+l.pairs-1)/l.pairs)
	for round := range rounds {
		for turn := range 2 {
			who := (round + turn) % 2
			var mu sync.Mutex
			err := each(l.pairs, func(i int) error {
				took, err := pairs[2*i+who].crash()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					out[who].takeovers = append(out[who].takeovers, took)
				}
				return err
			})
			if err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// steady measures pairs that do nothing but advertise and listen.
func steady(pairs []*pair, seconds time.Duration, of func(i int) *figures) error {
	read := func() ([][2]time.Duration, time.Time, error) {
		times := make([][2]time.Duration, len(pairs))
		for i, p := range pairs {
			for j, d := range []*director{p.a, p.b} {
				var err error
				if times[i][j], err = cpuTime(d.pids); err != nil {
					return nil, time.Time{}, err
				}
			}
		}
		return times, time.Now(), nil
	}
	before, from, err := read()
	if err != nil {
		return err
	}
	time.Sleep(seconds)
	after, to, err := read()
	if err != nil {
		return err
	}
	for i, p := range pairs {
		f := of(i)
		share := func(j int) float64 { return float64(after[i][j]-before[i][j]) / float64(to.Sub(from)) }
		f.master = append(f.master, share(0))
		f.backup = append(f.backup, share(1))
		bytes, err := pss(p.a.pids)
		if err != nil {
			return err
		}
		f.pss = append(f.pss, bytes)
		if p.holders() != [2]int{p.load.addresses(), 0} {
			f.moved++
			if err := p.settle(); err != nil {
				return err
			}
		}
	}
	return nil
}

// each runs f for 0 to n-1 at the same time.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
