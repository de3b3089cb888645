package demo

import (
	"fmt"
	"time"
)

const (
	// longStall is a standstill of the machine that explains a late answer alone:
	// a request is given up after 400 ms, and adverts are a second apart.
	longStall = 100 * time.Millisecond
	// stalledShare is the part of a time, in percent, that explains it together.
	stalledShare = 10
)

// judge is check for what hangs on the time from since until now. What is not so
// although the machine stood still in it is no fault of the directors: it is said,
// and not judged. Where the machine did its work it is judged as any check.
func (s *stage) judge(ok bool, since time.Time, format string, args ...any) {
	c := check{text: fmt.Sprintf(format, args...), ok: ok}
	if longest, sum, busy := s.busy(since, time.Now()); busy && !ok {
		c.busy = true
		c.text += fmt.Sprintf(": not judged, the machine stood still in this (%s)", standstill(longest, sum))
	}
	s.checks = append(s.checks, c)
}

// busy reports whether the machine stood still for so long that what happened
// meanwhile says nothing about the directors.
func (s *stage) busy(since, until time.Time) (longest, sum time.Duration, busy bool) {
	longest, sum = s.stalls(since, until)
	return longest, sum, longest >= longStall || sum*100 >= until.Sub(since)*stalledShare && sum > 0
}

func standstill(longest, sum time.Duration) string {
	return fmt.Sprintf("%v at the longest, %v in all", longest.Round(time.Millisecond), sum.Round(time.Millisecond))
}

// verdict prints each check and what they come to; false: one of them failed.
func (s *stage) verdict() bool {
	failed, skipped := 0, 0
	for _, c := range s.checks {
		mark := "ok  "
		switch {
		case c.busy:
			mark = "busy"
			skipped++
		case !c.ok:
			mark = "FAIL"
			failed++
		}
		fmt.Fprintf(s.out, "  %s  %s\n", mark, c.text)
	}
	fmt.Fprintln(s.out)
	now := time.Now()
	if longest, sum, busy := s.busy(s.start, now); busy || skipped > 0 {
		fmt.Fprintf(s.out, "This machine was busy with something else: it stood still again and again (%s).\n", standstill(longest, sum))
	}
	took := now.Sub(s.start).Round(time.Second)
	switch {
	case failed > 0:
		fmt.Fprintln(s.out, "Not everything was as it should be.")
	case skipped > 0:
		fmt.Fprintf(s.out, "%d things were as they should be, after %v; %d could not be judged: run the demo again when the machine is quiet.\n", len(s.checks)-skipped, took, skipped)
	default:
		fmt.Fprintf(s.out, "All %d things were as they should be, after %v.\n", len(s.checks), took)
	}
	return failed == 0
}
