package track

import (
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/config"
)

// ProcessKey is the name under which the state of a vrrp_track_process is told.
func ProcessKey(name string) string { return "process " + name }

// BFDKey is the name under which the state of a bfd_instance is told.
func BFDKey(name string) string { return "bfd " + name }

// rescan is how often /proc is read where the kernel tells nothing.
const rescan = time.Second

// ProcessesDeps is what Processes needs.
type ProcessesDeps struct {
	// Changed is told the first state of every process and each change, by
	// ProcessKey, one at a time. It must not call Processes.
	Changed func(key string, up bool)
	Log     *slog.Logger // nil: nothing is logged
}

// Processes follows the tracked processes (vrrp_track_process). Methods may be
// called from any goroutine.
type Processes struct {
	deps ProcessesDeps
	proc procfs

	mu      sync.Mutex
	things  []*process
	pids    map[int][]bool // which of things a process is; those that are none are left out
	conn    *connector
	blind   error // why the kernel is not listened to
	opened  bool
	timer   *time.Timer
	scans   uint64
	lost    uint64
	stopped chan struct{}
	loops   sync.WaitGroup
	closed  bool
}

// process is one vrrp_track_process with its state.
type process struct {
	quorum
	changes uint64
	last    time.Time
}

// ProcessStatus is what Processes knows about a vrrp_track_process.
type ProcessStatus struct {
	Name    string
	Up      bool
	Count   int // processes that run
	Quorum  int
	Max     int    // -1: no limit
	Changes uint64 // of Up
	Last    time.Time
}

// NewProcesses returns Processes that follow nothing yet.
func NewProcesses(d ProcessesDeps) *Processes {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Changed == nil {
		d.Changed = func(string, bool) {}
	}
	t := &Processes{deps: d, proc: procfs{"/proc"}, pids: map[int][]bool{}, stopped: make(chan struct{})}
	t.timer = time.AfterFunc(time.Hour, t.expire)
	t.timer.Stop()
	return t
}

// Set follows the processes given and no others; their states are found, and
// told, before it returns. One that looks for the same processes as before
// keeps its state and its delays.
//
// room is the receive buffer for the kernel's events in bytes, 0: 1 MiB; it is
// taken when the first process is followed.
func (t *Processes) Set(list []config.TrackProcess, room int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	same := func(a, b config.TrackProcess) bool {
		return a.Name == b.Name && a.Process == b.Process && slices.Equal(a.Args, b.Args) && a.Match == b.Match && a.FullCommand == b.FullCommand
	}
	var next []*process
	unchanged := len(list) == len(t.things)
	for i, c := range list {
		p := &process{}
		if k := slices.IndexFunc(t.things, func(o *process) bool { return same(o.cfg, c) }); k >= 0 {
			p = t.things[k]
			unchanged = unchanged && k == i && reflect.DeepEqual(p.cfg, c)
		} else {
			unchanged = false
		}
		p.cfg = c
		next = append(next, p)
	}
	if unchanged {
		return
	}
	t.things = next
	if len(next) > 0 && !t.opened {
		t.open(room)
	}
	t.scan()
}

// open begins to listen to the kernel or, where that is impossible, to read
// /proc periodically.
func (t *Processes) open(room int) {
	t.opened = true
	if t.conn, t.blind = openConnector(room); t.blind != nil {
		t.deps.Log.Warn("the kernel does not tell when processes start and end, /proc is read periodically", "every", rescan, "err", t.blind)
		t.loops.Add(1)
		go t.poll()
		return
	}
	t.loops.Add(1)
	go t.follow(t.conn)
}

func (t *Processes) poll() {
	defer t.loops.Done()
	k := time.NewTicker(rescan)
	defer k.Stop()
	for {
		select {
		case <-t.stopped:
			return
		case <-k.C:
			t.mu.Lock()
			if !t.closed {
				t.scan()
			}
			t.mu.Unlock()
		}
	}
}

// follow acts on what the kernel tells.
func (t *Processes) follow(c *connector) {
	defer t.loops.Done()
	for {
		ev, ok, err := c.next()
		t.mu.Lock()
		switch {
		case t.closed:
			t.mu.Unlock()
			return
		case errors.Is(err, errOverrun):
			t.lost++
			t.scan()
		case err != nil:
			t.deps.Log.Error("listening to the kernel failed, /proc is read periodically", "every", rescan, "err", err)
			t.blind = err
			t.mu.Unlock()
			c.close()
			t.loops.Add(1)
			go t.poll()
			return
		case ok:
			t.event(ev)
		}
		t.mu.Unlock()
	}
}

// event takes one event. A fork makes another process that runs the same.
func (t *Processes) event(ev procEvent) {
	switch ev.what {
	case procFork:
		is := t.pids[ev.parent]
		if is == nil {
			if t.pids[ev.pid] == nil {
				return
			}
			delete(t.pids, ev.pid) // its number was used before
		} else {
			t.pids[ev.pid] = is
		}
	case procExec, procComm:
		before := t.pids[ev.pid]
		t.look(ev.pid)
		if before == nil && t.pids[ev.pid] == nil {
			return
		}
	case procExit:
		if t.pids[ev.pid] == nil {
			return
		}
		delete(t.pids, ev.pid)
	default:
		return
	}
	t.judge()
}

// look finds out what a process is.
func (t *Processes) look(pid int) {
	delete(t.pids, pid)
	args := slices.ContainsFunc(t.things, func(p *process) bool { return p.cfg.FullCommand || p.cfg.Match != config.MatchAny })
	comm, line, ok := t.proc.read(pid, args)
	if !ok {
		return
	}
	var is []bool
	for i, p := range t.things {
		if matches(&p.cfg, comm, line) {
			if is == nil {
				is = make([]bool, len(t.things))
			}
			is[i] = true
		}
	}
	if is != nil {
		t.pids[pid] = is
	}
}

// scan looks at every process.
func (t *Processes) scan() {
	clear(t.pids)
	t.scans++
	pids, err := t.proc.pids()
	if err != nil {
		t.deps.Log.Error("cannot read the processes", "err", err)
		return
	}
	for _, pid := range pids {
		t.look(pid)
	}
	t.judge()
}

// judge counts and tells what changed.
func (t *Processes) judge() {
	now := time.Now()
	for i, p := range t.things {
		n := 0
		for _, is := range t.pids {
			if is[i] {
				n++
			}
		}
		first := !p.known
		if p.set(now, n) {
			t.told(p, first)
		}
	}
	t.arm(now)
}

func (t *Processes) told(p *process, first bool) {
	if !first {
		p.changes++
	}
	p.last = time.Now()
	t.deps.Log.Info("tracked process", "process", p.cfg.Name, "up", p.up, "running", p.count)
	t.deps.Changed(ProcessKey(p.cfg.Name), p.up)
}

// arm sets the timer to the next delay that ends.
func (t *Processes) arm(now time.Time) {
	var next time.Time
	for _, p := range t.things {
		if d := p.deadline(); !d.IsZero() && (next.IsZero() || d.Before(next)) {
			next = d
		}
	}
	if next.IsZero() {
		t.timer.Stop()
		return
	}
	t.timer.Reset(max(next.Sub(now), 0))
}

func (t *Processes) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	now := time.Now()
	for _, p := range t.things {
		if p.quorum.expire(now) {
			t.told(p, false)
		}
	}
	t.arm(now)
}

// Close ends following.
func (t *Processes) Close() {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.stopped)
		t.timer.Stop()
		if t.conn != nil {
			t.conn.close()
		}
	}
	t.mu.Unlock()
	t.loops.Wait()
}

// Status returns what is known of every process, by name, and why the kernel
// does not tell of changes if it does not.
func (t *Processes) Status() (list []ProcessStatus, blind error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.things {
		list = append(list, ProcessStatus{
			Name: p.cfg.Name, Up: p.up, Count: p.count, Quorum: p.cfg.Quorum, Max: p.cfg.QuorumMax, Changes: p.changes, Last: p.last,
		})
	}
	slices.SortFunc(list, func(a, b ProcessStatus) int { return strings.Compare(a.Name, b.Name) })
	return list, t.blind
}
