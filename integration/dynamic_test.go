package integration

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/explain"
)

// must runs a program on a host.
func (n *network) must(h *lab.Host, args ...string) string {
	n.t.Helper()
	out, err := h.Output(n.t.Context(), args...)
	if err != nil {
		n.t.Fatalf("%s: %v: %v: %s", h.Name, args, err, out)
	}
	return out
}

// is waits until an instance of a host is in a state. A busy machine gets more
// than the limit.
func (n *network) is(h *lab.Host, instance, state string, limit time.Duration) {
	n.t.Helper()
	prog, err := program()
	if err != nil {
		n.t.Fatal(err)
	}
	last := "unknown"
	if !lab.WaitFor(limit+generous, func() bool {
		// It may not have begun to answer yet.
		out, err := h.Output(n.t.Context(), prog, "explain", "--json", instance)
		var x explain.Explanation
		if err != nil || json.Unmarshal([]byte(out), &x) != nil {
			return false
		}
		last = x.State
		return last == state
	}) {
		n.t.Fatalf("%s: %s is %s, want %s", h.Name, instance, last, state)
	}
}

// TestDynamicInterface lets the interface of a director appear, change its
// name, vanish, and come back under another index, and that of an address too.
func TestDynamicInterface(t *testing.T) { patiently(dynamicInterfaceRound)(t) }

func dynamicInterfaceRound(t testing.TB) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	n := directors(t, "dynamic")
	r := router{Version: 3, VRID: 61, Interval: 100 * time.Millisecond, Priority: 100}
	n.start(n.b, them, r.conf())
	n.holder(vip, "b", r.down()+5*noise)

	r.Priority = 200
	r.Extra = "  virtual_ipaddress_excluded {\n    198.51.100.7/32 dev side0 no_track\n  }\n"
	n.start(n.a, us, strings.Replace(r.conf(), "interface eth0", "interface eth1", 1))
	n.is(n.a, "VI_1", "WAITING", 5*time.Second)

	plug := func() {
		t.Helper()
		if err := n.a.Plug(n.lan, "eth1", "02:00:00:00:00:11", "192.0.2.11/24"); err != nil {
			t.Fatal(err)
		}
	}
	limit := r.down() + 5*noise
	side := netip.MustParseAddr("198.51.100.7")
	plug()
	n.holder(vip, "a", limit)
	t.Log("the interface appeared: master")

	// The other device comes later, goes, and comes back.
	for range 2 {
		n.must(n.a, "ip", "link", "add", "side0", "type", "veth", "peer", "name", "side1")
		n.must(n.a, "ip", "link", "set", "side0", "up")
		if !lab.WaitFor(limit+generous, func() bool { a, err := n.a.Addrs("side0"); return err == nil && contains(a, side) }) {
			t.Fatal("the address on the other device is missing")
		}
		n.must(n.a, "ip", "link", "del", "side0")
	}
	n.holder(vip, "a", limit)

	n.must(n.a, "ip", "link", "set", "eth1", "down")
	n.must(n.a, "ip", "link", "set", "eth1", "name", "other0")
	n.must(n.a, "ip", "link", "set", "other0", "up")
	n.holder(vip, "b", limit)
	n.is(n.a, "VI_1", "WAITING", 5*time.Second)
	if a, err := n.a.Addrs("other0"); err != nil || contains(a, vip) {
		t.Fatalf("the renamed interface has %v, %v", a, err)
	}
	n.must(n.a, "ip", "link", "set", "other0", "down")
	n.must(n.a, "ip", "link", "set", "other0", "name", "eth1")
	n.must(n.a, "ip", "link", "set", "eth1", "up")
	n.holder(vip, "a", limit)
	t.Log("renamed and named back: backup, master")

	index := func() string { return strings.TrimSpace(n.must(n.a, "cat", "/sys/class/net/eth1/ifindex")) }
	before := index()
	n.must(n.a, "ip", "link", "del", "eth1")
	n.holder(vip, "b", limit)
	again := time.Now()
	plug()
	n.holder(vip, "a", limit)
	if after := index(); after == before {
		t.Fatalf("the index is %s again", after)
	}
	if !lab.WaitFor(generous, func() bool { return len(n.capture.Adverts(again)) > 0 && n.gratuitous("a", again) > 0 }) {
		t.Error("no adverts or no gratuitous ARP on the new interface")
	}
	time.Sleep(5 * r.Interval)
	if o := n.watch.Overlap(vip, again.Add(r.down()+5*noise)); o > 0 {
		t.Errorf("two holders for %v", o)
	}
	t.Log("made anew under another index: master")
}

// TestStolenAddress lets a stranger remove the address: it is put back and
// announced at once, and only the fourth time there is an election.
func TestStolenAddress(t *testing.T) { patiently(stolenAddressRound)(t) }

func stolenAddressRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "stolen")
	r := router{Version: 3, VRID: 62, Interval: 200 * time.Millisecond, Priority: 200}
	low := r
	low.Priority = 100
	n.start(n.a, ours(t), r.conf())
	n.start(n.b, theirs(t), low.conf())
	n.holder(vip, "a", 2*r.down()+5*noise)
	losses := time.Now()
	for i := range 3 {
		at := time.Now()
		n.must(n.a, "ip", "addr", "del", vip.String()+"/24", "dev", "eth0")
		var back time.Time
		if !lab.WaitFor(generous, func() bool {
			var ok bool
			back, ok = n.watch.FirstAdded("a", vip, at)
			return ok
		}) {
			t.Fatal("it did not come back")
		}
		t.Logf("loss %d: back after %.1f ms", i+1, ms(back.Sub(at)))
		if !lab.WaitFor(generous, func() bool { return n.gratuitous("a", at) > 0 }) {
			t.Error("it was not announced")
		}
	}
	time.Sleep(2 * time.Second)
	if missed, pause := n.beat("a", r, losses); missed > 0 {
		t.Errorf("%d adverts are missing, the longest pause was %v", missed, pause)
	}
	_, v := status(t, n.a)
	if in := virtualRouter(t, v, "VI_1"); in.State != "MASTER" || in.Transitions != 1 {
		t.Errorf("%s, became master %d times", in.State, in.Transitions)
	}
	at := time.Now()
	n.must(n.a, "ip", "addr", "del", vip.String()+"/24", "dev", "eth0")
	if !lab.WaitFor(generous, func() bool {
		a, ok := n.capture.Last("a", uint8(r.VRID))
		for _, x := range n.capture.Adverts(at) {
			if x.From == "a" && x.Priority == 0 {
				return true
			}
		}
		return ok && a.Priority == 0
	}) {
		t.Error("the fourth time within ten seconds is no election")
	}
	n.holder(vip, "a", 2*r.down()+5*noise)
}

// TestOverrun floods the kernel with changes of addresses, so that its news
// overrun the socket, while the master's address is removed and its link goes
// down: what follows is a look at everything, and the right state.
func TestOverrun(t *testing.T) { patiently(overrunRound)(t) }

func overrunRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "overrun")
	r := router{Version: 3, VRID: 63, Interval: 200 * time.Millisecond, Priority: 200}
	p := n.start(n.a, ours(t), r.conf())
	n.holder(vip, "a", r.down()+5*noise)
	n.must(n.a, "ip", "link", "add", "noise0", "type", "veth", "peer", "name", "noise1")
	var batch strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&batch, "addr add 10.%d.%d.1/32 dev noise0\n", i/250, i%250)
	}
	fmt.Fprintf(&batch, "addr del %s/24 dev eth0\nlink set eth0 down\n", vip)
	for i := range 3000 {
		fmt.Fprintf(&batch, "addr del 10.%d.%d.1/32 dev noise0\n", i/250, i%250)
	}
	if err := os.WriteFile(n.a.Path("batch"), []byte(batch.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	n.must(n.a, "ip", "-batch", n.a.Path("batch"))
	n.is(n.a, "VI_1", "FAULT", 10*time.Second)
	if a, err := n.a.Addrs("eth0"); err != nil || contains(a, vip) {
		t.Fatalf("in FAULT with %v, %v", a, err)
	}
	n.must(n.a, "ip", "link", "set", "eth0", "up")
	n.holder(vip, "a", r.down()+5*noise)
	t.Logf("an overrun was seen: %v", strings.Contains(p.Log(), "news of the interfaces may be lost"))
}
