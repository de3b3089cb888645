package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a started program. Its methods may be called from any goroutine.
type Process struct {
	pid     int
	name    string
	spec    Spec
	began   time.Time
	expired chan struct{} // closed at Spec.Timeout
	done    chan struct{} // closed when result is set
	gone    chan struct{} // closed when the child is reaped
	stop    chan struct{}
	once    sync.Once
	result  Result // written before done is closed
	out     *tail
}

// Start starts a program without waiting for it. Errors name the program and
// wrap the cause (fs.ErrNotExist, fs.ErrPermission, ErrInsecure).
func Start(s Spec) (*Process, error) {
	path, argv, err := s.argv()
	if err != nil {
		return nil, err
	}
	cred, err := Lookup(s.User, s.Group)
	if err != nil {
		return nil, fmt.Errorf("proc: %s: %w", s.Name(), err)
	}
	if err := s.trusted(cred); err != nil {
		return nil, fmt.Errorf("proc: %s: %w", s.Name(), err)
	}
	if s.KillAfter <= 0 {
		s.KillAfter = DefaultKillAfter
	}
	null, err := devNull()
	if err != nil {
		return nil, err
	}
	files := [3]uintptr{null.Fd(), null.Fd(), null.Fd()}
	var out *tail
	if s.Capture > 0 {
		var w *os.File
		if out, w, err = newTail(min(s.Capture, MaxCapture)); err != nil {
			return nil, fmt.Errorf("proc: %s: %w", s.Name(), err)
		}
		defer w.Close()
		files[1], files[2] = w.Fd(), w.Fd()
	}

	began := time.Now()
	pid, pidfd, err := starter.fork(path, argv, environ(os.Environ(), s.Env), s.Dir, files, sysCredential(cred))
	if err != nil {
		if out != nil {
			out.close()
		}
		if errors.Is(err, fs.ErrNotExist) && (s.Dir == "" || filepath.IsAbs(path)) {
			err = withInterpreter(path, err)
		}
		return nil, fmt.Errorf("proc: cannot start %s: %w", s.Name(), err)
	}
	p := &Process{
		pid: pid, name: s.Name(), spec: s, began: began, out: out,
		expired: make(chan struct{}), done: make(chan struct{}),
		gone: make(chan struct{}), stop: make(chan struct{}),
	}
	p.enlist()
	ended := make(chan struct{})
	go func() {
		waitEnd(pid, pidfd)
		close(ended)
	}()
	go p.watch(ended)
	return p, nil
}

// Pid is the process id, which is also the id of its group.
func (p *Process) Pid() int { return p.pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Expired is closed when the program was still running at Spec.Timeout.
func (p *Process) Expired() <-chan struct{} { return p.expired }

// Gone is closed when the program has ended and been reaped, and, after a
// timeout or Stop, its group been killed.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Result is how the program ended. It waits for Done.
func (p *Process) Result() Result {
	<-p.done
	return p.result
}

// Err is Result().Error().
func (p *Process) Err() error { return p.Result().Error() }

// Stop ends the program's group as a timeout does: SIGTERM now, SIGKILL
// Spec.KillAfter later. It does not wait.
func (p *Process) Stop() { p.once.Do(func() { close(p.stop) }) }

// watch is the life of a child: it alone signals and reaps it.
func (p *Process) watch(ended <-chan struct{}) {
	defer close(p.gone)
	var timeout <-chan time.Time
	if p.spec.Timeout > 0 {
		t := time.NewTimer(p.spec.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	var r Result
	select {
	case <-ended:
		p.finish(r)
		p.bury()
		return
	case <-timeout:
		r.TimedOut = true
		close(p.expired)
	case <-p.stop:
		r.Stopped = true
	}
	p.signalGroup(unix.SIGTERM)
	kill := time.NewTimer(p.spec.KillAfter)
	defer kill.Stop()
	select {
	case <-ended:
		p.finish(r)
		p.awaitGroup(kill.C)
		p.bury()
	case <-kill.C:
		p.signalGroup(unix.SIGKILL)
		<-ended
		p.finish(r)
		p.bury()
	}
}

// awaitGroup returns when nobody is left in the group of a leader that has ended, and
// kills it when kill comes: what the leader forked may ignore SIGTERM, or take longer
// to end than the leader. While that is not reaped the group's id is ours.
func (p *Process) awaitGroup(kill <-chan time.Time) {
	look := time.NewTicker(groupLook)
	defer look.Stop()
	for groupHasOthers(p.pid) {
		select {
		case <-look.C:
		case <-kill:
			p.signalGroup(unix.SIGKILL)
			return
		}
	}
}

// signalGroup signals every member. The leader is not reaped yet, so the id
// is valid; a failure can only mean that nobody may be signalled any more.
func (p *Process) signalGroup(sig unix.Signal) { _ = unix.Kill(-p.pid, sig) }

// finish reads the end of the leader without reaping it and publishes it.
func (p *Process) finish(r Result) {
	r.Took = time.Since(p.began)
	var info siginfo
	if err := waitid(unix.P_PID, p.pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG); err != nil {
		// Somebody else reaped it; the way it ended is lost.
		r.Err = fmt.Errorf("proc: %s: cannot read its end: %w", p.name, err)
	} else {
		r.Exit, r.Signal = info.outcome()
	}
	if p.out != nil {
		r.Output = p.out.close()
	}
	p.result = r
	close(p.done)
}

func (p *Process) reap() {
	for {
		_, err := unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// waitEnd returns when the child has ended, without reaping it. With a pidfd
// the runtime's poller waits, so that hanging scripts hold no thread.
func waitEnd(pid, pidfd int) {
	if pidfd >= 0 && unix.SetNonblock(pidfd, true) == nil {
		f := os.NewFile(uintptr(pidfd), "pidfd")
		defer f.Close()
		if c, err := f.SyscallConn(); err == nil {
			err = c.Read(func(uintptr) bool {
				var info siginfo
				err := waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG)
				return err != nil || info.pid() == pid
			})
			if err == nil {
				return
			}
		}
	}
	_ = waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT)
}

func signalName(n int) string {
	if s := unix.SignalName(syscall.Signal(n)); s != "" {
		return s
	}
	return fmt.Sprint(n)
}
