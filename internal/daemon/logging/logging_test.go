package logging

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// stuck is a writer that nobody reads until it is released.
type stuck struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *stuck) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func TestAStuckWriterNeverHoldsTheCaller(t *testing.T) {
	s := &stuck{}
	s.mu.Lock()
	w := newAsync(s)
	done := make(chan struct{})
	go func() {
		for range 3 * cap(w.lines) {
			w.Write([]byte("line\n"))
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Write waits for the writer")
	}
	s.mu.Unlock()
	w.flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.Contains(s.buf.String(), "log lines lost") {
		t.Error("lost lines are not told")
	}
}
