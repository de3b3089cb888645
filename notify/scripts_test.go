package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer takes a log that timers write to as well.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *lockedBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

func cmd(args ...string) Command { return Command{Args: args} }

// recorder is a Runner that notes starts and ends and takes a while.
type recorder struct {
	mu    sync.Mutex
	log   []string
	now   map[string]int
	most  int
	takes func(c Command) time.Duration
}

func (r *recorder) run(ctx context.Context, c Command) error {
	r.mu.Lock()
	if r.now == nil {
		r.now = map[string]int{}
	}
	r.now[c.Args[0]]++
	r.log = append(r.log, c.String())
	n := 0
	for _, v := range r.now {
		n += v
	}
	r.most = max(r.most, n)
	r.mu.Unlock()
	var d time.Duration
	if r.takes != nil {
		d = r.takes(c)
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now[c.Args[0]]--
	if c.Args[0] == "fail" {
		return errors.New("exit status 1")
	}
	return nil
}

// A storm of transitions of many targets: each target sees its own in order
// and one at a time, whatever the single scripts take.
func TestScriptsOfATargetRunInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{takes: func(c Command) time.Duration {
			return time.Duration(len(c.Args[1])%7) * 10 * time.Millisecond
		}}
		s := NewScripts(t.Context(), ScriptsConfig{Run: r.run, Limit: 1000})
		const targets, events = 40, 50
		for i := range events {
			for j := range targets {
				s.Queue(fmt.Sprint(j), cmd(fmt.Sprint(j), strings.Repeat("x", i), "specific"), Command{}, cmd(fmt.Sprint(j), strings.Repeat("x", i), "every"))
			}
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		per := map[string][]string{}
		for _, l := range r.log {
			f := strings.SplitN(l, " ", 2)
			per[f[0]] = append(per[f[0]], f[1])
		}
		var want []string
		for i := range events {
			want = append(want, strings.Repeat("x", i)+" specific", strings.Repeat("x", i)+" every")
		}
		for j := range targets {
			if !slices.Equal(per[fmt.Sprint(j)], want) {
				t.Fatalf("target %d ran out of order: %q", j, per[fmt.Sprint(j)])
			}
		}
		if r.most < 2 || r.most > targets {
			t.Errorf("%d scripts at once, want targets side by side and one each", r.most)
		}
		if st := s.Stats(); st.Done != 2*targets*events || st.Failed+st.Dropped != 0 || st.Running+st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestAHangingScriptLosesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged lockedBuffer
		r := &recorder{takes: func(c Command) time.Duration {
			if c.Args[0] == "hang" {
				return time.Hour
			}
			return 0
		}}
		s := NewScripts(t.Context(), ScriptsConfig{Run: r.run, Limit: 3, Log: slog.New(slog.NewTextHandler(&logged, nil))})
		began := time.Now()
		s.Queue("a", cmd("hang"))
		synctest.Wait()
		for i := range 5 {
			s.Queue("a", cmd(fmt.Sprint("s", i)))
		}
		s.Queue("b", cmd("other"))
		synctest.Wait()
		if time.Since(began) != 0 {
			t.Error("Queue blocked")
		}
		if !slices.Contains(r.log, "other") {
			t.Error("a hanging script held up another target")
		}
		if st := s.Stats(); st.Dropped != 2 || st.Waiting != 3 || st.Running != 1 {
			t.Errorf("%+v, want 2 dropped, 3 waiting, 1 running", st)
		}
		for _, name := range []string{"script=s0", "script=s1"} {
			if !strings.Contains(logged.String(), name) {
				t.Errorf("the log does not name %s:\n%s", name, &logged)
			}
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if want := []string{"hang", "other", "s2", "s3", "s4"}; !slices.Equal(r.log, want) {
			t.Errorf("ran %q, want %q", r.log, want)
		}
	})
}

// One that holds up others is told of once, whenever the first of those comes, and
// when it has ended; one that only runs for long is nobody's concern.
func TestAScriptThatHoldsUpOthersIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged lockedBuffer
		lines := func() (list []string) {
			synctest.Wait()
			for l := range strings.Lines(logged.String()) {
				_, l, _ = strings.Cut(strings.TrimSpace(l), "level=")
				list = append(list, l)
			}
			logged.Reset()
			return list
		}
		logs := func(when string, want ...string) {
			t.Helper()
			if got := lines(); !slices.Equal(got, want) {
				t.Errorf("%s: logged %q, want %q", when, got, want)
			}
		}
		r := &recorder{takes: func(c Command) time.Duration {
			d, _ := time.ParseDuration(c.Args[1])
			return d
		}}
		s := NewScripts(t.Context(), ScriptsConfig{Run: r.run, Log: slog.New(slog.NewTextHandler(&logged, nil))})
		const patience = DefaultPatience
		began := time.Now()
		s.Queue("INSTANCE a", cmd("hang", "1h"), cmd("x", "0s"))
		s.Queue("INSTANCE b", cmd("long", "1h"))
		s.Queue("INSTANCE c", cmd("quick", "9s"), cmd("quick", "9s"), cmd("quick", "9s"))
		time.Sleep(patience - time.Nanosecond)
		logs("before its time")
		if st := s.Stats(); st.Long != nil {
			t.Errorf("long are %+v", st.Long)
		}
		s.Queue("INSTANCE a", cmd("y", "0s"))
		time.Sleep(time.Nanosecond)
		logs("then", `WARN msg="notify script holds up others" target="INSTANCE a" script="hang 1h" running=10s waiting=2 next="x 0s"`)
		s.Queue("INSTANCE a", cmd("z", "0s"))
		time.Sleep(patience)
		logs("once told")
		s.Queue("INSTANCE b", cmd("w", "0s"))
		logs("the first one comes late", `WARN msg="notify script holds up others" target="INSTANCE b" script="long 1h" running=20s waiting=1 next="w 0s"`)
		want := []Long{{"INSTANCE a", "hang 1h", began, 3}, {"INSTANCE b", "long 1h", began, 1}}
		if st := s.Stats(); !slices.Equal(st.Long, want) {
			t.Errorf("long are %+v, want %+v", st.Long, want)
		}
		time.Sleep(time.Hour)
		got := lines()
		slices.Sort(got)
		if want := []string{
			`INFO msg="notify script that held up others has ended" target="INSTANCE a" script="hang 1h" took=1h0m0s waiting=3`,
			`INFO msg="notify script that held up others has ended" target="INSTANCE b" script="long 1h" took=1h0m0s waiting=1`,
		}; !slices.Equal(got, want) {
			t.Errorf("at the end: %q", got)
		}
		if st := s.Stats(); st.Long != nil || st.Running+st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		// What comes after it has its own time.
		s.Queue("INSTANCE a", cmd("again", "11s"), cmd("x", "0s"))
		time.Sleep(patience)
		logs("the next", `WARN msg="notify script holds up others" target="INSTANCE a" script="again 11s" running=10s waiting=1 next="x 0s"`)
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Hundreds of instances may name the same scripts and change at once: what cannot
// be run is told in one line that names all of it.
func TestScriptsThatCannotBeRunAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged lockedBuffer
		s := NewScripts(t.Context(), ScriptsConfig{
			Log: slog.New(slog.NewTextHandler(&logged, nil)),
			Run: func(_ context.Context, c Command) error {
				if c.Args[0] == "exits" {
					return errors.New("exit status 1")
				}
				return &NotRun{fmt.Errorf("cannot start %s", c.Args[0])}
			},
		})
		check := func(when string, n int, words ...string) {
			t.Helper()
			synctest.Wait()
			if got := strings.Count(logged.String(), "\n"); got != n {
				t.Errorf("%s: %d lines, want %d:\n%s", when, got, n, &logged)
			}
			for _, w := range words {
				if !strings.Contains(logged.String(), w) {
					t.Errorf("%s: no %q in\n%s", when, w, &logged)
				}
			}
			logged.Reset()
		}
		for i := range 100 {
			s.Queue(fmt.Sprintf("INSTANCE %03d", i), cmd("/a", "x"), cmd("/b", fmt.Sprint(i)))
			synctest.Wait()
		}
		check("at first", 0)
		time.Sleep(gatherTime)
		check("then", 1, "level=WARN", "times=200", `targets="INSTANCE 000, INSTANCE 001,`, `INSTANCE 015 and 84 more"`, `err="cannot start /a; cannot start /b"`)
		if st := s.Stats(); st.Failed != 200 {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Hour)
		check("nothing since", 0)
		s.Queue("INSTANCE 1", cmd("/c"), cmd("exits"))
		check("one that runs and fails", 1, `msg="notify script failed"`, "script=exits")
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		check("at the end", 1, `targets="INSTANCE 1"`, `err="cannot start /c"`)
	})
	// However many there are, each is named.
	var logged lockedBuffer
	n := notRun{log: slog.New(slog.NewTextHandler(&logged, nil))}
	for i := range 40 {
		n.add("T", fmt.Errorf("<%d>", i))
	}
	n.flush()
	for i := range 40 {
		if !strings.Contains(logged.String(), fmt.Sprintf("<%d>", i)) {
			t.Errorf("%d is not named", i)
		}
	}
	if lines := strings.Count(logged.String(), "\n"); lines != 3 {
		t.Errorf("%d lines", lines)
	}
}

func TestDrainHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &recorder{takes: func(Command) time.Duration { return time.Hour }}
		s := NewScripts(ctx, ScriptsConfig{Run: r.run})
		s.Queue("a", cmd("slow", "stop"), cmd("never"))
		synctest.Wait()
		began := time.Now()
		limit, done := context.WithTimeout(t.Context(), time.Second)
		defer done()
		err := s.Drain(limit)
		if err == nil || !strings.Contains(err.Error(), "slow stop (a)") {
			t.Errorf("Drain: %v, want an error that names the script", err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("Drain took %v", d)
		}
		s.Queue("b", cmd("late"))
		if st := s.Stats(); st.Dropped != 2 {
			t.Errorf("%+v, want the waiting and the late one dropped", st)
		}
		cancel()
		synctest.Wait()
		if st := s.Stats(); st.Running != 0 || st.Failed != 1 || slices.Contains(r.log, "never") {
			t.Errorf("after the end: %+v, ran %q", st, r.log)
		}
	})
}

func TestFailuresAreCountedAndLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged lockedBuffer
		s := NewScripts(t.Context(), ScriptsConfig{Run: (&recorder{}).run, Log: slog.New(slog.NewTextHandler(&logged, nil))})
		s.Queue("VI_1", cmd("fail"), cmd("good"))
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st.Done != 2 || st.Failed != 1 {
			t.Errorf("%+v", st)
		}
		if !strings.Contains(logged.String(), `target=VI_1 script=fail reason="exit status 1"`) {
			t.Errorf("log: %s", &logged)
		}
	})
}

func TestParallelBoundsTheTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{takes: func(Command) time.Duration { return time.Second }}
		s := NewScripts(t.Context(), ScriptsConfig{Run: r.run, Parallel: 3})
		for i := range 10 {
			s.Queue(fmt.Sprint(i), cmd(fmt.Sprint(i)))
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.most != 3 || len(r.log) != 10 {
			t.Errorf("%d at once, %d ran; want 3 and 10", r.most, len(r.log))
		}
	})
}

func TestEndOfContextDropsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &recorder{takes: func(Command) time.Duration { return time.Hour }}
		s := NewScripts(ctx, ScriptsConfig{Run: r.run, Parallel: 1})
		s.Queue("a", cmd("1"), cmd("2"))
		s.Queue("b", cmd("3"))
		synctest.Wait()
		cancel()
		synctest.Wait()
		if st := s.Stats(); st.Done != 1 || st.Dropped != 2 || st.Running+st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	})
}
