package track

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/config"
)

func TestMatches(t *testing.T) {
	p := func(match config.ProcessMatch, full bool, name string, args ...string) config.TrackProcess {
		return config.TrackProcess{Process: name, Args: args, Match: match, FullCommand: full}
	}
	nginx := []string{"/usr/sbin/nginx", "-c", "/etc/nginx.conf"}
	for _, c := range []struct {
		what string
		p    config.TrackProcess
		comm string
		args []string
		want bool
	}{
		{"by name", p(config.MatchAny, false, "nginx"), "nginx", nginx, true},
		{"another name", p(config.MatchAny, false, "nginx"), "nginy", nginx, false},
		{"a name cut by the kernel", p(config.MatchAny, false, "a-very-long-name-of-it"), "a-very-long-nam", nil, true},
		{"by command", p(config.MatchAny, true, "/usr/sbin/nginx"), "nginx", nginx, true},
		{"by command, no command line", p(config.MatchAny, true, "nginx"), "nginx", nil, false},
		{"same arguments", p(config.MatchExact, false, "nginx", "-c", "/etc/nginx.conf"), "nginx", nginx, true},
		{"one argument too few", p(config.MatchExact, false, "nginx", "-c"), "nginx", nginx, false},
		{"one argument too many", p(config.MatchExact, false, "nginx", "-c", "/etc/nginx.conf", "-g"), "nginx", nginx, false},
		{"the first ones", p(config.MatchPartial, false, "nginx", "-c"), "nginx", nginx, true},
		{"the first ones differ", p(config.MatchPartial, false, "nginx", "-g"), "nginx", nginx, false},
		{"the last one is longer", p(config.MatchInitial, false, "nginx", "-c", "/etc"), "nginx", nginx, true},
		{"the last one differs", p(config.MatchInitial, false, "nginx", "-c", "/usr"), "nginx", nginx, false},
		{"initial and more", p(config.MatchInitial, false, "nginx", "-c"), "nginx", nginx, false},
		{"without arguments", p(config.MatchInitial, false, "nginx"), "nginx", nginx[:1], true},
		{"without arguments, but it has", p(config.MatchPartial, false, "nginx"), "nginx", nginx, false},
	} {
		if got := matches(&c.p, c.comm, c.args); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}

func TestQuorum(t *testing.T) {
	now := time.Unix(1000, 0)
	at := func(s float64) time.Time { return now.Add(time.Duration(s * float64(time.Second))) }
	q := quorum{cfg: config.TrackProcess{Quorum: 2, QuorumMax: 3, ForkDelay: 2 * time.Second, TerminateDelay: time.Second}}
	set := func(s float64, count int, told, up bool) {
		t.Helper()
		if got := q.set(at(s), count); got != told || q.up != up {
			t.Errorf("%v s, %d processes: told %v, up %v, want %v, %v", s, count, got, q.up, told, up)
		}
	}
	expire := func(s float64, told, up bool) {
		t.Helper()
		if got := q.expire(at(s)); got != told || q.up != up {
			t.Errorf("%v s: told %v, up %v, want %v, %v", s, got, q.up, told, up)
		}
	}
	set(0, 1, true, false) // the first count waits for nothing
	set(1, 2, false, false)
	expire(2.9, false, false)
	set(2.95, 3, false, false) // still enough
	expire(3, true, true)
	set(4, 4, false, true) // too many
	set(4.5, 3, false, true)
	if !q.deadline().IsZero() {
		t.Error("a delay goes on although the count is right again")
	}
	set(5, 0, false, true)
	expire(6, true, false)

	none := quorum{cfg: config.TrackProcess{Quorum: 1, QuorumMax: 0}}
	if !none.set(now, 0) || !none.up || !none.set(now, 1) || none.up {
		t.Error("quorum_max 0: it must not run")
	}
}

func FuzzDecodeProc(f *testing.F) {
	f.Add(listenMessage())
	f.Add(make([]byte, dataAt+16))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ev, ok := decodeProc(b); ok && ev.what != procNone && ev.pid <= 0 {
			t.Errorf("%x: %+v", b, ev)
		}
	})
}

// states keeps what Processes told.
type states struct {
	mu   sync.Mutex
	last map[string]bool
}

func (r *states) changed(key string, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last[key] = up
}

func (r *states) wait(t *testing.T, key string, want bool) {
	t.Helper()
	r.until(t, key, want, func() {})
}

// until waits for a state and does something before each look.
func (r *states) until(t *testing.T, key string, want bool, do func()) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		do()
		r.mu.Lock()
		v, ok := r.last[key]
		r.mu.Unlock()
		if ok && v == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is %v (known: %v), want %v", key, v, ok, want)
		}
	}
}

// program is a copy of sleep under a name that nobody else on this machine has.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hf"+strconv.FormatInt(time.Now().UnixNano()%1e9, 36)+strconv.Itoa(os.Getpid()))
	must(t, lab.CopyProgram("/bin/sleep", path))
	return path
}

func start(t *testing.T, path string, args ...string) (stop func()) {
	t.Helper()
	c := exec.Command(path, args...)
	must(t, c.Start())
	var once sync.Once
	stop = func() {
		once.Do(func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		})
	}
	t.Cleanup(stop)
	return stop
}

// TestProcesses starts and ends real programs, once with the kernel telling of
// it (where it does) and once without.
func TestProcesses(t *testing.T) {
	for _, blind := range []bool{false, true} {
		// Before anything is started: a program that a child being made has still
		// open for writing cannot be executed.
		path := program(t)
		t.Run(map[bool]string{false: "connector", true: "scan"}[blind], func(t *testing.T) {
			t.Parallel()
			r := &states{last: map[string]bool{}}
			p := NewProcesses(ProcessesDeps{Changed: r.changed})
			t.Cleanup(p.Close)
			if blind {
				p.opened = true
				p.loops.Add(1)
				go p.poll()
			}
			name := filepath.Base(path)
			p.Set([]config.TrackProcess{
				{Name: "one", Process: name, Quorum: 1, QuorumMax: -1},
				{Name: "two", Process: path, FullCommand: true, Quorum: 2, QuorumMax: -1},
				{Name: "args", Process: name, Args: []string{"1001"}, Match: config.MatchExact, Quorum: 1, QuorumMax: -1},
				{Name: "none", Process: name, Quorum: 1, QuorumMax: 0},
			}, 0)
			if _, err := p.Status(); err != nil && !blind {
				t.Skipf("this kernel does not tell of processes: %v", err)
			}
			all := func(one, two, args, none bool) {
				t.Helper()
				for key, want := range map[string]bool{"one": one, "two": two, "args": args, "none": none} {
					r.wait(t, ProcessKey(key), want)
				}
			}
			all(false, false, false, true)
			first := start(t, path, "1000")
			all(true, false, false, false)
			second := start(t, path, "1001")
			all(true, true, true, false)
			first()
			all(true, false, true, false)
			// A shell that becomes the program.
			start(t, "/bin/sh", "-c", "exec "+path+" 1002")
			all(true, true, true, false)
			second()
			all(true, false, false, false)
			list, _ := p.Status()
			if len(list) != 4 || list[2].Count != 1 {
				t.Errorf("status %+v", list)
			}
		})
	}
}

// TestProcessOverrun: after lost events the truth comes from /proc.
func TestProcessOverrun(t *testing.T) {
	path := program(t)
	r := &states{last: map[string]bool{}}
	p := NewProcesses(ProcessesDeps{Changed: r.changed})
	t.Cleanup(p.Close)
	p.opened = true // nobody listens
	p.Set([]config.TrackProcess{{Name: "one", Process: filepath.Base(path), Quorum: 1, QuorumMax: -1}}, 0)
	r.wait(t, ProcessKey("one"), false)
	start(t, path, "1000")
	r.until(t, ProcessKey("one"), true, func() { // it may not have its name yet
		p.mu.Lock()
		p.scan()
		p.mu.Unlock()
	})
}
