package track

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/config"
)

// FileKey is the name under which the number of a track_file is told.
func FileKey(name string) string { return "file " + name }

// recheck is how often the files are read without being told to: some
// filesystems tell nothing, and a directory above the one that is watched may
// have been replaced.
const recheck = 10 * time.Second

// FilesDeps is what Files needs.
type FilesDeps struct {
	// Changed is told the first number of every file and each change, by
	// FileKey, one at a time. It must not call Files.
	Changed func(key string, value int)
	Log     *slog.Logger // nil: nothing is logged
}

// Files follows the tracked files (track_file). Methods may be called from any
// goroutine.
type Files struct {
	deps FilesDeps

	mu      sync.Mutex
	files   map[string]*file
	watch   *watch
	blind   error // why nothing is watched; the files are read now and then
	stopped chan struct{}
	loops   sync.WaitGroup
	closed  bool
}

// file is one track_file with its state.
type file struct {
	cfg  config.TrackFile
	stat FileStatus
	dirs []string // watched for it
}

// FileStatus is what Files knows about a file.
type FileStatus struct {
	Name    string
	Path    string
	Value   int
	There   bool   // it exists
	Err     string // why its number is not what it holds
	Changes uint64 // of the number since it is followed
	Last    time.Time
}

// NewFiles returns Files that follow nothing yet.
func NewFiles(d FilesDeps) *Files {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Changed == nil {
		d.Changed = func(string, int) {}
	}
	return &Files{deps: d, files: map[string]*file{}, stopped: make(chan struct{})}
}

// Set follows the files given and no others; their numbers are read, and told,
// before it returns. Files that are new and have init_file are made first,
// unless restarted says that this process replaces one that did so.
func (t *Files) Set(list []config.TrackFile, restarted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	next := make(map[string]*file, len(list))
	for _, c := range list {
		if next[c.Name] != nil {
			continue
		}
		old := t.files[c.Name]
		if old != nil && old.cfg.Path == c.Path {
			old.cfg = c
			next[c.Name] = old
			continue
		}
		if c.InitFile && !restarted {
			if err := writeValue(c.Path, c.InitValue, c.Overwrite); err != nil {
				t.deps.Log.Warn("track_file cannot be made", "track_file", c.Name, "err", err)
			}
		}
		next[c.Name] = &file{cfg: c, stat: FileStatus{Name: c.Name, Path: c.Path}}
	}
	before := t.files
	t.files = next
	if len(next) > 0 && t.watch == nil && t.blind == nil {
		t.open()
	}
	t.rewatch()
	for name, f := range next {
		t.read(f, before[name] != f)
	}
}

// open starts to watch; where that is impossible the files are read now and then.
func (t *Files) open() {
	if t.watch, t.blind = openWatch(); t.blind != nil {
		t.deps.Log.Error("tracked files are only read now and then", "every", recheck, "err", t.blind)
	} else {
		t.loops.Add(1)
		go t.follow(t.watch)
	}
	t.loops.Add(1)
	go t.tick()
}

// tick reads everything now and then.
func (t *Files) tick() {
	defer t.loops.Done()
	k := time.NewTicker(recheck)
	defer k.Stop()
	for {
		select {
		case <-t.stopped:
			return
		case <-k.C:
			t.mu.Lock()
			if t.closed {
				t.mu.Unlock()
				return
			}
			t.rewatch()
			for _, f := range t.files {
				// One that is being written is told about when it is closed.
				if st, err := os.Stat(f.cfg.Path); err != nil || time.Since(st.ModTime()).Abs() > time.Second {
					t.read(f, false)
				}
			}
			t.mu.Unlock()
		}
	}
}

// follow acts on what the kernel tells about the directories.
func (t *Files) follow(w *watch) {
	defer t.loops.Done()
	for {
		list, err := w.next()
		if err != nil {
			t.mu.Lock()
			if !t.closed {
				t.deps.Log.Error("watching tracked files failed", "err", err)
			}
			t.mu.Unlock()
			return
		}
		t.mu.Lock()
		t.heed(list)
		t.mu.Unlock()
	}
}

// heed reads the files that news may be about.
func (t *Files) heed(list []news) {
	if t.closed {
		return
	}
	moved := slices.ContainsFunc(list, func(n news) bool { return n.moved })
	if moved {
		t.rewatch()
	}
	for _, f := range t.files {
		if moved || slices.ContainsFunc(list, f.minds) {
			t.read(f, false)
		}
	}
}

// minds says whether news may change the file: they are about it, or about a
// directory through which it is reached by a symbolic link.
func (f *file) minds(n news) bool {
	return n.path == f.cfg.Path || n.path == f.stat.Path || len(f.dirs) > 1 && slices.Contains(f.dirs, n.dir)
}

// read reads a file and tells its number when it changed or always is set.
func (t *Files) read(f *file, always bool) {
	value, there, err := readValue(f.cfg.Path)
	text := ""
	if err != nil {
		text = err.Error()
	}
	if errors.Is(err, errRange) {
		value = f.stat.Value // as before
	}
	if text != "" && text != f.stat.Err {
		t.deps.Log.Warn("track_file has no number to go by", "track_file", f.cfg.Name, "counts", value, "err", err)
	}
	f.stat.There, f.stat.Err = there, text
	if value == f.stat.Value && !always {
		return
	}
	if !always {
		f.stat.Changes++
		t.deps.Log.Info("track_file", "track_file", f.cfg.Name, "from", f.stat.Value, "to", value)
	}
	f.stat.Value, f.stat.Last = value, time.Now()
	t.deps.Changed(FileKey(f.cfg.Name), value)
}

// rewatch watches the directories that the files need now.
func (t *Files) rewatch() {
	if t.watch == nil {
		return
	}
	seen := map[string]bool{}
	for _, f := range t.files {
		f.dirs = t.watch.cover(f.cfg.Path, seen)
	}
	t.watch.keep(seen)
}

// Close ends following.
func (t *Files) Close() {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.stopped)
		if t.watch != nil {
			t.watch.close()
		}
	}
	t.mu.Unlock()
	t.loops.Wait()
}

// Status returns what is known of every file, by name.
func (t *Files) Status() []FileStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]FileStatus, 0, len(t.files))
	for _, f := range t.files {
		out = append(out, f.stat)
	}
	slices.SortFunc(out, func(a, b FileStatus) int { return strings.Compare(a.Name, b.Name) })
	return out
}
