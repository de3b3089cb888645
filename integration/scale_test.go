package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestThousandsOfRouters: 4,000 virtual routers over 16 interfaces settle on one
// director and, when it dies, all of them on the other, each with one change.
func TestThousandsOfRouters(t *testing.T) { inTurn(thousandsOfRoutersRound)(t) }

func thousandsOfRoutersRound(t testing.TB) {
	lab.Require(t)
	const (
		ifaces, each = 16, 250
		all          = ifaces * each
	)
	vips := netip.MustParsePrefix("10.77.0.0/16")
	l := lab.Test(t, "scale")
	a, b := scaleHost(t, l, "a"), scaleHost(t, l, "b")
	for i := range ifaces {
		seg, err := l.Segment(fmt.Sprintf("lan%d", i))
		if err != nil {
			t.Fatal(err)
		}
		for n, h := range []*lab.Host{a, b} {
			err := h.Plug(seg, fmt.Sprintf("eth%d", i), fmt.Sprintf("02:00:00:00:%02x:%02x", i, n+1), fmt.Sprintf("192.0.2.%d/28", 16*i+n+1))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	watch, err := l.Watch(a, b)
	if err != nil {
		t.Fatal(err)
	}
	conf := func(priority int) string {
		var s strings.Builder
		s.WriteString("global_defs {\n  vrrp_version 3\n}\n")
		for i := range all {
			fmt.Fprintf(&s, "vrrp_instance VI_%d {\n  interface eth%d\n  virtual_router_id %d\n  priority %d\n  advert_int 1\n  virtual_ipaddress {\n    10.77.%d.%d\n  }\n}\n",
				i, i%ifaces, i/ifaces+1, priority, (i+1)/256, (i+1)%256)
		}
		return s.String()
	}
	held := func(h *lab.Host) int {
		n, _ := watch.Held(h.Name, vips)
		return n
	}
	us := ours(t)
	first, err := a.StartDaemon(us, "keepalived.conf", conf(150))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if !lab.WaitFor(2*time.Minute, func() bool { return held(a) == all }) {
		t.Fatalf("%d addresses on a\n%s", held(a), first.Log())
	}
	t.Logf("all masters after %v", time.Since(begun).Round(time.Millisecond))
	second, err := b.StartDaemon(us, "keepalived.conf", conf(100))
	if err != nil {
		t.Fatal(err)
	}
	// As long as b needs to find out that nobody else is there, and more.
	time.Sleep(6 * time.Second)
	if held(a) != all || held(b) != 0 {
		t.Fatalf("while nothing happens: %d addresses on a, %d on b\n%s", held(a), held(b), second.Log())
	}

	died := time.Now()
	if err := a.Cut(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range first.Tree() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if !lab.WaitFor(2*time.Minute, func() bool { return held(b) == all }) {
		t.Fatalf("%d addresses on b\n%s", held(b), second.Log())
	}
	_, last := watch.Held(b.Name, vips)
	t.Logf("all on the other %v after the crash; the timers take 3.6 s", last.Sub(died).Round(time.Millisecond))
	time.Sleep(time.Second)
	if held(b) != all {
		t.Errorf("later: %d addresses on b", held(b))
	}
	_, v := status(t, b)
	if len(v.Instances) != all {
		t.Fatalf("the status has %d instances", len(v.Instances))
	}
	for _, in := range v.Instances {
		if in.State != "MASTER" || in.SendErrors != 0 {
			t.Fatalf("%s is %s with %d send errors", in.Name, in.State, in.SendErrors)
		}
	}
	// INIT to BACKUP and BACKUP to MASTER, and no fault from news that were lost.
	if log := second.Log(); strings.Contains(log, "to=FAULT") || strings.Contains(log, "Entering FAULT") {
		t.Errorf("faults:\n%.2000s", log)
	}
}

func scaleHost(t testing.TB, l *lab.Lab, name string) *lab.Host {
	t.Helper()
	h, err := l.Host(name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
