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
// A VMAC, which the kernel makes smaller but never larger, follows both ways.
func TestMTU(t *testing.T) {
	lab.Require(t)
	t.Parallel()
	n := directors(t, "mtu")
	masters := []struct {
		host *lab.Host
		r    router
		last netip.Addr
	}{
		{n.a, router{VRID: 90}, netip.MustParseAddr("2001:db8::9:62")},
		{n.b, router{VRID: 91, Extra: "  use_vmac vmac91\n"}, netip.MustParseAddr("2001:db8::a:62")},
	}
	for i := range masters {
		m := &masters[i]
		r := &m.r
		r.Version, r.Interval, r.Priority = 3, 200*time.Millisecond, 150
		r.VIPs = []string{fmt.Sprintf("fe80::%d/64", r.VRID)}
		for k, a := 0, m.last.As16(); k < 99; k++ {
			a[15] = byte(k)
			r.VIPs = append(r.VIPs, netip.AddrFrom16(a).String()+"/64")
		}
		n.start(m.host, ours(t), r.conf())
	}
	for _, m := range masters {
		n.holder(m.last, m.host.Name, 15*time.Second)
	}
	since := time.Now()
	for _, c := range []struct{ mtu, addresses int }{{1500, 89}, {1280, 76}, {1500, 89}} {
		for _, m := range masters {
			n.must(m.host, "ip", "link", "set", "eth0", "mtu", strconv.Itoa(c.mtu))
		}
		for _, m := range masters {
			at := time.Now()
			if !lab.WaitFor(15*time.Second, func() bool {
				a, ok := n.capture.Last(m.host.Name, uint8(m.r.VRID))
				return ok && a.At.After(at) && len(a.VIPs) == c.addresses
			}) {
				a, _ := n.capture.Last(m.host.Name, uint8(m.r.VRID))
				t.Fatalf("%s, MTU %d: %d addresses in an advert of %v, want %d", m.host.Name, c.mtu, len(a.VIPs), a.At, c.addresses)
			}
		}
	}
	for _, m := range masters {
		for _, h := range n.watch.History(m.last, since) {
			if len(h.Hosts) != 1 {
				t.Errorf("%v held the last address of %d", h.Hosts, m.r.VRID)
			}
		}
		_, v := status(t, m.host)
		if in := virtualRouter(t, v, "VI_1"); in.State != "MASTER" || in.Transitions != 1 {
			t.Errorf("%d: %s, %d times", m.r.VRID, in.State, in.Transitions)
		}
	}
	if got := n.sh(n.b, "cat /sys/class/net/vmac91/mtu"); got != "1500" {
		t.Errorf("the VMAC's MTU is %s", got)
	}
}
