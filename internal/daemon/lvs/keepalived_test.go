package lvs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"holdfast/healthcheck"
	"holdfast/integration/uml"
	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/ipvs"
)

// These tests run in the IPVS kernel: the real keepalived in a network
// namespace of its own, this package outside of it, both with the same
// configuration and the same check script, at the same time.

var modules = uml.Options{Timeout: 8 * time.Minute, Modules: []string{
	"ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_wlc", "ip_vs_sh", "ip_vs_mh", "ip_vs_dh", "ip_vs_fo",
	"ip_vs_ovf", "ip_vs_sed", "ip_vs_nq", "ip_vs_lblc", "ip_vs_lblcr", "ip_vs_pe_sip", "veth", "af_packet",
}}

const namespace = "kept"

// firstPort and the number of a check are what it connects to.
const firstPort = 8000

// sideBySide is both directors.
type sideBySide struct {
	t       *testing.T
	dir     string
	cleaned bool

	theirs ipvs.Kernel
	proc   *exec.Cmd
	fifo   *os.File
	log    string

	ours  ipvs.Kernel
	lvs   *LVS
	stop  context.CancelFunc
	done  chan error
	mu    sync.Mutex
	lines [2][]string // of keepalived and of us, since the last step

	listeners map[int][]net.Listener
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("HOLDFAST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// nobody is an address on the lan where nobody is: what is sent there is lost.
const nobody = "192.0.2.254"

func newSideBySide(t *testing.T) *sideBySide {
	s := &sideBySide{t: t, dir: t.TempDir(), listeners: map[int][]net.Listener{}}
	for _, dir := range []string{s.dir, filepath.Dir(s.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "ip", "netns", "add", namespace)
	t.Cleanup(s.clean)
	for _, ns := range [][]string{nil, {"ip", "netns", "exec", namespace}} {
		for _, line := range []string{
			"ip link add lan0 type veth peer name lan1", "ip addr add 192.0.2.200/24 dev lan0",
			"ip link set lan0 up", "ip link set lan1 up", "ip link set lo up",
			"ip neigh add " + nobody + " lladdr 02:00:00:00:00:01 dev lan0", "sysctl -qw net.ipv4.tcp_syn_retries=50",
		} {
			words := append(slices.Clone(ns), strings.Fields(line)...)
			run(t, words[0], words[1:]...)
		}
	}
	s.ours = openIn(t, "")
	s.theirs = openIn(t, namespace)
	s.write("weigh", "#!/bin/sh\n[ -e "+s.dir+"/up.$1 ] || exit 1\n[ -e "+s.dir+"/weight.$1 ] && exit $(cat "+s.dir+"/weight.$1)\nexit 0\n", 0o755)
	for n := range 5 {
		s.up(n + 1)
	}
	return s
}

// clean removes what both were put into; once.
func (s *sideBySide) clean() {
	if s.cleaned {
		return
	}
	s.cleaned = true
	for _, both := range s.listeners {
		for _, l := range both {
			l.Close()
		}
	}
	run(s.t, "ip", "netns", "del", namespace)
	run(s.t, "ip", "link", "del", "lan0")
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// in does something in a network namespace, "" being this one.
func in(t *testing.T, netns string, do func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		// The thread is not unlocked, so it ends with the goroutine.
		runtime.LockOSThread()
		if netns != "" {
			f, err := os.Open("/run/netns/" + netns)
			if err == nil {
				err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
				f.Close()
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- do()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// openIn opens the IPVS of a namespace.
func openIn(t *testing.T, netns string) (k ipvs.Kernel) {
	t.Helper()
	in(t, netns, func() (err error) {
		k, err = ipvs.Open()
		return err
	})
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// listenIn accepts connections to a port of 127.0.0.1 in a namespace, and drops
// them.
func listenIn(t *testing.T, netns string, port int) (l net.Listener) {
	t.Helper()
	in(t, netns, func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		return err
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			c.Close()
		}
	}()
	return l
}

func (s *sideBySide) write(name, text string, mode os.FileMode) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

// up and down set what the checks of both see: a port for TCP_CHECK, a file for
// the script.
func (s *sideBySide) up(n int) {
	s.write(fmt.Sprintf("up.%d", n), "", 0o644)
	for _, netns := range []string{"", namespace} {
		s.listeners[n] = append(s.listeners[n], listenIn(s.t, netns, firstPort+n))
	}
}

func (s *sideBySide) down(n int) {
	s.remove(fmt.Sprintf("up.%d", n))
	for _, l := range s.listeners[n] {
		l.Close()
	}
	s.listeners[n] = nil
}

func (s *sideBySide) remove(name string) {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

// config writes the configuration, with DIR for the folder of the test, and
// decodes it.
func (s *sideBySide) config(text string) *config.Config {
	s.t.Helper()
	text = strings.ReplaceAll(text, "DIR", s.dir)
	s.write("keepalived.conf", text, 0o644)
	cfg, diags := load.Load(filepath.Join(s.dir, "keepalived.conf"), load.Options{})
	if cfg == nil {
		s.t.Fatalf("configuration: %v", diags)
	}
	return cfg
}

// start starts both. Flags are keepalived's.
func (s *sideBySide) start(text string, flags ...string) {
	s.t.Helper()
	cfg := s.config(text)
	path := filepath.Join(s.dir, "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil && !errors.Is(err, syscall.EEXIST) {
		s.t.Fatal(err)
	}
	fifo, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.fifo = fifo
	go s.readFIFO(fifo)
	s.log = filepath.Join(s.dir, "keepalived.log")
	out, err := os.Create(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	args := append([]string{"netns", "exec", namespace, "keepalived", "-n", "-l", "-D", "-f", filepath.Join(s.dir, "keepalived.conf")}, flags...)
	s.proc = exec.Command("ip", args...)
	s.proc.Stdout, s.proc.Stderr = out, out
	err = s.proc.Start()
	out.Close()
	if err != nil {
		s.t.Fatal(err)
	}

	s.lvs = New(cfg, Deps{
		Log:    slog.New(slog.DiscardHandler),
		Open:   func() (ipvs.Kernel, error) { return keptOpen{s.ours}, nil },
		Checks: healthcheck.Deps{Exec: runCheck},
		Event: func(e Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.lines[1] = append(s.lines[1], e.Line)
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.done = cancel, make(chan error, 1)
	go func() { s.done <- s.lvs.Run(ctx) }()
}

// keptOpen is a connection that the test closes by itself.
type keptOpen struct{ ipvs.Kernel }

func (keptOpen) Close() error { return nil }

func runCheck(ctx context.Context, c healthcheck.Command) (int, string, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return cmd.ProcessState.ExitCode(), string(out), err
}

func (s *sideBySide) readFIFO(f *os.File) {
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.lines[0] = append(s.lines[0], strings.FieldsFunc(string(buf[:n]), func(r rune) bool { return r == '\n' || r == 0 })...)
		s.mu.Unlock()
	}
}

func (s *sideBySide) reload(text string) {
	s.t.Helper()
	cfg := s.config(text)
	if err := s.proc.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	if err := s.lvs.Reload(context.Background(), cfg); err != nil {
		s.t.Fatal(err)
	}
}

// end stops both and compares what they leave.
func (s *sideBySide) end() {
	s.t.Helper()
	s.stop()
	if err := <-s.done; err != nil {
		s.t.Error(err)
	}
	if err := s.proc.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Error(err)
	}
	_ = s.proc.Wait() // its exit status is not what is tested
	s.compare("after the stop", byService)
	s.fifo.Close()
}

// dump is everything that a kernel has.
func dump(t *testing.T, k ipvs.Kernel) string {
	t.Helper()
	tab, err := k.Table()
	if err != nil {
		t.Fatal(err)
	}
	timeouts, err := k.Timeouts()
	if err != nil {
		t.Fatal(err)
	}
	list, err := k.Daemons()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(tab.String())
	fmt.Fprintln(&b, "timeouts", timeouts)
	slices.SortFunc(list, func(a, b ipvs.Daemon) int { return int(a.Role) - int(b.Role) })
	for _, d := range list {
		fmt.Fprintf(&b, "sync daemon %+v\n", d)
	}
	return b.String()
}

// byService puts lines in the order of their virtual servers; those of one stay
// in the order in which they came. That of two services is chance: each has
// checks of its own.
func byService(lines []string) []string {
	name := func(l string) string {
		w := strings.Fields(l)
		if w[0] == "RS" {
			w = w[1:]
		}
		return strings.Join(w[1:len(w)-1], " ")
	}
	out := slices.Clone(lines)
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(name(a), name(b)) })
	return out
}

// compare waits until both have the same, a minute at most: the kernel's table, and
// the lines that were told, ordered by order.
func (s *sideBySide) compare(step string, order func([]string) []string) {
	s.t.Helper()
	var theirs, ours string
	deadline := time.Now().Add(time.Minute)
	for {
		time.Sleep(500 * time.Millisecond)
		theirs, ours = dump(s.t, s.theirs), dump(s.t, s.ours)
		s.mu.Lock()
		a, b := order(s.lines[0]), order(s.lines[1])
		s.mu.Unlock()
		same := theirs == ours && slices.Equal(a, b)
		if !same && time.Now().Before(deadline) {
			continue
		}
		if diff := cmp.Diff(theirs, ours); diff != "" {
			s.t.Errorf("%s: dump (-keepalived +holdfast):\n%s", step, diff)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			s.t.Errorf("%s: lines (-keepalived +holdfast):\n%s", step, diff)
		}
		s.mu.Lock()
		s.lines = [2][]string{}
		s.mu.Unlock()
		return
	}
}

// inAnyOrder is for the lines of servers that change at one time.
func inAnyOrder(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

// step lets the checks of both sides see what was done, and compares.
func (s *sideBySide) step(name string) {
	s.t.Helper()
	time.Sleep(4 * time.Second)
	s.compare(name, inAnyOrder)
}

// told is step for what makes both sides tell something: it waits for that
// first, so that a slow machine is not taken for one where nothing happened.
func (s *sideBySide) told(name string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		s.mu.Lock()
		both := len(s.lines[0]) > 0 && len(s.lines[1]) > 0
		s.mu.Unlock()
		if both {
			break
		}
	}
	time.Sleep(4 * time.Second)
	s.compare(name, byService)
}

func (s *sideBySide) keepalivedLog() {
	if s.t.Failed() {
		b, _ := os.ReadFile(s.log)
		s.t.Logf("keepalived's log:\n%s", b)
	}
}
