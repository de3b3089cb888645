package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	os.Exit(m.Run())
}

// play is the child: its story goes to DIR/ROLE.log. In the configuration,
// router_id says how it ends: "exit N" at once.
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
	if s, ok := strings.CutPrefix(c.Boot.Config.Global.RouterID, "exit "); ok {
		n, _ := strconv.Atoi(s)
		say("exit %d", n)
		return n
	}
	say("start %s resume=%d restarted=%t owned=%s", c.Boot.Config.Global.RouterID, len(c.Boot.Resume), c.Boot.Restarted, c.Boot.Owned)
	ready, _ := ipc.New(ipc.TypeReady, nil)
	c.Parent.Send(ready, nil)
	if r == role.VRRP {
		held, _ := ipc.New(ipc.TypeHeld, ipc.Held{Router: "VI_1", Master: true, Alive: time.Minute, Addresses: []link.Address{{Ifindex: 1 << 30, Prefix: netip.MustParsePrefix("192.0.2.10/32")}}})
		c.Parent.Send(held, nil)
	} else {
		owned, _ := ipc.New(ipc.TypeOwned, []string{"tcp 192.0.2.10:80"})
		c.Parent.Send(owned, nil)
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
			b, err := role.ReadBoot(m.File)
			if err != nil {
				say("boot: %v", err)
				return 1
			}
			say("config %s", b.Config.Global.RouterID)
			c.Parent.Send(ipc.Message{Type: ipc.TypeConfig, ID: m.ID}, nil)
		case ipc.TypePeer:
			m.File.Close()
			say("peer")
		case ipc.TypeStatus:
			c.Parent.Send(ipc.Message{Type: ipc.TypeStatus, ID: m.ID, Body: []byte(`"` + string(r) + `"`)}, nil)
		case ipc.TypeStop:
			say("stop")
			if r == role.VRRP {
				c.Parent.Send(ipc.Message{Type: ipc.TypeReleased}, nil)
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
	bad  atomic.Bool
	exit chan int
}

func start(t *testing.T, routerID string) *daemonUnderTest {
	t.Helper()
	d := &daemonUnderTest{t: t, dir: t.TempDir(), exit: make(chan int, 1)}
	t.Setenv("TEST_DIR", d.dir)
	d.set(routerID)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	d.opts = Options{
		Version: "test", Program: self, Argv: []string{self}, VRRP: true, LVS: true,
		PIDFile: d.path("holdfast.pid"), VRRPPID: d.path("vrrp.pid"), LVSPID: d.path("lvs.pid"),
		Control: d.path("control.sock"), State: d.path("state"),
		Load: func() (*config.Config, []config.Diagnostic) {
			if d.bad.Load() {
				return nil, []config.Diagnostic{{Severity: config.Error, Text: "bad"}}
			}
			return d.cfg.Load(), nil
		},
		Refused: func([]config.Diagnostic) int { return 2 },
		Up:      func() { close(up) },
	}
	go func() { d.exit <- Run(d.opts, slog.New(slog.NewTextHandler(t.Output(), nil))) }()
	select {
	case <-up:
	case code := <-d.exit:
		d.exit <- code
	case <-time.After(20 * time.Second):
		t.Fatal("the parent does not come up")
	}
	t.Cleanup(func() {
		select {
		case <-d.exit:
		default:
			syscall.Kill(os.Getpid(), syscall.SIGTERM)
			d.wait()
		}
	})
	return d
}

func (d *daemonUnderTest) path(name string) string { return filepath.Join(d.dir, name) }

func (d *daemonUnderTest) set(routerID string) {
	d.cfg.Store(&config.Config{
		Global:         config.GlobalDefs{RouterID: routerID},
		Instances:      []config.VRRPInstance{{Name: "VI_1", AdvertInt: time.Second}},
		VirtualServers: []config.VirtualServer{{}},
	})
}

func (d *daemonUnderTest) wait() int {
	d.t.Helper()
	select {
	case code := <-d.exit:
		d.exit <- code
		return code
	case <-time.After(20 * time.Second):
		d.t.Fatal("the parent does not end")
		return -1
	}
}

// story waits until the log of a role is as wanted.
func (d *daemonUnderTest) story(r role.Role, want ...string) {
	d.t.Helper()
	var got string
	for range 1000 {
		b, _ := os.ReadFile(d.path(string(r) + ".log"))
		got = string(b)
		if got == strings.Join(want, "\n")+"\n" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatalf("%s:\n%swant:\n%s", r, got, strings.Join(want, "\n"))
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

func TestStopReleasesAddressesBeforeTheTable(t *testing.T) {
	d := start(t, "a")
	d.story(role.VRRP, "start a resume=0 restarted=false owned=")
	d.story(role.LVS, "start a resume=0 restarted=false owned=", "peer")
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	d.story(role.VRRP, "start a resume=0 restarted=false owned=", "stop")
	d.story(role.LVS, "start a resume=0 restarted=false owned=", "peer", "stop")
	for _, name := range []string{"holdfast.pid", "vrrp.pid", "lvs.pid", "control.sock", "state"} {
		if _, err := os.Lstat(d.path(name)); err == nil {
			t.Errorf("%s is left behind", name)
		}
	}
}

func TestAKilledChildIsReplacedAndToldWhatItHeld(t *testing.T) {
	d := start(t, "a")
	d.story(role.LVS, "start a resume=0 restarted=false owned=", "peer")
	d.waitHeld()
	syscall.Kill(d.pidOf("vrrp.pid"), syscall.SIGKILL)
	d.story(role.VRRP, "start a resume=0 restarted=false owned=", "start a resume=1 restarted=true owned=")
	d.story(role.LVS, "start a resume=0 restarted=false owned=", "peer", "peer")
	syscall.Kill(d.pidOf("lvs.pid"), syscall.SIGKILL)
	d.story(role.LVS, "start a resume=0 restarted=false owned=", "peer", "peer",
		`start a resume=0 restarted=true owned=["tcp 192.0.2.10:80"]`)
}

// waitHeld waits until the state file knows what the children said.
func (d *daemonUnderTest) waitHeld() {
	d.t.Helper()
	for range 1000 {
		b, _ := os.ReadFile(d.path("state"))
		if strings.Contains(string(b), "192.0.2.10/32") && strings.Contains(string(b), "192.0.2.10:80") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatal("the state file does not fill")
}

func TestAChildThatEndsForGoodEndsTheDaemonWithItsCode(t *testing.T) {
	for _, code := range []int{exitFatal, exitConfig, exitPermission} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			d := start(t, fmt.Sprintf("exit %d", code))
			if got := d.wait(); got != code {
				t.Errorf("exit code %d, want %d", got, code)
			}
		})
	}
}

func TestReloadTellsBothChildrenAndABadOneTellsNobody(t *testing.T) {
	d := start(t, "a")
	d.story(role.LVS, "start a resume=0 restarted=false owned=", "peer")
	d.bad.Store(true)
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	st := d.status(func(s control.Status) bool { return s.Config.ReloadFailure != "" })
	if !strings.Contains(st.Config.ReloadFailure, "refused") {
		t.Errorf("failure %q does not say that the reload was refused", st.Config.ReloadFailure)
	}
	d.bad.Store(false)
	d.set("b")
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	d.story(role.VRRP, "start a resume=0 restarted=false owned=", "config b")
	d.story(role.LVS, "start a resume=0 restarted=false owned=", "peer", "config b")
	st = d.status(func(s control.Status) bool { return s.Config.ReloadFailure == "" })
	if string(st.VRRP) != `"vrrp"` || string(st.LVS) != `"lvs"` || len(st.Processes) != 2 {
		t.Errorf("status %+v", st)
	}
}

func (d *daemonUnderTest) status(until func(control.Status) bool) control.Status {
	d.t.Helper()
	var s control.Status
	for range 500 {
		s = control.Status{}
		if err := control.Ask(d.opts.Control, control.Request{Command: "status"}, &s); err != nil {
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

func TestUnknownCommandsAreRefused(t *testing.T) {
	d := start(t, "a")
	var s control.Status
	if err := control.Ask(d.opts.Control, control.Request{Command: "dance"}, &s); err == nil {
		t.Error("no error for an unknown command")
	}
}

func TestASecondDaemonDoesNotStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pid")
	p, err := createPIDFile(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.remove()
	if _, err := createPIDFile(path, 2); !errors.Is(err, ErrRunning) {
		t.Errorf("second lock: %v, want ErrRunning", err)
	}
	if err := os.Symlink("/etc/hostname", path+".link"); err != nil {
		t.Fatal(err)
	}
	if _, err := createPIDFile(path+".link", 2); err == nil {
		t.Error("a symbolic link was followed")
	}
}
