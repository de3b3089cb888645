package integration

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestMTU changes the MTU below a master with more addresses than an advert may
// hold, and with it how many it advertises; it holds all of them all the time.
func TestMTU(t *testing.T) {
	lab.Require(t)
	t.Parallel()
	n := directors(t, "mtu")
	r := router{Version: 3, VRID: 90, Interval: 200 * time.Millisecond, Priority: 150, VIPs: []string{"fe80::90/64"}}
	for k := range 99 {
		r.VIPs = append(r.VIPs, fmt.Sprintf("2001:db8::9:%x/64", k))
	}
	last := netip.MustParseAddr("2001:db8::9:62")
	p := n.start(n.a, ours(t), r.conf())
	n.holder(last, "a", 15*time.Second)
	since := time.Now()
	for _, c := range []struct{ mtu, addresses int }{{1500, 89}, {1280, 76}, {1500, 89}} {
		n.must(n.a, "ip", "link", "set", "eth0", "mtu", strconv.Itoa(c.mtu))
		if !lab.WaitFor(15*time.Second, func() bool {
			a, ok := n.capture.Last("a", 90)
			return ok && len(a.VIPs) == c.addresses
		}) {
			a, _ := n.capture.Last("a", 90)
			t.Fatalf("MTU %d: %d addresses in an advert, want %d\n%s", c.mtu, len(a.VIPs), c.addresses, p.LogEnd())
		}
	}
	for _, h := range n.watch.History(last, since) {
		if len(h.Hosts) != 1 {
			t.Errorf("%v held the last address", h.Hosts)
		}
	}
	_, v := status(t, n.a)
	if in := virtualRouter(t, v, "VI_1"); in.State != "MASTER" || in.Transitions != 1 {
		t.Errorf("%s, %d times", in.State, in.Transitions)
	}
}
