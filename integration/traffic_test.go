package integration

import (
	"os/exec"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// traffic has the kernel's IPVS forward real traffic as the daemon set it
// up: by every method and family, by mark, to a sorry server, and with every
// scheduler, whose choices are judged by its definition. At last the module is
// taken away from under the daemon.
func traffic(t *testing.T) {
	lab.Require(t, "ipvsadm", "nginx", "iptables-legacy", "ip6tables-legacy")
	if inIPVS(t, 5*time.Minute) {
		return
	}
	// Here, not in the hosts, which have a /run of their own: the IPVS kernel's
	// modprobe is there.
	if out, err := exec.Command("modprobe", "-a", "ipip", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6",
		"iptable_mangle", "ip6table_mangle", "xt_mark", "sctp").CombinedOutput(); err != nil {
		t.Fatalf("modprobe: %v: %s", err, out)
	}
	t.Run("at once", func(t *testing.T) {
		t.Run("forwarded", patiently(everyMethod))
		t.Run("scheduled", patiently(scheduled))
	})
	t.Run("module unloaded", inTurn(moduleUnloaded))
}

// trafficLab is a lab without virtual routers; s.a is the director, with eth0
// outside and eth1 inside.
func trafficLab(t testing.TB, name string) *serving {
	t.Helper()
	s := &serving{network: &network{t: t, lab: lab.Test(t, name)}, t: t, segments: map[string]*lab.Segment{}}
	s.a = s.add("director", "outside 192.0.2.1/24 192.0.2.100/24 192.0.2.101/24 2001:db8:1::1/64 2001:db8:1::100/64 2001:db8:1::101/64",
		"inside 198.51.100.1/24 2001:db8:2::1/64")
	s.client = s.add("client", "outside 192.0.2.99/24 2001:db8:1::99/64")
	s.run(s.a, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0")
	return s
}
