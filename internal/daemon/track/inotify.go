package track

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// watchMask is what is asked of a directory. A file that is being written is
// told when it is closed and not before: in between it may be empty. (That is
// why this is not done with fsnotify, which tells the truncation.)
const watchMask = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CREATE |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// news is one event of a watched directory.
type news struct {
	dir, path string // of the directory, and of the entry in it
	moved     bool   // directories came or went, or news were lost: look at everything
}

// watch is an inotify descriptor with the directories it watches. All methods
// but next are called with Files.mu held; next is called by one goroutine, and
// takes the lock of its own.
type watch struct {
	file *os.File
	fd   int
	buf  []byte
	dirs chan map[int32][]string // holds the one map: by watch descriptor
}

func openWatch() (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &watch{file: os.NewFile(uintptr(fd), "inotify"), fd: fd, buf: make([]byte, 16<<10), dirs: make(chan map[int32][]string, 1)}
	w.dirs <- map[int32][]string{}
	return w, nil
}

func (w *watch) close() { _ = w.file.Close() }

// maxLinks bounds how many symbolic links on the way to a file are followed.
const maxLinks = 16

// cover watches what is needed to hear of changes of the file at path: its
// directory or, as long as that does not exist, the nearest one above; and the
// same at every step of a symbolic link. They are entered in seen.
func (w *watch) cover(path string, seen map[string]bool) []string {
	var dirs []string
	for range maxLinks {
		dir := w.nearest(path, seen)
		if dir == "" {
			return dirs
		}
		dirs = append(dirs, dir)
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = filepath.Clean(to)
	}
	// Links among the directories: what the path leads to in the end.
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		if dir := w.nearest(real, seen); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// nearest watches the directory of path or the nearest one above that exists.
func (w *watch) nearest(path string, seen map[string]bool) string {
	for range 2 * maxLinks {
		below, dir := path, filepath.Dir(path)
		for !w.add(dir) {
			if dir == "/" {
				return ""
			}
			below, dir = dir, filepath.Dir(dir)
		}
		seen[dir] = true
		if below == path {
			return dir
		}
		// It may have come between the two looks.
		if st, err := os.Stat(below); err != nil || !st.IsDir() {
			return dir
		}
	}
	return ""
}

// add watches a directory; one that is watched already keeps its descriptor
// unless another directory has taken its name.
func (w *watch) add(dir string) bool {
	wd, err := unix.InotifyAddWatch(w.fd, dir, watchMask)
	if err != nil {
		return false
	}
	m := <-w.dirs
	defer func() { w.dirs <- m }()
	for old, names := range m {
		if old != int32(wd) {
			m[old] = without(names, dir)
		}
	}
	m[int32(wd)] = append(without(m[int32(wd)], dir), dir)
	return true
}

func without(list []string, s string) []string {
	out := list[:0:0]
	for _, l := range list {
		if l != s {
			out = append(out, l)
		}
	}
	return out
}

// keep ends the watches of directories that are not in seen.
func (w *watch) keep(seen map[string]bool) {
	m := <-w.dirs
	defer func() { w.dirs <- m }()
	for wd, names := range m {
		var kept []string
		for _, n := range names {
			if seen[n] {
				kept = append(kept, n)
			}
		}
		if m[wd] = kept; len(kept) == 0 {
			delete(m, wd)
			_, _ = unix.InotifyRmWatch(w.fd, uint32(wd)) // gone already if the directory is
		}
	}
}

// next waits for events and returns those that came together.
func (w *watch) next() ([]news, error) {
	n, err := w.file.Read(w.buf)
	if err != nil {
		return nil, err
	}
	m := <-w.dirs
	defer func() { w.dirs <- m }()
	return decodeEvents(w.buf[:n], m), nil
}

// decodeEvents takes the kernel's events apart (inotify(7)).
func decodeEvents(b []byte, dirs map[int32][]string) []news {
	var out []news
	for len(b) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(b))
		mask := binary.NativeEndian.Uint32(b[4:])
		size := int(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		if size > len(b) {
			break
		}
		name := string(bytes.TrimRight(b[:size], "\x00"))
		b = b[size:]
		const self = unix.IN_Q_OVERFLOW | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_IGNORED | unix.IN_UNMOUNT
		if mask&self != 0 {
			out = append(out, news{moved: true})
			continue
		}
		for _, dir := range dirs[wd] {
			e := news{dir: dir, path: filepath.Join(dir, name), moved: mask&unix.IN_ISDIR != 0}
			if mask&unix.IN_CREATE != 0 && !e.moved {
				// A link is complete when it is made; a file is when it is closed.
				st, err := os.Lstat(e.path)
				link := err == nil && st.Mode()&os.ModeSymlink != 0
				if !link && !hardLink(st) {
					continue
				}
				e.moved = link
			}
			if mask&unix.IN_MOVED_TO != 0 && !e.moved {
				st, err := os.Lstat(e.path)
				e.moved = err == nil && st.Mode()&os.ModeSymlink != 0
			}
			out = append(out, e)
		}
	}
	return out
}

// hardLink says whether a file has several names.
func hardLink(st os.FileInfo) bool {
	if st == nil {
		return false
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && s.Nlink > 1
}
