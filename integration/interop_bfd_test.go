package integration

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// bfdBlock is a bfd_instance of a host towards another one.
func bfdBlock(own, neighbor string) string {
	return fmt.Sprintf("bfd_instance link {\n  hoplimit 255\n  neighbor_ip %s\n  source_ip %s\n  min_rx 50\n  min_tx 50\n  multiplier 5\n  weight 20\n}\n", neighbor, own)
}

// TestBFD lets the priority of a virtual router follow a session with a
// neighbour of each make, which is frozen, goes on, and stops.
func TestBFD(t *testing.T) {
	lab.Require(t)
	us := ours(t)
	r := router{Version: 3, VRID: 95, Interval: 100 * time.Millisecond, Priority: 100, Extra: "  track_bfd {\n    link\n  }\n"}
	with := func(r router, block string) string {
		head, rest, _ := strings.Cut(r.conf(), "vrrp_instance")
		return head + block + "vrrp_instance" + rest
	}
	other := r
	other.VRID, other.VIPs = 96, []string{"192.0.2.200/24"}
	peer := func(d lab.Daemon, own, neighbor string) func(n *network) *lab.Process {
		return func(n *network) *lab.Process { return n.start(n.b, d, with(other, bfdBlock(own, neighbor))) }
	}
	for name, c := range map[string]struct {
		own, neighbor string
		start         func(n *network) *lab.Process
	}{
		"keepalived":     {"192.0.2.1", "192.0.2.2", peer(theirs(t), "192.0.2.2", "192.0.2.1")},
		"holdfast, IPv6": {"2001:db8::1", "2001:db8::2", peer(us, "2001:db8::2", "2001:db8::1")},
		"FRR, link-local": {linkLocal(1), linkLocal(2) + "%eth0", func(n *network) *lab.Process {
			lab.RequireFRR(n.t)
			p, err := n.b.StartFRRBFD(" peer "+linkLocal(1)+" local-address "+linkLocal(2)+" interface eth0", "  receive-interval 50", "  transmit-interval 50", "  detect-multiplier 5", "  no shutdown", " exit")
			if err != nil {
				n.t.Fatal(err)
			}
			return p
		}},
		"FRR": {"192.0.2.1", "192.0.2.2", func(n *network) *lab.Process {
			lab.RequireFRR(n.t)
			p, err := n.b.StartFRRBFD(" peer 192.0.2.1 local-address 192.0.2.2", "  receive-interval 50", "  transmit-interval 50", "  detect-multiplier 5", "  no shutdown", " exit")
			if err != nil {
				n.t.Fatal(err)
			}
			return p
		}},
	} {
		t.Run(name, patiently(func(t testing.TB) {
			n := directors(t, "bfd")
			for _, h := range []*lab.Host{n.a, n.b} {
				addr := map[*lab.Host]string{n.a: "2001:db8::1/64", n.b: "2001:db8::2/64"}[h]
				if err := h.AddAddr("eth0", addr); err != nil {
					t.Fatal(err)
				}
			}
			n.start(n.a, us, with(r, bfdBlock(c.own, c.neighbor)))
			n.holder(vip, "a", r.down()+2*time.Second+5*noise)
			priority := func(what string, want uint8) time.Duration {
				t.Helper()
				since := time.Now()
				if !lab.WaitFor(generous, func() bool {
					a, ok := n.capture.Last("a", uint8(r.VRID))
					return ok && a.Priority == want && a.At.After(since)
				}) {
					_, v := status(t, n.a)
					t.Fatalf("%s: no advert of priority %d; sessions %+v", what, want, v.Tracked.BFD)
				}
				return time.Since(since)
			}
			priority("without a neighbour", 100)
			p := c.start(n)
			t.Logf("up after %v", priority("with a neighbour", 120))
			_, v := status(t, n.a)
			if b := v.Tracked.BFD; len(b) != 1 || b[0].State != "Up" || b[0].Track != "up" {
				t.Errorf("status: %+v", b)
			}
			pids := n.b.Pids()
			signal := func(s syscall.Signal) {
				for _, pid := range pids {
					_ = syscall.Kill(pid, s)
				}
			}
			signal(syscall.SIGSTOP)
			t.Logf("down after %v", priority("frozen", 100))
			signal(syscall.SIGCONT)
			priority("going on", 120)
			if _, err := p.Stop(generous); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			_, v = status(t, n.a)
			t.Logf("after an ordinary stop: %+v", v.Tracked.BFD)
			if name == "holdfast, IPv6" && v.Tracked.BFD[0].Track != "up" {
				t.Error("a neighbour that stopped on purpose has failed")
			}
		}))
	}
}

// TestBFDSurvivesAKill: the session of a vrrp process that was killed comes up
// anew in its successor, which meanwhile goes on as master.
func TestBFDSurvivesAKill(t *testing.T) { patiently(bfdSurvivesAKillRound)(t) }

func bfdSurvivesAKillRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "bfdkill")
	conf := func(r router, own, neighbor string) string {
		head, rest, _ := strings.Cut(r.conf(), "vrrp_instance")
		// A busy machine may stop for longer than the 250 ms of the other tests.
		patient := strings.NewReplacer("  weight 20\n", "", "multiplier 5\n", "multiplier 20\n")
		return head + patient.Replace(bfdBlock(own, neighbor)) + "vrrp_instance" + rest
	}
	r := router{Version: 3, VRID: 95, Interval: time.Second, Priority: 100, Extra: "  track_bfd {\n    link\n  }\n"}
	other := r
	other.VRID, other.VIPs = 96, []string{"192.0.2.200/24"}
	n.start(n.a, ours(t), conf(r, "192.0.2.1", "192.0.2.2"), pidFiles(n.a)...)
	n.start(n.b, ours(t), conf(other, "192.0.2.2", "192.0.2.1"))
	n.holder(vip, "a", r.down()+5*time.Second+5*noise)
	n.told(n.a, vip)
	pid := pidIn(n.a.Path("vrrp.pid"))
	if pid == 0 {
		t.Fatal("no pid of the vrrp process")
	}
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second)
	for _, h := range n.watch.History(vip, killed) {
		if len(h.Hosts) != 1 || h.Hosts[0] != "a" {
			t.Errorf("after the kill the address is held by %v", n.watch.History(vip, killed))
			break
		}
	}
	var v control.VRRP
	if !lab.WaitFor(generous, func() bool {
		_, v = status(t, n.a)
		b := v.Tracked.BFD
		return len(b) == 1 && b[0].State == "Up"
	}) || virtualRouter(t, v, "VI_1").State != "MASTER" {
		t.Errorf("status: %+v, sessions %+v", v.Instances, v.Tracked.BFD)
	}
}
