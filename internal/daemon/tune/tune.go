// Package tune gives a process of the daemon what global_defs says of it: its
// name, nice value, processors and locked memory.
//
// Contract: Apply may be called again and again, by a reload; what is not asked
// for any more is put back to what it was at the first call. Programs that the
// process starts have none of it: the thread of package proc that starts them is
// left as the daemon was started.
package tune

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/proc"
)

// Process is what one process has been given.
type Process struct {
	Log *slog.Logger
	// Default is the name with process_names, such as "keepalived_vrrp".
	Default string

	mu     sync.Mutex
	before *before
	was    config.ProcessSettings
}

// before is what the process was started with.
type before struct {
	name string
	nice int
	cpus unix.CPUSet
}

// Apply brings the process to the settings; named says that process_names is on.
// What cannot be done is logged.
func (p *Process) Apply(s config.ProcessSettings, named bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Name == "" && named {
		s.Name = p.Default
	}
	if p.before == nil {
		if s.Name == "" && s.Nice == 0 && len(s.CPUs) == 0 && !s.NoSwap {
			p.was = s
			return // nothing was changed, and nothing is to be
		}
		b, err := now()
		if err != nil {
			p.Log.Error("the settings of the process cannot be read", "err", err)
			return
		}
		p.before = b
	}
	failed := func(what string, err error) {
		if err != nil {
			p.Log.Error(what+" not set", "err", err)
		}
	}
	if s.Name != p.was.Name {
		failed("process name", rename(orElse(s.Name, p.before.name)))
	}
	if s.Nice != p.was.Nice {
		nice := p.before.nice
		if s.Nice != 0 {
			nice = s.Nice
		}
		failed("nice value", everyThread(func(tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, nice) }))
	}
	if !slices.Equal(s.CPUs, p.was.CPUs) {
		set := p.before.cpus
		if len(s.CPUs) > 0 {
			set = unix.CPUSet{}
			for _, c := range s.CPUs {
				set.Set(c)
			}
		}
		failed("processors", everyThread(func(tid int) error { return unix.SchedSetaffinity(tid, &set) }))
	}
	if s.NoSwap != p.was.NoSwap {
		failed("locked memory", lock(s.NoSwap))
	}
	p.was = s
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func now() (*before, error) {
	name, err := os.ReadFile(comm())
	if err != nil {
		return nil, err
	}
	b := &before{name: string(trim(name))}
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return nil, os.NewSyscallError("getpriority", err)
	}
	b.nice = 20 - raw // as the system call gives it
	if err := unix.SchedGetaffinity(0, &b.cpus); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	return b, nil
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

// comm is the file with the name of the process: that of its first thread.
func comm() string { return fmt.Sprintf("/proc/self/task/%d/comm", os.Getpid()) }

func rename(name string) error { return os.WriteFile(comm(), []byte(name), 0) }

// everyThread calls set for every thread but the one that starts programs, until
// there is no new one: what a thread starts later has what that has.
func everyThread(set func(tid int) error) error {
	done := map[int]bool{proc.Thread(): true}
	var errs []error
	for fresh := true; fresh; {
		fresh = false
		list, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, e := range list {
			tid, err := strconv.Atoi(e.Name())
			if err != nil || done[tid] {
				continue
			}
			done[tid], fresh = true, true
			if err := set(tid); err != nil && !errors.Is(err, unix.ESRCH) && len(errs) == 0 {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// lock locks what memory there is and will be, page by page as it comes into
// use: Go reserves much more than it uses.
func lock(on bool) error {
	if !on {
		return os.NewSyscallError("munlockall", unix.Munlockall())
	}
	return os.NewSyscallError("mlockall", unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT))
}
