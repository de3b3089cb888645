package proc

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// running holds every process that is not reaped. A process leaves it in the
// same breath as it is reaped, so that the ids in it are ours.
var running struct {
	mu  sync.Mutex
	set map[*Process]struct{}
}

func (p *Process) enlist() {
	running.mu.Lock()
	defer running.mu.Unlock()
	if running.set == nil {
		running.set = map[*Process]struct{}{}
	}
	running.set[p] = struct{}{}
}

// bury reaps the child.
func (p *Process) bury() {
	running.mu.Lock()
	defer running.mu.Unlock()
	delete(running.set, p)
	p.reap()
}

// StopAll ends every program that Start started and that still runs: SIGTERM,
// and SIGKILL for what is left after grace. It returns when none is left, after
// grace at the latest; this process may end then. What is started meanwhile is
// not its business.
func StopAll(grace time.Duration) {
	var list []*Process
	running.mu.Lock()
	for p := range running.set {
		list = append(list, p)
	}
	running.mu.Unlock()
	for _, p := range list {
		p.Stop()
	}
	limit := time.NewTimer(grace)
	defer limit.Stop()
	for _, p := range list {
		select {
		case <-p.gone:
			continue
		case <-limit.C:
		}
		running.mu.Lock()
		for p := range running.set {
			p.signalGroup(unix.SIGKILL)
		}
		running.mu.Unlock()
		return
	}
}
