package integration

import (
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestIPVlanAndVRF runs what this machine's own kernel may lack in the kernel that
// has it.
func TestIPVlanAndVRF(t *testing.T) {
	lab.Require(t, "keepalived")
	if inIPVS(t, 4*time.Minute) {
		return
	}
	t.Run("ipvlan", inTurn(ipvlan))
	t.Run("VRF", inTurn(vrf))
}

// ipvlan runs use_ipvlan: the same interfaces as keepalived's, and a pair with
// keepalived.
func ipvlan(t testing.TB) {
	us, them := ours(t), theirs(t)
	high := router{Version: 3, VRID: 60, Interval: 300 * time.Millisecond, Priority: 150, Extra: "  use_ipvlan 192.0.2.11/24\n"}
	low := router{Version: 3, VRID: 60, Interval: 300 * time.Millisecond, Priority: 100, Extra: "  use_ipvlan ipvl.60 192.0.2.12/24 private\n"}
	n := directors(t, "ipvlan")
	b := n.start(n.b, them, low.conf())
	n.holder(vip, "b", inGuest)
	results := map[string]string{}
	for _, d := range []lab.Daemon{them, us} {
		since := time.Now()
		a := n.start(n.a, d, high.conf())
		n.holder(vip, "a", inGuest)
		// Without the indexes.
		results[d.Name] = n.sh(n.a, `ip -d -o link show type ipvlan | sed 's/^[0-9]*: //; s/ promiscuity.* ipvlan/ ipvlan/; s/ numtxqueues.*//'; ip -o -4 addr show | sed 's/^[0-9]*: //; s/ scope.*//'; `+settingsScript, "vrrp.60")
		time.Sleep(2 * high.Interval)
		for _, adv := range n.capture.Adverts(since.Add(high.down() + noise)) {
			if adv.From == "a" && (adv.Src.String() != "192.0.2.11" || sourceMAC(adv.Frame) != "02:00:00:00:00:01") {
				t.Errorf("%s sends %v from %s", d.Name, adv, sourceMAC(adv.Frame))
				break
			}
		}
		if code, err := a.Stop(inGuest); err != nil || code != 0 {
			t.Errorf("%s: stop: %d, %v", d.Name, code, err)
		}
		n.holder(vip, "b", inGuest)
		if left := n.sh(n.a, "ip -o link show type ipvlan"); left != "" {
			t.Errorf("%s left %s", d.Name, left)
		}
		for _, line := range complaintsIn(a.Log()) {
			t.Errorf("%s complains: %s", d.Name, line)
		}
	}
	if results["holdfast"] != results["keepalived"] || !strings.Contains(results["holdfast"], "mode l2 bridge") {
		t.Errorf("holdfast:\n%s\nkeepalived:\n%s", results["holdfast"], results["keepalived"])
	}
	if _, err := b.Stop(inGuest); err != nil {
		t.Error(err)
	}
	// And the other way round: ours is the worse one.
	b = n.start(n.b, us, low.conf())
	a := n.start(n.a, them, high.conf())
	n.holder(vip, "a", inGuest)
	if _, err := a.Crash(); err != nil {
		t.Fatal(err)
	}
	n.holder(vip, "b", inGuest)
	if got := n.sh(n.b, "ip -d -o link show ipvl.60"); !strings.Contains(got, "ipvlan  mode l2 private") {
		t.Errorf("not private: %s", got)
	}
	// The MTU is that of the interface below, also when that changes.
	_, v := status(t, n.b)
	was := virtualRouter(t, v, "VI_1").Transitions
	for _, mtu := range []string{"1000", "1500"} {
		n.must(n.b, "ip", "link", "set", "eth0", "mtu", mtu)
		if !lab.WaitFor(inGuest, func() bool { return n.sh(n.b, "cat /sys/class/net/ipvl.60/mtu") == mtu }) {
			t.Errorf("the MTU below is %s: %s", mtu, n.sh(n.b, "ip -o link show ipvl.60"))
		}
		since := time.Now()
		if !lab.WaitFor(inGuest, func() bool {
			adv, ok := n.capture.Last("b", 60)
			return ok && adv.At.After(since)
		}) {
			t.Errorf("no adverts with an MTU of %s", mtu)
		}
	}
	_, v = status(t, n.b)
	if in := virtualRouter(t, v, "VI_1"); in.State != "MASTER" || in.Transitions != was {
		t.Errorf("%s after the MTU changed, %d times and %d before", in.State, in.Transitions, was)
	}
	if _, err := b.Stop(inGuest); err != nil {
		t.Error(err)
	}
}
