package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// finding is one of holdfast doctor --json.
type finding struct {
	ID       string   `json:"id"`
	Severity string   `json:"severity"`
	What     string   `json:"what"`
	Mend     []string `json:"mend"`
}

// examined is what doctor finds on a host, but for what a lab cannot help.
func examined(t testing.TB, h *lab.Host, args ...string) []finding {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	// Its output alone: what it says besides goes to stderr.
	line := prog + " doctor --json " + strings.Join(args, " ") + " 2>/dev/null; [ $? -le 2 ]"
	var all []finding
	if err := json.Unmarshal([]byte(sh(t, h, line)), &all); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f finding) bool {
		return f.ID == "clock-unsynchronised" || f.ID == "clock-step" || f.ID == "module-ip_vs" || f.ID == "daemon-down"
	})
}

// breakAndMend breaks a host, sees that doctor finds that and only that, does
// what doctor says, and sees that it finds nothing any more.
func breakAndMend(t testing.TB, h *lab.Host, harm, id string, args ...string) {
	t.Helper()
	sh(t, h, harm)
	all := examined(t, h, args...)
	if !slices.ContainsFunc(all, func(f finding) bool { return f.ID == id }) {
		t.Errorf("%s: no %s in %+v", harm, id, all)
	}
	for _, f := range all {
		if len(f.Mend) == 0 {
			t.Errorf("%s: nothing mends %+v", harm, f)
		}
		for _, command := range f.Mend {
			sh(t, h, command)
		}
	}
	if all := examined(t, h, args...); len(all) > 0 {
		t.Errorf("%s, and then its commands: %+v", harm, all)
	}
}

const doctorConf = `vrrp_instance VI_1 {
 interface eth0
 virtual_router_id 51
 virtual_ipaddress {
  192.0.2.100/24
 }
}
vrrp_instance VI_2 {
 interface br0
 virtual_router_id 52
 virtual_ipaddress {
  198.51.100.100/24
 }
}
virtual_server 192.0.2.100 80 {
 lb_algo rr
 lb_kind NAT
 protocol TCP
 real_server 198.51.100.21 80 {
 }
}
virtual_server 192.0.2.100 81 {
 lb_algo rr
 lb_kind TUN
 protocol TCP
 real_server 192.0.2.22 81 {
 }
}
`

// TestDoctor breaks hosts in every way that a network namespace allows; the
// IPVS kernel has the rest.
func TestDoctor(t *testing.T) { patiently(doctorRound)(t) }

func doctorRound(t testing.TB) {
	lab.Require(t, "nft", "sysctl")
	n := directors(t, "doctor")
	h := n.a
	conf := h.Path("director.conf")
	if err := os.WriteFile(conf, []byte(doctorConf), 0o644); err != nil {
		t.Fatal(err)
	}
	sh(t, h, `set -e
ip link set eth0 mtu 1520
ip link add br0 type bridge mcast_snooping 0; ip link set br0 up; ip addr add 198.51.100.1/24 dev br0
ip link add eth1 type veth peer name eth1p; ip link set eth1 up; ip link set eth1p up
sysctl -qw net.ipv4.ip_forward=1
for i in all default eth0 eth1 br0; do sysctl -qw net/ipv4/conf/$i/send_redirects=0 net/ipv4/conf/$i/rp_filter=0; done
ip link add out0 type veth peer name out0p; ip link set out0 up; ip link set out0p up
ip addr add 203.0.113.1/24 dev out0; ip route add default via 203.0.113.254 dev out0
nft 'add table inet filter; add chain inet filter in { type filter hook input priority 0; }; add chain inet filter out { type filter hook output priority 0; }'`)
	director := []string{"--role", "director", "--listen", "0", "-f", conf}
	if all := examined(t, h, director...); len(all) > 0 {
		t.Fatalf("before anything is broken: %+v", all)
	}
	for _, c := range []struct{ harm, id string }{
		{"sysctl -qw net.ipv4.ip_forward=0", "ip-forward"},
		{"sysctl -qw net.ipv4.conf.all.send_redirects=1", "send-redirects"},
		{"ip addr add 192.0.2.177/25 dev eth1; sysctl -qw net.ipv4.conf.eth1.rp_filter=1", "rp-filter"},
		{"sysctl -qw net.ipv4.conf.eth0.arp_ignore=8", "arp-mute"},
		{"ip link set eth0 mtu 1500", "tunnel-mtu"},
		{"nft add rule inet filter in ip protocol vrrp drop", "firewall-in"},
		{"nft add rule inet filter out oifname eth0 ip daddr 224.0.0.0/8 reject", "firewall-out"},
		{"ip link set br0 type bridge mcast_snooping 1", "mcast-snooping"},
		{"ip addr add 192.0.2.100/32 dev eth1", "vip-device"},
		{"ip addr add 192.0.2.100/24 dev eth0", "vip-left"},
	} {
		breakAndMend(t, h, c.harm, c.id, director...)
	}
	if _, err := exec.LookPath("iptables-legacy"); err == nil {
		if _, err := h.Output(t.Context(), "iptables-legacy", "-nL", "INPUT"); err == nil {
			breakAndMend(t, h, "iptables-legacy -A INPUT -d 224.0.0.0/8 -j DROP", "firewall-in", director...)
		}
	}

	server := n.host("web1", "02:00:00:00:00:21", "192.0.2.21/24")
	must(t, server, "realserver", "up", "192.0.2.100")
	if all := examined(t, server, "--listen", "0"); len(all) > 0 {
		t.Fatalf("a real server that was set up: %+v", all)
	}
	for _, c := range []struct{ harm, id string }{
		{"sysctl -qw net.ipv4.conf.all.arp_ignore=0", "arp-ignore"},
		{"sysctl -qw net.ipv4.conf.all.arp_announce=0", "arp-announce"},
		{"ip addr add 192.0.2.100/24 dev lo", "vip-netmask"},
		{"ip addr add 192.0.2.100/24 dev eth0", "vip-device"},
		{"ip addr del 192.0.2.100/32 dev lo", "vip-missing"},
	} {
		breakAndMend(t, server, c.harm, c.id, "--listen", "0")
	}
	listened(t, n, director)
}

// listened: another cluster with the same number, and two masters, are heard.
func listened(t testing.TB, n *network, director []string) {
	t.Helper()
	args := append(slices.Clone(director), "--listen", "3s") // the later one counts
	hears := func(id, what string) {
		t.Helper()
		var all []finding
		if !lab.WaitFor(30*time.Second, func() bool {
			all = examined(t, n.a, args...)
			return slices.ContainsFunc(all, func(f finding) bool { return f.ID == id && strings.Contains(f.What, what) })
		}) {
			t.Errorf("no %s about %s in %+v", id, what, all)
		}
	}
	mistyped := strings.Replace(doctorConf[:strings.Index(doctorConf, "vrrp_instance VI_2")], "virtual_router_id 51", "virtual_router_id 15", 1)
	b := n.start(n.b, ours(t), mistyped)
	hears("vrid-mismatch", "192.0.2.2 advertises 192.0.2.100 of VI_1 by virtual_router_id 15, and the number here is 51")
	if _, err := b.Stop(generous); err != nil {
		t.Fatal(err)
	}
	other := strings.ReplaceAll(doctorConf[:strings.Index(doctorConf, "vrrp_instance VI_2")], "192.0.2.100", "192.0.2.200")
	n.start(n.b, ours(t), other)
	hears("vrid-duplicate", "192.0.2.2 on eth0 advertises virtual_router_id 51 for 192.0.2.200")
	third := n.host("c", "02:00:00:00:00:03", "192.0.2.3/24")
	n.start(third, ours(t), strings.Replace(other, "interface eth0", "interface eth0\n mcast_src_ip 192.0.2.3\n version 3", 1))
	hears("two-masters", "192.0.2.3")
}
