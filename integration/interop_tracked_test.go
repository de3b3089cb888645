package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/lab"
)

// story is one master that tracks something, and what is told and sent after
// each step.
type story struct {
	t     testing.TB
	n     *network
	fifo  *listener
	seen  int
	table []string
}

// begin starts a daemon that writes changes of priority to its FIFO, with the
// blocks given before the instance.
func begin(t testing.TB, n *network, d lab.Daemon, r router, blocks string) *story {
	t.Helper()
	r.Extra += "  notify_priority_changes true\n"
	conf := strings.Replace(r.conf(), "  enable_script_security\n  script_user root\n",
		"  script_user root\n  vrrp_notify_fifo "+n.a.Path("fifo")+"\n", 1)
	head, rest, _ := strings.Cut(conf, "vrrp_instance")
	n.start(n.a, d, head+blocks+"vrrp_instance"+rest)
	return &story{t: t, n: n, fifo: listen(t, n.a.Path("fifo"))}
}

// step does something and notes what came of it, once nothing more comes.
func (s *story) step(what string, do func() error) {
	s.t.Helper()
	if err := do(); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
	quiet := time.Now()
	for start := quiet; time.Since(quiet) < 800*time.Millisecond && time.Since(start) < 5*time.Second; time.Sleep(20 * time.Millisecond) {
		before := len(s.fifo.lines)
		s.fifo.poll()
		if len(s.fifo.lines) > before {
			quiet = time.Now()
		}
	}
	wire, since := "silent", time.Now()
	lab.WaitFor(time.Second, func() bool {
		a := s.n.capture.Adverts(since)
		if len(a) > 0 {
			wire = fmt.Sprintf("sends %d", a[len(a)-1].Priority)
		}
		return len(a) > 0
	})
	s.table = append(s.table, fmt.Sprintf("%s: %s, told %q", what, wire, s.fifo.lines[s.seen:]))
	s.seen = len(s.fifo.lines)
}

// compare runs a story with both daemons.
func compare(t *testing.T, name string, tell func(t testing.TB, n *network, d lab.Daemon) []string) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		var want, got []string
		told := func() string {
			t.Run("stories", func(t *testing.T) {
				for d, to := range map[*lab.Daemon]*[]string{pointer(theirs(t)): &want, pointer(ours(t)): &got} {
					t.Run(d.Name, patiently(func(t testing.TB) {
						*to = tell(t, directors(t, "tracked"), *d)
					}))
				}
			})
			return cmp.Diff(want, got)
		}
		retell(t, told)
		t.Logf("%s", strings.Join(got, "\n"))
	})
}

// retell tells a story until it is as it should be, three times at most: which
// of two things that happen at once comes first, and whether a busy machine lets
// a reader see each of two values, differs from time to time.
func retell(t testing.TB, told func() (diff string)) {
	t.Helper()
	for i := range 3 {
		diff := told()
		if diff == "" || t.Failed() {
			return
		}
		if i == 2 {
			t.Errorf("(-want +got):\n%s", diff)
		} else {
			t.Logf("told again, as this differs (-want +got):\n%s", diff)
		}
	}
}

// replace gives a file another content as careful programs do.
func replace(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// copyOf is a program under a name that nobody else on this machine has.
func copyOf(t testing.TB, prog string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hf"+strconv.FormatInt(time.Now().UnixNano()%1e8, 36)+strconv.Itoa(os.Getpid()))
	if err := lab.CopyProgram(prog, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTrackedFiles moves a file under both daemons: the same adverts on the
// wire and the same lines in the FIFO.
func TestTrackedFiles(t *testing.T) {
	lab.Require(t)
	r := router{Version: 3, VRID: 91, Interval: 100 * time.Millisecond, Priority: 100}
	for name, c := range map[string]struct{ block, line string }{
		"weight 2":            {"  weight 2\n", ""},
		"weight 0 reverse":    {"  weight 0 reverse\n", ""},
		"weight in the track": {"", " weight 3 reverse"},
	} {
		compare(t, name, func(t testing.TB, n *network, d lab.Daemon) []string {
			path := n.a.Path("value")
			r := r
			r.Extra = "  track_file {\n    load" + c.line + "\n  }\n"
			s := begin(t, n, d, r, "track_file load {\n  file "+path+"\n  init_file 5\n"+c.block+"}\n")
			s.step("start", func() error { return nil })
			for _, v := range []string{"0x10", "-127\n", "0", "1000", "010", "text", "99999999999999999999"} {
				s.step(fmt.Sprintf("write %q", v), func() error { return os.WriteFile(path, []byte(v), 0o644) })
			}
			s.step("rename", func() error { return replace(path, "30") })
			s.step("remove", func() error { return os.Remove(path) })
			return s.table
		})
	}
}

// sleepers are processes of one program.
type sleepers struct {
	path    string
	running []*exec.Cmd
}

func (s *sleepers) run() error {
	cmd := exec.Command(s.path, "1000", "2000")
	if err := cmd.Start(); err != nil {
		return err
	}
	s.running = append(s.running, cmd)
	return nil
}

func (s *sleepers) end() error {
	cmd := s.running[0]
	s.running = s.running[1:]
	err := cmd.Process.Kill()
	_ = cmd.Wait()
	return err
}

func (s *sleepers) endAll() {
	for len(s.running) > 0 {
		_ = s.end()
	}
}

// TestTrackedProcesses starts and ends processes. There is no comparison, as
// keepalived sees no process in a network namespace, neither at start nor later.
func TestTrackedProcesses(t *testing.T) { patiently(trackedProcessesRound)(t) }

func trackedProcessesRound(t testing.TB) {
	lab.Require(t)
	r := router{Version: 3, VRID: 92, Interval: 100 * time.Millisecond, Priority: 100}
	tell := func(lines ...string) string {
		for i := range lines {
			lines[i] = `INSTANCE "VI_1" ` + lines[i]
		}
		return fmt.Sprintf("%q", lines)
	}
	want := []string{
		"start: silent, told " + tell("FAULT 100"),
		"one: sends 100, told " + tell("BACKUP 100", "MASTER 100"),
		"two: sends 130, told " + tell("MASTER_PRIORITY 130"),
		"three: sends 100, told " + tell("MASTER_PRIORITY 100"),
		"status: any up, 3 running",
		"status: exact down, 3 running",
		"status: few down, 3 running",
		"status: initial down, 3 running",
		"status: less down, 0 running",
		"status: none down, 0 running",
		"status: partial down, 3 running",
		"two left: sends 130, told " + tell("MASTER_PRIORITY 130"),
		"one left: sends 100, told " + tell("MASTER_PRIORITY 100"),
		"none left: silent, told " + tell("FAULT 100"),
	}
	retell(t, func() string { return cmp.Diff(want, processStory(t, r)) })
}

// processStory starts and ends the processes.
func processStory(t testing.TB, r router) []string {
	t.Helper()
	n := directors(t, "procs")
	p := sleepers{path: copyOf(t, "/bin/sleep")}
	defer p.endAll()
	name := filepath.Base(p.path)
	r.Extra = "  track_process {\n    few weight 30\n    any\n"
	// They are counted and, with a quorum that never is, have no weight.
	counted := ""
	for _, c := range [][3]string{
		{"exact", " 1000 2000", ""},
		{"less", " 1000", ""},
		{"none", "", "initial"},
		{"partial", " 1000", "partial"},
		{"initial", " 1000 20", "initial"},
	} {
		r.Extra += "    " + c[0] + "\n"
		counted += "vrrp_track_process " + c[0] + " {\n  process " + name + c[1] + "\n  quorum 100\n  weight 1\n"
		if c[2] != "" {
			counted += "  param_match " + c[2] + "\n"
		}
		counted += "}\n"
	}
	r.Extra += "  }\n"
	s := begin(t, n, ours(t), r, "vrrp_track_process few {\n  process "+name+"\n  quorum 2\n  quorum_max 2\n  weight 5\n}\n"+
		"vrrp_track_process any {\n  process "+name+"\n  terminate_delay 0.2\n}\n"+counted)
	s.step("start", func() error { return nil })
	s.step("one", p.run)
	s.step("two", p.run)
	s.step("three", p.run)
	_, v := status(t, n.a)
	for _, p := range v.Tracked.Processes {
		s.table = append(s.table, fmt.Sprintf("status: %s %s, %d running", p.Name, p.State, p.Running))
	}
	if v.Tracked.Blind != "" {
		t.Logf("no events: %s", v.Tracked.Blind)
	}
	s.step("two left", p.end)
	s.step("one left", p.end)
	s.step("none left", p.end)
	return s.table
}
