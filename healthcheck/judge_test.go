package healthcheck

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Each row is a story: u a good look, f a failed one, p a good part of a check
// with more to come, digits a good look with that weight. After each look
// stands what the judge said: U or D for a verdict, - for none, and the wait
// in seconds.
func TestJudge(t *testing.T) {
	base := Config{Kind: TCP, DelayLoop: 10 * time.Second, DelayBeforeRetry: 3 * time.Second, Retry: 1}
	with := func(f func(*Config)) Config { c := base; f(&c); return c }
	for _, c := range []struct {
		name string
		cfg  Config
		in   string
		want string
	}{
		{"first look good", base, "uu", "U10 -10"},
		{"first failure of an unchecked server is enough", base, "ff", "D10 -10"},
		{"first failure, many retries", with(func(c *Config) { c.Retry = 5 }), "f", "D10"},
		{"alpha: first failure is enough too", with(func(c *Config) { c.Alpha = true }), "ff", "D10 -10"},
		{"alpha: first success", with(func(c *Config) { c.Alpha = true }), "uf", "U10 -3"},
		{"one retry", base, "uff", "U10 -3 D10"},
		{"a success in between starts the count anew", base, "ufufuff", "U10 -3 -10 -3 -10 -3 D10"},
		{"no retry", with(func(c *Config) { c.Retry = 0 }), "uf", "U10 D10"},
		{"three retries", with(func(c *Config) { c.Retry = 3 }), "uffff", "U10 -3 -3 -3 D10"},
		{"recovery needs one success whatever retry is", with(func(c *Config) { c.Retry = 3 }), "fffu", "D10 -10 -10 U10"},
		{"after recovery retries count again", base, "fuff", "D10 U10 -3 D10"},
		{"a failed url waits the longer time", with(func(c *Config) { c.Kind = HTTP; c.DelayBeforeRetry = 30 * time.Second }), "uffff", "U10 -30 D30 -30 -30"},
		{"several urls: all must be good to come up", with(func(c *Config) { c.Kind = HTTP }), "fppuu", "D10 -10 -10 U10 -10"},
		{"several urls: fast recovery", with(func(c *Config) { c.Kind = HTTP; c.FastRecovery = true }), "fppuu", "D10 -0 -0 U10 -10"},
		{"several urls: a server not yet checked", with(func(c *Config) { c.Kind = HTTP }), "ppu", "-10 -10 U10"},
		{"several urls: a server not yet checked, second fails", with(func(c *Config) { c.Kind = HTTP }), "pf", "-10 D10"},
		{"several urls: while up a part is enough", with(func(c *Config) { c.Kind = HTTP }), "ufpfp", "U10 -3 -10 -3 -10"},
		{"weight of misc_dynamic", with(func(c *Config) { c.Kind = Misc }), "557u7", "U10 -10 U10 U10 U10"},
		{"negative retry is none", with(func(c *Config) { c.Retry = -1 }), "uf", "U10 D10"},
		{"default delay", Config{Kind: TCP}, "u", "U60"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := NewJudge(c.cfg)
			var got []string
			for _, step := range c.in {
				r := Result{Up: step != 'f', More: step == 'p', Weight: -1}
				if step >= '0' && step <= '9' {
					r.Weight = int(step - '0')
				}
				changed, wait := j.Next(r)
				s := "-"
				if changed {
					up, known := j.Known()
					if s = "D"; up {
						s = "U"
					}
					if !known {
						t.Error("a verdict that is not known")
					}
				}
				got = append(got, fmt.Sprint(s, wait.Seconds()))
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.in, g, c.want)
			}
		})
	}
}

func TestJudgeWeight(t *testing.T) {
	j := NewJudge(Config{Kind: Misc})
	if _, known := j.Known(); known || j.Weight() != -1 {
		t.Error("a new judge knows something")
	}
	for _, w := range []int{-1, 5} {
		j.Next(Result{Up: true, Weight: w})
	}
	j.Next(Result{Weight: -1})
	if j.Weight() != 5 {
		t.Errorf("weight %d after a failure, want the last one given, 5", j.Weight())
	}
	j.Next(Result{Up: true, Weight: -1})
	if j.Weight() != -1 {
		t.Errorf("weight %d after a look that gave none", j.Weight())
	}
}
