package track

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/proc"
)

// fake is a script on the fake clock. It behaves as proc.Process does.
type fake struct {
	spec    proc.Spec
	done    chan struct{}
	expired chan struct{}
	stop    chan struct{}
	once    sync.Once
	result  proc.Result
}

func (f *fake) Done() <-chan struct{}    { return f.done }
func (f *fake) Expired() <-chan struct{} { return f.expired }
func (f *fake) Result() proc.Result      { <-f.done; return f.result }
func (f *fake) Stop()                    { f.once.Do(func() { close(f.stop) }) }

// bench runs fakes: every run takes as long and ends as plan says.
type bench struct {
	t       *testing.T
	tr      *Tracker
	began   time.Time
	mu      sync.Mutex
	told    []string
	starts  []string
	stopped int
	plan    func(name string, n int) (takes time.Duration, exit int, err error)
	n       map[string]int
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, began: time.Now(), n: map[string]int{}}
	b.tr = New(Deps{
		Changed: func(key string, up bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.told = append(b.told, fmt.Sprintf("%s %v@%v", strings.TrimPrefix(key, "script "), up, time.Since(b.began).Seconds()))
		},
		Start: b.start,
	})
	t.Cleanup(func() {
		b.tr.Close()
		time.Sleep(5 * time.Second) // the fakes that are still dying
	})
	return b
}

func (b *bench) start(s proc.Spec) (Process, error) {
	b.mu.Lock()
	name := s.Args[0]
	n := b.n[name]
	b.n[name]++
	b.starts = append(b.starts, fmt.Sprintf("%s@%v", name, time.Since(b.began).Seconds()))
	b.mu.Unlock()
	takes, exit, err := b.plan(name, n)
	if err != nil {
		return nil, err
	}
	f := &fake{spec: s, done: make(chan struct{}), expired: make(chan struct{}), stop: make(chan struct{})}
	go func() {
		defer close(f.done)
		limit := time.NewTimer(s.Timeout)
		defer limit.Stop()
		select {
		case <-time.After(takes):
			f.result.Exit = exit
		case <-limit.C:
			f.result.TimedOut, f.result.Exit = true, -1
			close(f.expired)
			time.Sleep(2 * time.Second) // ignores SIGTERM
		case <-f.stop:
			f.result.Stopped = true
			b.mu.Lock()
			b.stopped++
			b.mu.Unlock()
		}
	}()
	return f, nil
}

func (b *bench) want(name string, got *[]string, want ...string) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(*got)
	slices.Sort(want)
	if !slices.Equal(*got, want) {
		b.t.Errorf("%s: %q, want %q", name, *got, want)
	}
	*got = nil
}

func (b *bench) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.starts, b.told = nil, nil
}

func vs(name string, f ...func(*config.VRRPScript)) config.VRRPScript {
	c := config.VRRPScript{Name: name, Command: config.Command{Args: []string{name}}, Interval: 2 * time.Second, Timeout: 2 * time.Second, Rise: 1, Fall: 1}
	for _, f := range f {
		f(&c)
	}
	return c
}

// exits makes a plan of exit statuses, the last of which goes on.
func exits(list ...int) func(string, int) (time.Duration, int, error) {
	return func(_ string, n int) (time.Duration, int, error) {
		return 0, list[min(n, len(list)-1)], nil
	}
}

func TestRiseAndFall(t *testing.T) {
	riseFall := func(rise, fall int) func(*config.VRRPScript) {
		return func(c *config.VRRPScript) { c.Rise, c.Fall = rise, fall }
	}
	initFail := func(c *config.VRRPScript) { c.InitFail = true }
	for _, c := range []struct {
		name   string
		script config.VRRPScript
		exits  []int
		want   []string
	}{
		{"first success counts alone", vs("a", riseFall(3, 3)), []int{0}, []string{"a true@0"}},
		{"first failure counts alone", vs("a", riseFall(3, 3)), []int{1, 0, 0, 0}, []string{"a false@0", "a true@6"}},
		{"fall", vs("a", riseFall(1, 3)), []int{0, 1, 1, 1}, []string{"a true@0", "a false@6"}},
		{"a success in between starts anew", vs("a", riseFall(1, 3)), []int{0, 1, 1, 0, 1, 1, 0}, []string{"a true@0"}},
		{"a failure in between starts anew", vs("a", riseFall(2, 1)), []int{1, 0, 1, 0, 0}, []string{"a false@0", "a true@8"}},
		{"init_fail, then success", vs("a", riseFall(3, 1), initFail), []int{0}, []string{"a false@0", "a true@0"}},
		{"init_fail, then failure", vs("a", initFail), []int{1}, []string{"a false@0"}},
		{"zero values", config.VRRPScript{Name: "a", Command: config.Command{Args: []string{"a"}}}, []int{0, 1}, []string{"a true@0", "a false@1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.plan = exits(c.exits...)
				b.tr.SetScripts([]config.VRRPScript{c.script}, Settings{})
				time.Sleep(20 * time.Second)
				b.want("told", &b.told, c.want...)
			})
		})
	}
}

func TestHangingScriptFailsAtItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan = func(name string, n int) (time.Duration, int, error) {
			if name == "hang" && n > 0 {
				return time.Hour, 0, nil
			}
			return 0, 0, nil
		}
		b.tr.SetScripts([]config.VRRPScript{vs("hang", func(c *config.VRRPScript) { c.Timeout = time.Second }), vs("good")}, Settings{})
		time.Sleep(6500 * time.Millisecond)
		// The run of 2 s is given up at 3 s and killed at 5 s; the tick at 4 s
		// is skipped.
		b.want("told", &b.told, "hang true@0", "good true@0", "hang false@3")
		b.want("starts", &b.starts, "hang@0", "hang@2", "hang@6", "good@0", "good@2", "good@4", "good@6")
		st := b.tr.Status()
		if len(st) != 2 || st[1].Name != "hang" || st[1].Timeout != 1 || st[1].Skipped != 1 || st[1].Failed != 1 || !st[1].Running || st[1].Up || st[1].Exit != -1 {
			t.Errorf("%+v", st)
		}
		if st[0].Exit != 0 || !st[0].Up || !st[0].Known || st[0].Runs != 4 {
			t.Errorf("%+v", st[0])
		}
	})
}

func TestScriptThatCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan = func(string, int) (time.Duration, int, error) { return 0, 0, errors.New("no such file") }
		b.tr.SetScripts([]config.VRRPScript{vs("a")}, Settings{})
		time.Sleep(time.Second)
		b.want("told", &b.told, "a false@0")
		if st := b.tr.Status()[0]; st.Text != "no such file" || st.Exit != -1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.plan = func(name string, n int) (time.Duration, int, error) {
			if name == "slow" {
				return time.Second, 1, nil
			}
			return 100 * time.Millisecond, 0, nil // not at once: nothing is known right after a start
		}
		b.tr.SetScripts([]config.VRRPScript{vs("same"), vs("times"), vs("user"), vs("gone"), vs("slow")}, Settings{User: "u"})
		time.Sleep(500 * time.Millisecond)
		b.want("told", &b.told, "same true@0.1", "times true@0.1", "user true@0.1", "gone true@0.1")
		b.forget()
		again := []config.VRRPScript{
			vs("same"),
			vs("times", func(c *config.VRRPScript) { c.Interval, c.Fall = 10*time.Second, 2 }),
			vs("user", func(c *config.VRRPScript) { c.Command.User = "other" }),
			vs("new"),
			vs("new", func(c *config.VRRPScript) { c.Command.Args[0] = "second" }),
			vs("slow", func(c *config.VRRPScript) { c.Command.Args = []string{"slow", "x"} }),
		}
		b.tr.SetScripts(again, Settings{User: "u"})
		want := map[string]bool{"script same": true, "script times": true}
		if got := b.tr.Results(); !maps.Equal(got, want) {
			t.Errorf("right after the reload %v, want %v", got, want)
		}
		time.Sleep(2 * time.Second)
		b.want("told", &b.told, "user true@0.6", "new true@0.6", "slow false@1.5")
		b.want("starts", &b.starts, "same@2", "times@0.5", "user@0.5", "user@2.5", "new@0.5", "new@2.5", "slow@0.5", "slow@2.5")
		b.mu.Lock()
		if b.stopped != 1 {
			t.Errorf("%d runs stopped, want the one of the script that changed", b.stopped)
		}
		b.mu.Unlock()
		b.tr.SetScripts(again, Settings{User: "u"})
		b.want("starts", &b.starts)
		// Another default user is another user, but for those that name one.
		b.tr.SetScripts(again, Settings{User: "v"})
		if got := b.tr.Results(); !maps.Equal(got, map[string]bool{"script user": true}) {
			t.Errorf("known after the default user changed: %v", got)
		}
		b.tr.SetScripts(nil, Settings{})
		time.Sleep(100 * time.Millisecond)
		b.forget()
		time.Sleep(time.Minute)
		b.want("starts", &b.starts)
		b.tr.Close()
		b.tr.SetScripts(again, Settings{})
		b.want("starts", &b.starts)
	})
}

func TestTrackedOnly(t *testing.T) {
	cfg := &config.Config{
		Scripts:    []config.VRRPScript{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Instances:  []config.VRRPInstance{{TrackScripts: []config.Track{{Name: "c"}}}, {}},
		SyncGroups: []config.SyncGroup{{TrackScripts: []config.Track{{Name: "a"}, {Name: "c"}}}},
	}
	got := Tracked(cfg)
	if len(got) != 2 || got[0].Name != "a" || got[1].Name != "c" {
		t.Errorf("%+v", got)
	}
}

// The whole with real programs: one hangs and ignores SIGTERM, one prints
// without end, one follows a file.
func TestRealScripts(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "flag")
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 100)
	var logged syncBuffer
	tr := New(Deps{
		Changed: func(key string, up bool) { told <- fmt.Sprint(key, " ", up) },
		Log:     slog.New(slog.NewTextHandler(&logged, nil)),
	})
	defer tr.Close()
	const soon, never = 200 * time.Millisecond, time.Minute
	real := func(name, text string, timeout time.Duration) config.VRRPScript {
		return config.VRRPScript{
			Name: name, Command: config.Command{Args: []string{text}, Shell: true},
			Interval: 100 * time.Millisecond, Timeout: timeout, Rise: 1, Fall: 2,
		}
	}
	tr.SetScripts([]config.VRRPScript{
		real("file", "test -e "+flag, never),
		real("hang", "trap '' TERM; sleep 60 & wait; sleep 60", soon),
		real("print", "yes", soon),
		real("fork", "sleep 3 & exit 0", never),
	}, Settings{})
	seen := map[string]bool{}
	await := func(n int) {
		t.Helper()
		for range n {
			select {
			case s := <-told:
				seen[s] = true
			case <-time.After(time.Minute):
				t.Fatalf("only %v; %+v", seen, tr.Status())
			}
		}
	}
	await(4)
	for _, s := range []string{"script file true", "script hang false", "script print false", "script fork true"} {
		if !seen[s] {
			t.Errorf("not told %q, but %v", s, seen)
		}
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	await(1)
	if !seen["script file false"] {
		t.Errorf("told %v", seen)
	}
	if !strings.Contains(logged.String(), `script=file up=false reason="exit status 1"`) {
		t.Errorf("log:\n%s", &logged)
	}
	for _, st := range tr.Status() {
		if st.Name == "file" && (st.Exit != 1 || st.Up) {
			t.Errorf("%+v", st)
		}
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
