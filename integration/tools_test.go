package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/integration/lab"
	"holdfast/internal/ipvstable"
	"holdfast/ipvs"
)

// forwarded are virtual addresses, each with a server of its own, and how
// packets get there.
var forwarded = []struct{ vip, server, rule string }{
	{"192.0.2.100", "192.0.2.21", "-g"},
	{"192.0.2.101", "192.0.2.22", "-i --tun-type ipip"},
	{"192.0.2.102", "192.0.2.23", "-i --tun-type gue --tun-port 6080"},
	{"192.0.2.103", "192.0.2.24", "-i --tun-type gre"},
	{"2001:db8::100", "2001:db8::21", "-g"},
	{"2001:db8::101", "2001:db8::22", "-i --tun-type ipip"},
}

// setUp is how each server takes its addresses.
var setUp = map[string]string{
	"192.0.2.21": "up 192.0.2.100 2001:db8::100",
	"192.0.2.22": "up --tunnel ipip 192.0.2.101 2001:db8::101",
	"192.0.2.23": "up --tunnel gue 192.0.2.102",
	"192.0.2.24": "up --tunnel gre 192.0.2.103",
}

func bracketed(addr string) string {
	if strings.Contains(addr, ":") {
		return "[" + addr + "]"
	}
	return addr
}

// operatorsTools sets servers up with realserver and the director with ipvs
// restore, without a daemon, and sends real traffic each way.
func operatorsTools(t testing.TB) {
	loadTunnels(t)
	n := directors(t, "tools")
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	servers := map[string]*lab.Host{}
	for i := range 4 {
		name := fmt.Sprintf("192.0.2.2%d", i+1)
		h := n.host(fmt.Sprintf("web%d", i+1), fmt.Sprintf("02:00:00:00:00:2%d", i+1), name+"/24")
		if err := h.Sysctl("net/ipv4/conf/all/rp_filter", "1"); err != nil {
			t.Fatal(err)
		}
		if err := h.AddAddr("eth0", fmt.Sprintf("2001:db8::2%d/64", i+1)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.NginxServer(h.Name); err != nil {
			t.Fatal(err)
		}
		servers[name], servers[fmt.Sprintf("2001:db8::2%d", i+1)] = h, h
	}
	for h, a := range map[*lab.Host]string{n.a: "2001:db8::1/64", client: "2001:db8::99/64"} {
		if err := h.AddAddr("eth0", a); err != nil {
			t.Fatal(err)
		}
	}
	before := map[string]string{}
	for a, args := range setUp {
		before[a] = hostState(t, servers[a])
		must(t, servers[a], append([]string{"realserver"}, strings.Fields(args)...)...)
	}

	var file strings.Builder
	file.WriteString("# by hand\n--set 1000 200 300\n")
	for _, f := range forwarded {
		if strings.Contains(f.vip, ":") { // deprecated, so that the director's tunnels do not begin there
			sh(t, n.a, "ip addr add "+f.vip+"/128 dev eth0 nodad preferred_lft 0")
		} else {
			sh(t, n.a, "ip addr add "+f.vip+"/32 dev eth0")
		}
		fmt.Fprintf(&file, "-A -t %s:http -s rr\n-a -t %s:80 -r %s %s -x 1000\n", bracketed(f.vip), bracketed(f.vip), bracketed(f.server), f.rule)
	}
	rulesFile := n.a.Path("rules")
	if err := os.WriteFile(rulesFile, []byte(file.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := operator(t, n.a, "ipvs", "restore", "--dry-run", rulesFile); err == nil || strings.Count(out, "add service") != len(forwarded) {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	if out := sh(t, n.a, "ipvsadm -Sn"); out != "" {
		t.Errorf("after the dry run:\n%s", out)
	}
	must(t, n.a, "ipvs", "restore", rulesFile)

	for _, f := range forwarded {
		want := servers[f.server].Name
		out := ""
		if !lab.WaitFor(60*time.Second, func() bool {
			out, _ = client.Output(t.Context(), "curl", "-s", "--max-time", "3", "http://"+bracketed(f.vip)+"/")
			return out == want
		}) {
			t.Errorf("%s by %q: %q, want %q", f.vip, f.rule, out, want)
		}
	}

	silent := ""
	if !lab.WaitFor(60*time.Second, func() bool { // the kernel adds up every two seconds
		var l ipvstable.Listing
		if err := json.Unmarshal([]byte(must(t, n.a, "ipvs", "stats", "--json")), &l); err != nil {
			t.Fatal(err)
		}
		silent = ""
		for _, s := range l.Services {
			if s.Connections == 0 || s.InBytes == 0 || s.Servers[0].InPackets == 0 {
				silent += s.Name + " "
			}
		}
		return silent == ""
	}) {
		t.Errorf("nothing counted for %s", silent)
	}
	conns := must(t, n.a, "ipvs", "list", "--connections")
	for _, want := range []string{" LOCAL  192.0.2.99:", "192.0.2.101:80", "[2001:db8::101]:80"} {
		if !strings.Contains(conns, want) {
			t.Errorf("no %q in\n%s", want, conns)
		}
	}
	if out := must(t, n.a, "ipvs", "list", "-c", "-t", "192.0.2.101:80"); strings.Contains(out, "192.0.2.100:80") || !strings.Contains(out, "192.0.2.22:80") {
		t.Errorf("connections of one service:\n%s", out)
	}

	doctorOfTunnels(t, n.a, servers["192.0.2.22"])
	saveAndRestore(t, n.a)
	keptByTheDaemon(t, n, rulesFile)

	for a := range setUp {
		h := servers[a]
		must(t, h, "realserver", "down")
		if after := hostState(t, h); after != before[a] {
			t.Errorf("%s (-before +after):\n%s", h.Name, cmp.Diff(before[a], after))
		}
	}
}

// doctorOfTunnels: what needs IPVS or a tunnel's device to be broken.
func doctorOfTunnels(t testing.TB, director, server *lab.Host) {
	t.Helper()
	sh(t, server, "ip route add default via 192.0.2.1 metric 7")
	breakAndMend(t, server, "sysctl -qw net.ipv4.conf.tunl0.rp_filter=0", "rp-filter", "--listen", "0") // all is 1; tunnel-mss as well
	if out := sh(t, server, "ip route show default"); !strings.Contains(out, "metric 7") || !strings.Contains(out, "advmss 1440") {
		t.Errorf("after tunnel-mss was mended: %s", out)
	}
	sh(t, server, "ip route del default")
	sh(t, director, "ip link set eth0 mtu 1540")
	breakAndMend(t, director, "sysctl -qw net.ipv4.vs.backup_only=1; ipvsadm --start-daemon master --mcast-interface eth0; ipvsadm --start-daemon backup --mcast-interface eth0", "backup-only", "--role", "director", "--listen", "0")
	sh(t, director, "ipvsadm --stop-daemon master; ipvsadm --stop-daemon backup; sysctl -qw net.ipv4.ip_forward=1; ipvsadm -A -t 192.0.2.190:80; ipvsadm -a -t 192.0.2.190:80 -r 198.51.100.9 -m")
	breakAndMend(t, director, "sysctl -qw net.ipv4.vs.nat_icmp_send=1", "nat-icmp-send", "--role", "director", "--listen", "0")
	sh(t, director, "ipvsadm -D -t 192.0.2.190:80; sysctl -qw net.ipv4.ip_forward=0; ip link set eth0 mtu 1500")
}

// loadTunnels has realserver load the kernel's modules, in this process's own
// network: the hosts of a lab, which have a /run of their own, do not see the
// modules of the IPVS kernel.
func loadTunnels(t testing.TB) {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir() + "/state.json"
	for _, args := range [][]string{
		{"up", "--tunnel", "gue", "192.0.2.77"},
		{"up", "--tunnel", "gre", "192.0.2.78"},
		{"up", "--tunnel", "ipip", "2001:db8::77"},
		{"up", "--device", "lvs0", "192.0.2.79"},
		{"status"},
		{"down"},
	} {
		out, err := exec.Command(prog, append(append([]string{"realserver"}, args...), "--state", state)...).CombinedOutput()
		if err != nil {
			t.Fatalf("realserver %v: %v\n%s", args, err, out)
		}
	}
	if out, err := exec.Command("ip", "-o", "link", "show", "lvs0").CombinedOutput(); err == nil {
		t.Errorf("the dummy is still there: %s", out)
	}
}

// saveAndRestore: what was saved is the state that there is; a change touches
// what differs only, and the counters of the rest go on.
func saveAndRestore(t testing.TB, h *lab.Host) {
	t.Helper()
	saved := must(t, h, "ipvs", "save")
	path := h.Path("saved")
	if err := os.WriteFile(path, []byte(saved), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := must(t, h, "ipvs", "restore", "--dry-run", path); out != "" {
		t.Errorf("what was saved differs from what there is:\n%s", out)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(saved, "-r 192.0.2.21:80 -g -w 1", "-r 192.0.2.21:80 -g -w 7", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := operator(t, h, "ipvs", "restore", "--dry-run", path)
	if out != "edit server 192.0.2.21:80 Route weight 7 uthreshold 1000 lthreshold 0 of TCP 192.0.2.100:80" {
		t.Errorf("a changed weight:\n%s", out)
	}
	must(t, h, "ipvs", "restore", path)
	counted := func() (n uint64) {
		var l ipvstable.Listing
		if err := json.Unmarshal([]byte(must(t, h, "ipvs", "list", "--json")), &l); err != nil {
			t.Fatal(err)
		}
		for _, s := range l.Services {
			if s.Servers[0].Weight == 7 && s.Name != "192.0.2.100:80" {
				t.Errorf("%s has the weight of another", s.Name)
			}
			n += s.Connections
		}
		return n
	}
	if counted() == 0 {
		t.Error("the counters are lost")
	}
	if _, err := operator(t, h, "ipvs", "zero", "-t", "192.0.2.250:80"); err == nil || !strings.Contains(err.Error(), "there is no service TCP 192.0.2.250:80") {
		t.Errorf("zero of a service that is not there: %v", err)
	}
	must(t, h, "ipvs", "zero")
	if n := counted(); n != 0 {
		t.Errorf("%d connections counted after zero", n)
	}
	if err := os.WriteFile(path, []byte("-A -t 192.0.2.100:80\n-A -t bogus\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := operator(t, h, "ipvs", "restore", path); err == nil || !strings.Contains(out, "saved:2: ") {
		t.Errorf("a file with an error: %v\n%s", err, out)
	}
	for _, text := range []string{"", "# the wrong file\n\n", "--set 1000 200 300\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{nil, {"--force"}, {"--dry-run"}} {
			if out, err := operator(t, h, append([]string{"ipvs", "restore", path}, args...)...); err == nil || !strings.Contains(out, "a line -C deletes them") {
				t.Errorf("a file of %q, %v: %v\n%s", text, args, err, out)
			}
		}
		must(t, h, "ipvs", "restore", "--add", path)
	}
	if err := os.WriteFile(path, []byte("-C\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := operator(t, h, "ipvs", "restore", "--dry-run", path); !strings.Contains(out, "delete service") {
		t.Errorf("a file that says -C:\n%s", out)
	}
	if again := must(t, h, "ipvs", "save"); again != strings.Replace(saved, "-r 192.0.2.21:80 -g -w 1", "-r 192.0.2.21:80 -g -w 7", 1) {
		t.Errorf("after files with errors:\n%s", again)
	}
}

// keptByTheDaemon: the services of a running daemon are marked, and left alone
// by restore.
func keptByTheDaemon(t testing.TB, n *network, file string) {
	t.Helper()
	conf := "virtual_server 192.0.2.110 80 {\n lb_algo rr\n lb_kind DR\n protocol TCP\n real_server 192.0.2.21 80 {\n  weight 3\n }\n}\n"
	p := n.start(n.a, ours(t), conf)
	list := ""
	if !lab.WaitFor(30*time.Second, func() bool {
		list = must(t, n.a, "ipvs", "list")
		return strings.Contains(list, "TCP  192.0.2.110:80 rr  # kept by holdfast\n")
	}) {
		t.Fatalf("the daemon's service is not marked:\n%s", list)
	}
	if strings.Count(list, "kept by") != 1 {
		t.Errorf("services that are not the daemon's are marked:\n%s", list)
	}
	if out := must(t, n.a, "ipvs", "restore", file); !strings.Contains(out, "TCP 192.0.2.110:80 is kept by the running holdfast") {
		t.Errorf("restore says\n%s", out)
	}
	table, err := ipvsTable(n.a)
	if err != nil {
		t.Fatal(err)
	}
	if len(table) != len(forwarded)+1 {
		t.Errorf("after restore:\n%s", table)
	}
	if exit, err := p.Stop(generous); err != nil || exit != 0 {
		t.Errorf("stop: exit %d, %v", exit, err)
	}
}

// ipvsTable reads the table of a host.
func ipvsTable(h *lab.Host) (table ipvs.Table, err error) {
	err = h.Do(func() error {
		k, err := ipvs.Open()
		if err != nil {
			return err
		}
		defer k.Close()
		table, err = k.Table()
		return err
	})
	return table, err
}
