package logging

import (
	"bytes"
	"log/slog"
	"log/syslog"
	"time"
)

// redial is the time between two attempts to reach the log daemon.
const redial = time.Second

// sysLog writes to the local log daemon, and looks for it again and again
// while there is none: at boot it may come after us.
type sysLog struct {
	facility syslog.Priority
	tag      string
	dial     func(syslog.Priority, string) (*syslog.Writer, error)
	w        *syslog.Writer
	next     time.Time // not before: the next attempt
	waiting  []kept    // the first lines, until it is there
}

type kept struct {
	level slog.Level
	line  []byte
}

// keptLines bounds what is kept for a log daemon that is not there yet.
const keptLines = 256

// newSyslog makes a writer; facility 0 is "daemon".
func newSyslog(facility int, tag string) *sysLog {
	s := &sysLog{facility: syslog.Priority(facility), tag: tag, dial: syslog.New}
	if facility == 0 {
		s.facility = syslog.LOG_DAEMON
	}
	return s
}

func (s *sysLog) writeLine(level slog.Level, line []byte) {
	if !s.connect() {
		if len(s.waiting) < keptLines {
			s.waiting = append(s.waiting, kept{level, line})
		}
		return
	}
	for _, k := range s.waiting {
		s.write(k.level, k.line)
	}
	s.waiting = nil
	s.write(level, line)
}

// connect reports whether there is a log daemon.
func (s *sysLog) connect() bool {
	if s.w != nil {
		return true
	}
	now := time.Now()
	if now.Before(s.next) {
		return false
	}
	s.next = now.Add(redial)
	w, err := s.dial(s.facility|syslog.LOG_INFO, s.tag)
	if err != nil {
		return false
	}
	s.w = w
	return true
}

// write writes one line; the writer itself connects anew when that fails.
func (s *sysLog) write(level slog.Level, line []byte) {
	text := string(bytes.TrimSuffix(line, []byte("\n")))
	switch {
	case level >= slog.LevelError:
		_ = s.w.Err(text)
	case level >= slog.LevelWarn:
		_ = s.w.Warning(text)
	case level >= slog.LevelInfo:
		_ = s.w.Info(text)
	default:
		_ = s.w.Debug(text)
	}
}
