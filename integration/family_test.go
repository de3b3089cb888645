package integration

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestNativeIPv6 gives an instance an IPv4 address first. Without native_ipv6
// that would make it one of IPv4; with it the address is ignored, and the rest
// is an instance of IPv6, here and in keepalived.
func TestNativeIPv6(t *testing.T) { patiently(nativeIPv6Round)(t) }

func nativeIPv6Round(t testing.TB) {
	lab.Require(t)
	n := directors(t, "native")
	low := router{
		Version: 3, VRID: 68, Interval: 200 * time.Millisecond, Priority: 100,
		VIPs: append([]string{vip.String() + "/24"}, vips6...),
	}
	native := func(r router) string { return strings.Replace(r.conf(), "  state BACKUP\n", "  native_ipv6\n", 1) }
	high := low
	high.Priority = 150
	n.start(n.b, theirs(t), native(low))
	n.holder(vip6, "b", low.down()+5*noise)
	a := n.start(n.a, ours(t), native(high))
	n.holder(vip6, "a", low.down()+5*noise)
	if held := n.watch.Holders(vip); len(held) != 0 {
		t.Errorf("%v held by %v", vip, held)
	}
	if !strings.Contains(a.Log(), "is not of vrrp_instance VI_1's family (IPv6)") {
		t.Error("the log does not tell that an address is ignored")
	}
	var ours, theirs lab.Advert
	if !lab.WaitFor(generous, func() (both bool) {
		var also bool
		ours, both = n.capture.Last("a", 68)
		theirs, also = n.capture.Last("b", 68)
		return both && also
	}) || ours.Dst != netip.MustParseAddr("ff02::12") || theirs.Dst != ours.Dst {
		t.Fatalf("adverts %v and %v", ours, theirs)
	}
	// All but priority and checksum, and the farewell of neither, is the same.
	same := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[2], b[6], b[7] = 0, 0, 0
		return b
	}
	if !bytes.Equal(same(ours.Body), same(theirs.Body)) {
		t.Errorf("holdfast's advert\n%x\nkeepalived's\n%x", ours.Body, theirs.Body)
	}
}
