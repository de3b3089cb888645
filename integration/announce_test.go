package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestAnnouncementGaps holds the gaps between announcements that a file asks
// for: every round of both families comes, spaced.
func TestAnnouncementGaps(t *testing.T) { patiently(announcementGapsRound)(t) }

func announcementGapsRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "gaps")
	r := router{
		Version: 3, VRID: 66, Interval: 200 * time.Millisecond, Priority: 100,
		VIPs:  []string{"192.0.2.100/24", "192.0.2.101/32"},
		Extra: "  garp_master_repeat 3\n  garp_master_delay 0\n  virtual_ipaddress_excluded {\n    2001:db8::7/64\n  }\n",
	}
	conf := strings.Replace(r.conf(), "global_defs {", "global_defs {\n  vrrp_gna_interval 0.2\n", 1) +
		"garp_group {\n  garp_interval 0.1\n  gna_interval 0.05\n  interface eth0\n}\n"
	n.start(n.a, ours(t), conf)
	n.holder(vip, "a", r.down()+5*noise)
	arps := func() (out []lab.ARP) {
		for _, m := range n.capture.ARPs(time.Time{}) {
			if m.From == "a" && m.Gratuitous() {
				out = append(out, m)
			}
		}
		return out
	}
	nas := func() (out []lab.NA) {
		for _, m := range n.capture.NAs(time.Time{}) {
			if m.From == "a" && m.Unsolicited() && m.Target == netip.MustParseAddr("2001:db8::7") && m.Src == m.Target {
				out = append(out, m)
			}
		}
		return out
	}
	lab.WaitFor(20*time.Second, func() bool { return len(arps()) >= 6 && len(nas()) >= 3 })
	time.Sleep(300 * time.Millisecond)
	var order []string
	for _, m := range arps() {
		order = append(order, fmt.Sprint(m.SenderIP))
	}
	if got := strings.Join(order, " "); got != strings.TrimSpace(strings.Repeat("192.0.2.100 192.0.2.101 ", 3)) {
		t.Errorf("announced %s", got)
	}
	if len(nas()) != 3 {
		t.Errorf("%d neighbour advertisements, want 3", len(nas()))
	}
	// A message that a busy machine sends late comes close to the next; all of
	// them together take what they have to.
	spread := func(what string, first, last time.Time, least time.Duration) {
		if d := last.Sub(first); d < least/2 {
			t.Errorf("all %s come within %v, want %v", what, d, least)
		}
	}
	if a := arps(); len(a) > 0 {
		spread("gratuitous ARPs", a[0].At, a[len(a)-1].At, 500*time.Millisecond)
	}
	if a := nas(); len(a) > 0 {
		spread("neighbour advertisements", a[0].At, a[len(a)-1].At, 100*time.Millisecond)
	}
}

// TestDualStackBlock runs a TOML block of both families against a keepalived
// that says the same with two instances and a sync group.
func TestDualStackBlock(t *testing.T) { patiently(dualStackBlockRound)(t) }

func dualStackBlockRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "dual")
	p, err := program()
	if err != nil {
		t.Fatal(err)
	}
	toml := func(prio int) string {
		return fmt.Sprintf("[vrrp_instance.VI_1]\ninterface = \"eth0\"\nvirtual_router_id = 67\nversion = 3\npriority = %d\nadvert_int = \"200ms\"\n"+
			"virtual_ipaddress = [\"192.0.2.100/24\", \"fe80::6464/64\", \"2001:db8::100/64\"]\n", prio)
	}
	r := router{Version: 3, VRID: 67, Interval: 200 * time.Millisecond, Priority: 100}
	six := r
	six.VIPs = vips6
	b := n.start(n.b, theirs(t), r.conf()+six.instance("VI_6")+"vrrp_sync_group G {\n  group {\n    VI_1\n    VI_6\n  }\n}\n")
	n.holder(vip6, "b", 2*r.down()+5*noise)
	a, err := n.a.StartDaemon(lab.Holdfast(p), "holdfast.toml", toml(150))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []netip.Addr{vip, vip6} {
		n.holder(v, "a", 2*r.down()+5*noise)
	}
	if _, err := a.Stop(generous); err != nil {
		t.Fatal(err)
	}
	for _, v := range []netip.Addr{vip, vip6} {
		n.holder(v, "b", 2*r.down()+5*noise)
	}
	for _, want := range []string{"instance=VI_1-ipv4", "instance=VI_1-ipv6", "group=VI_1 "} {
		if !strings.Contains(a.Log(), want) {
			t.Errorf("the log does not tell %s", want)
		}
	}
	for _, line := range complaintsIn(b.Log()) {
		t.Errorf("keepalived complains: %s", line)
	}
}
