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
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("pid file %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
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
	p := &pidFile{path: path, f: f}
	if err := p.write(pid); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

// write replaces the pid, for a process that was started anew.
func (p *pidFile) write(pid int) error {
	if p == nil {
		return nil
	}
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

func (p *pidFile) remove() {
	if p == nil {
		return
	}
	os.Remove(p.path)
	p.f.Close()
}
