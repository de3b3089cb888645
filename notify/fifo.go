package notify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultLines is how many lines wait in memory while the pipe is full.
const DefaultLines = 1024

// maxLine is what the kernel writes to a pipe in one piece (PIPE_BUF).
const maxLine = 4096

// ErrNotFIFO says that something else stands at the path of a FIFO.
var ErrNotFIFO = errors.New("exists and is not a fifo")

// Owner is who a created FIFO belongs to.
type Owner struct{ UID, GID int }

// FIFOConfig describes one named pipe (notify_fifo, vrrp_notify_fifo,
// lvs_notify_fifo).
type FIFOConfig struct {
	Path  string
	Owner *Owner // nil: ourselves
	Lines int    // lines kept while the pipe is full; 0: DefaultLines
	// Reader is started with the path as last argument, before the pipe is
	// opened, and again when it ends; not set: somebody else reads.
	Reader Command
}

// FIFODeps is what a FIFO needs from outside.
type FIFODeps struct {
	Start Starter      // required if a FIFO has a Reader
	Log   *slog.Logger // nil: nothing is logged
}

// FIFO is an open named pipe. It is both ends, so that it works without a
// reader: about 64 KiB then stay in the pipe and the newest lines in memory.
type FIFO struct {
	cfg    FIFOConfig
	log    *slog.Logger
	file   *os.File
	made   fs.FileInfo // of the pipe, if we made it
	reader *reader
	grace  time.Duration // readerGrace

	mu     sync.Mutex
	lines  [][]byte
	busy   bool // a line is being written
	losing bool // logged that lines are lost
	full   bool // logged that the pipe is full
	stats  FIFOStats
	wake   chan struct{} // buffer of 1: there is something to do
	empty  chan struct{} // closed and replaced when nothing waits any more
	closed bool
	ended  chan struct{}
}

// FIFOStats counts lines since the FIFO was opened.
type FIFOStats struct {
	Written uint64
	Dropped uint64
	Waiting int
}

// OpenFIFO makes the pipe where there is none (mode 0600, less the umask),
// starts its reader and opens it. What exists must be a FIFO (ErrNotFIFO) that
// belongs to root, to us or to cfg.Owner; links are not followed.
func OpenFIFO(cfg FIFOConfig, deps FIFODeps) (*FIFO, error) {
	if cfg.Lines <= 0 {
		cfg.Lines = DefaultLines
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	f := &FIFO{
		cfg: cfg, log: deps.Log.With("fifo", cfg.Path), grace: readerGrace,
		wake: make(chan struct{}, 1), empty: make(chan struct{}), ended: make(chan struct{}),
	}
	var err error
	if f.made, err = makeFIFO(cfg.Path, cfg.Owner); err != nil {
		return nil, fmt.Errorf("notify: fifo %s: %w", cfg.Path, err)
	}
	if cfg.Reader.Set() {
		if deps.Start == nil {
			return nil, fmt.Errorf("notify: fifo %s: no way to start its reader", cfg.Path)
		}
		f.reader = startReader(cfg.Reader.With(cfg.Path), deps.Start, f.log)
	}
	if f.file, err = openFIFO(cfg.Path, cfg.Owner); err != nil {
		if f.reader != nil {
			f.reader.stop(context.Background(), 0)
		}
		f.unlink()
		return nil, fmt.Errorf("notify: fifo %s: %w", cfg.Path, err)
	}
	go f.run()
	return f, nil
}

// makeFIFO makes the pipe and returns what it made; nil if a good one exists.
func makeFIFO(path string, owner *Owner) (fs.FileInfo, error) {
	err := unix.Mkfifo(path, 0o600)
	if errors.Is(err, unix.EEXIST) {
		// Looked at before it is opened: opening a device may do something.
		st, err := os.Lstat(path)
		if err != nil {
			return nil, err
		}
		return nil, checkFIFO(st, owner)
	}
	if err != nil {
		return nil, err
	}
	if owner != nil && (owner.UID != os.Geteuid() || owner.GID != os.Getegid()) {
		if err := os.Lchown(path, owner.UID, owner.GID); err != nil {
			_ = os.Remove(path)
			return nil, err
		}
	}
	return os.Lstat(path)
}

func checkFIFO(st fs.FileInfo, owner *Owner) error {
	if st.Mode()&fs.ModeType != fs.ModeNamedPipe {
		return ErrNotFIFO
	}
	uid := int(st.Sys().(*syscall.Stat_t).Uid)
	if uid != 0 && uid != os.Geteuid() && (owner == nil || uid != owner.UID) {
		return fmt.Errorf("belongs to user %d", uid)
	}
	return nil
}

func openFIFO(path string, owner *Owner) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	st, err := f.Stat()
	if err == nil {
		err = checkFIFO(st, owner)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Write queues one line, which gets its newline here, and returns at once.
// Control characters become spaces, so that a name cannot forge a second line.
func (f *FIFO) Write(line string) {
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, line)
	if len(line)+1 > maxLine {
		f.mu.Lock()
		f.stats.Dropped++
		f.mu.Unlock()
		f.log.Error("line too long for a fifo, dropped", "length", len(line), "line", line[:80])
		return
	}
	f.mu.Lock()
	var lost string
	first, fills := false, false
	switch {
	case f.closed:
		lost, first = line, true
		f.stats.Dropped++
	case len(f.lines) == 0 && !f.busy && f.tryWrite(append([]byte(line), '\n')):
		f.stats.Written++
	case len(f.lines) >= f.cfg.Lines:
		lost, first = string(f.lines[0]), !f.losing
		f.losing = true
		f.stats.Dropped++
		f.lines = append(f.lines[:0], f.lines[1:]...)
		fallthrough
	default:
		// Nothing was waiting and yet the line could not be written at once.
		fills = len(f.lines) == 0 && !f.busy && !f.full
		f.full = f.full || fills
		f.lines = append(f.lines, append([]byte(line), '\n'))
	}
	f.mu.Unlock()
	if fills {
		f.log.Warn("fifo is full: lines wait until it is read")
	}
	if first {
		f.log.Warn("fifo is not read: lines are lost", "line", strings.TrimSuffix(lost, "\n"))
	}
	f.poke()
}

// tryWrite writes a line unless the pipe is full. A pipe takes up to PIPE_BUF
// bytes whole or not at all.
func (f *FIFO) tryWrite(line []byte) bool {
	ok := false
	c, err := f.file.SyscallConn()
	if err != nil {
		return false
	}
	_ = c.Write(func(fd uintptr) bool {
		n, err := unix.Write(int(fd), line)
		ok = err == nil && n == len(line)
		return true // never wait here
	})
	return ok
}

func (f *FIFO) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run writes line after line. While the pipe is full it waits in the runtime's
// poller, holding one line; the next ones gather behind it.
func (f *FIFO) run() {
	defer close(f.ended)
	for {
		line := f.next()
		if line == nil {
			f.mu.Lock()
			done := f.closed
			f.mu.Unlock()
			if done {
				return
			}
			<-f.wake
			continue
		}
		_, err := f.file.Write(line)
		f.mu.Lock()
		f.busy = false
		if err == nil {
			f.stats.Written++
		} else {
			f.stats.Dropped++
		}
		f.mu.Unlock()
		if err != nil && !errors.Is(err, os.ErrClosed) {
			f.log.Error("cannot write to fifo", "reason", err)
		}
	}
}

// next takes the oldest line; nil when there is none.
func (f *FIFO) next() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.lines) == 0 {
		close(f.empty)
		f.empty = make(chan struct{})
		if f.losing || f.full {
			f.losing, f.full = false, false
			f.log.Info("fifo is read again", "lost", f.stats.Dropped)
		}
		return nil
	}
	line := f.lines[0]
	f.lines = append(f.lines[:0], f.lines[1:]...)
	f.busy = true
	return line
}

// Stats returns the counters.
func (f *FIFO) Stats() FIFOStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.stats
	st.Waiting = len(f.lines)
	if f.busy {
		st.Waiting++
	}
	return st
}

// Drain waits until every line is in the pipe, or ctx ends.
func (f *FIFO) Drain(ctx context.Context) error {
	for {
		f.mu.Lock()
		n, empty := len(f.lines), f.empty
		if f.busy {
			n++
		}
		f.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-empty:
		case <-ctx.Done():
			return fmt.Errorf("notify: fifo %s: %d lines not written in time", f.cfg.Path, n)
		}
	}
}

// Close drains the FIFO, closes it, gives its reader until ctx ends to read the
// rest, and removes the pipe if it was made by OpenFIFO.
func (f *FIFO) Close(ctx context.Context) error {
	err := f.Drain(ctx)
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return err
	}
	f.closed = true
	f.stats.Dropped += uint64(len(f.lines))
	f.lines = nil
	f.mu.Unlock()
	f.file.Close() // frees a blocked write
	f.poke()
	<-f.ended
	if f.reader != nil {
		f.reader.stop(ctx, f.grace)
	}
	f.unlink()
	return err
}

// readerGrace is how long a reader may take after its input ended, where the
// context of Close allows more.
const readerGrace = time.Second

// unlink removes the pipe if it is the one we made.
func (f *FIFO) unlink() {
	if f.made == nil {
		return
	}
	if st, err := os.Lstat(f.cfg.Path); err == nil && os.SameFile(st, f.made) {
		_ = os.Remove(f.cfg.Path)
	}
}
