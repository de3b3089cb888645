package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/daemon/control"
)

// That a daemon does not answer is not that none runs.
func TestTheCodeOfAFailure(t *testing.T) {
	for want, c := range map[int]struct {
		err  error
		says string
	}{
		1: {errors.New("no daemon answers"), "holdfast: no daemon answers\n"},
		2: {exitError{2}, ""},
		3: {fmt.Errorf("control socket: %w", &control.Silent{PID: 7}), "holdfast: control socket: the daemon (process 7) does not answer: is it stopped? kill -CONT 7 lets it go on\n"},
	} {
		var b strings.Builder
		if got := failed(c.err, &b); got != want || b.String() != c.says {
			t.Errorf("%v: code %d, want %d; says %q", c.err, got, want, b.String())
		}
	}
}
