package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// miscCheck runs a program: exit status 0 is up.
type miscCheck struct {
	cmd     Command
	exec    Exec
	dynamic bool
}

func newMisc(c Config, exec Exec) (Check, error) {
	switch {
	case len(c.Command.Args) == 0:
		return nil, errors.New("healthcheck: MISC_CHECK: no misc_path")
	case exec == nil:
		return nil, errors.New("healthcheck: MISC_CHECK: no way to run programs was given")
	}
	cmd := c.Command
	cmd.Timeout = positive(c.MiscTimeout, c.delayLoop())
	return &miscCheck{cmd, exec, c.Dynamic}, nil
}

func (m *miscCheck) Run(ctx context.Context) Result {
	began := time.Now()
	status, output, err := m.exec(ctx, m.cmd)
	r := miscResult(status, err, m.dynamic)
	r.Latency = time.Since(began)
	if line := lastLine(output); line != "" && !r.Up {
		r.Text += ": " + line
	}
	return r
}

// miscResult is keepalived's reading of an exit status: 0 up; with
// misc_dynamic 2..255 up with weight status-2; all else down.
func miscResult(status int, err error, dynamic bool) Result {
	switch {
	case err != nil:
		return down("%s", err)
	case status == 0:
		return Result{Up: true, Weight: -1}
	case dynamic && status >= 2 && status <= 255:
		return Result{Up: true, Weight: status - 2, Text: fmt.Sprintf("exit status %d", status)}
	}
	return down("exit status %d", status)
}

// lastLine is the last line of a program's output that is not empty, made safe
// to print and cut to 200 bytes.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	s = s[strings.LastIndexByte(s, '\n')+1:]
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	for len(s) > 200 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}
