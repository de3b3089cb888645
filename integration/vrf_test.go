package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// inGuest is how long a takeover may take in the kernel that is a process, on a
// busy machine.
const inGuest = 20 * time.Second

// vrf runs a pair whose segment belongs to a VRF, without an interface. (keepalived
// 2.2.7 refuses every such instance, so the peer is ours.)
func vrf(t testing.TB) {
	us := ours(t)
	n := directors(t, "vrf")
	r := router{Version: 3, VRID: 61, Interval: 500 * time.Millisecond, VIPs: []string{vip.String() + "/24 dev eth0"}}
	conf := func(priority int, own, peer string) string {
		r := r
		r.Priority, r.Extra = priority, fmt.Sprintf("  unicast_src_ip %s\n  unicast_peer {\n    %s\n  }\n", own, peer)
		return strings.Replace(r.conf(), "interface eth0", "vrf blue", 1)
	}
	a := n.start(n.a, us, conf(150, "192.0.2.1", "192.0.2.2"))
	n.is(n.a, "VI_1", "WAITING", inGuest)
	for _, h := range n.lab.Hosts() {
		n.sh(h, "ip link add blue type vrf table 10; ip link set blue up; ip link set eth0 master blue")
	}
	n.holder(vip, "a", inGuest)
	since := time.Now()
	b := n.start(n.b, us, conf(100, "192.0.2.2", "192.0.2.1"))
	n.is(n.b, "VI_1", "BACKUP", inGuest)
	if !lab.WaitFor(inGuest, func() bool {
		_, v := status(t, n.b)
		m := virtualRouter(t, v, "VI_1").Master
		return m != nil && m.Addr == netip.MustParseAddr("192.0.2.1")
	}) {
		t.Fatal("the backup does not hear the master")
	}
	if _, err := a.Stop(inGuest); err != nil {
		t.Error(err)
	}
	n.holder(vip, "b", inGuest)
	if !lab.WaitFor(inGuest, func() bool { return n.gratuitous("b", since) > 0 }) {
		t.Error("the address is not announced")
	}
	if _, err := b.Stop(inGuest); err != nil {
		t.Error(err)
	}
}
