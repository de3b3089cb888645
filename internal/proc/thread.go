package proc

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/internal/early"
	"holdfast/internal/timerslack"
)

// forker is the one thread that starts children. It is made at the first
// start and never ends: a child whose starting thread ends gets its
// parent-death signal at once.
type forker struct {
	once sync.Once
	jobs chan func()
	tid  int
}

var starter forker

// do runs f on the starting thread and waits for it.
func (f *forker) do(fn func()) {
	f.once.Do(func() {
		f.jobs = make(chan func())
		ready := make(chan struct{})
		go f.work(ready)
		<-ready
	})
	done := make(chan struct{})
	f.jobs <- func() { fn(); close(done) }
	<-done
}

// work is the life of the starting thread, which is not the first one of the process:
// a process is known by that one's settings, and programs get none of them.
func (f *forker) work(ready chan struct{}) {
	runtime.LockOSThread()
	if f.tid = unix.Gettid(); f.tid == os.Getpid() {
		go f.work(ready) // on another thread, while this goroutine holds the first
		<-ready
		runtime.UnlockOSThread()
		return
	}
	early.Unblock()
	timerslack.Narrow()
	// Descriptors the daemon itself was given (sockets of its parent,
	// a memfd) may lack close-on-exec; scripts must not get them.
	// Kernels before 5.11 refuse, and nothing is lost but this net.
	_ = unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC)
	close(ready)
	for job := range f.jobs {
		job()
	}
}

// Thread is the id of the thread that starts programs, never the first one. Any
// goroutine.
func Thread() int {
	var tid int
	starter.do(func() { tid = starter.tid })
	return tid
}

// fork starts path with argv from the starting thread and returns its process
// id and its pidfd (-1 where the kernel has none, before 5.4).
func (f *forker) fork(path string, argv, env []string, dir string, files [3]uintptr, cred *syscall.Credential) (pid, pidfd int, err error) {
	f.do(func() {
		start := func(path string, argv []string) {
			pidfd = -1
			pid, err = syscall.ForkExec(path, argv, &syscall.ProcAttr{
				Dir:   dir,
				Env:   env,
				Files: files[:],
				Sys: &syscall.SysProcAttr{
					Setpgid:    true,
					Pdeathsig:  syscall.SIGTERM,
					Credential: cred,
					PidFD:      &pidfd,
				},
			})
		}
		start(path, argv)
		if errors.Is(err, syscall.ENOEXEC) {
			start("/bin/sh", append([]string{"/bin/sh", path}, argv[1:]...))
		}
	})
	return pid, pidfd, err
}

// devNull is opened once and shared by all children.
var devNull = sync.OnceValues(func() (*os.File, error) {
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("proc: %w", err)
	}
	return f, nil
})
