package integration

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// macvlans lists the names of a host's VMACs with their indexes.
func (n *network) macvlans(h *lab.Host) string {
	n.t.Helper()
	return n.sh(h, "ip -o link show type macvlan | sed 's/@.*//' | sort")
}

// quiet fails the test when the address left a host since then, or when
// another one held it too.
func (n *network) quiet(what, host string, since time.Time) {
	n.t.Helper()
	for _, h := range n.watch.History(vip, since) {
		if len(h.Hosts) != 1 || h.Hosts[0] != host {
			n.t.Errorf("%s: %v held the address for %v", what, h.Hosts, h.To.Sub(h.From))
		}
	}
}

// TestVMACKill kills a master's vrrp process: its successor goes on with the
// same VMAC, which never loses the address. When all are killed, the next
// daemon starts with it as backup; when the vrrp process dies for good, the
// parent cleans up.
func TestVMACKill(t *testing.T) { patiently(vmacKillRound)(t) }

func vmacKillRound(t testing.TB) {
	n := directors(t, "vmackill")
	before := n.sh(n.a, settingsScript, "")
	high := router{Version: 3, VRID: 53, Interval: 500 * time.Millisecond, Priority: 150, Extra: "  use_vmac\n"}
	low := high
	low.Priority = 100
	a := n.start(n.a, ours(t), high.conf(), pidFiles(n.a)...)
	n.holder(vip, "a", high.down()+5*noise)
	n.start(n.b, theirs(t), low.conf())
	time.Sleep(noise)
	n.told(n.a, vip)
	device := n.macvlans(n.a)

	since := time.Now()
	pid := pidIn(n.a.Path("vrrp.pid"))
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * low.down())
	if !lab.WaitFor(generous, func() bool { next := pidIn(n.a.Path("vrrp.pid")); return next != pid && next != 0 }) {
		t.Error("the vrrp process was not replaced")
	}
	n.quiet("vrrp process killed", "a", since)
	if got := n.macvlans(n.a); got != device || device == "" {
		t.Errorf("after the kill the VMAC is %q, was %q", got, device)
	}

	// The whole daemon, with the link intact: everything stays behind.
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := n.macvlans(n.a); got != device {
		t.Errorf("a killed daemon's VMAC: %q", got)
	}
	started := time.Now()
	a = n.start(n.a, ours(t), high.conf(), pidFiles(n.a)...)
	n.masters(n.a) // the address is there already
	n.holder(vip, "a", high.down()+5*noise)
	if got := n.macvlans(n.a); got != device {
		t.Errorf("the next daemon's VMAC: %q, was %q", got, device)
	}
	if o := n.watch.Overlap(vip, started.Add(noise)); o > high.Interval {
		t.Errorf("two holders for %v", o)
	}
	if code, err := a.Stop(generous); err != nil || code != 0 {
		t.Errorf("stop: %d, %v", code, err)
	}
	n.nothingLeft("the stop", before)

	// The vrrp process dies and is not to be replaced.
	a = n.start(n.a, ours(t), high.conf(), append([]string{"-R"}, pidFiles(n.a)...)...)
	n.masters(n.a)
	n.holder(vip, "a", high.down()+5*noise)
	if err := syscall.Kill(pidIn(n.a.Path("vrrp.pid")), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Wait(generous); err != nil {
		t.Error(err)
	}
	n.nothingLeft("the parent's end", before)
}

// nothingLeft wants a without VMACs and with the settings that it had before.
func (n *network) nothingLeft(after, before string) {
	n.t.Helper()
	if got := n.macvlans(n.a); got != "" {
		n.t.Errorf("left after %s: %s", after, got)
	}
	if now := n.sh(n.a, settingsScript, ""); now != before {
		n.t.Errorf("settings after %s:\n%s\nwere:\n%s", after, now, before)
	}
}

// TestVMACSharedReload has an instance of each family on a VMAC with one MAC, and
// moves, removes and adds the one that gave it its name: the other one stays
// master, on the same interface, which its successor takes up too and a stop
// removes.
func TestVMACSharedReload(t *testing.T) { patiently(vmacSharedReloadRound)(t) }

func vmacSharedReloadRound(t testing.TB) {
	n := directors(t, "vmacshared")
	n.plug6()
	before := n.sh(n.a, settingsScript, "")
	four := router{Version: 3, VRID: 57, Interval: 500 * time.Millisecond, Priority: 150, Extra: "  use_vmac vm7 02:00:00:00:77:01\n"}
	six := four
	six.VIPs, six.Extra = vips6, "  use_vmac 02:00:00:00:77:01\n"
	conf := func(instances ...string) string {
		return "global_defs {\n  router_id lab\n  vrrp_version 3\n}\n" + strings.Join(instances, "")
	}
	f, s := four.instance("FOUR"), six.instance("SIX")
	a := n.start(n.a, ours(t), conf(f, s), pidFiles(n.a)...)
	n.holder(vip, "a", four.down()+5*noise)
	n.holder(vip6, "a", six.down()+5*noise)
	since, device := time.Now(), n.macvlans(n.a)
	held := func(what string) {
		t.Helper()
		for _, h := range n.watch.History(vip6, since) {
			if len(h.Hosts) != 1 || h.Hosts[0] != "a" {
				t.Errorf("%s: %v held the address for %v", what, h.Hosts, h.To.Sub(h.From))
			}
		}
		var in control.Instance
		if !lab.WaitFor(generous, func() bool { // the news of a name come after it
			_, v := status(t, n.a)
			in = virtualRouter(t, v, "SIX")
			return in.State == "MASTER" && strings.HasSuffix(strings.TrimSpace(device), ": "+in.Device)
		}) {
			t.Errorf("%s: %s on %q, VMACs %q", what, in.State, in.Device, device)
		}
		if got := n.macvlans(n.a); got != device {
			t.Errorf("%s: VMACs %q, was %q", what, got, device)
		}
	}
	for _, step := range []struct {
		what, conf string
		four       bool
	}{{"swapped", conf(s, f), true}, {"without the first one", conf(s), false}, {"with it again", conf(f, s), true}, {"without it again", conf(s), false}} {
		if c := n.reloadWith(a, n.a.Path("keepalived.conf"), []byte(step.conf)); c.ReloadFailure != "" {
			t.Fatal(c.ReloadFailure)
		}
		if step.four {
			n.holder(vip, "a", four.down()+5*noise)
		} else if !lab.WaitFor(generous, func() bool { return len(n.watch.Holders(vip)) == 0 }) {
			t.Errorf("%s: %v is held by %v", step.what, vip, n.watch.Holders(vip))
		}
		held(step.what)
	}
	if _, v := status(t, n.a); virtualRouter(t, v, "SIX").Transitions != 1 {
		t.Errorf("SIX became master %d times", virtualRouter(t, v, "SIX").Transitions)
	}
	// Another name is no reason either; not every kernel changes it.
	six.Extra = strings.Replace(six.Extra, "use_vmac", "use_vmac vm8", 1)
	if c := n.reloadWith(a, n.a.Path("keepalived.conf"), []byte(conf(six.instance("SIX")))); c.ReloadFailure != "" {
		t.Fatal(c.ReloadFailure)
	}
	index, _, _ := strings.Cut(device, ":")
	lab.WaitFor(noise, func() bool { return n.macvlans(n.a) != device })
	if device = n.macvlans(n.a); !strings.HasPrefix(device, index+":") {
		t.Errorf("renamed: VMACs %q, was number %s", device, index)
	}
	t.Logf("renamed: %s", device)
	held("renamed")
	n.told(n.a, vip6)
	pid := pidIn(n.a.Path("vrrp.pid"))
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !lab.WaitFor(generous, func() bool { next := pidIn(n.a.Path("vrrp.pid")); return next != pid && next != 0 }) {
		t.Error("the vrrp process was not replaced")
	}
	n.masters(n.a)
	held("vrrp process killed")
	if code, err := a.Stop(generous); err != nil || code != 0 {
		t.Errorf("stop: %d, %v", code, err)
	}
	n.nothingLeft("the stop", before)
}

// TestVMACTaken has a stranger take the VMAC, the interface below and settings
// away, and reloads with and without use_vmac.
func TestVMACTaken(t *testing.T) { patiently(vmacTakenRound)(t) }

func vmacTakenRound(t testing.TB) {
	lab.Require(t, "nft")
	n := directors(t, "vmactaken")
	high := router{Version: 3, VRID: 54, Interval: 500 * time.Millisecond, Priority: 150, Extra: "  use_vmac foo.bar.54\n"}
	low := high
	low.Priority = 100
	control := n.a.Path("parent.sock") // beside its pid file
	a := n.start(n.a, ours(t), high.conf(), pidFiles(n.a)...)
	n.holder(vip, "a", high.down()+5*noise)
	n.start(n.b, ours(t), low.conf())
	time.Sleep(noise)
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	status := func() string { return n.sh(n.a, "%s status --control %s", prog, control) }
	if s := status(); !strings.Contains(s, "foo.bar.54") || strings.Contains(s, "warning") {
		t.Errorf("status:\n%s", s)
	}
	table := func() string {
		return n.sh(n.a, "nft list table ip holdfast_vmac 2>&1 | sed 's/packets.*bytes [0-9]*//'")
	}
	elements := table()
	n.must(n.a, "nft", "flush", "ruleset")
	if !lab.WaitFor(generous, func() bool {
		return strings.Contains(status(), "use_vmac: somebody removed the nftables table") && table() == elements
	}) {
		t.Errorf("after nft flush ruleset:\n%s\nwas\n%s\nstatus:\n%s", table(), elements, status())
	}
	// The name has dots, and the settings are its own all the same.
	if got := n.sh(n.a, "cat /proc/sys/net/ipv4/conf/foo.bar.54/arp_ignore"); got != "1" {
		t.Errorf("arp_ignore is %s", got)
	}
	n.sh(n.a, "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore")
	if s := status(); !strings.Contains(s, "net/ipv4/conf/eth0/arp_ignore is 0") {
		t.Errorf("status with a setting that does not hold:\n%s", s)
	}

	// Made anew, before anyone could take over.
	since := time.Now()
	n.sh(n.a, "ip link del foo.bar.54")
	n.holder(vip, "a", noise)
	time.Sleep(low.down())
	n.holder(vip, "a", noise)
	if _, ok := n.watch.FirstAdded("b", vip, since); ok {
		t.Error("the other one took over while the VMAC was made anew")
	}
	if got := n.sh(n.a, "cat /proc/sys/net/ipv4/conf/eth0/arp_ignore"); got != "1" {
		t.Errorf("arp_ignore of the interface below is %s", got)
	}
	for _, arp := range n.capture.ARPs(since) {
		if arp.From == "a" && arp.Gratuitous() && sourceMAC(arp.Frame) != vmacOf(1, 54) {
			t.Errorf("announced from %s", sourceMAC(arp.Frame))
		}
	}

	// Without use_vmac the address moves to the interface; and back.
	plain := high
	plain.Extra = ""
	conf := n.a.Path("keepalived.conf")
	reload := func(r router, dev string) {
		t.Helper()
		if err := os.WriteFile(conf, []byte(r.conf()), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := a.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if !lab.WaitFor(generous, func() bool {
			return strings.Contains(n.sh(n.a, "ip -o addr show"), dev+"    inet "+vip.String())
		}) {
			t.Errorf("the address is not on %s: %s\n%s", dev, n.sh(n.a, "ip -o addr show"), status())
		}
	}
	reload(plain, "eth0")
	if got := n.macvlans(n.a); got != "" {
		t.Errorf("left after the reload: %s", got)
	}
	if got := n.sh(n.a, "cat /proc/sys/net/ipv4/conf/eth0/arp_ignore"); got != "0" {
		t.Errorf("arp_ignore of the interface after the reload is %s", got)
	}
	reload(high, "foo.bar.54")
	n.holder(vip, "a", noise+high.Interval)

	// The interface below goes, with the VMAC, and comes back.
	gone := time.Now()
	n.sh(n.a, "ip link set eth0 down; ip link set eth0 name eth9")
	n.holder(vip, "b", low.down()+5*noise)
	n.sh(n.a, "ip link set eth9 name eth0; ip link set eth0 up; ip addr add 192.0.2.1/24 dev eth0 2>/dev/null || true")
	n.holder(vip, "a", high.down()+5*noise)
	if o := n.watch.Overlap(vip, gone); o > low.down() {
		t.Errorf("two holders for %v", o)
	}
	if code, err := a.Stop(generous); err != nil || code != 0 {
		t.Errorf("stop: %d, %v", code, err)
	}
	if got := n.macvlans(n.a); got != "" {
		t.Errorf("left after the stop: %s", got)
	}
}
