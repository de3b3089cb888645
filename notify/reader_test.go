package notify

import (
	"bufio"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProgram ends when told to.
type fakeProgram struct {
	done    chan struct{}
	once    sync.Once
	stopped bool
}

func (p *fakeProgram) Done() <-chan struct{} { return p.done }
func (p *fakeProgram) Err() error            { return nil }
func (p *fakeProgram) end()                  { p.once.Do(func() { close(p.done) }) }
func (p *fakeProgram) Stop() {
	p.stopped = true
	p.end()
}

func TestReaderIsStartedBeforeTheOpenAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started []time.Duration
		var progs []*fakeProgram
		began := time.Now()
		path := "/run/fifo"
		start := func(c Command) (Program, error) {
			if want := []string{"/bin/reader", "-x", path}; !slices.Equal(c.Args, want) {
				t.Errorf("started %q, want %q", c.Args, want)
			}
			started = append(started, time.Since(began))
			if len(started) == 3 {
				return nil, errors.New("no such file")
			}
			p := &fakeProgram{done: make(chan struct{})}
			progs = append(progs, p)
			return p, nil
		}
		r := startReader(cmd("/bin/reader", "-x").With(path), start, slog.New(slog.DiscardHandler))
		if len(started) != 1 {
			t.Fatal("the reader is not started when startReader returns")
		}
		progs[0].end()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		progs[1].end() // then start 3 fails, 2 s later, and start 4 comes 4 s after that
		time.Sleep(10 * time.Second)
		synctest.Wait()
		want := []time.Duration{0, time.Second, 3500 * time.Millisecond, 7500 * time.Millisecond}
		if !slices.Equal(started, want) {
			t.Errorf("started at %v, want %v", started, want)
		}
		// One that ran long starts the waits anew.
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		at := time.Since(began)
		progs[2].end()
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if got := started[len(started)-1]; got != at+time.Second {
			t.Errorf("after a long run started at %v, want %v", got, at+time.Second)
		}
		stopAt := time.Now()
		r.stop(t.Context(), readerGrace)
		if d := time.Since(stopAt); d != readerGrace || len(started) != 5 {
			t.Errorf("stop took %v, %d starts", d, len(started))
		}
		synctest.Wait()
		if !progs[3].stopped {
			t.Error("the reader was not stopped")
		}
	})
}

func TestReaderThatEndsByItselfIsNotStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	var got []string
	first := make(chan struct{})
	prog := &fakeProgram{done: make(chan struct{})}
	f, err := OpenFIFO(FIFOConfig{Path: path, Reader: cmd("reader")}, FIFODeps{Start: func(c Command) (Program, error) {
		if st, err := os.Lstat(path); err != nil || st.Mode()&fs.ModeNamedPipe == 0 {
			t.Errorf("no pipe when the reader starts: %v", err)
		}
		go func() {
			defer prog.end()
			r, err := os.Open(c.Args[1])
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for sc := bufio.NewScanner(r); sc.Scan(); {
				if got = append(got, sc.Text()); len(got) == 1 {
					close(first)
				}
			}
		}()
		return prog, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.grace = time.Minute // nobody knows how long a busy machine takes
	f.Write("a")
	<-first
	f.Write("STOP")
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-prog.done
	if !slices.Equal(got, []string{"a", "STOP"}) || prog.stopped {
		t.Errorf("reader got %q, stopped %v; want all lines and an end of file", got, prog.stopped)
	}
}
