package main

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// keepalived's unit is of Type=notify: systemd takes the daemon down that does
// not say when it works, or takes longer than the unit and it say.
func TestUnitOfTypeNotify(t *testing.T) {
	d := newDirector(t)
	d.conf("global_defs {\n startup_script /bin/true\n startup_script_timeout 500\n}\n" + fast)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: d.Path("notify.sock"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p, err := d.Start(lab.Spec{
		Args: d.args("-n", "-l"), Env: []string{"TEST_PROGRAM=1", "NOTIFY_SOCKET=" + d.Path("notify.sock")},
	})
	if err != nil {
		t.Fatal(err)
	}
	const working, notWorking = "READY=1 STATUS=working: vrrp", "READY=1 STATUS=not working: vrrp"
	says := func(when, want string) (more []string) {
		t.Helper()
		for {
			if err := conn.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 4096)
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("%s: %q is not said: %v\n%s", when, want, err, p.Log())
			}
			lines := strings.Split(string(b[:n]), "\n")
			more = slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
				return strings.HasSuffix(l, "=1") && !strings.Contains(l, "_USEC=") || strings.HasPrefix(l, "STATUS=")
			})
			got := strings.Join(slices.DeleteFunc(lines, func(l string) bool { return slices.Contains(more, l) }), " ")
			if got == want {
				return more
			}
			if got != notWorking { // which a slow machine may come to say at the start
				t.Fatalf("%s it says %q, want %q\n%s", when, got, want, p.Log())
			}
		}
	}
	asks := func(lines []string, least time.Duration) {
		t.Helper()
		us, err := strconv.Atoi(strings.TrimPrefix(strings.Join(lines, " "), "EXTEND_TIMEOUT_USEC="))
		if err != nil || time.Duration(us)*time.Microsecond < least {
			t.Errorf("it asks with %q for time, want %v", lines, least)
		}
	}
	asks(says("at the start", "STATUS=running startup_script"), 500*time.Second)
	says("after startup_script", working)
	if _, v := d.status(); len(v.Instances) != 1 {
		t.Errorf("it says that it works, and its status is %+v", v)
	}
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := p.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGHUP)
	if more := says("at a reload", "RELOADING=1 STATUS=reloading"); len(more) != 1 || !strings.HasPrefix(more[0], "MONOTONIC_USEC=") {
		t.Errorf("with RELOADING=1 it says %q", more)
	}
	says("after the reload", working)
	text, err := os.ReadFile(d.Path("v.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	says("when the vrrp process is killed", notWorking)
	says("when there is another", working)
	signal(syscall.SIGTERM)
	asks(says("at the stop", "STOPPING=1 STATUS=stopping"), 10*time.Second)
	if code, err := p.Wait(60 * time.Second); err != nil || code != 0 {
		t.Errorf("exit %d, %v", code, err)
	}
}
