package integration

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/lab"
)

// ipvsKernel holds what needs IPVS, in one kernel.
func ipvsKernel(t *testing.T) {
	lab.Require(t, "ipvsadm", "nginx", "curl")
	if inIPVS(t, 8*time.Minute) {
		return
	}
	t.Run("same table", inTurn(sameTable))
	t.Run("kill the lvs process", inTurn(killLVSProcess))
	t.Run("dead real server", inTurn(deadRealServer))
	t.Run("operator's tools", inTurn(operatorsTools))
	t.Run("timers of the processes", inTurn(timersOfProcesses))
}

// dump is everything the kernel says of IPVS in a host, one fact a line, in an
// order of its own.
func dump(t testing.TB, h *lab.Host) []string {
	t.Helper()
	var lines []string
	for _, args := range [][]string{
		{"-Sn"}, // flags, schedulers, engines, netmasks, tunnels, weights
		{"-Ln", "--thresholds"},
		{"-L", "--timeout"},
		{"-L", "--daemon"},
	} {
		out, err := h.Output(t.Context(), append([]string{"ipvsadm"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(out, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, strings.Join(args, " ")+": "+line)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// tables are two configurations of services; a reload goes from one to the next.
var tables = [2]string{`
global_defs {
  router_id lab
  enable_script_security
  script_user root
  lvs_timeouts tcp 100 tcpfin 20 udp 30
  lvs_sync_daemon eth0 VI_1 id 7
}
` + service("192.0.2.100 80", "rr", "DR", "TCP", "", "198.51.100.1 80 3", "198.51.100.2 80 0", "198.51.100.3 80 1") +
	service("192.0.2.100 443", "wrr", "NAT", "TCP", "persistence_timeout 50\n persistence_granularity 255.255.255.0\n sorry_server 198.51.100.9 80", "198.51.100.1 8443 2") +
	service("192.0.2.101 53", "sh", "NAT", "UDP", "", "198.51.100.1 53 1") +
	service("192.0.2.102 0", "wlc", "TUN", "TCP", "persistence_timeout 600", "198.51.100.4 0 5") +
	service("fwmark 3", "lc", "DR", "", "", "198.51.100.1 0 1", "198.51.100.2 0 4"), `
global_defs {
  router_id lab
  enable_script_security
  script_user root
  lvs_timeouts tcp 200 tcpfin 40 udp 60
  lvs_sync_daemon eth0 VI_1 id 7
}
` + service("192.0.2.100 80", "wlc", "DR", "TCP", "", "198.51.100.1 80 5", "198.51.100.3 80 1", "198.51.100.5 80 1") +
	service("192.0.2.100 443", "wrr", "NAT", "TCP", "persistence_timeout 90", "198.51.100.1 8443 2", "198.51.100.2 8443 2") +
	service("192.0.2.103 25", "wrr", "NAT", "TCP", "", "198.51.100.1 25 1") +
	service("fwmark 3", "lc", "DR", "", "", "198.51.100.1 0 1", "198.51.100.2 0 4")}

// service writes a virtual server; servers are "address port weight". Each is
// checked by a program, so that one that fails (198.51.100.3) is seen to go.
func service(addr, algo, kind, protocol, extra string, servers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "virtual_server %s {\n delay_loop 2\n lb_algo %s\n lb_kind %s\n", addr, algo, kind)
	if protocol != "" {
		fmt.Fprintf(&b, " protocol %s\n", protocol)
	}
	if extra != "" {
		fmt.Fprintf(&b, " %s\n", extra)
	}
	for _, s := range servers {
		f := strings.Fields(s)
		prog := "/bin/true"
		if f[0] == "198.51.100.3" {
			prog = "/bin/false"
		}
		fmt.Fprintf(&b, " real_server %s %s {\n  weight %s\n  uthreshold 1000\n  lthreshold 100\n  MISC_CHECK {\n   misc_path \"%s\"\n   misc_timeout 60\n   retry 0\n  }\n }\n", f[0], f[1], f[2], prog)
	}
	b.WriteString("}\n")
	return b.String()
}

// sameTable runs one configuration with both daemons, each in a network of its
// own, and compares the kernel's whole table in every state of their lives.
func sameTable(t testing.TB) {
	nets := [2]*network{directors(t, "theirs"), directors(t, "ours")}
	daemons := [2]lab.Daemon{theirs(t), ours(t)}
	r := router{Version: 2, VRID: 51, Interval: time.Second, Priority: 150}
	conf := func(i int) string { return tables[i] + r.instance("VI_1") }
	var procs [2]*lab.Process
	// same waits until both tables are equal and hold the text given; fleeting
	// differences are the two daemons' different moments.
	same := func(when, must string) {
		t.Helper()
		var want, got []string
		if !lab.WaitFor(60*time.Second, func() bool {
			want, got = dump(t, nets[0].a), dump(t, nets[1].a)
			return slices.Equal(want, got) && strings.Contains(strings.Join(got, "\n"), must)
		}) {
			t.Errorf("%s (-keepalived +holdfast):\n%s", when, cmp.Diff(want, got))
			if !strings.Contains(strings.Join(got, "\n"), must) {
				t.Errorf("%s: no %q in\n%s", when, must, strings.Join(got, "\n"))
			}
		}
	}
	before := dump(t, nets[0].a)
	for i, n := range nets {
		procs[i] = n.start(n.a, daemons[i], conf(0))
	}
	for _, n := range nets {
		n.holder(vip, "a", r.down()+10*time.Second)
	}
	gone := func() bool { return !strings.Contains(strings.Join(dump(t, nets[1].a), "\n"), "198.51.100.3") }
	if !lab.WaitFor(60*time.Second, gone) {
		t.Error("the server whose check fails stays in the table")
	}
	same("at start", "master")

	for i, n := range nets {
		if err := os.WriteFile(n.a.Path("keepalived.conf"), []byte(conf(1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := procs[i].Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if !lab.WaitFor(60*time.Second, func() bool { return strings.Contains(strings.Join(dump(t, nets[1].a), "\n"), "192.0.2.103") }) {
		t.Error("the reload brings no new service")
	}
	if !lab.WaitFor(60*time.Second, gone) {
		t.Error("the server whose check fails stays in the table")
	}
	same("after reload", "200 40 60")

	for _, p := range procs {
		if exit, err := p.Stop(generous); err != nil || exit != 0 {
			t.Errorf("stop: exit %d, %v", exit, err)
		}
	}
	same("after stop", "")
	if diff := cmp.Diff(before, dump(t, nets[1].a)); diff != "" {
		t.Errorf("the stop does not leave what was there before the start (-before +after):\n%s", diff)
	}
}

// direct is a director with two web servers in DR mode and a client.
func direct(t testing.TB, extra ...string) (n *network, webs [2]*lab.Process, conf string) {
	t.Helper()
	n = directors(t, "direct")
	for i := range webs {
		h := n.host(fmt.Sprintf("web%d", i+1), fmt.Sprintf("02:00:00:00:00:2%d", i+1), fmt.Sprintf("192.0.2.2%d/24", i+1))
		for _, v := range [][2]string{{"arp_ignore", "1"}, {"arp_announce", "2"}} {
			if err := h.Sysctl("net/ipv4/conf/all/"+v[0], v[1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.AddAddr("lo", vip.String()+"/32"); err != nil {
			t.Fatal(err)
		}
		var err error
		if webs[i], err = h.NginxServer(h.Name); err != nil {
			t.Fatal(err)
		}
	}
	conf = router{Version: 2, VRID: 51, Interval: time.Second, Priority: 150}.conf()
	conf += "virtual_server " + vip.String() + " 80 {\n delay_loop 2\n lb_algo rr\n lb_kind DR\n protocol TCP\n"
	for _, s := range append([]string{"192.0.2.21 80", "192.0.2.22 80"}, extra...) {
		conf += " real_server " + s + " {\n  TCP_CHECK {\n   connect_timeout 5\n   retry 1\n   delay_before_retry 1\n  }\n }\n"
	}
	return n, webs, conf + "}\n"
}

// killLVSProcess kills the process that keeps the table, under traffic: the
// table stays, and its replacement goes on watching the servers.
func killLVSProcess(t testing.TB) {
	n, webs, conf := direct(t)
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	p := n.start(n.a, ours(t), conf, pidFiles(n.a)...)
	n.holder(vip, "a", 20*time.Second)
	time.Sleep(3 * time.Second)
	traffic := client.Client(netip.AddrPortFrom(vip, 80), 50*time.Millisecond, 10*time.Second)
	time.Sleep(time.Second)
	file := n.a.Path("lvs.pid")
	pid := pidIn(file)
	if pid == 0 {
		t.Fatalf("no pid in %s", file)
	}
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(60*time.Second, func() bool {
		next := pidIn(file)
		return next != 0 && next != pid && syscall.Kill(next, 0) == nil
	}) {
		t.Fatal("the lvs process is not replaced")
	}
	time.Sleep(3 * time.Second)
	sum := traffic.Summarise(killed, time.Now().Add(-time.Second))
	if sum.Failed > 0 || sum.By["web1"] == 0 || sum.By["web2"] == 0 {
		t.Errorf("requests after the kill: %+v", sum)
	}
	for _, h := range n.watch.History(vip, killed) {
		if len(h.Hosts) != 1 || h.Hosts[0] != "a" {
			t.Errorf("%v held the address for %v", h.Hosts, h.To.Sub(h.From))
		}
	}
	if err := webs[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(30*time.Second, func() bool { return !strings.Contains(strings.Join(dump(t, n.a), "\n"), "192.0.2.21") }) {
		t.Error("the new lvs process does not take a dead server out")
	}
	traffic.Close()
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
	if left := strings.Join(dump(t, n.a), "\n"); strings.Contains(left, vip.String()) {
		t.Errorf("left after the stop:\n%s", left)
	}
}

// deadRealServer has a server whose address nobody has and one that swallows
// every packet; the others and the adverts are not disturbed.
func deadRealServer(t testing.TB) {
	n, _, conf := direct(t, "192.0.2.23 80", "192.0.2.24 80")
	swallow := n.host("swallow", "02:00:00:00:00:24", "192.0.2.24/24")
	if _, err := swallow.Output(t.Context(), "ip", "route", "add", "blackhole", "192.0.2.1/32"); err != nil {
		t.Fatal(err)
	}
	p := n.start(n.a, ours(t), conf)
	n.holder(vip, "a", 30*time.Second)
	since := time.Now()
	for _, dead := range []string{"192.0.2.23", "192.0.2.24"} {
		if !lab.WaitFor(40*time.Second, func() bool { return !strings.Contains(strings.Join(dump(t, n.a), "\n"), dead) }) {
			t.Errorf("%s stays in the table", dead)
		}
		says(t, p, dead)
	}
	table := strings.Join(dump(t, n.a), "\n")
	if !strings.Contains(table, "192.0.2.21:80") || !strings.Contains(table, "192.0.2.22:80") {
		t.Errorf("a live server is gone:\n%s", table)
	}
	time.Sleep(2 * time.Second)
	var last time.Time
	for _, a := range n.capture.Adverts(since) {
		if !last.IsZero() && a.At.Sub(last) > 3*time.Second { // a backup would take over
			t.Errorf("%v without an advert", a.At.Sub(last))
		}
		last = a.At
	}
}
