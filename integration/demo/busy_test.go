package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// What is late is a failure, unless the machine stood still; what does not hang
// on time is one in any case.
func TestABusyMachineIsNoFailureOfTheDirectors(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		longest, share time.Duration // share: in percent of the time
		late, wrong    bool          // a timed check fails; another one does
		ok             bool
		want, not      string
	}{
		"quiet":                 {0, 0, false, false, true, "All 2 things", "busy"},
		"late":                  {0, 0, true, false, false, "FAIL  in time: 9", "busy"},
		"late after short ones": {90 * ms, 9, true, false, false, "FAIL  in time: 9", "busy"},
		"one long standstill":   {100 * ms, 1, true, false, true, "busy  in time: 9: not judged, the machine stood still in this (100ms at the longest", "FAIL"},
		"many short ones":       {30 * ms, 50, true, false, true, "1 things were as they should be, after 20s; 1 could not be judged", "FAIL"},
		"in time nevertheless":  {100 * ms, 50, false, false, true, "This machine was busy", "not judged"},
		"wrong":                 {100 * ms, 50, true, true, false, "FAIL  fair\n", "could not"},
	} {
		var out bytes.Buffer
		s := stage{out: &out, start: time.Now().Add(-20 * time.Second)}
		s.stalls = func(since, until time.Time) (longest, sum time.Duration) {
			return c.longest, until.Sub(since) * c.share / 100
		}
		s.judge(!c.late, s.start.Add(10*time.Second), "in time: %d", 9)
		s.check(!c.wrong, "fair")
		if ok := s.verdict(); ok != c.ok || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), c.not) {
			t.Errorf("%s: %v, without %q or with %q:\n%s", name, ok, c.want, c.not, out.String())
		}
	}
}
