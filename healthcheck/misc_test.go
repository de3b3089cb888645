package healthcheck

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestMiscReadsExitStatus(t *testing.T) {
	for _, c := range []struct {
		status  int
		err     error
		dynamic bool
		want    Result
	}{
		{0, nil, false, Result{Up: true, Weight: -1}},
		{0, nil, true, Result{Up: true, Weight: -1}},
		{1, nil, false, Result{Weight: -1, Text: "exit status 1"}},
		{1, nil, true, Result{Weight: -1, Text: "exit status 1"}},
		{2, nil, false, Result{Weight: -1, Text: "exit status 2"}},
		{2, nil, true, Result{Up: true, Weight: 0, Text: "exit status 2"}},
		{12, nil, true, Result{Up: true, Weight: 10, Text: "exit status 12"}},
		{255, nil, true, Result{Up: true, Weight: 253, Text: "exit status 255"}},
		{0, errors.New("timed out after 1s"), true, Result{Weight: -1, Text: "timed out after 1s"}},
	} {
		if got := miscResult(c.status, c.err, c.dynamic); got != c.want {
			t.Errorf("status %d, error %v, dynamic %v: %+v, want %+v", c.status, c.err, c.dynamic, got, c.want)
		}
	}
}

func TestMiscRunsTheCommand(t *testing.T) {
	var got Command
	exec := func(_ context.Context, c Command) (int, string, error) {
		got = c
		return 3, "first\nsecond \x1b[31mred\n\n", nil
	}
	c := Config{Kind: Misc, DelayLoop: 7 * time.Second, Command: Command{Args: []string{"/bin/x", "y"}, User: "u"}}
	r := check(t, c, Deps{Exec: exec}).Run(t.Context())
	if r.Up || r.Text != "exit status 3: second  [31mred" {
		t.Errorf("%+v", r)
	}
	if got.Timeout != 7*time.Second || got.User != "u" || len(got.Args) != 2 {
		t.Errorf("ran %+v; want the timeout to be delay_loop", got)
	}
	c.MiscTimeout = time.Second
	check(t, c, Deps{Exec: exec}).Run(t.Context())
	if got.Timeout != time.Second {
		t.Errorf("misc_timeout not used: %v", got.Timeout)
	}
}

func TestLastLineIsBounded(t *testing.T) {
	s := lastLine("x\n" + strings.Repeat("ä\x00\xff", 1000))
	if len(s) > 200 || strings.Contains(s, "\x00") || !utf8.ValidString(s) || s == "" {
		t.Errorf("%d bytes: %q", len(s), s)
	}
}
