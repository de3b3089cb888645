// Package logging makes the logger of a process: structured lines to stderr
// or syslog that never make the caller wait.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/daemon/role"
)

// New returns the logger of the process called name and a function that
// writes out what is waiting (half a second at most) before the process ends.
func New(opts role.Options, name string) (*slog.Logger, func()) {
	var out io.Writer = io.Discard
	console := opts.Console
	switch {
	case console:
		out = os.Stderr
	case !opts.NoSyslog:
		prio := syslog.Priority(opts.Facility) | syslog.LOG_INFO
		if opts.Facility == 0 {
			prio = syslog.LOG_DAEMON | syslog.LOG_INFO
		}
		tag := "holdfast"
		if opts.KeepalivedNaming {
			tag = "Keepalived_" + name
		}
		// Without a syslog daemon the lines are lost, as keepalived's are.
		if w, err := syslog.New(prio, tag); err == nil {
			out = w
		}
	}
	if out == io.Discard {
		return slog.New(slog.DiscardHandler), func() {}
	}
	w := newAsync(out)
	level := slog.LevelInfo
	if opts.Detail > 0 {
		level = slog.LevelDebug
	}
	ho := &slog.HandlerOptions{Level: level}
	if !console {
		ho.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{} // syslog stamps its own
			}
			return a
		}
	}
	var h slog.Handler = slog.NewTextHandler(w, ho)
	if opts.JSON {
		h = slog.NewJSONHandler(w, ho)
	}
	return slog.New(h).With("proc", name), w.flush
}

// async passes lines to a slow writer. A full queue drops the line: the engine
// must not wait for a terminal or a log daemon that does not read.
type async struct {
	lines   chan []byte
	dropped atomic.Uint64
	out     io.Writer
	pending sync.WaitGroup
}

func newAsync(out io.Writer) *async {
	w := &async{lines: make(chan []byte, 4096), out: out}
	go w.run()
	return w
}

func (w *async) Write(b []byte) (int, error) {
	line := append([]byte(nil), b...)
	w.pending.Add(1)
	select {
	case w.lines <- line:
	default:
		w.pending.Done()
		w.dropped.Add(1)
	}
	return len(b), nil
}

func (w *async) run() {
	for line := range w.lines {
		if n := w.dropped.Swap(0); n > 0 {
			fmt.Fprintf(w.out, "level=WARN msg=\"log lines lost\" count=%d\n", n)
		}
		w.out.Write(line)
		w.pending.Done()
	}
}

func (w *async) flush() {
	done := make(chan struct{})
	go func() { w.pending.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(500 * time.Millisecond):
	}
}
