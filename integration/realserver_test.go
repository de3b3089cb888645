package integration

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// operator runs the program under test in a host as a person would.
func operator(t testing.TB, h *lab.Host, args ...string) (string, error) {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return h.Output(t.Context(), append([]string{prog}, args...)...)
}

// must is operator where nothing may go wrong.
func must(t testing.TB, h *lab.Host, args ...string) string {
	t.Helper()
	out, err := operator(t, h, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sh runs a command line in a host.
func sh(t testing.TB, h *lab.Host, line string) string {
	t.Helper()
	out, err := h.Output(t.Context(), "sh", "-c", line)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hostState is everything of a host that realserver may change; link-local
// addresses come by themselves, and so do the IPv6 settings of a tunnel that was
// up once.
func hostState(t testing.TB, h *lab.Host) string {
	t.Helper()
	return sh(t, h, `ip -o addr | grep -v fe80; ip -o link | cut -d' ' -f2,3; cd /proc/sys/net; grep -H . ipv4/conf/*/arp_ignore ipv4/conf/*/arp_announce ipv4/conf/*/rp_filter ipv6/conf/[adel]*/disable_ipv6`)
}

// TestRealServer: a host with the address on lo answers ARP for it until it is
// set up as a real server; then it is silent, serves what a director sends to
// its hardware address, and is as before when it is taken down.
func TestRealServer(t *testing.T) { patiently(realServerRound)(t) }

func realServerRound(t testing.TB) {
	l := lab.Test(t, "realserver")
	lan, err := l.Segment("lan")
	if err != nil {
		t.Fatal(err)
	}
	host := func(name, mac string, addrs ...string) *lab.Host {
		h, err := l.Host(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Plug(lan, "eth0", mac, addrs...); err != nil {
			t.Fatal(err)
		}
		return h
	}
	const serverMAC = "02:00:00:00:00:21"
	server := host("web1", serverMAC, "192.0.2.21/24", "2001:db8::21/64")
	client := host("client", "02:00:00:00:00:99", "192.0.2.99/24", "2001:db8::99/64")
	const four, six = "192.0.2.10", "2001:db8::10"
	neighbour := func(a string) {
		sh(t, client, "ip neigh replace "+a+" lladdr "+serverMAC+" dev eth0 nud permanent")
	}
	forget := func(a string) { sh(t, client, "ip neigh del "+a+" dev eth0 2>/dev/null || true") }
	answers := func(a string) bool {
		out, _ := client.Output(t.Context(), "ping", "-n", "-c", "1", "-W", "1", a)
		return strings.Contains(out, "1 received")
	}
	before := hostState(t, server)

	// By hand, the address alone: the server takes it from the director.
	sh(t, server, "ip addr add "+four+"/32 dev lo")
	if !lab.WaitFor(60*time.Second, func() bool { return answers(four) }) {
		t.Error("a host with the address on lo does not answer ARP for it: the test shows nothing")
	}
	out, err := operator(t, server, "realserver", "status", "--check", four)
	if err == nil || !strings.Contains(out, "error: arp-ignore:") || strings.Contains(out, "vip-missing") {
		t.Errorf("check of a host that answers ARP: %v\n%s", err, out)
	}
	sh(t, server, "ip addr del "+four+"/32 dev lo")
	forget(four)

	must(t, server, "realserver", "up", four, six)
	for _, a := range []string{four, six} {
		forget(a)
		if answers(a) {
			t.Errorf("%s: the real server answers for the address when it is looked for", a)
		}
		forget(a)
		neighbour(a)
		if !lab.WaitFor(60*time.Second, func() bool { return answers(a) }) {
			t.Errorf("%s: what a director would send is not served", a)
		}
	}
	if out := must(t, server, "realserver", "up", four, six); out != "" {
		t.Errorf("a second time:\n%s", out)
	}
	var list []struct {
		Address  netip.Addr `json:"address"`
		Ours     bool       `json:"holdfast"`
		On       []string   `json:"interfaces"`
		Findings []any      `json:"findings"`
	}
	if err := json.Unmarshal([]byte(must(t, server, "realserver", "status", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || !list[0].Ours || list[1].On[0] != "lo" || len(list[0].Findings) > 0 {
		t.Errorf("status %+v", list)
	}

	// What is wrong is said with the command that mends it.
	sh(t, server, "sysctl -qw net.ipv4.conf.all.arp_ignore=0; ip addr del "+six+"/128 dev lo; ip addr add "+four+"/24 dev eth0")
	out, err = operator(t, server, "realserver", "status", "--check")
	if err == nil {
		t.Error("a broken host is found to be well")
	}
	for _, id := range []string{"arp-ignore", "vip-missing", "vip-device"} {
		if !strings.Contains(out, "error: "+id+":") {
			t.Errorf("no %s in\n%s", id, out)
		}
	}
	for line := range strings.SplitSeq(out, "\n") {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "# "); ok {
			sh(t, server, command)
		}
	}
	if out, err := operator(t, server, "realserver", "status", "--check"); err != nil {
		t.Errorf("after the commands: %v\n%s", err, out)
	}

	must(t, server, "realserver", "down", four)
	if out := must(t, server, "realserver", "status"); strings.Contains(out, four) || !strings.Contains(out, six) {
		t.Errorf("after down %s:\n%s", four, out)
	}
	must(t, server, "realserver", "down")
	if after := hostState(t, server); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if _, err := server.Output(t.Context(), "test", "-e", "/run/holdfast/realserver.json"); err == nil {
		t.Error("something is remembered still")
	}
	otherLengths(t, server)
}

// otherLengths: addresses that are on lo with the length of a network come to
// have 32 and 128, the others of the network stay, and down restores all.
func otherLengths(t testing.TB, h *lab.Host) {
	const four, second, six = "192.0.2.10", "192.0.2.11", "2001:db8::10"
	sh(t, h, `sysctl -qw net.ipv4.conf.all.promote_secondaries=0 net.ipv4.conf.lo.promote_secondaries=0
ip addr add `+four+`/24 dev lo; ip addr add `+second+`/24 brd + dev lo; ip addr add `+six+`/64 dev lo`)
	addrs := func() string {
		return sh(t, h, `ip -o addr show dev lo | sed 's/ secondary//; s/ tentative//; s/^[^\\]*inet/inet/; s/\\.*//' | sort; sysctl net.ipv4.conf.lo.promote_secondaries`)
	}
	before := addrs()
	must(t, h, "realserver", "up", four, six)
	out := sh(t, h, "ip -o addr show dev lo")
	for _, want := range []string{four + "/32", second + "/24", six + "/128"} {
		if !strings.Contains(out, want+" ") {
			t.Errorf("no %s after up:\n%s", want, out)
		}
	}
	for _, no := range []string{four + "/24", six + "/64"} {
		if strings.Contains(out, no) {
			t.Errorf("%s after up:\n%s", no, out)
		}
	}
	must(t, h, "realserver", "down")
	if after := addrs(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestRealServerUnit: the command lines of the systemd unit work.
func TestRealServerUnit(t *testing.T) { patiently(realServerUnitRound)(t) }

func realServerUnitRound(t testing.TB) {
	unit, err := os.ReadFile("../packaging/holdfast-realserver.service")
	if err != nil {
		t.Fatal(err)
	}
	l := lab.Test(t, "rsunit")
	h, err := l.Host("web1")
	if err != nil {
		t.Fatal(err)
	}
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	command := func(key string) string {
		for line := range strings.SplitSeq(string(unit), "\n") {
			if v, ok := strings.CutPrefix(line, key+"="); ok {
				return strings.NewReplacer("/usr/local/sbin/holdfast", prog, "$REALSERVER", "192.0.2.10 192.0.2.11").Replace(v)
			}
		}
		t.Fatalf("no %s in the unit", key)
		return ""
	}
	before := hostState(t, h)

	sh(t, h, command("ExecStart"))
	if out := sh(t, h, "ip -o addr show lo"); !strings.Contains(out, "192.0.2.10/32") || !strings.Contains(out, "192.0.2.11/32") {
		t.Errorf("after start:\n%s", out)
	}
	sh(t, h, command("ExecStopPost"))
	if after := hostState(t, h); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
