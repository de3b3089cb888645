package logging

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	queued     = 4096 // lines that wait for a slow writer
	flushLimit = 500 * time.Millisecond
)

// async passes lines to a slow writer. A full queue drops the line: the engine
// must not wait for a terminal or a log daemon that does not read.
type async struct {
	lines   chan *entry // by address: the queue is there as a whole from the start
	dropped atomic.Uint64
	out     lineWriter
}

// entry is a line, or the end of what somebody waits for.
type entry struct {
	level   slog.Level
	line    []byte
	written chan<- struct{}
}

func newAsync(out lineWriter) *async {
	w := &async{lines: make(chan *entry, queued), out: out}
	go w.run()
	return w
}

func (w *async) put(level slog.Level, line []byte) {
	select {
	case w.lines <- &entry{level: level, line: line}:
	default:
		w.dropped.Add(1)
	}
}

func (w *async) run() {
	for e := range w.lines {
		if n := w.dropped.Swap(0); n > 0 {
			w.out.writeLine(slog.LevelWarn, fmt.Appendf(nil, "level=WARN msg=\"log lines lost\" count=%d\n", n))
		}
		if e.written != nil {
			close(e.written)
			continue
		}
		w.out.writeLine(e.level, e.line)
	}
}

// flush waits until what was put so far is written, or flushLimit has passed.
func (w *async) flush() {
	limit := time.NewTimer(flushLimit)
	defer limit.Stop()
	written := make(chan struct{})
	select {
	case w.lines <- &entry{written: written}:
	case <-limit.C:
		return
	}
	select {
	case <-written:
	case <-limit.C:
	}
}
