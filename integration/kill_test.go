package integration

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// pidFiles are the options that have the daemon write its processes' numbers.
func pidFiles(h *lab.Host) []string {
	return []string{"-p", h.Path("parent.pid"), "-r", h.Path("vrrp.pid"), "-c", h.Path("lvs.pid")}
}

// pidIn reads a pid file; 0 while there is none.
func pidIn(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}

// TestKillEachProcess kills the master's parent and its vrrp process, under
// traffic: never two holders for longer than an interval, and the address is
// served again without help. The lvs process is killed where IPVS is
// (TestKillLVSProcess).
func TestKillEachProcess(t *testing.T) {
	lab.Require(t, "nginx")
	for _, victim := range []string{"parent", "vrrp"} {
		for _, peer := range []lab.Daemon{ours(t), theirs(t)} {
			t.Run(victim+", peer "+peer.Name, patiently(func(t testing.TB) {
				killOne(t, victim, peer)
			}))
		}
	}
}

func killOne(t testing.TB, victim string, peer lab.Daemon) {
	n := directors(t, "kill")
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	for _, h := range []*lab.Host{n.a, n.b} {
		if _, err := h.NginxServer(h.Name); err != nil {
			t.Fatal(err)
		}
	}
	r := router{Version: 2, VRID: 51, Interval: time.Second, Priority: 150}
	low := r
	low.Priority = 100
	a := n.start(n.a, ours(t), r.conf(), pidFiles(n.a)...)
	b := n.start(n.b, peer, low.conf())
	n.holder(vip, "a", r.down()+5*noise)
	traffic := client.Client(netip.AddrPortFrom(vip, 80), 20*time.Millisecond, 300*time.Millisecond)
	time.Sleep(500 * time.Millisecond)

	n.told(n.a, vip)
	file := n.a.Path(victim + ".pid")
	pid := pidIn(file)
	if pid == 0 {
		t.Fatalf("no pid in %s", file)
	}
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// Whatever happens in between, in the end one of them serves.
	time.Sleep(r.down() + 2*time.Second)
	holders := n.watch.History(vip, time.Now())
	if last := holders[len(holders)-1].Hosts; len(last) != 1 {
		t.Errorf("in the end the address is held by %v", last)
	}
	if o := n.watch.Overlap(vip, killed); o > r.Interval {
		t.Errorf("two holders for %v: %v", o, n.watch.History(vip, killed))
	}
	end := time.Now()
	traffic.Close()
	sum := traffic.Summarise(killed, end)
	t.Logf("%s killed: silence %v, %d of %d requests failed, answers %v, holders %v", victim, sum.Silence, sum.Failed, sum.Sent, sum.By, n.watch.History(vip, killed))
	if sum.Silence > low.down()+noise {
		t.Errorf("the client heard nothing for %v", sum.Silence)
	}
	if after := traffic.Summarise(end.Add(-time.Second), end.Add(-300*time.Millisecond)); after.Failed > 0 || after.Sent == 0 {
		t.Errorf("requests still fail in the end: %+v", after)
	}
	if victim == "parent" {
		if !lab.WaitFor(generous, func() bool { return len(a.Tree()) == 0 }) {
			t.Errorf("processes outlive their parent: %v", a.Tree())
		}
		return
	}
	if next := pidIn(file); next == pid || next == 0 || syscall.Kill(next, 0) != nil {
		t.Errorf("the %s process was not replaced: pid %d, then %d", victim, pid, next)
	}
	if !a.Running() || !b.Running() {
		t.Error("a daemon has ended")
	}
}
