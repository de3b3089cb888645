package integration

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// TestIntervals has a backup of version 3 wait for as long as its master's
// interval says, and not its own; with version 2 another interval is a mistake,
// and its adverts are dropped.
func TestIntervals(t *testing.T) { patiently(intervalsRound)(t) }

func intervalsRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "intervals")
	learns := router{Version: 3, VRID: 81, Interval: 300 * time.Millisecond, Priority: 150, VIPs: []string{"192.0.2.81/24"}}
	differs := router{Version: 2, VRID: 82, Interval: time.Second, Priority: 150, VIPs: []string{"192.0.2.82/24"}}
	instances := func(learns, differs router) string {
		head, _, _ := strings.Cut(learns.conf(), "vrrp_instance")
		return head + learns.instance("VI_1") + strings.Replace(differs.instance("VI_2"), "  state", "  version 2\n  state", 1)
	}
	b := n.start(n.b, theirs(t), instances(learns, differs))
	for _, a := range []string{"192.0.2.81", "192.0.2.82"} {
		n.holder(netip.MustParseAddr(a), "b", differs.down()+5*noise)
	}
	learns.Priority, learns.Interval = 100, 40*time.Second // by that it would wait for 144 s
	differs.Priority, differs.Interval = 100, 2*time.Second
	a := n.start(n.a, ours(t), instances(learns, differs))
	is := func(what, name string, good func(in control.Instance) bool) {
		t.Helper()
		var in control.Instance
		if !lab.WaitFor(generous, func() bool {
			_, v := status(t, n.a)
			in = virtualRouter(t, v, name)
			return good(in)
		}) {
			t.Fatalf("%s: %+v\n%s", what, in, a.LogEnd())
		}
	}
	is("a BACKUP that hears its master", "VI_1", func(in control.Instance) bool {
		return in.State == "BACKUP" && in.Master != nil && in.AdvertsReceived > 0
	})
	is("one that takes none of the adverts", "VI_2", func(in control.Instance) bool {
		return in.Drops["interval"] > 0 && in.AdvertsReceived == 0
	})
	if _, err := b.Crash(); err != nil {
		t.Fatal(err)
	}
	n.holder(netip.MustParseAddr("192.0.2.81"), "a", 5*noise)
}
