package daemon

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
	"holdfast/vrrp/link"
)

// The parent starts its own program again as its children. Here that is the
// test binary, which then plays a child that writes down what it is told.
func TestMain(m *testing.M) {
	if r := role.Current(); r != "" {
		os.Exit(play(r))
	}
	// A signal for a daemon that has ended a moment ago must not end the tests.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGHUP)
	os.Exit(m.Run())
}

// play is the child: its story goes to DIR/ROLE.log. Words of the configuration's
// router_id say how it behaves:
//
//	exit=N    it ends with N at once
//	set       an operator has set something
//	panic     it panics, when it replaces nobody
//	hang      it does not stop
//	die       it ends when it is handed a configuration
//	forget    it has not the configuration that it is handed a change of
//	mute      it answers no question
//	slow      it is never ready
func play(r role.Role) int {
	f, err := os.OpenFile(filepath.Join(os.Getenv("TEST_DIR"), string(r)+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	say := func(format string, args ...any) { fmt.Fprintf(f, format+"\n", args...) }
	c, err := role.Open()
	if err != nil {
		say("open: %v", err)
		return 1
	}
	took := role.Taken{ID: c.Boot.ID, Config: c.Boot.Config}
	id := c.Boot.Config.Global.RouterID
	is := func(word string) bool { return slices.Contains(strings.Fields(id), word) }
	var code int
	if i := strings.Index(id, "exit="); i >= 0 {
		fmt.Sscanf(id[i:], "exit=%d", &code)
		say("exit %d", code)
		c.Parent.Send(ipc.Message{Type: ipc.TypeEnds, Err: fmt.Sprintf("told to end with %d", code)}, nil)
		return code
	}
	if is("panic") && !c.Boot.Restarted {
		say("panic")
		panic("as told")
	}
	back := func(b *role.Boot) string {
		if b.GivenBack == nil {
			return ""
		}
		return " back=" + string(b.GivenBack)
	}
	say("start %s resume=%d left=%d restarted=%t other=%t owned=%s%s", id, len(c.Boot.Resume), len(c.Boot.Leftovers.Addresses), c.Boot.Restarted, c.Boot.Other, c.Boot.Owned, back(&c.Boot))
	if !is("slow") {
		ready, _ := ipc.New(ipc.TypeReady, ipc.Ready{Version: "test " + string(r)})
		c.Parent.Send(ready, nil)
	}
	if r == role.VRRP {
		held, _ := ipc.New(ipc.TypeHeld, []ipc.Held{{Router: "VI_1", Master: true, Alive: time.Minute, Wanted: link.Wanted{Addresses: []link.Address{{Ifindex: 1 << 30, Prefix: netip.MustParsePrefix("192.0.2.10/32")}}}}})
		c.Parent.Send(held, nil)
	} else {
		owned, _ := ipc.New(ipc.TypeOwned, []string{"tcp 192.0.2.10:80"})
		c.Parent.Send(owned, nil)
		if is("set") {
			settings, _ := ipc.New(ipc.TypeSettings, []string{"disable"})
			c.Parent.Send(settings, nil)
		}
	}
	go func() {
		for {
			if _, err := c.Peer.Receive(); err != nil {
				return
			}
		}
	}()
	for {
		m, err := c.Parent.Receive()
		if err != nil {
			say("orphan")
			return 0
		}
		switch m.Type {
		case ipc.TypeConfig:
			if is("forget") {
				took = role.Taken{}
			}
			b, err := role.ReadChange(m.File, took)
			if err != nil {
				say("boot: %v", err)
				c.Parent.Send(ipc.Message{Type: ipc.TypeConfig, ID: m.ID, Err: err.Error()}, nil)
				continue
			}
			took = role.Taken{ID: b.ID, Config: b.Config}
			say("config %s other=%t%s", b.Config.Global.RouterID, b.Other, back(&b))
			if r == role.LVS && len(b.Settings) > 0 { // a reload ends them
				settings, _ := ipc.New(ipc.TypeSettings, []string{})
				c.Parent.Send(settings, nil)
			}
			if strings.Contains(b.Config.Global.RouterID, "die") {
				return 7
			}
			c.Parent.Send(ipc.Message{Type: ipc.TypeConfig, ID: m.ID}, nil)
		case ipc.TypePeer:
			m.File.Close()
			say("peer")
		case ipc.TypeStatus:
			if is("mute") {
				continue
			}
			body, err := os.ReadFile(filepath.Join(os.Getenv("TEST_DIR"), string(r)+".status"))
			if err != nil {
				body = []byte(`"` + string(r) + `"`)
			}
			c.Parent.Send(ipc.Message{Type: ipc.TypeStatus, ID: m.ID, Body: body}, nil)
		case ipc.TypePulse:
			if !is("mute") {
				c.Parent.Send(ipc.Message{Type: ipc.TypePulse, ID: m.ID}, nil)
			}
		case ipc.TypeStop:
			say("stop")
			if is("hang") {
				continue
			}
			var last ipc.Message
			if r == role.VRRP {
				last, _ = ipc.New(ipc.TypeHeld, []ipc.Held{{Router: "VI_1"}})
				c.Parent.Send(last, nil)
				c.Parent.Send(ipc.Message{Type: ipc.TypeReleased}, nil)
			} else {
				last, _ = ipc.New(ipc.TypeOwned, []string{})
				c.Parent.Send(last, nil)
			}
			return 0
		}
	}
}

// daemonUnderTest runs a Parent in this process.
type daemonUnderTest struct {
	t    *testing.T
	dir  string
	opts Options
	cfg  atomic.Pointer[config.Config]
	bad  atomic.Pointer[error] // of Check
	exit chan int
	up   chan struct{}
	log  *slog.Logger // nil: to the test's output
}

func newDaemon(t *testing.T, routerID string) *daemonUnderTest {
	t.Helper()
	d := &daemonUnderTest{t: t, dir: t.TempDir(), exit: make(chan int, 1), up: make(chan struct{})}
	t.Setenv("TEST_DIR", d.dir)
	d.set(routerID, true, true)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d.opts = Options{
		Version: "test", Program: self, Argv: []string{self}, VRRP: true, LVS: true,
		PIDFile: d.path("holdfast.pid"), VRRPPID: d.path("vrrp.pid"), LVSPID: d.path("lvs.pid"),
		Control: d.path("control.sock"), State: d.path("state"),
		Load: func() (*config.Config, []config.Diagnostic) {
			if c := d.cfg.Load(); c != nil {
				return c, []config.Diagnostic{{Severity: config.Warning, ID: "not-active", Text: "dancing is not active yet"}}
			}
			return nil, []config.Diagnostic{{Severity: config.Error, Text: "bad"}}
		},
		Check: func(*config.Config) error {
			if err := d.bad.Load(); err != nil {
				return *err
			}
			return nil
		},
		Refused: func([]config.Diagnostic) int { return 2 },
		Up:      func() { close(d.up) },
	}
	return d
}

// run starts the daemon and waits until it is up or has ended.
func (d *daemonUnderTest) run() *daemonUnderTest {
	d.t.Helper()
	d.launch()
	select {
	case <-d.up:
	case code := <-d.exit:
		d.exit <- code
	case <-time.After(60 * time.Second):
		d.t.Fatal("the parent does not come up")
	}
	return d
}

// launch starts the daemon.
func (d *daemonUnderTest) launch() {
	log := &testLog{out: d.t.Output()}
	if d.log == nil {
		d.log = slog.New(slog.NewTextHandler(log, nil))
	}
	go func() { d.exit <- Run(d.opts, d.log) }()
	d.t.Cleanup(log.close)
	d.t.Cleanup(func() {
		select {
		case <-d.exit:
		default:
			d.signal(syscall.SIGTERM)
			d.wait()
		}
	})
}

// testLog writes to the log of a test until that is over: what a child says last
// may be read after the daemon's end.
type testLog struct {
	mu  sync.Mutex
	out io.Writer // nil: it is over
}

func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return len(b), nil
	}
	return l.out.Write(b)
}

func (l *testLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = nil
}

func start(t *testing.T, routerID string) *daemonUnderTest { return newDaemon(t, routerID).run() }

func (d *daemonUnderTest) signal(s syscall.Signal) { syscall.Kill(os.Getpid(), s) }

func (d *daemonUnderTest) path(name string) string { return filepath.Join(d.dir, name) }

func (d *daemonUnderTest) set(routerID string, vrrp, lvs bool) {
	c := &config.Config{Global: config.GlobalDefs{RouterID: routerID}}
	if !slices.Contains(strings.Fields(routerID), "hang") {
		c.Daemon.ChildWait = 30 * time.Second // on a busy machine a child takes its time to stop
	}
	if vrrp {
		c.Instances = []config.VRRPInstance{{Name: "VI_1", AdvertInt: time.Second}}
	}
	if lvs {
		c.VirtualServers = []config.VirtualServer{{}}
	}
	d.cfg.Store(c)
}

func (d *daemonUnderTest) wait() int {
	d.t.Helper()
	select {
	case code := <-d.exit:
		d.exit <- code
		return code
	case <-time.After(60 * time.Second):
		d.t.Fatal("the parent does not end")
		return -1
	}
}

// began is the first line of a child's story.
func began(id string) string {
	return "start " + id + " resume=0 left=0 restarted=false other=true owned="
}

// story waits until the log of a role is as wanted.
func (d *daemonUnderTest) story(r role.Role, want ...string) {
	d.t.Helper()
	var got string
	for range 3000 {
		b, _ := os.ReadFile(d.path(string(r) + ".log"))
		got = string(b)
		if got == strings.Join(want, "\n")+"\n" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatalf("%s:\n%swant:\n%s", r, got, strings.Join(want, "\n"))
}

// told waits until the log of a role has a line.
func (d *daemonUnderTest) told(r role.Role, line string) {
	d.t.Helper()
	for range 3000 {
		b, _ := os.ReadFile(d.path(string(r) + ".log"))
		if slices.Contains(strings.Split(string(b), "\n"), line) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatalf("%s was not told %q", r, line)
}

func (d *daemonUnderTest) pidOf(name string) int {
	d.t.Helper()
	b, err := os.ReadFile(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		d.t.Fatal(err)
	}
	return pid
}

// waitHeld waits until the state file knows what the children said.
func (d *daemonUnderTest) waitHeld() {
	d.t.Helper()
	for range 3000 {
		b, _ := os.ReadFile(d.path("state"))
		if strings.Contains(string(b), "192.0.2.10/32") && strings.Contains(string(b), "192.0.2.10:80") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatal("the state file does not fill")
}

// pidNow is the process of a role, by what the parent says, when it has been
// replaced so many times.
func (d *daemonUnderTest) pidNow(r role.Role, restarts int) (pid int) {
	d.t.Helper()
	d.status(func(s control.Status) bool {
		for _, p := range s.Processes {
			if p.Role == string(r) && p.Restarts == restarts {
				pid = p.PID
			}
		}
		return pid != 0
	})
	return pid
}

// ask asks the daemon, and asks it again if it is too busy to answer, as on a machine
// that stood still for as long as that may take.
func (d *daemonUnderTest) ask(r control.Request, v any) (err error) {
	for range 20 {
		var s *control.Silent
		err = control.Ask(d.opts.Control, r, v)
		if err == nil || !errors.As(err, &s) && err.Error() != errTooBusy.Error() {
			break
		}
	}
	return err
}

func (d *daemonUnderTest) status(until func(control.Status) bool) control.Status {
	d.t.Helper()
	var s control.Status
	for range 1500 {
		s = control.Status{}
		if err := d.ask(control.Request{Command: "status"}, &s); err != nil {
			d.t.Fatal(err)
		}
		if until(s) {
			return s
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.t.Fatalf("status %+v", s)
	return s
}

// nothingLeft checks that a stop leaves no file behind but these.
func (d *daemonUnderTest) nothingLeft(but ...string) {
	d.t.Helper()
	for _, name := range []string{"holdfast.pid", "vrrp.pid", "lvs.pid", "control.sock", "state"} {
		if _, err := os.Lstat(d.path(name)); (err == nil) != slices.Contains(but, name) {
			d.t.Errorf("%s: %v", name, err)
		}
	}
}

// listenAndForget leaves a socket behind as a killed daemon does.
func listenAndForget(path string) (bool, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return false, err
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	_, err = os.Lstat(path)
	return err == nil, err
}
