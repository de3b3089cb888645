package integration

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestVMACIPv6 has a pair of IPv6 virtual routers with use_vmac, with
// keepalived in each place: one master, its own virtual MAC in everything that
// it says, and none in what only the machine has to say.
func TestVMACIPv6(t *testing.T) {
	lab.Require(t, "tcpdump")
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name          string
		better, worse lab.Daemon
	}{{"holdfast twice", us, us}, {"holdfast is the better", us, them}, {"keepalived is the better", them, us}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "vmac6")
			n.plug6()
			client := n.host("client", "02:00:00:00:00:99", "2001:db8::99/64")
			sniff, err := client.Start(lab.Spec{Args: []string{"tcpdump", "-l", "-e", "-v", "-n", "-i", "eth0", "icmp6 or ip6 proto 0"}})
			if err != nil {
				t.Fatal(err)
			}
			high := router{Version: 3, VRID: 55, Interval: 500 * time.Millisecond, Priority: 150, VIPs: vips6, Extra: "  use_vmac\n"}
			low := high
			low.Priority = 100
			mac := vmacOf(2, 55)
			b := n.start(n.b, c.worse, low.conf())
			n.holder(vip6, "b", low.down()+5*noise)
			a := n.start(n.a, c.better, high.conf())
			n.holder(vip6, "a", high.down()+5*noise)
			since := time.Now()
			time.Sleep(2 * low.down())
			for _, adv := range n.capture.Adverts(since.Add(high.Interval)) {
				if adv.From != "a" {
					t.Fatalf("two masters: %v", adv)
				}
			}
			if _, err := a.Crash(); err != nil {
				t.Fatal(err)
			}
			n.holder(vip6, "b", low.down()+5*noise)
			if got := n.sh(client, "ping -c 1 -W 2 %v >/dev/null; ip neigh show %v", vip6, vip6); c.worse.Name == "holdfast" && !strings.Contains(got, mac) {
				t.Errorf("the client has %q", got)
			}
			if code, err := b.Stop(generous); err != nil || code != 0 {
				t.Errorf("stop: %d, %v", code, err)
			}
			if got := n.macvlans(n.b); got != "" {
				t.Errorf("left after the stop: %s", got)
			}
			for _, adv := range n.capture.Adverts(time.Time{}) {
				want := netip.MustParseAddr(map[string]string{"a": linkLocal(1), "b": linkLocal(2)}[adv.From])
				if sourceMAC(adv.Frame) != mac || adv.Src != want {
					t.Errorf("%v has the source MAC %s, want %s and %v", adv, sourceMAC(adv.Frame), mac, want)
					break
				}
			}
			announced := map[string]bool{}
			for _, na := range n.capture.NAs(time.Time{}) {
				if !na.Unsolicited() || na.Target != vip6 {
					continue
				}
				announced[na.From] = true
				// The option with the target's link-layer address comes last.
				if got := net.HardwareAddr(na.Frame[len(na.Frame)-6:]).String(); got != mac || sourceMAC(na.Frame) != mac {
					t.Errorf("%s announces %s from %s", na.From, got, sourceMAC(na.Frame))
					break
				}
			}
			if !announced["a"] || !announced["b"] {
				t.Errorf("announced by %v", announced)
			}
			// What only the machine itself has to say.
			if !lab.WaitFor(generous, func() bool { return strings.Contains(sniff.Log(), "gaddr ff02::12") }) {
				t.Error("no report of the group was seen")
			}
			// A switch has to send neighbour solicitations for the address here.
			wants := regexp.MustCompile(`02:00:00:00:00:01 > .*gaddr ff02::1:ff00:100 to_ex`)
			log := sniff.Log()
			if !wants.MatchString(log) {
				t.Error("the group of the address's solicitations was not reported")
			}
			for line := range strings.SplitSeq(log, "\n") {
				if strings.Contains(line, mac+" >") && (strings.Contains(line, "listener report") || strings.Contains(line, "router solicitation")) {
					t.Errorf("from the virtual MAC: %s", line)
				}
			}
			for _, p := range []*lab.Process{a, b} {
				for _, line := range complaintsIn(p.Log()) {
					t.Errorf("%s complains: %s", p.Host.Name, line)
				}
			}
		}))
	}
}
