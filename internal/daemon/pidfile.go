package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// ErrRunning says that another daemon holds the pid file.
var ErrRunning = errors.New("already running")

// pidFile is a locked file with the pid of a process; it goes when closed.
type pidFile struct {
	path string
	f    *os.File
}

// createPIDFile writes pid to path, mode 0644, and holds a lock on it. It does
// not follow a symbolic link, so that nobody can have another file written.
func createPIDFile(path string, pid int) (*pidFile, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("pid file %s: %w", path, err)
	}
	for range 10 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
		if err != nil {
			return nil, fmt.Errorf("pid file %s: %w", path, err)
		}
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
			f.Close()
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
				return nil, fmt.Errorf("pid file %s: %w", path, ErrRunning)
			}
			return nil, fmt.Errorf("pid file %s: lock: %w", path, err)
		}
		if !isFile(path, f) {
			f.Close() // its owner removed it between our open and our lock
			continue
		}
		p := &pidFile{path: path, f: f}
		if err := p.write(pid); err != nil {
			f.Close()
			return nil, err
		}
		return p, nil
	}
	return nil, fmt.Errorf("pid file %s: somebody removes it again and again", path)
}

// isFile says whether f is what is at path.
func isFile(path string, f *os.File) bool {
	a, err := os.Lstat(path)
	if err != nil {
		return false
	}
	b, err := f.Stat()
	return err == nil && os.SameFile(a, b)
}

// makeFolder makes the folder of a file of ours where there is none, whatever
// the umask: others may look at what is in it.
func makeFolder(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.Chmod(path, 0o755)
}

// write replaces the pid, for a process that was started anew.
func (p *pidFile) write(pid int) error {
	if err := p.f.Truncate(0); err != nil {
		return fmt.Errorf("pid file %s: %w", p.path, err)
	}
	if _, err := p.f.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0); err != nil {
		return fmt.Errorf("pid file %s: %w", p.path, err)
	}
	if err := p.f.Chmod(0o644); err != nil {
		return fmt.Errorf("pid file %s: %w", p.path, err)
	}
	return nil
}

// remove removes the file if it is still ours; p may be nil.
func (p *pidFile) remove() {
	if p == nil {
		return
	}
	if isFile(p.path, p.f) {
		os.Remove(p.path)
	}
	p.f.Close()
}

// free says that no process holds the lock of path: nil, or ErrRunning.
func free(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // none there; what else is wrong with it shows when it is made
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock) == nil && lock.Type != unix.F_UNLCK {
		return fmt.Errorf("pid file %s: %w", path, ErrRunning)
	}
	return nil
}
