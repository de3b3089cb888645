package track

import (
	"context"
	"slices"
	"strings"
	"time"

	"holdfast/internal/proc"
)

// loop is the life of a script: it starts runs and takes their results.
func (t *Tracker) loop(ctx context.Context, s *script) {
	defer t.loops.Done()
	tick := time.NewTicker(s.cfg.Interval)
	defer tick.Stop()
	var run Process
	var done, expired <-chan struct{}
	counted := false // the run going on was counted at its timeout
	start := func() {
		p, err := t.deps.Start(s.spec)
		if err != nil {
			t.result(s, proc.Result{Err: err, Exit: -1})
			return
		}
		run, done, expired = p, p.Done(), p.Expired()
		t.mu.Lock()
		s.stat.Running = true
		t.mu.Unlock()
	}
	began := time.Now()
	start()
	for {
		select {
		case <-ctx.Done():
			if run != nil {
				run.Stop()
			}
			return
		case <-tick.C:
			if run != nil {
				t.mu.Lock()
				s.stat.Skipped++
				t.mu.Unlock()
				continue
			}
			began = time.Now()
			start()
		case <-expired:
			// The program may take 2 s more to die: too long to wait for.
			expired, counted = nil, true
			t.result(s, proc.Result{Exit: -1, TimedOut: true, Took: time.Since(began)})
		case <-done:
			r := run.Result()
			run, done, expired = nil, nil, nil
			t.mu.Lock()
			s.stat.Running = false
			t.mu.Unlock()
			if !counted {
				t.result(s, r)
			}
			counted = false
		}
	}
}

// result counts one result and tells a change.
func (t *Tracker) result(s *script, r proc.Result) {
	t.tell.Lock()
	defer t.tell.Unlock()
	t.mu.Lock()
	if t.scripts[s.cfg.Name] != s || t.closed { // replaced meanwhile
		t.mu.Unlock()
		return
	}
	ok := r.OK()
	s.record(r)
	told := s.judge(ok)
	up := s.up
	t.mu.Unlock()
	if told {
		t.deps.Log.Info("tracked script", "script", s.cfg.Name, "up", up, "reason", r.String())
		t.deps.Changed(Key(s.cfg.Name), up)
	}
}

func (s *script) record(r proc.Result) {
	s.stat.Runs++
	s.stat.Exit, s.stat.Text, s.stat.Took, s.stat.Last = r.Exit, r.String(), r.Took, time.Now()
	if !r.OK() {
		s.stat.Failed++
	}
	if r.TimedOut {
		s.stat.Timeout++
	}
}

// judge counts a result and reports whether there is something to tell.
func (s *script) judge(ok bool) bool {
	if s.first {
		tell := !s.known || s.up != ok
		s.first, s.known, s.up, s.count = false, true, ok, 0
		return tell
	}
	if ok == s.up {
		s.count = 0
		return false
	}
	need := s.cfg.Fall
	if ok {
		need = s.cfg.Rise
	}
	if s.count++; s.count < need {
		return false
	}
	s.up, s.count = ok, 0
	return true
}

// Status returns what is known of every script, by name.
func (t *Tracker) Status() []Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Status, 0, len(t.scripts))
	for _, s := range t.scripts {
		st := s.stat
		st.Known, st.Up, st.Count = s.known, s.up, s.count
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return out
}
