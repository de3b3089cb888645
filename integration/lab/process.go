package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is a program that Start started, with everything it started.
type Process struct {
	Pid  int
	Host *Host
	// LogPath is the file that holds its standard output and error.
	LogPath string

	cmd    *exec.Cmd
	marker string
	done   chan struct{}
	err    error // valid when done is closed
}

// envMarker is in the environment of a process and of all it starts, however
// often it forks into the background.
const envMarker = "HOLDFAST_LAB"

var started atomic.Int64

// Spec says what Start runs.
type Spec struct {
	Args []string
	Env  []string // NAME=value, added to this process's environment
	Dir  string   // default: the host's folder
}

// Start runs a program in the host. It does not wait for it; Close does away
// with it at the latest.
func (h *Host) Start(spec Spec) (*Process, error) {
	n := started.Add(1)
	p := &Process{
		Host: h, done: make(chan struct{}),
		marker:  fmt.Sprintf("%s=%s-%d", envMarker, h.lab.Name, n),
		LogPath: h.Path(fmt.Sprintf("%s.%d.log", filepath.Base(spec.Args[0]), n)),
	}
	log, err := os.Create(p.LogPath)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	defer log.Close()
	full := h.space.enter(spec.Args)
	p.cmd = exec.Command(full[0], full[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Dir = spec.Dir
	if p.cmd.Dir == "" {
		p.cmd.Dir = h.Dir
	}
	p.cmd.Env = append(append(os.Environ(), spec.Env...), p.marker)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := spawn(p.cmd); err != nil {
		return nil, fmt.Errorf("lab: %s: start %s: %w", h.Name, spec.Args[0], err)
	}
	p.Pid = p.cmd.Process.Pid
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	h.mu.Lock()
	h.procs = append(h.procs, p)
	h.mu.Unlock()
	// Until it has entered the namespaces it is not yet the host's.
	WaitFor(30*time.Second, func() bool { return !p.Running() || h.space.has(p.Pid) && !isNsenter(p.Pid) })
	return p, nil
}

// Log is everything the program printed until now.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.LogPath)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// LogEnd is the end of the log, for an error.
func (p *Process) LogEnd() string {
	lines := strings.Split(strings.TrimRight(p.Log(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// Signal sends a signal to the program itself.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := syscall.Kill(p.Pid, sig); err != nil {
		return fmt.Errorf("lab: %s: %v to %d: %w", p.Host.Name, sig, p.Pid, err)
	}
	return nil
}

// Running reports whether the program itself has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// ErrStillRunning is returned by Wait when the program has not ended in time.
var ErrStillRunning = errors.New("still running")

// Wait waits for the program itself to end and returns its exit status; -1
// when a signal ended it.
func (p *Process) Wait(limit time.Duration) (int, error) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-t.C:
		if !p.Running() { // both came while this machine stood still
			return p.cmd.ProcessState.ExitCode(), nil
		}
		return 0, fmt.Errorf("lab: %s: process %d after %v: %w", p.Host.Name, p.Pid, limit, ErrStillRunning)
	}
}

// Stop ends the program with SIGTERM and waits for it.
func (p *Process) Stop(limit time.Duration) (int, error) {
	if p.Running() {
		if err := p.Signal(syscall.SIGTERM); err != nil && p.Running() {
			return 0, err
		}
	}
	return p.Wait(limit)
}

// Tree is the program and everything it started that still runs, also what
// has gone into the background.
func (p *Process) Tree() []int {
	var pids []int
	parents := map[int]int{}
	for _, pid := range p.Host.space.pids() {
		parents[pid] = parentOf(pid)
	}
	for pid := range parents {
		if pid == p.Pid || descends(pid, p.Pid, parents) || marked(pid, p.marker) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Waited is how long the threads of the tree have been ready to run while none of
// the processors did so, as the kernel has it (/proc/PID/task/TID/schedstat).
func (p *Process) Waited() (sum time.Duration) {
	for _, pid := range p.Tree() {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil { // the thread may have ended
				if v := strings.Fields(string(b)); len(v) == 3 {
					ns, _ := strconv.ParseInt(v[1], 10, 64)
					sum += time.Duration(ns)
				}
			}
		}
	}
	return sum
}

// Kill ends the whole tree with SIGKILL. It is stopped first, the root before
// all, so that nobody replaces what was lost or cleans up after the dead; the
// root is killed last, as the end of a parent makes the kernel continue a
// stopped child that has a process group of its own.
func (p *Process) Kill() error {
	if p.Running() {
		_ = syscall.Kill(p.Pid, syscall.SIGSTOP)
	}
	for _, pid := range p.Tree() {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	ok := WaitFor(30*time.Second, func() bool {
		pids := p.Tree()
		for _, pid := range pids {
			if pid != p.Pid {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if p.Running() {
			_ = syscall.Kill(p.Pid, syscall.SIGKILL)
		}
		return len(pids) == 0
	})
	if !ok {
		return fmt.Errorf("lab: %s: processes %v do not end", p.Host.Name, p.Tree())
	}
	<-p.done
	return nil
}

// Crash cuts the host off and kills the program's whole tree, as a power cut
// would, and returns when the link went down.
func (p *Process) Crash() (time.Time, error) {
	tree := p.Tree()
	err := p.Host.Cut()
	at := time.Now()
	// None may see that another one is gone, and try to say farewell.
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
		for _, pid := range append([]int{p.Pid}, tree...) {
			_ = syscall.Kill(pid, sig)
		}
	}
	return at, errors.Join(err, p.Kill())
}

// isNsenter reports whether the process is still the program that enters the
// namespaces and not yet the one that was asked for.
func isNsenter(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && string(b) == "nsenter\n"
}

func parentOf(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may hold anything; the fields follow the last one.
	i := strings.LastIndexByte(string(b), ')')
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(f[1])
	return ppid
}

func descends(pid, root int, parents map[int]int) bool {
	for range len(parents) + 1 {
		parent, ok := parents[pid]
		if !ok {
			return false
		}
		if parent == root {
			return true
		}
		pid = parent
	}
	return false
}

func marked(pid int, marker string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	for e := range strings.SplitSeq(string(b), "\x00") {
		if e == marker {
			return true
		}
	}
	return false
}
