package main

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// keepalived's unit is of Type=notify: systemd takes the daemon down that does
// not say when it works.
func TestUnitOfTypeNotify(t *testing.T) {
	d := newDirector(t)
	d.conf(fast)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: d.Path("notify.sock"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	says := func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(b[:n]), "\n")
		return first
	}
	p, err := d.Start(lab.Spec{
		Args: d.args("-n", "-l"), Env: []string{"TEST_PROGRAM=1", "NOTIFY_SOCKET=" + d.Path("notify.sock")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		signal syscall.Signal
		want   []string
	}{
		{0, []string{"READY=1"}},
		{syscall.SIGHUP, []string{"RELOADING=1", "READY=1"}},
		{syscall.SIGTERM, []string{"STOPPING=1"}},
	} {
		if step.signal != 0 {
			if err := p.Signal(step.signal); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range step.want {
			if got := says(); got != want {
				t.Fatalf("after signal %d it says %q, want %q\n%s", step.signal, got, want, p.Log())
			}
		}
		if step.want[0] == "READY=1" {
			if _, v := d.status(); len(v.Instances) != 1 {
				t.Errorf("it says that it works, and its status is %+v", v)
			}
		}
	}
	if code, err := p.Wait(20 * time.Second); err != nil || code != 0 {
		t.Errorf("exit %d, %v", code, err)
	}
}
