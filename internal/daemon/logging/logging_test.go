package logging

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/daemon/role"
)

// stuck is a writer that nobody reads until it is released.
type stuck struct {
	mu    sync.Mutex
	lines []string
}

func (s *stuck) writeLine(level slog.Level, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, level.String()+" "+string(b))
}

func TestAStuckWriterNeverHoldsTheCaller(t *testing.T) {
	s := &stuck{}
	s.mu.Lock()
	w := newAsync(s)
	done := make(chan struct{})
	go func() {
		for range 3 * cap(w.lines) {
			w.put(slog.LevelInfo, []byte("line\n"))
		}
		w.flush() // it must end too
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("put or flush waits for the writer")
	}
	s.mu.Unlock()
	w.flush()
	w.put(slog.LevelInfo, nil)
	w.flush()
	w.flush()
	s.until(t, "that lines were lost", func(lines []string) bool {
		return strings.Contains(strings.Join(lines, ""), "log lines lost")
	})
}

// until waits for lines: flush does so for half a second only.
func (s *stuck) until(t *testing.T, what string, cond func([]string) bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		ok := cond(s.lines)
		s.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never told: %s", what)
		}
	}
}

func TestTheWriterIsToldTheLevel(t *testing.T) {
	s := &stuck{}
	w := newAsync(s)
	log := slog.New(newLeveled(w, func(out io.Writer) slog.Handler {
		return slog.NewTextHandler(out, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		})
	})).With("a", 1).WithGroup("g")
	log.Debug("not said")
	log.Info("i")
	log.Warn("w", "b", 2)
	log.Error("e")
	w.flush()
	s.until(t, "three lines", func(lines []string) bool { return len(lines) >= 3 })
	s.mu.Lock()
	defer s.mu.Unlock()
	want := []string{"INFO level=INFO msg=i a=1\n", "WARN level=WARN msg=w a=1 g.b=2\n", "ERROR level=ERROR msg=e a=1\n"}
	if fmt.Sprint(s.lines) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", s.lines, want)
	}
}

// At boot the log daemon may come after us: what was said until then is not
// lost.
func TestSyslogIsFoundLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var there *net.UnixConn
	s := newSyslog(16<<3, "tag")
	s.dial = func(p syslog.Priority, tag string) (*syslog.Writer, error) {
		if there == nil {
			return nil, errors.New("no daemon")
		}
		return syslog.Dial("unixgram", path, p, tag)
	}
	for i := range 2 * keptLines {
		s.writeLine(slog.LevelInfo, fmt.Appendf(nil, "line %d\n", i))
	}
	there, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	there.SetReadBuffer(1 << 20)
	if until := time.Until(s.next); s.next.IsZero() || until > redial {
		t.Errorf("the next attempt is in %v", until)
	}
	s.next = time.Now().Add(time.Hour)
	s.writeLine(slog.LevelInfo, []byte("too early\n"))
	s.next = time.Time{}
	go s.writeLine(slog.LevelError, []byte("last\n"))
	var got []string
	b := make([]byte, 1024)
	there.SetReadDeadline(time.Now().Add(time.Minute))
	for range keptLines + 1 {
		n, err := there.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(b[:n]))
	}
	first, last := got[0], got[len(got)-1]
	if !strings.HasPrefix(first, "<134>") || !strings.Contains(first, "tag[") || !strings.HasSuffix(strings.TrimSpace(first), "line 0") {
		t.Errorf("first line %q", first)
	}
	if !strings.HasPrefix(last, "<131>") || !strings.HasSuffix(strings.TrimSpace(last), "last") {
		t.Errorf("last line %q", last)
	}
}

func TestNoLogIsNoLog(t *testing.T) {
	log, flush := New(role.Options{NoSyslog: true}, "x")
	log.Error("nobody hears")
	flush()
	flush()
}
