package proc

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func sh(text string) Spec { return Spec{Args: []string{"/bin/sh", "-c", text}} }

func TestRunReportsHowAProgramEnded(t *testing.T) {
	for _, c := range []struct {
		name string
		spec Spec
		want Result
		text string
	}{
		{"success", sh("exit 0"), Result{}, "exit status 0"},
		{"status", sh("exit 7"), Result{Exit: 7}, "exit status 7"},
		{"signal", sh("kill -9 $$"), Result{Exit: -1, Signal: 9}, "ended by signal SIGKILL"},
		{"shell text", Spec{Args: []string{"test 1 = 1 && exit 3"}, Shell: true}, Result{Exit: 3}, "exit status 3"},
		{"shell text with arguments", Spec{Args: []string{"test", "it's", "=", "it's"}, Shell: true}, Result{}, "exit status 0"},
		{"from PATH", Spec{Args: []string{"true"}}, Result{}, "exit status 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Run(t.Context(), c.spec)
			if r.Err != nil || r.Exit != c.want.Exit || r.Signal != c.want.Signal || r.TimedOut || r.Stopped {
				t.Fatalf("got %+v, want %+v", r, c.want)
			}
			if r.String() != c.text {
				t.Errorf("String() = %q, want %q", r, c.text)
			}
			if n, err := r.Status(); n != c.want.Exit || (err != nil) != (c.want.Signal != 0) {
				t.Errorf("Status() = %d, %v", n, err)
			}
			if r.OK() != (c.want.Exit == 0) || (r.Error() == nil) != r.OK() {
				t.Errorf("OK() = %v, Error() = %v", r.OK(), r.Error())
			}
		})
	}
}

func TestStartNamesWhatCannotBeStarted(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := func(name, text string) string {
		p := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	dos, lost, through := script("dos", "#!/bin/sh\r\ntrue\r\n"), script("lost", "#! /nonexistent/python3 -u\n"), script("through", "#!/bin/sh\n")
	for _, c := range []struct {
		name string
		spec Spec
		is   error
		text string
	}{
		{"line of DOS", Spec{Args: []string{dos}}, fs.ErrNotExist, `the interpreter in its first line, "/bin/sh\r", is missing`},
		{"no interpreter", Spec{Args: []string{lost}}, fs.ErrNotExist, lost + `: the interpreter in its first line, "/nonexistent/python3", is missing: no such file`},
		{"no folder", Spec{Args: []string{through}, Dir: "/nonexistent"}, fs.ErrNotExist, through + ": no such file"},
		{"no program", Spec{}, nil, "no program"},
		{"missing", Spec{Args: []string{"/nonexistent/program"}}, fs.ErrNotExist, "/nonexistent/program"},
		{"not in PATH", Spec{Args: []string{"holdfast-no-such-program"}}, fs.ErrNotExist, "holdfast-no-such-program"},
		{"not executable", Spec{Args: []string{plain}}, fs.ErrPermission, plain},
		{"unknown user", Spec{Args: []string{"true"}, User: "no-such-user"}, nil, `user "no-such-user"`},
		{"unknown group", Spec{Args: []string{"true"}, Group: "no-such-group"}, nil, `group "no-such-group"`},
		{"NUL byte", Spec{Args: []string{"true", "a\x00b"}}, nil, "NUL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Start(c.spec)
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("error %v, want one that names %q", err, c.text)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v does not wrap %v", err, c.is)
			}
		})
	}
}

func TestTextFileWithoutInterpreterRunsInTheShell(t *testing.T) {
	p := filepath.Join(t.TempDir(), "bare")
	if err := os.WriteFile(p, []byte("exit $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if r := Run(t.Context(), Spec{Args: []string{p, "5"}}); r.Err != nil || r.Exit != 5 {
		t.Fatalf("got %+v, want exit 5", r)
	}
}

func TestChildGetsACleanPlace(t *testing.T) {
	t.Setenv("IFS", "x")
	t.Setenv("LD_PRELOAD", "")
	t.Setenv("LD_LIBRARY_PATH", "/nonexistent")
	t.Setenv("HOLDFAST_KEPT", "yes")
	dir := t.TempDir()
	s := sh("env; echo pgid=$(cut -d' ' -f5 /proc/$$/stat) pid=$$; readlink /proc/$$/fd/0; echo fds; ls /proc/$$/fd; pwd")
	s.Capture, s.Env, s.Dir = 16<<10, []string{"EXTRA=1"}, dir
	r := Run(t.Context(), s)
	out := string(r.Output)
	if !r.OK() {
		t.Fatalf("%+v", r)
	}
	for _, bad := range []string{"LD_PRELOAD", "LD_LIBRARY_PATH"} {
		if strings.Contains(out, bad) {
			t.Errorf("%s reached the child", bad)
		}
	}
	for _, want := range []string{"HOLDFAST_KEPT=yes\n", "EXTRA=1\n", "/dev/null\n", "fds\n0\n1\n2\n" + dir + "\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	if i := strings.Index(out, "pgid="); i >= 0 {
		f := strings.Fields(out[i:])
		if strings.TrimPrefix(f[0], "pgid=") != strings.TrimPrefix(f[1], "pid=") {
			t.Errorf("child does not lead its group: %s %s", f[0], f[1])
		}
	} else {
		t.Error("no pgid in the output")
	}
}

func TestTimeoutReachesWholeGroup(t *testing.T) {
	dir := t.TempDir()
	inTime(t, func(limit time.Duration) (ready bool) {
		pidfile, err := os.CreateTemp(dir, "pids")
		if err != nil {
			t.Fatal(err)
		}
		pidfile.Close()
		name := pidfile.Name()
		// Leader and child both ignore SIGTERM.
		s := sh("trap '' TERM; (trap '' TERM; sleep 60 & echo $! >>" + name + "; wait) & echo $! >>" + name + "; wait; sleep 60")
		s.Timeout, s.KillAfter = limit, 300*time.Millisecond
		p, err := Start(s)
		if err != nil {
			t.Fatal(err)
		}
		<-p.Expired()
		r := p.Result()
		<-p.Gone()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pids := strings.Fields(string(b))
		for _, pid := range pids {
			waitGone(t, pid)
		}
		if len(pids) != 2 {
			return false
		}
		if !r.TimedOut || r.Signal != int(syscall.SIGKILL) || r.OK() || r.Took < s.Timeout+s.KillAfter {
			t.Errorf("got %+v; want it killed %v after the timeout of %v", r, s.KillAfter, s.Timeout)
		}
		return true
	})
}

// inTime gives f more and more time until a program has come as far as it has to
// be when that is over: nobody knows how long that takes on a busy machine.
func inTime(t *testing.T, f func(limit time.Duration) (ready bool)) {
	t.Helper()
	for limit := 300 * time.Millisecond; limit < 30*time.Second; limit *= 3 {
		if f(limit) || t.Failed() {
			return
		}
	}
	t.Error("the program never came as far as it has to be")
}

// A leader that honours SIGTERM must not save a child that does not.
// Neither a program that ignores SIGTERM nor what it started is left, and one
// that ends in time is not waited for longer.
func TestStopAll(t *testing.T) {
	polite, err := Start(Spec{Args: []string{"sleep", "60"}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	StopAll(time.Minute)
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("%v for a program that ends at once", d)
	}
	if r := polite.Result(); !r.Stopped || r.Signal != int(unix.SIGTERM) {
		t.Errorf("result %+v", r)
	}

	deaf, err := Start(Spec{Shell: true, Args: []string{`trap "" TERM; sleep 60 & while :; do sleep 60; done`}, KillAfter: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the trap set and the first sleep running", func() bool { return groupHasOthers(deaf.Pid()) })
	began = time.Now()
	StopAll(200 * time.Millisecond)
	if d := time.Since(began); d < 200*time.Millisecond || d > 30*time.Second {
		t.Errorf("%v for a program that ignores SIGTERM", d)
	}
	if r := deaf.Result(); r.Signal != int(unix.SIGKILL) {
		t.Errorf("result %+v", r)
	}
	<-deaf.Gone() // not a minute later: no zombie is left to another test
}

// What ends after its leader is waited for until then, and not until it would be
// killed: so long a stop would take, and the leader be a zombie.
func TestAGroupIsGoneWhenItsLastMemberIs(t *testing.T) {
	dir := t.TempDir()
	s := sh("cd " + dir + "; (trap '' TERM; : >ready; while [ ! -e go ]; do sleep 0.05; done) & wait")
	s.KillAfter = time.Hour
	p, err := Start(s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			p.signalGroup(unix.SIGKILL)
		}
	}()
	eventually(t, "the trap", func() bool { _, err := os.Stat(filepath.Join(dir, "ready")); return err == nil })
	p.Stop()
	<-p.Done()
	select {
	case <-p.Gone():
		t.Fatal("gone while one of it runs")
	default:
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Gone():
	case <-time.After(time.Minute):
		t.Error("not gone although all of it have ended")
	}
}

func TestTimeoutKillsWhatTheLeaderLeftBehind(t *testing.T) {
	dir := t.TempDir()
	inTime(t, func(limit time.Duration) (ready bool) {
		pidfile := filepath.Join(dir, limit.String())
		s := sh("(trap '' TERM; echo ok >" + pidfile + ".ready; while :; do sleep 0.05; done) & echo $! >" + pidfile + "; wait")
		s.Timeout, s.KillAfter = limit, 400*time.Millisecond
		p, err := Start(s)
		if err != nil {
			t.Fatal(err)
		}
		r := p.Result()
		<-p.Gone()
		b, err := os.ReadFile(pidfile)
		ok, _ := os.ReadFile(pidfile + ".ready")
		if pid := strings.TrimSpace(string(b)); pid != "" {
			waitGone(t, pid)
		}
		if err != nil || len(b) == 0 || len(ok) == 0 {
			return false
		}
		if !r.TimedOut || r.Signal != int(syscall.SIGTERM) {
			t.Errorf("leader: %+v", r)
		}
		return true
	})
}

// eventually waits for cond, for as long as a busy machine may take.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never seen: %s", what)
		}
	}
}

func waitGone(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
	}
	_ = syscall.Kill(n, syscall.SIGKILL)
	t.Errorf("process %s is still alive", pid)
}

func TestABackgroundChildOutlivesItsLeader(t *testing.T) {
	pidfile := filepath.Join(t.TempDir(), "pid")
	s := sh("sleep 300 & echo $! >" + pidfile)
	s.Timeout = time.Minute
	p, err := Start(s)
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Result(); !r.OK() {
		t.Fatalf("%+v", r)
	}
	<-p.Gone()
	b, _ := os.ReadFile(pidfile)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the background child is gone: %v", err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func TestOutputIsBounded(t *testing.T) {
	// yes prints gigabytes a second.
	inTime(t, func(limit time.Duration) (ready bool) {
		s := Spec{Args: []string{"yes", "abcdefg"}, Timeout: limit, Capture: 4096}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := Run(t.Context(), s)
		runtime.ReadMemStats(&after)
		if !r.TimedOut || len(r.Output) > 4096 {
			t.Fatalf("timed out %v, %d bytes kept", r.TimedOut, len(r.Output))
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("reading the output allocated %d bytes", n)
		}
		return len(r.Output) == 4096
	})
	s := sh("printf 0123456789; printf abc")
	s.Capture = 5
	if r := Run(t.Context(), s); string(r.Output) != "89abc" {
		t.Errorf("kept %q, want the last five bytes", r.Output)
	}
}

func TestOutputDoesNotWaitForDescendants(t *testing.T) {
	s := sh("sleep 300 & echo $!")
	s.Capture = 100
	began := time.Now()
	r := Run(t.Context(), s)
	if d := time.Since(began); d > time.Minute {
		t.Errorf("waited %v for a descendant that holds the pipe", d)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(r.Output)))
	if err != nil {
		t.Fatalf("output %q", r.Output)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the descendant: %v", err)
	}
}

// What an ended program wrote is not lost on a machine that is too busy to read
// it within the time that a descendant has.
func TestOutputThatWasNotReadInTime(t *testing.T) {
	out, w, err := newTail(MaxCapture)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.r.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	<-out.done
	want := strings.Repeat("late ", 5000)
	if _, err := w.WriteString(want); err != nil {
		t.Fatal(err)
	}
	defer w.Close() // as a descendant holds it
	if got := out.close(); string(got) != want {
		t.Errorf("%d bytes are kept, want %d", len(got), len(want))
	}
}

func TestContextStopsTheGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel()
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			running.mu.Lock()
			for p := range running.set {
				if p.spec.Args[len(p.spec.Args)-1] == "4711" {
					end = time.Time{}
				}
			}
			running.mu.Unlock()
		}
	}()
	r := Run(ctx, Spec{Args: []string{"sleep", "4711"}})
	if !r.Stopped || r.Signal != int(syscall.SIGTERM) || r.String() != "stopped" {
		t.Fatalf("got %+v", r)
	}
	if r := Run(ctx, Spec{Args: []string{"true"}}); !errors.Is(r.Err, context.Canceled) {
		t.Errorf("an ended context still started the program: %+v", r)
	}
}

// The parent-death signal is tied to the starting thread: goroutines that end
// their threads around the start must not hurt the children.
func TestChildrenSurviveTheirCallersThread(t *testing.T) {
	const n = 16
	var wg sync.WaitGroup
	procs := make([]*Process, n)
	for i := range procs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread() // never unlocked: the thread ends with us
			p, err := Start(sh("sleep 0.3; exit 4"))
			if err != nil {
				t.Error(err)
				return
			}
			procs[i] = p
		}()
	}
	wg.Wait()
	for _, p := range procs {
		if p == nil {
			continue
		}
		if r := p.Result(); r.Exit != 4 {
			t.Errorf("child ended with %+v, want exit 4", r)
		}
	}
	if starter.tid == syscall.Getpid() {
		t.Log("the starting thread is the main thread")
	}
}

// Somebody else's children are left to them.
func TestOtherChildrenAreNotReaped(t *testing.T) {
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 9"}, &syscall.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if r := Run(t.Context(), Spec{Args: []string{"true"}}); !r.OK() {
			t.Fatal(r)
		}
	}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil || ws.ExitStatus() != 9 {
		t.Errorf("wait4: %v, status %d; want our own 9", err, ws.ExitStatus())
	}
}

func TestNoZombiesNoDescriptorsLeft(t *testing.T) {
	run := func() {
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				s := sh("exit 1")
				if i%3 == 0 {
					s = Spec{Args: []string{"sleep", "9"}, Timeout: 20 * time.Millisecond}
				}
				if i%2 == 0 {
					s.Capture = 64
				}
				if i%8 == 0 {
					s = Spec{Args: []string{"/nonexistent"}, Capture: 64}
				}
				p, err := Start(s)
				if err == nil {
					<-p.Gone()
				}
			}()
		}
		wg.Wait()
	}
	run()
	time.Sleep(50 * time.Millisecond)
	fds, threads := count(t, "/proc/self/fd"), count(t, "/proc/self/task")
	for range 4 {
		run()
	}
	eventually(t, "no more descriptors than before", func() bool { return count(t, "/proc/self/fd") <= fds+1 })
	// How many threads the runtime needs at once is chance; 96 programs ran.
	if n := count(t, "/proc/self/task"); n > threads+40 {
		t.Errorf("%d threads, %d before", n, threads)
	}
	eventually(t, "no zombies", func() bool { return len(zombies(t)) == 0 })
}

func count(t *testing.T, dir string) int {
	t.Helper()
	e, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(e)
}

func zombies(t *testing.T) []string { return children(t, true) }

// children are the files of our children, or of those that are dead alone.
func children(t *testing.T, dead bool) (out []string) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range dirs {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		i := strings.LastIndexByte(string(b), ')')
		w := strings.Fields(string(b[i+1:]))
		if len(w) > 1 && (!dead || w[0] == "Z") && w[1] == strconv.Itoa(os.Getpid()) {
			out = append(out, f)
		}
	}
	return out
}

// Many hanging programs hold no thread of ours.
func TestHangingProgramsHoldNoThread(t *testing.T) {
	var procs []*Process
	warm := count(t, "/proc/self/task")
	for range 100 {
		p, err := Start(Spec{Args: []string{"sleep", "30"}})
		if err != nil {
			t.Fatal(err)
		}
		procs = append(procs, p)
	}
	if n := count(t, "/proc/self/task"); n > warm+50 {
		t.Errorf("%d threads for 100 waiting programs, %d before", n, warm)
	}
	for _, p := range procs {
		p.Stop()
	}
	for _, p := range procs {
		<-p.Gone()
	}
}

func TestLimiter(t *testing.T) {
	l := NewLimiter(2)
	var now, most atomic.Int32
	var wg sync.WaitGroup
	dir := t.TempDir()
	for range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			// Each program counts how many are there with it.
			r := l.Run(t.Context(), Spec{Shell: true, Capture: 10, Args: []string{"f=" + dir + "/$$; : >$f; ls " + dir + " | wc -l; sleep 0.1; rm $f"}})
			if n, err := strconv.Atoi(strings.TrimSpace(string(r.Output))); err != nil || !r.OK() {
				t.Errorf("%+v: %v", r, err)
			} else if int32(n) > most.Load() {
				most.Store(int32(n))
			}
			now.Add(1)
		}()
	}
	wg.Wait()
	if most.Load() > 2 || now.Load() != 6 {
		t.Errorf("%d at once, %d ran; want at most 2 and 6", most.Load(), now.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	full := NewLimiter(1)
	full.slots <- struct{}{}
	if r := full.Run(ctx, Spec{Args: []string{"true"}}); !errors.Is(r.Err, context.Canceled) {
		t.Errorf("waiting for a slot outlived its context: %+v", r)
	}
}

func TestUserAndGroups(t *testing.T) {
	if os.Geteuid() != 0 {
		needsRoot(t)
	}
	s := Spec{Args: []string{"id"}, User: "nobody", Capture: 200}
	r := Run(t.Context(), s)
	if !r.OK() || !strings.Contains(string(r.Output), "(nobody)") || strings.Contains(string(r.Output), "(root)") {
		t.Errorf("as nobody: %+v %s", r, r.Output)
	}
	s.Group = "daemon"
	if r = Run(t.Context(), s); !strings.Contains(string(r.Output), "gid=1(daemon)") {
		t.Errorf("group daemon: %s", r.Output)
	}
	s.User, s.Group = "65534", ""
	if r = Run(t.Context(), s); !strings.Contains(string(r.Output), "uid=65534") {
		t.Errorf("by number: %s", r.Output)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE") != "" {
		t.Fatal("needs root")
	}
	t.Skip("needs root")
}
