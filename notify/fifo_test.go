package notify

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func open(t *testing.T, cfg FIFOConfig, deps FIFODeps) *FIFO {
	t.Helper()
	f, err := OpenFIFO(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = f.Close(ctx)
	})
	return f
}

func drain(t *testing.T, f *FIFO) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := f.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for cond, for as long as a busy machine may take.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never seen: %s", what)
		}
	}
}

// readNow returns what is in the pipe without waiting for more.
func readNow(t *testing.T, path string) []byte {
	t.Helper()
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	var out []byte
	buf := make([]byte, 1<<16)
	for {
		n, err := syscall.Read(fd, buf)
		if n <= 0 || err != nil {
			return out
		}
		out = append(out, buf[:n]...)
	}
}

func TestFIFOWritesLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	f := open(t, FIFOConfig{Path: path}, FIFODeps{})
	st, err := os.Lstat(path)
	if err != nil || st.Mode() != fs.ModeNamedPipe|0o600 {
		t.Fatalf("made %v (%v), want a pipe of mode 0600", st.Mode(), err)
	}
	f.Write(`INSTANCE "VI_1" MASTER 100`)
	f.Write("RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN")
	f.Write("two\nlines\x00")
	drain(t, f)
	want := "INSTANCE \"VI_1\" MASTER 100\nRS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN\ntwo lines \n"
	if got := readNow(t, path); string(got) != want {
		t.Errorf("read %q, want %q", got, want)
	}
	f.Write(strings.Repeat("x", maxLine))
	f.Write(strings.Repeat("y", maxLine-1))
	drain(t, f)
	if got := readNow(t, path); len(got) != maxLine || got[0] != 'y' {
		t.Errorf("read %d bytes, want one line of %d", len(got), maxLine)
	}
	if st := f.Stats(); st.Written != 4 || st.Dropped != 1 {
		t.Errorf("%+v", st)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the pipe is still there: %v", err)
	}
	f.Write("late")
	if st := f.Stats(); st.Dropped != 2 {
		t.Errorf("after Close: %+v", st)
	}
}

func TestFIFOThatNobodyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	var logged syncBuffer
	const keep = 100
	f := open(t, FIFOConfig{Path: path, Lines: keep}, FIFODeps{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	n := 0
	write := func() {
		f.Write(fmt.Sprintf("INSTANCE \"VI_%05d\" MASTER 100", n))
		n++
	}
	began := time.Now()
	for range 20000 {
		write()
	}
	if d := time.Since(began); d > time.Minute {
		t.Errorf("writing took %v", d)
	}
	// One more waits than is kept: the goroutine that writes takes one in hand, and
	// where it came to that only now there is room for another one.
	eventually(t, "a line in hand", func() bool {
		full := f.Stats().Waiting > keep
		if !full {
			write()
		}
		return full
	})
	st := f.Stats()
	if st.Waiting != keep+1 || st.Dropped == 0 || st.Written+st.Dropped+uint64(st.Waiting) != uint64(n) {
		t.Fatalf("%+v, want %d lines waiting and none unaccounted for", st, keep+1)
	}
	if c := strings.Count(logged.String(), "fifo is not read"); c != 1 {
		t.Errorf("the loss was logged %d times, want once", c)
	}

	// Now somebody reads: what comes is in order, and the newest are there.
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sc := bufio.NewScanner(r)
	last, count := -1, 0
	for sc.Scan() {
		var i int
		if _, err := fmt.Sscanf(sc.Text(), `INSTANCE "VI_%d" MASTER 100`, &i); err != nil {
			t.Fatalf("damaged line %q", sc.Text())
		}
		if i <= last {
			t.Fatalf("line %d after line %d", i, last)
		}
		last = i
		if count++; last == n-1 {
			break
		}
	}
	drain(t, f) // the last line may have been read before it was counted
	if st = f.Stats(); last != n-1 || uint64(count) != st.Written {
		t.Errorf("read %d lines up to %d; %+v", count, last, st)
	}
	eventually(t, "the end of the loss in the log", func() bool { return strings.Contains(logged.String(), "fifo is read again") })
}

func TestFIFOCloseDoesNotWaitForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	f := open(t, FIFOConfig{Path: path}, FIFODeps{})
	for range 3000 {
		f.Write(strings.Repeat("x", 100))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := f.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), "lines not written") {
		t.Errorf("Close: %v", err)
	}
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("Close took %v", d)
	}
}

func TestFIFOKeepsWhatItDidNotMake(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(path, 0o640); err != nil {
		t.Fatal(err)
	}
	f := open(t, FIFOConfig{Path: path}, FIFODeps{})
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("removed a pipe it did not make: %v", err)
	}

	// One that was replaced meanwhile is not ours either.
	other := filepath.Join(dir, "other")
	f = open(t, FIFOConfig{Path: other}, FIFODeps{})
	if err := os.Rename(path, other); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(other); err != nil {
		t.Errorf("removed somebody else's pipe: %v", err)
	}
}

func TestFIFORefusesWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(pipe, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, dir} {
		if _, err := OpenFIFO(FIFOConfig{Path: path}, FIFODeps{}); !errors.Is(err, ErrNotFIFO) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := OpenFIFO(FIFOConfig{Path: filepath.Join(dir, "none", "fifo")}, FIFODeps{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file now holds %q", b)
	}
}

func TestFIFOOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("HOLDFAST_REQUIRE") != "" {
			t.Fatal("needs root")
		}
		t.Skip("needs root")
	}
	path := filepath.Join(t.TempDir(), "fifo")
	f := open(t, FIFOConfig{Path: path, Owner: &Owner{UID: 65534, GID: 65534}}, FIFODeps{})
	st, err := os.Lstat(path)
	if err != nil || st.Sys().(*syscall.Stat_t).Uid != 65534 {
		t.Errorf("owner not set: %v", err)
	}
	f.Close(t.Context())

	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFIFO(FIFOConfig{Path: path}, FIFODeps{}); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("somebody else's pipe was taken: %v", err)
	}
}

func TestFIFOsSurviveAReload(t *testing.T) {
	dir := t.TempDir()
	a, b, bad := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewFIFOs(FIFODeps{})
	if err := s.Set(t.Context(), FIFOConfig{Path: a}, FIFOConfig{Path: b}, FIFOConfig{Path: a, Lines: 5}, FIFOConfig{}, FIFOConfig{Path: bad}); !errors.Is(err, ErrNotFIFO) {
		t.Errorf("Set: %v", err)
	}
	kept := s.open[a]
	s.Write("one", a, a, b, "", "/nowhere")
	if err := s.Set(t.Context(), FIFOConfig{Path: a}); err != nil {
		t.Fatal(err)
	}
	if s.open[a] != kept {
		t.Error("an unchanged pipe was opened anew")
	}
	if _, err := os.Lstat(b); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a pipe that is no longer wanted is still there: %v", err)
	}
	s.Write("two", a, b)
	drain(t, kept)
	if got := readNow(t, a); string(got) != "one\ntwo\n" {
		t.Errorf("read %q", got)
	}
	if st := s.Stats(); len(st) != 1 || st[a].Written != 2 {
		t.Errorf("%+v", st)
	}
	if err := s.Set(t.Context(), FIFOConfig{Path: a, Lines: 7}); err != nil || s.open[a] == kept {
		t.Errorf("a changed pipe was not opened anew: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
