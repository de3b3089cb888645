package integration

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// notifyRouter lives through everything that is told.
var notifyRouter = router{Version: 3, VRID: 84, Interval: 200 * time.Millisecond, Priority: 100}

// TestNotifications runs one story with each daemon and compares what scripts
// and the FIFO were told: start, master, an advert of lower and one of higher
// priority, a dead interface, the stop.
func TestNotifications(t *testing.T) {
	lab.Require(t)
	var want, got told
	retell(t, func() string {
		t.Run("stories", func(t *testing.T) {
			for d, to := range map[*lab.Daemon]*told{pointer(theirs(t)): &want, pointer(ours(t)): &got} {
				t.Run(d.Name, patiently(func(t testing.TB) {
					*to = notifications(t, *d)
				}))
			}
		})
		return cmp.Diff(want.fifo, got.fifo) + cmp.Diff(sortedPairs(want.scripts), sortedPairs(got.scripts))
	})
	// keepalived starts the scripts of one change at once, so that either may
	// be first; holdfast runs them one after the other.
	for i := 0; i+1 < len(got.scripts); i += 2 {
		if strings.HasPrefix(got.scripts[i], "notify ") || !strings.HasPrefix(got.scripts[i+1], "notify ") {
			t.Errorf("the scripts were not run in order: %q", got.scripts)
			break
		}
	}
	t.Logf("FIFO %q, scripts %q", got.fifo, got.scripts)
}

func pointer[T any](v T) *T { return &v }

func sortedPairs(list []string) []string {
	out := slices.Clone(list)
	for i := 0; i+1 < len(out); i += 2 {
		slices.Sort(out[i : i+2])
	}
	return out
}

// told is what a daemon's scripts and FIFO were told, in order.
type told struct{ fifo, scripts []string }

// listener reads a FIFO without ever blocking.
type listener struct {
	fd    int
	lines []string
	rest  string
}

// listen opens the FIFO once the daemon has made it.
func listen(t testing.TB, path string) *listener {
	t.Helper()
	l := &listener{}
	if !lab.WaitFor(generous, func() bool {
		var err error
		l.fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err == nil
	}) {
		t.Fatalf("the FIFO %s does not appear", path)
	}
	t.Cleanup(func() { unix.Close(l.fd) })
	return l
}

// until reads until there are so many lines.
func (l *listener) until(t testing.TB, n int) {
	t.Helper()
	if !lab.WaitFor(generous, func() bool {
		l.poll()
		return len(l.lines) >= n
	}) {
		t.Fatalf("the FIFO has the lines %q, want %d", l.lines, n)
	}
}

// poll reads what there is.
func (l *listener) poll() {
	buf := make([]byte, 4096)
	for {
		k, err := unix.Read(l.fd, buf)
		if err != nil || k <= 0 {
			break
		}
		l.rest += string(buf[:k])
	}
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			break
		}
		l.lines, l.rest = append(l.lines, line), rest
	}
}

func notifications(t testing.TB, d lab.Daemon) told {
	n := directors(t, "notify")
	script, record := n.a.Path("notify.sh"), n.a.Path("record")
	if err := lab.WriteProgram(script, []byte("#!/bin/sh\necho \"$*\" >> "+record+"\n")); err != nil {
		t.Fatal(err)
	}
	r := notifyRouter
	for _, state := range []string{"master", "backup", "fault", "stop"} {
		r.Extra += fmt.Sprintf("  notify_%s \"%s %s\"\n", state, script, state)
	}
	r.Extra += fmt.Sprintf("  notify \"%s notify\"\n", script)
	// keepalived refuses scripts below a folder that all may write to.
	conf := strings.Replace(r.conf(), "  enable_script_security\n  script_user root\n", "  script_user root\n  vrrp_notify_fifo "+n.a.Path("fifo")+"\n", 1)

	p := n.start(n.a, d, conf)
	fifo := listen(t, n.a.Path("fifo"))
	var scripts []string
	calls := func(want int) {
		t.Helper()
		if !lab.WaitFor(generous, func() bool {
			b, _ := os.ReadFile(record)
			scripts = strings.Split(strings.TrimSpace(string(b)), "\n")
			return len(scripts) >= want && scripts[0] != ""
		}) {
			t.Fatalf("the scripts were called %q, want %d calls", scripts, want)
		}
	}
	fifo.until(t, 2) // BACKUP, MASTER
	calls(4)
	n.holder(vip, "a", noise)

	n.say(r, 50) // MASTER_RX_LOWER_PRI, without a script
	fifo.until(t, 3)

	n.say(r, 200) // BACKUP, and MASTER when it is not repeated
	fifo.until(t, 5)
	calls(8)

	if out, err := n.a.Output(t.Context(), "ip", "link", "set", "eth0", "down"); err != nil {
		t.Fatal(err, out)
	}
	fifo.until(t, 6) // FAULT
	calls(10)
	if out, err := n.a.Output(t.Context(), "ip", "link", "set", "eth0", "up"); err != nil {
		t.Fatal(err, out)
	}
	fifo.until(t, 8) // BACKUP, MASTER
	calls(14)

	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
	fifo.until(t, 9) // STOP
	calls(16)
	return told{fifo.lines, scripts}
}

// say has host b send one advert of the router with the priority given.
func (n *network) say(r router, priority uint8) {
	n.t.Helper()
	p := forged{from: netip.MustParseAddr("192.0.2.2"), ttl: 255, body: r.advert(priority)}
	if err := n.b.Do(func() error { return p.send() }); err != nil {
		n.t.Fatal(err)
	}
}
