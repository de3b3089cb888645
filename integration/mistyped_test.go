package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestMistypedVRID has a keepalived with the same addresses and another
// virtual_router_id beside a holdfast: log, status, explain and doctor of that
// name both numbers, in both versions and families.
func TestMistypedVRID(t *testing.T) {
	lab.Require(t)
	t.Parallel()
	us, them := ours(t), theirs(t)
	for name, r := range map[string]router{
		"version 2": {Version: 2, Interval: time.Second},
		"version 3": {Version: 3, Interval: 200 * time.Millisecond},
		"unicast":   {Version: 2, Interval: time.Second, Extra: "  unicast_src_ip 192.0.2.1\n  unicast_peer {\n    192.0.2.2\n  }\n"},
		"IPv6":      {Version: 3, Interval: 200 * time.Millisecond, VIPs: []string{"fe80::10/64", "2001:db8::10/64"}},
	} {
		t.Run(name, patiently(func(t testing.TB) {
			n := directors(t, "mistyped")
			r.Priority, r.VRID = 150, 51
			p := n.start(n.a, us, r.conf())
			other := r
			other.Priority, other.VRID = 100, 15
			n.start(n.b, them, strings.NewReplacer("src_ip 192.0.2.1", "src_ip 192.0.2.2", "    192.0.2.2\n", "    192.0.2.1\n").Replace(other.conf()))
			if !lab.WaitFor(generous, func() bool {
				_, v := status(t, n.a)
				in := virtualRouter(t, v, "VI_1")
				return in.State == "MASTER" && in.VRIDMismatch != nil && in.VRIDMismatch.Now && in.VRIDMismatch.VRID == 15
			}) {
				t.Fatalf("not in the status: %s", p.Log())
			}
			if x, text := explained(t, n.a); !strings.Contains(x.Why, "it is probably not the only one") || !strings.Contains(text, "vrid-mismatch") {
				t.Errorf("explained as %s", text)
			}
			if !strings.Contains(p.Log(), "by another virtual_router_id") || !strings.Contains(p.Log(), "peer_vrid=15") {
				t.Errorf("the log: %s", p.Log())
			}
			all := examined(t, n.a, "--listen", "0")
			if !slices.ContainsFunc(all, func(f finding) bool {
				return f.ID == "vrid-mismatch" && strings.Contains(f.What, "by virtual_router_id 15, and the number here is 51")
			}) {
				t.Errorf("doctor finds %+v", all)
			}
		}))
	}
}

// TestDoctorOnAMaster: a master that asks the doctor counts as a sender beside
// the other master that is heard, and is told why the two do not get along.
func TestDoctorOnAMaster(t *testing.T) { patiently(doctorOnAMaster)(t) }

func doctorOnAMaster(t testing.TB) {
	lab.Require(t, "nft")
	n := directors(t, "doctormaster")
	r := router{Version: 2, VRID: 51, Interval: time.Second, Priority: 150}
	n.start(n.a, ours(t), r.conf())
	n.holder(vip, "a", generous)
	time.Sleep(2 * time.Second) // master for longer than the doctor listens
	// b does not hear a.
	n.must(n.b, "nft", "add table ip lab; add chain ip lab in { type filter hook input priority 0; }; add rule ip lab in ip saddr 192.0.2.1 ip protocol 112 drop")
	low := r
	low.Priority, low.Pass = 100, "other"
	n.start(n.b, theirs(t), low.conf())
	var all []finding
	if !lab.WaitFor(generous, func() bool {
		all = examined(t, n.a, "--listen", "1500ms")
		return slices.ContainsFunc(all, func(f finding) bool {
			return f.ID == "two-masters" && f.What == "192.0.2.2 is master of VI_1 as well as this host"
		})
	}) {
		t.Errorf("doctor finds %+v", all)
	}
}
