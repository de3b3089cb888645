package logging

import (
	"context"
	"io"
	"log/slog"
)

// leveled hands each record to the handler of its level, so that the writer
// behind it knows the level of what it writes.
type leveled struct {
	handlers [4]slog.Handler
}

var levels = [4]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

func newLeveled(w *async, handler func(io.Writer) slog.Handler) leveled {
	var h leveled
	for i, l := range levels {
		h.handlers[i] = handler(levelWriter{w, l})
	}
	return h
}

func index(l slog.Level) int {
	for i := len(levels) - 1; i > 0; i-- {
		if l >= levels[i] {
			return i
		}
	}
	return 0
}

func (h leveled) Enabled(ctx context.Context, l slog.Level) bool {
	return h.handlers[index(l)].Enabled(ctx, l)
}

func (h leveled) Handle(ctx context.Context, r slog.Record) error {
	return h.handlers[index(r.Level)].Handle(ctx, r)
}

func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	for i := range h.handlers {
		h.handlers[i] = h.handlers[i].WithAttrs(attrs)
	}
	return h
}

func (h leveled) WithGroup(name string) slog.Handler {
	for i := range h.handlers {
		h.handlers[i] = h.handlers[i].WithGroup(name)
	}
	return h
}

// levelWriter queues lines of one level.
type levelWriter struct {
	w     *async
	level slog.Level
}

func (w levelWriter) Write(b []byte) (int, error) {
	w.w.put(w.level, append([]byte(nil), b...))
	return len(b), nil
}
