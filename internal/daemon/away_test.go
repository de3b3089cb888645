package daemon

import (
	"errors"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/role"
)

// What ended and what could not be started is told apart, and neither of them does
// "not answer".
func TestWhyAProcessIsMissing(t *testing.T) {
	died := time.Now()
	say := func(s *slot, runs bool) string {
		var st control.Status
		missing(&st, s, runs)
		if len(st.Missing) != 1 || st.Missing[0] != "lvs" {
			t.Errorf("missing %q", st.Missing)
		}
		if len(st.NotRunning) == 0 {
			return ""
		}
		return st.NotRunning[0].Why
	}
	s := &slot{role: role.LVS}
	if got := say(s, false); got != "" {
		t.Errorf("nothing is known: %q", got)
	}
	for want, f := range map[string]func(){
		"it ended with exit code 7":                            func() { s.away.ended(&child{}, died, 7) },
		"it ended with exit code 100 (the kernel has no IPVS)": func() { s.away.ended(&child{lastWord: "the kernel has no IPVS"}, died, 100) },
		"it was ended by SIGKILL":                              func() { s.away.ended(&child{}, died, 137) },
		"it could not be started (start /x: no such file)":     func() { s.away.notStarted(errors.New("start /x: no such file")) },
	} {
		f()
		if got := say(s, false); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := say(s, true); got != "" {
			t.Errorf("one that runs is said not to: %q", got)
		}
	}
}

// A program that is gone when a process has to be replaced.
func TestAProcessThatCannotBeStartedIsNamed(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.up, h.launched = true, true
		h.opts.Program = "/nothing/here"
		h.spawn = newSpawner()
		defer h.spawn.close()
		h.lvs.child, h.lvs.wanted = nil, true
		h.start(h.lvs, nil)
		a := h.lvs.away
		if !strings.HasPrefix(a.why, "it could not be started (start /nothing/here: ") || !a.next.After(a.since) {
			t.Errorf("%+v", a)
		}
	})
}
