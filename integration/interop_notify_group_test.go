package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/lab"
)

// TestGroupNotifications compares what both daemons tell of a sync group: all
// its members and the group itself, in which order.
func TestGroupNotifications(t *testing.T) {
	lab.Require(t)
	var want, got []string
	retell(t, func() string {
		t.Run("stories", func(t *testing.T) {
			for d, to := range map[*lab.Daemon]*[]string{pointer(theirs(t)): &want, pointer(ours(t)): &got} {
				t.Run(d.Name, patiently(func(t testing.TB) {
					*to = groupStory(t, *d)
				}))
			}
		})
		return cmp.Diff(want, got)
	})
	t.Logf("%q", got)
}

func groupStory(t testing.TB, d lab.Daemon) []string {
	n := directors(t, "notify")
	second, err := n.lab.Segment("second")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.a.Plug(second, "eth1", "02:00:00:00:01:01", "198.51.100.1/24"); err != nil {
		t.Fatal(err)
	}
	r1 := router{Version: 3, VRID: 85, Interval: 200 * time.Millisecond, Priority: 100}
	r2 := router{Version: 3, VRID: 86, Interval: 200 * time.Millisecond, Priority: 120}
	conf := strings.Replace(grouped(r1, r2), "  script_user root\n", "  script_user root\n  vrrp_notify_fifo "+n.a.Path("fifo")+"\n", 1)
	p := n.start(n.a, d, conf)
	fifo := listen(t, n.a.Path("fifo"))
	// stage waits for the lines of one event: at least so many, and silence.
	stage := func(least int, what string) {
		t.Helper()
		fifo.until(t, len(fifo.lines)+least)
		time.Sleep(r1.down() + noise)
		fifo.until(t, len(fifo.lines))
		fifo.lines = append(fifo.lines, "-- "+what)
	}
	stage(6, "started")
	n.say(r1, 50)
	stage(1, "lower priority heard")
	for range 2 {
		n.say(r1, 200)
		time.Sleep(20 * time.Millisecond)
	}
	stage(6, "higher priority heard")
	if out, err := n.a.Output(t.Context(), "ip", "link", "set", "eth1", "down"); err != nil {
		t.Fatal(err, out)
	}
	stage(3, "one interface down")
	if out, err := n.a.Output(t.Context(), "ip", "link", "set", "eth1", "up"); err != nil {
		t.Fatal(err, out)
	}
	stage(6, "interface up")
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
	fifo.until(t, len(fifo.lines)+3)
	return fifo.lines
}
