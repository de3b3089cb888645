package integration

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/explain"
)

// explained asks a host's daemon about VI_1, for programs and for people.
func explained(t testing.TB, h *lab.Host) (x explain.Explanation, text string) {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Output(t.Context(), prog, "explain", "VI_1", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &x)
	}
	if err != nil {
		t.Fatalf("explain: %v: %s", err, out)
	}
	if text, err = h.Output(t.Context(), prog, "explain", "VI_1"); err != nil {
		t.Fatal(err)
	}
	return x, text
}

// stickyTOML is the configuration of a sticky router in our own language.
const stickyTOML = `[global_defs]
vrrp_version = 3

[vrrp_instance.VI_1]
interface = "eth0"
virtual_router_id = 65
priority = 200
advert_int = 0.5
sticky_master = true
sticky_hold_off = 0.5
virtual_ipaddress = ["192.0.2.100/24"]
`

// TestStickyMaster lets a sticky router and a keepalived that would preempt it
// come and go: whoever is master stays it.
func TestStickyMaster(t *testing.T) { patiently(stickyMasterRound)(t) }

func stickyMasterRound(t testing.TB) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	n := directors(t, "sticky")
	low := router{Version: 3, VRID: 64, Interval: 100 * time.Millisecond, Priority: 100, Extra: "  sticky_master\n  sticky_hold_off 0.5\n"}
	high := router{Version: 3, VRID: 64, Interval: 100 * time.Millisecond, Priority: 200}
	limit := low.down() + generous

	// The keepalived has twice the priority and finds 250 on the wire.
	n.start(n.a, us, low.conf())
	n.holder(vip, "a", limit)
	k := n.start(n.b, them, high.conf())
	time.Sleep(3 * high.down())
	n.holder(vip, "a", 0)
	if last, ok := n.capture.Last("a", 64); !ok || last.Priority < 250 {
		t.Errorf("the last advert is %v, want a priority of 250 or more", last)
	}
	x, text := explained(t, n.a)
	if x.Winner != "this router" || x.Priority.Effective != 100 || x.Priority.Advertised < 250 || !strings.Contains(text, "sticky_master: it advertises 25") {
		t.Errorf("explained as %+v\n%s", x, text)
	}

	// The sticky one dies, the keepalived takes over, and keeps it when the
	// sticky one comes back: with a reloaded priority above the other's too.
	n.must(n.a, "ip", "link", "set", "eth0", "down")
	n.holder(vip, "b", high.down()+5*noise)
	n.must(n.a, "ip", "link", "set", "eth0", "up")
	low.Priority = 240
	time.Sleep(3 * low.down())
	n.holder(vip, "b", 0)
	x, text = explained(t, n.a)
	if x.Winner != "192.0.2.2" || len(x.Contenders) != 2 || !strings.Contains(text, "192.0.2.2 is master: its priority 200 is higher than 100") {
		t.Errorf("explained as %+v\n%s", x, text)
	}
	if _, err := k.Stop(generous); err != nil {
		t.Fatal(err)
	}
	n.holder(vip, "a", low.skew()+5*noise)
}

// TestStickyPair parts two sticky directors: when the segment is whole again
// the one that was master before stays it, although the other one has the
// higher priority and address, and the clients are told.
func TestStickyPair(t *testing.T) { patiently(stickyPairRound)(t) }

func stickyPairRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "stickypair")
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	toml := lab.Holdfast(prog)
	start := func(h *lab.Host, priority string) *lab.Process {
		t.Helper()
		p, err := h.StartDaemon(toml, "holdfast.toml", strings.Replace(stickyTOML, "priority = 200", "priority = "+priority, 1))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	limit := generous
	start(n.a, "100")
	n.holder(vip, "a", limit)
	start(n.b, "200")
	time.Sleep(11 * time.Second) // old enough to tell: 251 on the wire
	n.holder(vip, "a", 0)

	n.must(n.b, "nft", "add table ip lab; add chain ip lab in { type filter hook input priority 0; }; add chain ip lab out { type filter hook output priority 0; }; add rule ip lab in ip protocol 112 drop; add rule ip lab out ip protocol 112 drop")
	if !lab.WaitFor(limit, func() bool { a, _ := n.b.Addrs("eth0"); return contains(a, vip) }) {
		t.Fatal("the parted director is no master")
	}
	n.must(n.b, "nft", "delete table ip lab")
	whole := time.Now()
	n.holder(vip, "a", limit)
	t.Logf("one holder again after %.0f ms", ms(time.Since(whole)))
	time.Sleep(time.Second)
	n.holder(vip, "a", 0)
	if o := n.watch.Overlap(vip, whole.Add(noise)); o > 0 {
		t.Errorf("two holders for %v", o)
	}

	_, v := status(t, n.a)
	if in := virtualRouter(t, v, "VI_1"); in.Transitions != 1 {
		t.Errorf("the older master became master %d times", in.Transitions)
	}
}

// TestStoppedMaster stops the processes of a master for longer than its peers
// wait: when they go on they say nothing, and status counts it.
func TestStoppedMaster(t *testing.T) { patiently(stoppedMasterRound)(t) }

func stoppedMasterRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "stopped")
	high := router{Version: 3, VRID: 66, Interval: 100 * time.Millisecond, Priority: 150, Extra: "  nopreempt\n"}
	low := router{Version: 3, VRID: 66, Interval: 100 * time.Millisecond, Priority: 100}
	p := n.start(n.a, ours(t), high.conf())
	n.holder(vip, "a", high.down()+5*noise)
	n.start(n.b, theirs(t), low.conf())
	time.Sleep(time.Second)
	tree := p.Tree()
	for _, pid := range tree {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	if !lab.WaitFor(generous, func() bool { a, _ := n.b.Addrs("eth0"); return contains(a, vip) }) {
		t.Fatal("the peer did not take over")
	}
	time.Sleep(time.Second)
	awake := time.Now()
	for _, pid := range tree {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	n.holder(vip, "b", 5*noise)
	time.Sleep(5 * high.Interval)
	for _, a := range n.capture.Adverts(awake) {
		if a.From == "a" {
			t.Errorf("it said %v, %v after it woke up", a, a.At.Sub(awake))
		}
	}
	_, v := status(t, n.a)
	in := virtualRouter(t, v, "VI_1")
	if in.State != "BACKUP" || v.Lateness.Overslept == 0 || v.Lateness.Yielded != 1 || v.Lateness.Max < 1 {
		t.Errorf("%s, %+v", in.State, v.Lateness)
	}
	if x, text := explained(t, n.a); x.Winner != "192.0.2.2" || !strings.Contains(text, "nopreempt leaves it that") {
		t.Errorf("explained as %s", text)
	}
}

// TestSecondMaster lets adverts go one way only: the master that hears the
// second one says so in its status, its log and its FIFO, and all is well once
// adverts go both ways.
func TestSecondMaster(t *testing.T) { patiently(secondMasterRound)(t) }

func secondMasterRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "second")
	high := router{Version: 3, VRID: 67, Interval: 100 * time.Millisecond, Priority: 150}
	low := router{Version: 3, VRID: 67, Interval: 100 * time.Millisecond, Priority: 100}
	conf := strings.Replace(high.conf(), "router_id lab\n", "router_id lab\n  vrrp_notify_fifo /run/fifo\n", 1)
	p := n.start(n.a, ours(t), conf)
	n.holder(vip, "a", high.down()+5*noise)
	// b does not hear a: its kernel drops what comes from there.
	n.must(n.b, "nft", "add table ip lab; add chain ip lab in { type filter hook input priority 0; }; add rule ip lab in ip saddr 192.0.2.1 ip protocol 112 drop")
	n.start(n.b, theirs(t), low.conf())
	if !lab.WaitFor(generous, func() bool { _, v := status(t, n.a); return virtualRouter(t, v, "VI_1").SecondMaster != nil }) {
		t.Fatal("the second master is not in the status")
	}
	_, v := status(t, n.a)
	in := virtualRouter(t, v, "VI_1")
	if r := in.SecondMaster; !r.Now || r.Addr.String() != "192.0.2.2" || r.Priority != 100 || in.SecondMasters != 1 {
		t.Errorf("second master %+v, %d times", r, in.SecondMasters)
	}
	x, text := explained(t, n.a)
	if !strings.Contains(x.Why, "a second master is heard, 192.0.2.2 with priority 100") || !strings.Contains(text, "second-master") {
		t.Errorf("explained as %s", text)
	}
	if c := strings.Count(p.Log(), "a second master is heard"); c != 1 {
		t.Errorf("the log says it %d times", c)
	}
	fifo := n.must(n.a, "timeout", "20", "head", "-n", "3", "/run/fifo")
	if !strings.Contains(fifo, `INSTANCE "VI_1" MASTER_RX_LOWER_PRI 150`) {
		t.Errorf("the FIFO says %q", fifo)
	}
	n.must(n.b, "nft", "delete table ip lab")
	n.holder(vip, "a", 5*noise)
	if !lab.WaitFor(generous, func() bool { _, v := status(t, n.a); return !virtualRouter(t, v, "VI_1").SecondMaster.Now }) {
		t.Error("it is still shown as heard now")
	}
}
