package integration

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// vmacOf is the virtual MAC of a virtual router, RFC 9568 section 7.3.
func vmacOf(family byte, vrid int) string {
	return net.HardwareAddr{0, 0, 0x5e, 0, family, byte(vrid)}.String()
}

// sourceMAC is where a frame says it comes from.
func sourceMAC(frame []byte) string { return net.HardwareAddr(frame[6:12]).String() }

// sh runs a command in a host and returns what it printed.
func (n *network) sh(h *lab.Host, format string, args ...any) string {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	defer cancel()
	out, err := h.Output(ctx, "sh", "-c", fmt.Sprintf(format, args...))
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// neighbour is the MAC that a host has for an address ("" for none).
func (n *network) neighbour(h *lab.Host, addr netip.Addr) string {
	for f := range strings.FieldsSeq(n.sh(h, "ip neigh show %v | sed -n 's/.*lladdr //p'", addr)) {
		return f
	}
	return ""
}

// settingsScript prints every setting of the interfaces that a VMAC may touch.
const settingsScript = `cd /proc/sys/net; grep -H . $(for i in all default eth0 %s; do
for s in arp_ignore arp_filter arp_announce rp_filter accept_local promote_secondaries; do echo ipv4/conf/$i/$s; done
for s in addr_gen_mode disable_ipv6 accept_dad; do echo ipv6/conf/$i/$s; done; done)`

// TestVMACFailover has two directors with use_vmac on one segment: one master,
// the virtual MAC on the wire, and a client whose neighbour entry outlives a
// crash, a return and a stop of the master.
func TestVMACFailover(t *testing.T) {
	lab.Require(t, "nginx", "tcpdump")
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name          string
		better, worse lab.Daemon
	}{{"holdfast twice", us, us}, {"holdfast is the better", us, them}, {"keepalived is the better", them, us}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			vmacFailover(t, c.better, c.worse)
		}))
	}
}

func vmacFailover(t testing.TB, better, worse lab.Daemon) {
	n := directors(t, "vmac")
	client := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24")
	sniff, err := client.Start(lab.Spec{Args: []string{"tcpdump", "-l", "-e", "-v", "-n", "-i", "eth0", "igmp"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []*lab.Host{n.a, n.b} {
		if _, err := h.NginxServer(h.Name); err != nil {
			t.Fatal(err)
		}
		if err := h.Sysctl("net/ipv4/conf/all/rp_filter", "1"); err != nil {
			t.Fatal(err)
		}
	}
	before := n.sh(n.a, settingsScript, "")
	high := router{Version: 3, VRID: 51, Interval: 500 * time.Millisecond, Priority: 150, Extra: "  use_vmac\n"}
	low := high
	low.Priority = 100
	mac := vmacOf(1, high.VRID)
	ours := map[string]bool{"a": better.Name == "holdfast", "b": worse.Name == "holdfast"}
	entry := func(when, master string) {
		t.Helper()
		if got := n.neighbour(client, vip); got != mac && ours[master] {
			t.Errorf("%s the client has the address at %s, want %s", when, got, mac)
		}
	}
	b := n.start(n.b, worse, low.conf())
	n.holder(vip, "b", low.down()+5*noise)
	a := n.start(n.a, better, high.conf())
	n.holder(vip, "a", high.down()+5*noise)
	traffic := client.Client(netip.AddrPortFrom(vip, 80), 20*time.Millisecond, 300*time.Millisecond)
	time.Sleep(3 * low.down()) // the other one must stay what it is
	n.undisturbed("a", high, time.Now().Add(-2*low.down()))
	entry("with a as master", "a")

	// The crash.
	crashed, err := a.Crash()
	if err != nil {
		t.Fatal(err)
	}
	n.holder(vip, "b", low.down()+5*noise)
	time.Sleep(low.Interval)
	entry("after the crash", "b")
	sum := traffic.Summarise(crashed, time.Now())
	t.Logf("crash: silence %v, %d of %d requests failed, answers %v", sum.Silence, sum.Failed, sum.Sent, sum.By)
	if sum.Silence > low.down()+noise || sum.By["b"] == 0 {
		t.Errorf("crash: %+v", sum)
	}

	// Back on the same machine, with what the killed one left there.
	if err := n.a.Restore(); err != nil {
		t.Fatal(err)
	}
	a = n.start(n.a, better, high.conf())
	n.holder(vip, "a", high.down()+5*noise)
	time.Sleep(low.Interval)
	entry("after the return", "a")

	// The stop.
	stopped := time.Now()
	if code, err := a.Stop(generous); err != nil || code != 0 {
		t.Errorf("stop: exit %d, %v", code, err)
	}
	n.holder(vip, "b", low.skew()+5*noise)
	time.Sleep(low.Interval)
	sum = traffic.Summarise(stopped, time.Now())
	t.Logf("stop: silence %v, %d of %d requests failed", sum.Silence, sum.Failed, sum.Sent)
	if sum.Silence > low.skew()+noise {
		t.Errorf("stop: %+v", sum)
	}
	if got := n.sh(n.a, "ip -o link show type macvlan"); got != "" {
		t.Errorf("left after the stop: %s", got)
	}
	if after := n.sh(n.a, settingsScript, ""); better.Name == "holdfast" && after != before {
		t.Errorf("settings after the stop:\n%s\nwere:\n%s", after, before)
	}
	traffic.Close()

	for _, adv := range n.capture.Adverts(time.Time{}) {
		if want := map[string]string{"a": "192.0.2.1", "b": "192.0.2.2"}[adv.From]; sourceMAC(adv.Frame) != mac || adv.Src.String() != want {
			t.Errorf("%v has the source MAC %s", adv, sourceMAC(adv.Frame))
			break
		}
	}
	for _, arp := range n.capture.ARPs(time.Time{}) {
		if arp.SenderIP == vip && ours[arp.From] && (sourceMAC(arp.Frame) != mac || net.HardwareAddr(arp.Frame[22:28]).String() != mac) {
			t.Errorf("ARP from %s says that the address is at %v", sourceMAC(arp.Frame), net.HardwareAddr(arp.Frame[22:28]))
			break
		}
	}
	if !lab.WaitFor(generous, func() bool { return strings.Contains(sniff.Log(), "224.0.0.18") }) {
		t.Error("no report of the group was seen")
	}
	if log := sniff.Log(); strings.Contains(log, mac+" >") {
		t.Errorf("a report came from the virtual MAC:\n%s", log)
	}
	for _, p := range []*lab.Process{a, b} {
		for _, line := range complaintsIn(p.Log()) {
			t.Errorf("%s complains: %s", p.Host.Name, line)
		}
	}
}
