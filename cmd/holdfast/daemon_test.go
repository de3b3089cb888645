package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// director is a host of a lab with one interface, on which the program runs as
// keepalived.
type director struct {
	*lab.Host
	t    *testing.T
	lab  *lab.Lab
	prog string
}

const vip = "10.0.0.10"

func newDirector(t *testing.T) *director {
	t.Helper()
	lab.Require(t)
	l, err := lab.New("cli")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := l.Segment("lan")
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.Host("d")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Plug(s, "eth0", "02:00:00:00:00:01", "10.0.0.1/24"); err != nil {
		t.Fatal(err)
	}
	_, prog := programs(t)
	return &director{h, t, l, prog}
}

// conf writes a configuration whose instance notes what it is told in
// notify.log. Children are not killed that a busy machine is slow to stop.
func (d *director) conf(text string) {
	d.t.Helper()
	script := fmt.Sprintf("#!/bin/sh\necho \"$2 $3 $4 $(umask) $(awk '/SigIgn/{print $2}' /proc/self/status)${HOLDFAST_ROLE}${HOLDFAST_BACKGROUND}\" >> %s\n", d.Path("notify.log"))
	// Put in place by its name: a daemon may be about to run the one there is,
	// which cannot be written to meanwhile.
	if err := lab.WriteProgram(d.Path("notify.new"), []byte(script)); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(d.Path("notify.new"), d.Path("notify.sh")); err != nil {
		d.t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "NOTIFY", "notify "+d.Path("notify.sh"))
	if err := lab.WriteFile(d.Path("k.conf"), []byte("child_wait_time 60\nglobal_defs {\n script_user root\n}\n"+text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

const fast = "vrrp_instance A {\n interface eth0\n version 3\n advert_int 0.1\n priority 255\n virtual_router_id 5\n virtual_ipaddress {\n " + vip + "/24\n }\n NOTIFY\n}\n"

// args is the command line with every file in the host's folder.
func (d *director) args(more ...string) []string {
	return append([]string{d.prog, "-f", d.Path("k.conf"), "-p", d.Path("a.pid"), "-r", d.Path("v.pid"), "-c", d.Path("c.pid")}, more...)
}

func (d *director) start(more ...string) *lab.Process {
	d.t.Helper()
	p, err := d.Start(lab.Spec{Args: d.args(more...), Env: []string{"TEST_PROGRAM=1"}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if d.t.Failed() {
			d.t.Log(p.Log())
		}
	})
	return p
}

func (d *director) has() bool {
	list, err := d.Addrs("eth0")
	return err == nil && slices.Contains(list, netip.MustParseAddr(vip))
}

func (d *director) until(what string, f func() bool) {
	d.t.Helper()
	if !lab.WaitFor(30*time.Second, f) {
		d.t.Fatalf("not in time: %s", what)
	}
}

func (d *director) pid(name string) int {
	b, err := os.ReadFile(d.Path(name))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

func (d *director) status() (control.Status, control.VRRP) {
	d.t.Helper()
	var s control.Status
	var v control.VRRP
	// What takes longer than 5 s is no answer, and a machine may stand still for that.
	d.until("an answer", func() bool {
		s = control.Status{}
		err := control.Ask(d.Path("a.sock"), control.Request{Command: "status"}, &s)
		if err != nil {
			d.t.Log(err)
		}
		return err == nil
	})
	if s.VRRP != nil {
		if err := json.Unmarshal(s.VRRP, &v); err != nil {
			d.t.Fatal(err)
		}
	}
	return s, v
}

// notified is what the notify script wrote. Signals 32 and 33 are the C
// library's own, and ignored where the test binary has the race detector.
func (d *director) notified() string {
	b, _ := os.ReadFile(d.Path("notify.log"))
	return ignoredSignals.ReplaceAllStringFunc(string(b), func(mask string) string {
		n, err := strconv.ParseUint(mask, 16, 64)
		if err != nil {
			return mask
		}
		return fmt.Sprintf("%016x", n&^(3<<31))
	})
}

var ignoredSignals = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

func (d *director) left() []string {
	var out []string
	for _, name := range []string{"a.pid", "v.pid", "c.pid", "a.sock", "a.sock.state"} {
		if _, err := os.Lstat(d.Path(name)); err == nil {
			out = append(out, name)
		}
	}
	return out
}

func TestRunsInTheBackgroundAsKeepalivedDoes(t *testing.T) {
	d := newDirector(t)
	d.conf(fast)
	first := d.start("-l")
	if code, err := first.Wait(time.Minute); err != nil || code != 0 {
		t.Fatalf("exit %d, %v", code, err)
	}
	// Up means that everything is there: pid files and a process that answers.
	parent, child := d.pid("a.pid"), d.pid("v.pid")
	if parent == 0 || child == 0 {
		t.Fatalf("pids %d, %d", parent, child)
	}
	_, v := d.status()
	if len(v.Instances) != 1 {
		t.Errorf("status %+v", v)
	}
	for _, pid := range []int{parent, child} {
		proc := fmt.Sprintf("/proc/%d/", pid)
		if comm, _ := os.ReadFile(proc + "comm"); string(comm) != "keepalived\n" {
			t.Errorf("command name %q: pidof does not find it", comm)
		}
		if cwd, _ := os.Readlink(proc + "cwd"); cwd != "/" {
			t.Errorf("working folder %s", cwd)
		}
		for fd := range 2 {
			if to, _ := os.Readlink(proc + "fd/" + strconv.Itoa(fd)); to != os.DevNull {
				t.Errorf("descriptor %d is %s", fd, to)
			}
		}
	}
	if st, err := os.Stat(d.Path("a.pid")); err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", st, err)
	}
	second := d.start()
	if code, err := second.Wait(time.Minute); err != nil || code != 0 {
		t.Errorf("a second start: exit %d, %v", code, err)
	}
	if d.pid("a.pid") != parent {
		t.Error("the second start changed the pid file")
	}
	d.until("MASTER", func() bool { return d.has() && strings.Contains(d.notified(), "MASTER") })
	syscall.Kill(parent, syscall.SIGTERM)
	d.until("the end", func() bool { return len(d.left()) == 0 && !d.has() })
	// keepalived's umask, no signal ignored, nothing of ours in the environment.
	const tail = " 255 0177 0000000000000000\n"
	if want := "A MASTER" + tail + "A STOP" + tail; d.notified() != want {
		t.Errorf("notified %q, want %q", d.notified(), want)
	}
}

func TestDontReleaseKeepsTheAddressesAndSaysNothing(t *testing.T) {
	d := newDirector(t)
	d.conf(fast)
	capture, err := d.lab.Capture()
	if err != nil {
		t.Fatal(err)
	}
	p := d.start("-n", "-l", "-V", "-u", "022")
	d.until("the VIP", d.has)
	d.until("MASTER", func() bool { return strings.Contains(d.notified(), "MASTER 255 0022") })
	if code, err := p.Stop(30 * time.Second); err != nil || code != 0 {
		t.Fatalf("exit %d, %v", code, err)
	}
	if !d.has() {
		t.Error("the VIP is gone")
	}
	if !strings.Contains(d.notified(), "A STOP") {
		t.Errorf("notified %q", d.notified())
	}
	list := capture.Adverts(time.Time{})
	if len(list) == 0 {
		t.Error("no advert at all")
	}
	for _, a := range list {
		if a.Priority == 0 {
			t.Error("priority 0 was sent: a peer takes over what is still here")
		}
	}
	// The next start finds it, whatever the kernel can mark.
	d.conf("")
	p = d.start("-n", "-l")
	d.until("the VIP of the former daemon removed", func() bool { return !d.has() })
	if code, err := p.Stop(30 * time.Second); err != nil || code != 0 {
		t.Fatalf("exit %d, %v", code, err)
	}
	if l := d.left(); len(l) > 0 {
		t.Errorf("left behind: %v", l)
	}
}

// Whatever ends the parent, the child hears of it twice: its stream ends and
// the kernel sends SIGTERM. The second must not cut short what the first began.
func TestChildrenReleaseWholeHoweverOftenTheyAreTold(t *testing.T) {
	for round := range 3 {
		d := newDirector(t)
		d.conf(fast)
		p := d.start("-n", "-l")
		d.until("MASTER", func() bool { return d.has() && strings.Contains(d.notified(), "MASTER") })
		child := d.pid("v.pid")
		if round == 0 {
			// As systemd stops: SIGTERM to every process of the service.
			syscall.Kill(p.Pid, syscall.SIGTERM)
			for range 5 {
				syscall.Kill(child, syscall.SIGTERM)
				time.Sleep(2 * time.Millisecond)
			}
		} else {
			syscall.Kill(p.Pid, syscall.SIGKILL)
		}
		d.until("the end of the child", func() bool { return syscall.Kill(child, 0) != nil || gone(child) })
		if d.has() {
			t.Error("the VIP is left")
		}
		if !strings.HasSuffix(strings.TrimSpace(d.notified()), "A STOP 255 0177 0000000000000000") {
			t.Errorf("notified %q", d.notified())
		}
	}
}

func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

func TestStatesThatAreNotTheProtocols(t *testing.T) {
	d := newDirector(t)
	d.conf("vrrp_instance W {\n interface nosuch0\n virtual_router_id 6\n virtual_ipaddress {\n 10.0.0.11\n }\n}\n" +
		"global_defs {\n smtp_server 192.0.2.25\n}\n" + fast)
	p := d.start("-n", "-l", "-P")
	d.until("the VIP", d.has)
	s, v := d.status()
	states := map[string]string{}
	for _, in := range v.Instances {
		states[in.Name] = in.State
	}
	if states["W"] != control.Waiting {
		t.Errorf("states %v", states)
	}
	if !slices.ContainsFunc(s.Config.NotActive, func(l string) bool { return strings.Contains(l, "smtp_server") }) {
		t.Errorf("not active: %v", s.Config.NotActive)
	}
	d.until("W is said to wait", func() bool {
		out, err := d.Output(t.Context(), "env", "TEST_PROGRAM=1", filepath.Join(filepath.Dir(d.prog), "holdfast"), "status", "--control", d.Path("a.sock"))
		if err != nil {
			t.Logf("%v\n%s", err, out)
		}
		return err == nil && strings.Contains(out, "vrrp_instance W: WAITING")
	})
	// A reload that takes away every instance, and one that brings them back.
	d.conf("virtual_server 10.0.0.10 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 10.0.0.20 80 {\n weight 1\n }\n}\n")
	p.Signal(syscall.SIGHUP)
	d.until("no vrrp process", func() bool { s, _ := d.status(); return len(s.Processes) == 0 && !d.has() })
	d.conf(fast)
	p.Signal(syscall.SIGHUP)
	d.until("the VIP again", d.has)
	if code, err := p.Stop(30 * time.Second); err != nil || code != 0 || d.has() || len(d.left()) > 0 {
		t.Errorf("exit %d, %v, VIP %t, left %v", code, err, d.has(), d.left())
	}
}

// keepalived's words for an instance that a reload removed: FAULT, or DELETED
// with notify_deleted, with the priority it had.
func TestInstancesThatAReloadRemoves(t *testing.T) {
	d := newDirector(t)
	more := func(name string, vrid int, line string) string {
		return fmt.Sprintf("vrrp_instance %s {\n interface eth0\n version 3\n advert_int 0.1\n priority 120\n virtual_router_id %d\n virtual_ipaddress {\n 10.0.0.%d\n }\n %s\n NOTIFY\n}\n", name, vrid, 100+vrid, line)
	}
	d.conf(fast + more("B", 6, "") + more("C", 7, "notify_deleted"))
	p := d.start("-n", "-l")
	d.until("all masters", func() bool { return strings.Count(d.notified(), "MASTER") == 3 })
	d.conf(fast)
	p.Signal(syscall.SIGHUP)
	d.until("both told", func() bool {
		return strings.Contains(d.notified(), "B FAULT 120 ") && strings.Contains(d.notified(), "C DELETED 120 ")
	})
	if n := strings.Count(d.notified(), "A "); n != 1 || !d.has() {
		t.Errorf("the instance that stayed was disturbed: %q", d.notified())
	}
	d.until("without the address", func() bool {
		list, err := d.Addrs("eth0")
		return err == nil && !slices.Contains(list, netip.MustParseAddr("10.0.0.106"))
	})
}
