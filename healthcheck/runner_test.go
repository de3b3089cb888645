package healthcheck

import (
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

// bench is a Runner with scripted checks on a fake clock.
type bench struct {
	t         *testing.T
	r         *Runner
	began     time.Time
	mu        sync.Mutex
	looks     []string              // "key@seconds"
	verdicts  []string              // "key U@seconds"
	answer    func(c Config) Result // of every look
	takes     time.Duration
	now, most int
}

// name is carried in Command.Args[0] of the fake configs.
type fake struct {
	b *bench
	c Config
}

func (f fake) Run(ctx context.Context) Result {
	b := f.b
	b.mu.Lock()
	b.looks = append(b.looks, fmt.Sprintf("%s@%v", f.c.Command.Args[0], b.at()))
	b.now++
	b.most = max(b.most, b.now)
	b.mu.Unlock()
	if b.takes > 0 {
		select {
		case <-time.After(b.takes):
		case <-ctx.Done():
		}
	}
	b.mu.Lock()
	b.now--
	b.mu.Unlock()
	return b.answer(f.c)
}

func (b *bench) at() float64 { return time.Since(b.began).Seconds() }

func newBench(t *testing.T, cfg RunnerConfig) *bench {
	b := &bench{t: t, began: time.Now(), answer: func(Config) Result { return Result{Up: true, Weight: -1} }}
	cfg.New = func(c Config, _ Deps) (Check, error) {
		if c.Kind == "" {
			return nil, errors.New("bad config")
		}
		return fake{b, c}, nil
	}
	cfg.Verdict = func(v Verdict) {
		b.mu.Lock()
		defer b.mu.Unlock()
		s := "D"
		if v.Up {
			s = "U"
		}
		if v.Weight >= 0 {
			s += fmt.Sprint(v.Weight)
		}
		b.verdicts = append(b.verdicts, fmt.Sprintf("%s %s@%v", v.Key, s, b.at()))
	}
	if cfg.Rand == nil {
		cfg.Rand = func() float64 { return 0 }
	}
	b.r = NewRunner(cfg)
	return b
}

func (b *bench) run(ctx context.Context) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.r.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	return func() { cancel(); <-done }
}

func (b *bench) replace(items ...Item) {
	b.t.Helper()
	if err := b.r.Replace(items); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) want(name string, got *[]string, want ...string) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	// Each entry holds its time; what falls on one moment has no order.
	slices.Sort(*got)
	slices.Sort(want)
	if !slices.Equal(*got, want) {
		b.t.Errorf("%s: %q, want %q", name, *got, want)
	}
	*got = nil
}

func item(key string, f ...func(*Config)) Item {
	c := Config{Kind: TCP, DelayLoop: 10 * time.Second, Command: Command{Args: []string{key}}}
	for _, f := range f {
		f(&c)
	}
	return Item{Key: key, Config: c}
}

func TestRunnerTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rands := []float64{0, 0.5}
		b := newBench(t, RunnerConfig{Rand: func() float64 { x := rands[0]; rands = rands[1:]; return x }})
		warm := func(c *Config) { c.Warmup = 8 * time.Second }
		b.replace(item("a", warm), item("b", warm))
		stop := b.run(t.Context())
		defer stop()
		time.Sleep(16 * time.Second)
		b.want("looks", &b.looks, "a@1", "b@5", "a@11", "b@15")
		b.want("verdicts", &b.verdicts, "a U@1", "b U@5")
	})
}

func TestRunnerRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder // written under the runner's lock, read after its end
		b := newBench(t, RunnerConfig{Log: slog.New(slog.NewTextHandler(&log, nil))})
		b.answer = func(Config) Result { return Result{Up: b.at() < 5 || b.at() > 30, Weight: -1, Text: "no"} }
		b.replace(item("a", func(c *Config) { c.Retry, c.DelayBeforeRetry = 2, 2*time.Second }))
		stop := b.run(t.Context())
		time.Sleep(40 * time.Second)
		stop()
		b.want("looks", &b.looks, "a@1", "a@11", "a@13", "a@15", "a@25", "a@35")
		// The one at 25 s is of a server that is down: it does not stay up.
		if n := strings.Count(log.String(), "server stays up for now"); n != 2 {
			t.Errorf("%d lines that the server stays up, want those of 11 and 13 s:\n%s", n, &log)
		}
		b.want("verdicts", &b.verdicts, "a U@1", "a D@15", "a U@35")
		st := b.r.Status()
		if len(st) != 1 || !st[0].Up || !st[0].Checked || st[0].Runs != 6 || st[0].Failures != 4 || st[0].Last.IsZero() || st[0].Target == "" {
			t.Errorf("%+v", st)
		}
		if v := b.r.Verdicts()["a"]; !v.Up || v.Key != "a" {
			t.Errorf("%+v", v)
		}
	})
}

func TestRunnerPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, RunnerConfig{})
		b.takes = 4 * time.Second
		p := item("b")
		p.Paused = true
		b.replace(item("a"), p)
		defer b.run(t.Context())()
		time.Sleep(2 * time.Second)
		b.r.Pause("a", "unknown") // in flight since 1 s
		time.Sleep(60 * time.Second)
		b.want("looks", &b.looks, "a@1")
		b.want("verdicts", &b.verdicts)
		b.r.Resume("a", "b")
		time.Sleep(5 * time.Second)
		b.r.Pause("b") // between two looks
		b.r.Pause("b")
		time.Sleep(11 * time.Second)
		b.want("looks", &b.looks, "a@62", "b@62", "a@76")
		b.want("verdicts", &b.verdicts, "a U@66", "b U@66")
		// Cut short and resumed before it returns.
		b.r.Pause("a")
		b.r.Resume("a")
		time.Sleep(10 * time.Second)
		b.want("looks", &b.looks, "a@78")
		st := b.r.Status()
		if st[0].Paused || !st[1].Paused || !st[1].Up {
			t.Errorf("%+v", st)
		}
	})
}

func TestRunnerReplaceKeepsWhatIsUnchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, RunnerConfig{})
		b.answer = func(c Config) Result { return Result{Up: c.Command.Args[0] != "c", Weight: -1} }
		changed := func(c *Config) { c.Dynamic = true }
		b.replace(item("a"), item("b"), item("c"), item("d"))
		defer b.run(t.Context())()
		time.Sleep(5 * time.Second)
		b.want("verdicts", &b.verdicts, "a U@1", "b U@1", "c D@1", "d U@1")
		synctest.Wait()
		b.looks = nil

		// a unchanged, b changed, c under a new name, d gone, e new.
		renamed := item("c")
		renamed.Key = "c2"
		b.replace(item("a"), item("b", changed), renamed, item("e"))
		b.want("verdicts", &b.verdicts, "c2 D@5")
		time.Sleep(8 * time.Second)
		b.want("looks", &b.looks, "a@11", "b@6", "c@11", "e@6")
		b.want("verdicts", &b.verdicts, "b U@6", "e U@6")

		err := b.r.Replace([]Item{item("a"), item("a"), {Key: "bad"}})
		if err == nil || !strings.Contains(err.Error(), "a: more than one") || !strings.Contains(err.Error(), "bad: bad config") {
			t.Errorf("Replace: %v", err)
		}
		time.Sleep(10 * time.Second)
		b.want("looks", &b.looks, "a@21")
		b.want("verdicts", &b.verdicts)
		b.replace()
		time.Sleep(time.Minute)
		b.want("looks", &b.looks)
	})
}

// With other times it is the same check: what is known stays, in both directions,
// and one that is up goes down by the new number of retries.
func TestRunnerReplaceWithOtherTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, RunnerConfig{})
		b.answer = func(c Config) Result { return Result{Up: c.Command.Args[0] != "down", Weight: -1} }
		b.replace(item("up"), item("down"), item("falls"))
		defer b.run(t.Context())()
		time.Sleep(5 * time.Second)
		b.want("verdicts", &b.verdicts, "up U@1", "down D@1", "falls U@1")
		synctest.Wait()
		b.looks = nil
		other := func(c *Config) {
			c.ConnectTimeout, c.DelayLoop, c.Retry, c.DelayBeforeRetry = 3*time.Second, 4*time.Second, 1, 2*time.Second
			c.MiscTimeout, c.Alpha = time.Second, true
		}
		b.answer = func(c Config) Result { return Result{Up: c.Command.Args[0] == "up", Weight: -1} }
		b.replace(item("up", other), item("down", other), item("falls", other))
		for _, s := range b.r.Status() {
			if !s.Checked || s.Up == (s.Key == "down") || s.Runs != 1 {
				t.Errorf("after the change: %+v", s)
			}
		}
		time.Sleep(6 * time.Second)
		b.want("looks", &b.looks, "up@6", "down@6", "falls@6", "falls@8", "up@10", "down@10")
		b.want("verdicts", &b.verdicts, "falls D@8")
	})
}

// Two checks that change places: each verdict goes to its new name.
func TestRunnerReplaceSwapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, RunnerConfig{})
		b.answer = func(c Config) Result { return Result{Up: c.Command.Args[0] == "a", Weight: -1} }
		b.replace(item("a"), item("b"))
		defer b.run(t.Context())()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		b.verdicts = nil
		x, y := item("b"), item("a")
		x.Key, y.Key = "a", "b"
		b.replace(x, y)
		b.want("verdicts", &b.verdicts, "a D@5", "b U@5")
	})
}

// A check that rests does not go on with what was seen for another one: nothing
// would take that back.
func TestRunnerReplacePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, RunnerConfig{})
		b.answer = func(Config) Result { return Result{Weight: -1} }
		b.replace(item("a"))
		defer b.run(t.Context())()
		time.Sleep(5 * time.Second)
		b.want("verdicts", &b.verdicts, "a D@1")
		resting := item("a")
		resting.Key, resting.Paused = "a2", true
		b.replace(resting)
		time.Sleep(20 * time.Second)
		b.want("verdicts", &b.verdicts)
		b.r.Resume("a2")
		time.Sleep(5 * time.Second)
		b.want("verdicts", &b.verdicts, "a2 D@25")
	})
}

func TestRunnerRemovedInFlightSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, RunnerConfig{})
		b.takes = 5 * time.Second
		b.replace(item("a"))
		defer b.run(t.Context())()
		time.Sleep(2 * time.Second)
		b.replace()
		time.Sleep(time.Minute)
		b.want("looks", &b.looks, "a@1")
		b.want("verdicts", &b.verdicts)
		if b.now != 0 {
			t.Error("still in flight")
		}
	})
}

func TestRunnerBoundsWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, RunnerConfig{Parallel: 3, ParallelMisc: 1})
		b.takes = time.Second
		var items []Item
		for i := range 12 {
			items = append(items, item(fmt.Sprint("n", i)))
		}
		b.replace(items...)
		stop := b.run(t.Context())
		time.Sleep(5500 * time.Millisecond)
		synctest.Wait()
		if b.most != 3 || len(b.looks) != 12 {
			t.Errorf("%d at once, %d looks; want 3 and 12", b.most, len(b.looks))
		}
		stop()
	})
}

// Programs that hang hold up no check on the network.
func TestRunnerHangingPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, RunnerConfig{Parallel: 2, ParallelMisc: 2})
		b.cfgHang()
		var items []Item
		for i := range 20 {
			items = append(items, item(fmt.Sprint("m", i), func(c *Config) { c.Kind = Misc }))
		}
		items = append(items, item("net"))
		b.replace(items...)
		stop := b.run(t.Context())
		time.Sleep(12 * time.Second)
		synctest.Wait()
		n := 0
		for _, l := range b.looks {
			if strings.HasPrefix(l, "net@") {
				n++
			}
		}
		if n != 2 || len(b.looks) != 4 {
			t.Errorf("looks %q, want two of net and two programs", b.looks)
		}
		stop()
	})
}

// cfgHang makes programs hang until their context ends.
func (b *bench) cfgHang() {
	b.r.cfg.New = func(c Config, _ Deps) (Check, error) {
		if c.Kind != Misc {
			return fake{b, c}, nil
		}
		return checkFunc(func(ctx context.Context) Result {
			b.mu.Lock()
			b.looks = append(b.looks, c.Command.Args[0])
			b.mu.Unlock()
			<-ctx.Done()
			return Result{}
		}), nil
	}
}

type checkFunc func(context.Context) Result

func (f checkFunc) Run(ctx context.Context) Result { return f(ctx) }
