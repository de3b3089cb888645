// Package logging makes the logger of a process: structured lines to stderr
// or syslog that never make the caller wait.
package logging

import (
	"io"
	"log/slog"
	"os"

	"holdfast/internal/daemon/role"
)

// New returns the logger of the process called name and a function that
// writes out what is waiting (half a second at most) before the process ends.
// It may be called more than once.
func New(opts role.Options, name string) (*slog.Logger, func()) {
	var out lineWriter
	switch {
	case opts.Console:
		out = console{os.Stderr}
	case !opts.NoSyslog:
		tag := "holdfast"
		if opts.KeepalivedNaming {
			tag = "Keepalived_" + name
		}
		out = newSyslog(opts.Facility, tag)
	default:
		return slog.New(slog.DiscardHandler), func() {}
	}
	w := newAsync(out)
	level := slog.LevelInfo
	if opts.Detail > 0 {
		level = slog.LevelDebug
	}
	ho := &slog.HandlerOptions{Level: level}
	if !opts.Console {
		ho.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{} // syslog stamps its own
			}
			return a
		}
	}
	h := newLeveled(w, func(out io.Writer) slog.Handler {
		if opts.JSON {
			return slog.NewJSONHandler(out, ho)
		}
		return slog.NewTextHandler(out, ho)
	})
	return slog.New(h).With("proc", name), w.flush
}

// lineWriter writes one line of a level; it may be slow.
type lineWriter interface {
	writeLine(level slog.Level, line []byte)
}

type console struct{ w io.Writer }

func (c console) writeLine(_ slog.Level, line []byte) { _, _ = c.w.Write(line) }
