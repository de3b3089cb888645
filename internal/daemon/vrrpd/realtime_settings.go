package vrrpd

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
)

// realTimeSettings is what a configuration says of real-time threads.
type realTimeSettings struct {
	priority int           // 0: the lowest
	runs     time.Duration // 0: runLimit
	auto     config.AutoPriority
}

func (s *realTimeSettings) limit() time.Duration {
	if s.runs > 0 {
		return s.runs
	}
	return runLimit
}

// configure takes over the settings of a configuration, for threads that are
// raised already as well. How long they may run counts from the next time that
// none is.
func (t *realTime) configure(g *config.GlobalDefs) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &g.VRRPProcess
	next := realTimeSettings{priority: p.RTPriority, runs: p.RTTime, auto: g.AutoPriority}
	if next == t.want {
		return
	}
	t.want, t.auto = next, 0
	t.urgeAll()
}

// late takes the lateness of a wake-up, on the engine's thread: with
// max_auto_priority every one that is too late raises the priority.
func (t *realTime) late(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.want.auto; a.Max <= t.now() || by < a.Delay || len(t.threads) == 0 {
		return
	}
	t.auto++
	t.log.Warn("woke up too late: the real-time priority is raised (max_auto_priority)", "late", by, "priority", t.now())
	t.urgeAll()
}

// now is the priority in force.
func (t *realTime) now() int { return max(t.want.priority, realTimePriority) + t.auto }

// urge makes a thread a real-time one with the priority in force; t.mu is held.
func (t *realTime) urge(tid int) error {
	attr := &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: uint32(t.now()),
		Flags: unix.SCHED_FLAG_RESET_ON_FORK,
	}
	return os.NewSyscallError("sched_setattr", unix.SchedSetAttr(tid, attr, 0))
}

func (t *realTime) urgeAll() {
	for tid := range t.threads {
		if err := t.urge(tid); err != nil {
			t.log.Error("real-time priority not set", "priority", t.now(), "err", err)
		}
	}
}
