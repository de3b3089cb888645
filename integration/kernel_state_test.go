package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// kernelHost is a host of its own with two interfaces, to look at what a daemon
// makes of the kernel.
func kernelHost(t testing.TB, l *lab.Lab, name string) *lab.Host {
	t.Helper()
	h, err := l.Host(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, addrs := range [][]string{{"192.0.2.1/24", "2001:db8::1/64"}, {"198.51.100.1/24"}} {
		lan, err := l.Segment(fmt.Sprintf("%s%d", name, i))
		if err != nil {
			t.Fatal(err)
		}
		iface := fmt.Sprintf("eth%d", i)
		if err := h.Plug(lan, iface, fmt.Sprintf("02:00:00:00:01:0%d", i+1), addrs...); err != nil {
			t.Fatal(err)
		}
	}
	if !lab.WaitFor(generous, func() bool { return !strings.Contains(cmd(t, h, "ip", "addr"), "tentative") }) {
		t.Fatal("addresses stay tentative")
	}
	return h
}

// cmd is what a program on the host prints.
func cmd(t testing.TB, h *lab.Host, args ...string) string {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), generous)
	defer end()
	out, err := h.Output(ctx, args...)
	if err != nil {
		t.Fatalf("%s: %v: %v", h.Name, args, err)
	}
	return out
}

// noise in listings: what another run numbers or counts differently.
var listingNoise = regexp.MustCompile(`@if\d+|expires \d+sec|packets \d+ bytes \d+|link-netnsid \d+|promiscuity \d+ +allmulti.*|veth numtx.*|link/ether.*|preferred_lft [1-9]\d*sec`)

// kernelState is everything that a daemon may install.
func kernelState(t testing.TB, h *lab.Host) string {
	t.Helper()
	var b strings.Builder
	for _, args := range [][]string{
		{"-d", "addr", "show", "dev", "eth0"},
		{"-d", "addr", "show", "dev", "eth1"},
		{"-d", "-4", "route", "show", "table", "all"},
		{"-d", "-6", "route", "show", "table", "all"},
		{"-d", "-4", "rule"},
		{"-d", "-6", "rule"},
	} {
		fmt.Fprintf(&b, "ip %s\n", strings.Join(args, " "))
		for line := range strings.Lines(cmd(t, h, append([]string{"ip"}, args...)...)) {
			if strings.Contains(line, "fe80:") || strings.Contains(line, " ff00::/8 ") || strings.HasPrefix(line, "broadcast ") && strings.Contains(line, " proto kernel ") {
				continue // the kernel's own, whenever it gets to them
			}
			b.WriteString(listingNoise.ReplaceAllString(line, ""))
		}
	}
	return b.String()
}

// parts of configurations of which each test takes some. Both daemons
// understand them; what keepalived 2.2.7 gets wrong is not among them
// (docs/differences.md).
var (
	someVIPs = []string{
		"192.0.2.11/24 label eth0:1", "192.0.2.12/24 brd +", "192.0.2.13 dev eth1 brd 192.0.2.255", "192.0.2.14/24 brd -",
		"192.0.2.15/24 noprefixroute", "192.0.2.16 scope link", "198.51.100.10/24 dev eth1 no_track", "203.0.113.9/25 broadcast 203.0.113.127 scope site",
	}
	someExcluded = []string{
		"2001:db8::10", "2001:db8::11/64", "2001:db8::12/64 home", "2001:db8::14/64 mngtmpaddr", "2001:db8::15/64 noprefixroute",
		"2001:db8::16/64 preferred_lft 100", "2001:db8::17 preferred_lft forever", "2001:db8::18/64 preferred_lft 0",
		"2001:db8:1::19/128 dev eth1", "203.0.113.20", "2001:db8::20/64 home noprefixroute no_track",
	}
	someRoutes = []string{
		"10.1.0.0/16 via 192.0.2.254", "src 192.0.2.10 to 10.2.0.0/16 via 192.0.2.254 dev eth0 metric 100 table 100",
		"blackhole 10.3.0.0/16", "unreachable 10.4.0.0/16 metric 5", "prohibit 10.5.0.0/16", "throw 10.6.0.0/16 table 100",
		"10.7.0.0/16 dev eth0 scope link src 192.0.2.10", "10.9.0.0/16 nexthop via 192.0.2.252 dev eth0 weight 2 nexthop via 192.0.2.251 dev eth0 weight 3 onlink",
		"10.8.0.0/16 via 192.0.2.254 mtu lock 1400 advmss 1300 rtt 300ms rttvar 400ms window 30000 cwnd lock 20 ssthresh 40 realms 3/4",
		"10.30.0.0/16 via 192.0.2.254 rto_min 200ms initcwnd 10 initrwnd 11 features ecn quickack 1 congctl lock reno hoplimit 33 reordering 5 fastopen_no_cookie 1",
		"10.10.0.0/16 via 172.16.0.1 dev eth0 onlink", "10.13.0.0/16 via 192.0.2.254 or 192.0.2.253", "10.18.0.0/16 via 192.0.2.254 scope site",
		"2001:db8:1:1::/64 via fe80::1 dev eth0", "2001:db8:2::/48 via 2001:db8::fe metric 50 pref high expires 100", "unreachable 2001:db8:3::/48",
		"2001:db8:4::/48 nexthop via 2001:db8::fd weight 2 nexthop via 2001:db8::fc weight 1", "2001:db8:9::/64 dev eth0 mtu 1300 pref low",
		"10.15.0.0/16 encap ip id 5 dst 10.99.0.1 dev eth1", "10.20.0.0/16 encap ip6 id 7 dst 2001:db8::5 src 2001:db8::6 tc 3 hoplimit 9 dev eth1",
		"from 2001:db8::/64 to 2001:db8:5::/48 via 2001:db8::fe dev eth0", "10.22.0.0/16 dev eth0 tos 4 realms 7", "default via 192.0.2.254 metric 9 table 77",
		"append 10.40.0.0/16 via 192.0.2.253", "add 10.41.0.0/16 dev eth0 table 300", "blackhole 2001:db8:b::/48 table 99", "10.42.0.0/16 dev eth1 preference 7 dsfield 0x08",
		"multicast 239.1.0.0/16 dev eth0", "10.28.0.1 dev eth0", "10.43.0.0/16 gw 192.0.2.254 oif eth0 priority 3 no_track",
	}
	someRules = []string{
		"from 192.0.2.0/24 table 100 priority 1000", "to 10.0.0.0/8 lookup 100 preference 1001", "fwmark 5/0xff table 101 priority 1002",
		"iif eth0 oif eth1 table 102 priority 1003", "uidrange 1000-2000 ipproto tcp dport 80-90 table 103 priority 1004",
		"not from 10.0.0.0/8 table 104 priority 1005 suppress_prefixlength 16", "from all table 105 priority 1006 suppress_ifgroup 7 realms 5/6",
		"goto 32766 from 10.0.0.1 priority 900", "nop priority 901", "unreachable from 10.0.0.2 priority 902", "prohibit from 10.0.0.3 priority 903",
		"type blackhole from 10.0.0.4 priority 904", "tos 0x10 table 106 priority 1007", "l3mdev priority 1008", "from 2001:db8::/32 table 107 priority 1009",
		"from 10.9.9.9 table 109", "from 10.9.9.8 table 109", "tunnel-id 77 table 110 priority 1011", "from 10.0.0.1/8 table 8 priority 13",
		"ipproto 17 realms 3 table 8 priority 9", "uidrange 0-0 table 8 priority 14", "sport 10-20 table 8 order 8", "from 10.1.1.1 sup_group default table 300 priority 7",
		"to 2001:db8:77::/48 blackhole priority 1012", "from 10.1.1.1 sup_pl 0 table main priority 6",
		"dev eth1 from 10.2.2.2 table 112 protocol 18 no_track priority 1014",
	}
	someStatic = []string{
		"static_ipaddress {\n  192.0.2.200/24 dev eth0\n  2001:db8::200/64 dev eth0\n}\n",
		"static_routes {\n  203.0.113.64/26 via 192.0.2.253 dev eth0 metric 7\n  blackhole 203.0.113.128/26\n}\n",
		"static_rules {\n  from 192.0.2.200 table 200 priority 2000\n}\n",
	}
)

// pick takes n of the lines, in their order.
func pick(r *rand.Rand, lines []string, n int) string {
	var b strings.Builder
	for i, line := range lines {
		if r.IntN(len(lines)-i) < n {
			b.WriteString("    " + line + "\n")
			n--
		}
	}
	return b.String()
}

// generated is a configuration made of some of the parts.
func generated(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	return pick(r, someStatic, r.IntN(4)) + "vrrp_instance VI_1 {\n  interface eth0\n  state MASTER\n  virtual_router_id 51\n  priority 255\n" +
		"  virtual_ipaddress {\n    192.0.2.10/24\n" + pick(r, someVIPs, 4) + "  }\n" +
		"  virtual_ipaddress_excluded {\n" + pick(r, someExcluded, 6) + "  }\n" +
		"  virtual_routes {\n" + pick(r, someRoutes, 18) + "  }\n" +
		"  virtual_rules {\n" + pick(r, someRules, 14) + "  }\n}\n"
}

// TestKernelStateIsKeepaliveds runs both daemons on the same generated
// configurations, each on a host of its own, and compares every address, route
// and rule; nothing may be left after the stop.
func TestKernelStateIsKeepaliveds(t *testing.T) {
	lab.Require(t, "ip")
	mine, real := ours(t), theirs(t)
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), patiently(func(t testing.TB) {
			conf := generated(seed)
			l := lab.Test(t, "kernel")
			var states [2]string
			for i, d := range []lab.Daemon{mine, real} {
				h := kernelHost(t, l, d.Name)
				before := kernelState(t, h)
				p, err := h.StartDaemon(d, "keepalived.conf", conf)
				if err != nil {
					t.Fatal(err)
				}
				if !lab.WaitFor(generous, func() bool { return strings.Contains(kernelState(t, h), "192.0.2.10/24") }) {
					t.Fatalf("%s: never master", d.Name)
				}
				// What comes after the first address comes within one batch.
				last, same := "", 0
				lab.WaitFor(generous, func() bool {
					now := kernelState(t, h)
					if same++; now != last {
						last, same = now, 0
					}
					time.Sleep(50 * time.Millisecond)
					return same == 5
				})
				states[i] = last
				if code, err := p.Stop(generous); err != nil || code != 0 {
					t.Fatalf("%s: stop: %d %v", d.Name, code, err)
				}
				if after := kernelState(t, h); i == 0 && after != before {
					t.Errorf("left behind after the stop:\n%s", lineDiff(before, after))
				}
			}
			if states[0] != states[1] {
				t.Errorf("configuration:\n%s\ndifference (- keepalived, + holdfast):\n%s", conf, lineDiff(states[1], states[0]))
			}
		}))
	}
}

// lineDiff lists the lines that only one of two texts has.
func lineDiff(a, b string) string {
	count := map[string]int{}
	for line := range strings.Lines(a) {
		count[line]--
	}
	for line := range strings.Lines(b) {
		count[line]++
	}
	var out strings.Builder
	for _, side := range []struct {
		text string
		sign string
		n    int
	}{{a, "-", -1}, {b, "+", 1}} {
		for line := range strings.Lines(side.text) {
			if count[line]*side.n > 0 {
				out.WriteString(side.sign + line)
				count[line] -= side.n
			}
		}
	}
	if out.Len() == 0 {
		return "(another order)\n"
	}
	return out.String()
}

const objectConf = `static_routes {
  203.0.113.64/26 via 192.0.2.253 dev eth0
  203.0.113.0/26 via 198.51.100.254 dev eth1 track_group TG
}
track_group TG {
  group {
    VI_1
  }
}
vrrp_instance VI_1 {
  interface eth0
  state MASTER
  virtual_router_id 51
  priority 255
  virtual_ipaddress {
    192.0.2.10/24
  }
  virtual_routes {
    10.1.0.0/16 via 192.0.2.254 src 192.0.2.10
    unreachable 2001:db8:3::/48
    %s
  }
  virtual_rules {
    from 192.0.2.10 table 100 priority 1000
  }
}
`

// TestRoutesAndRulesLive follows routes and rules through what happens to a
// daemon: strangers, a reload, a killed process, a killed daemon.
func TestRoutesAndRulesLive(t *testing.T) { inTurn(routesAndRulesLiveRound)(t) }

func routesAndRulesLiveRound(t testing.TB) {
	lab.Require(t, "ip")
	l := lab.Test(t, "objects")
	h := kernelHost(t, l, "a")
	clean := kernelState(t, h)
	d := ours(t)
	d.Args = append(pidFiles(h), d.Args...)
	start := func(conf string) *lab.Process {
		p, err := h.StartDaemon(d, "keepalived.conf", conf)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	has := func(what string, args ...string) bool { return strings.Contains(cmd(t, h, args...), what) }
	until := func(what string, f func() bool) {
		t.Helper()
		if !lab.WaitFor(generous, f) {
			t.Fatalf("%s: not so\n%s", what, kernelState(t, h))
		}
	}
	whole := func() bool {
		s := kernelState(t, h)
		for _, line := range []string{
			"10.1.0.0/16 via 192.0.2.254 dev eth0 table main proto keepalived scope global src 192.0.2.10", "unreachable 2001:db8:3::/48",
			"203.0.113.64/26 via 192.0.2.253", "203.0.113.0/26 via 198.51.100.254", "1000:\tfrom 192.0.2.10 lookup 100 proto keepalived",
		} {
			if !strings.Contains(s, line) {
				return false
			}
		}
		return true
	}
	first := fmt.Sprintf(objectConf, "10.2.0.0/16 via 192.0.2.253 mtu 1400")
	p := start(first)
	until("everything there", whole)

	cmd(t, h, "ip", "route", "del", "10.1.0.0/16")
	until("route put back", whole)
	cmd(t, h, "ip", "rule", "del", "priority", "1000")
	until("rule put back", whole)
	cmd(t, h, "ip", "route", "del", "203.0.113.64/26")
	until("static route put back", whole)

	// A reload changes what is different only, adding first.
	monitor, err := h.Start(lab.Spec{Args: []string{"ip", "monitor", "route", "rule"}})
	if err != nil {
		t.Fatal(err)
	}
	// A route of nobody's shows that the monitor listens, and that it has told all.
	const nobodys = "10.250.0.0/16"
	if !lab.WaitFor(generous, func() bool {
		cmd(t, h, "ip", "route", "replace", "blackhole", nobodys)
		return strings.Contains(monitor.Log(), nobodys)
	}) {
		t.Fatal("ip monitor tells nothing")
	}
	if err := writeAndReload(h, p, fmt.Sprintf(objectConf, "10.2.0.0/16 via 192.0.2.252 mtu 1400")); err != nil {
		t.Fatal(err)
	}
	until("route changed by reload", func() bool {
		return has("via 192.0.2.252", "ip", "route", "show", "10.2.0.0/16") && !has("via 192.0.2.253", "ip", "route", "show", "10.2.0.0/16")
	})
	cmd(t, h, "ip", "route", "del", "blackhole", nobodys)
	if !lab.WaitFor(generous, func() bool { return strings.Contains(monitor.Log(), "Deleted blackhole "+nobodys) }) {
		t.Fatalf("ip monitor does not tell all:\n%s", monitor.Log())
	}
	_ = monitor.Signal(syscall.SIGTERM)
	_, _ = monitor.Wait(generous)
	log := monitor.Log()
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(log), "\n"), func(l string) bool { return strings.Contains(l, nobodys) })
	if len(lines) != 2 || strings.HasPrefix(lines[0], "Deleted") || !strings.HasPrefix(lines[1], "Deleted 10.2.0.0/16 via 192.0.2.253") {
		t.Errorf("a reload that changes one route did:\n%s", log)
	}

	// The vrrp process is killed: nothing goes meanwhile.
	before := kernelState(t, h)
	old := pidIn(h.Path("vrrp.pid"))
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end); {
		if now := kernelState(t, h); now != before {
			t.Fatalf("while the vrrp process was replaced:\n%s", lineDiff(before, now))
		}
	}
	until("vrrp process replaced", func() bool { now := pidIn(h.Path("vrrp.pid")); return now != old && now != 0 })

	// The interface that a tracked static route needs goes away and comes back.
	cmd(t, h, "ip", "link", "set", "eth1", "down")
	until("FAULT without the static route", func() bool { return !has("192.0.2.10/24", "ip", "addr", "show", "dev", "eth0") })
	cmd(t, h, "ip", "link", "set", "eth1", "up")
	until("master again", whole)

	// All of it is killed; the next one removes what is left, with another
	// configuration too.
	killAtOnce(t, p)
	if !has("10.1.0.0/16", "ip", "route") {
		t.Fatal("a killed daemon removed its route")
	}
	other := "vrrp_instance VI_2 {\n  interface eth0\n  virtual_router_id 52\n  virtual_ipaddress {\n    192.0.2.20/24\n  }\n}\n"
	p = start(other)
	until("left-overs gone", func() bool { return kernelState(t, h) == clean })
	if _, err := p.Stop(generous); err != nil {
		t.Fatal(err)
	}
}

// killAtOnce kills a daemon with all of its processes before one of them can see
// that another is gone.
func killAtOnce(t testing.TB, p *lab.Process) {
	t.Helper()
	for _, pid := range p.Tree() {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

// writeAndReload gives a daemon another configuration.
func writeAndReload(h *lab.Host, p *lab.Process, conf string) error {
	if err := os.WriteFile(h.Path("keepalived.conf"), []byte(conf), 0o644); err != nil {
		return err
	}
	return p.Signal(syscall.SIGHUP)
}

// TestNoAccept pings the address of a master with no_accept and of one in
// strict mode, looks at the rules beside keepalived's, and at what is left.
func TestNoAccept(t *testing.T) { inTurn(noAcceptRound)(t) }

func noAcceptRound(t testing.TB) {
	lab.Require(t, "ip", "nft", "ping")
	const conf = `vrrp_instance VI_1 {
  interface eth0
  version 3
  advert_int 0.1
  virtual_router_id 51
  priority 150
  no_accept
  virtual_ipaddress {
    192.0.2.10/24
  }
  virtual_ipaddress_excluded {
    2001:db8::10/64
    fe80::77/64
  }
}
`
	handles := regexp.MustCompile(` # handle \d+`)
	var rules []string
	for _, d := range []lab.Daemon{ours(t), theirs(t)} {
		l := lab.Test(t, "accept")
		lan, err := l.Segment("lan")
		if err != nil {
			t.Fatal(err)
		}
		var hosts [2]*lab.Host
		for i := range hosts {
			if hosts[i], err = l.Host(fmt.Sprint("h", i)); err != nil {
				t.Fatal(err)
			}
			if err := hosts[i].Plug(lan, "eth0", fmt.Sprintf("02:00:00:00:02:0%d", i+1), fmt.Sprintf("192.0.2.%d/24", i+1), fmt.Sprintf("2001:db8::%d/64", i+1)); err != nil {
				t.Fatal(err)
			}
		}
		answers := func(addr string) bool {
			ctx, end := context.WithTimeout(t.Context(), 5*time.Second)
			defer end()
			_, err := hosts[1].Output(ctx, "ping", "-c", "1", "-W", "1", addr)
			return err == nil
		}
		p, err := hosts[0].StartDaemon(d, "keepalived.conf", conf)
		if err != nil {
			t.Fatal(err)
		}
		if !lab.WaitFor(generous, func() bool {
			return strings.Contains(cmd(t, hosts[0], "ip", "addr", "show", "dev", "eth0"), "fe80::77")
		}) {
			t.Fatal("never master")
		}
		rules = append(rules, handles.ReplaceAllString(cmd(t, hosts[0], "nft", "list", "ruleset"), ""))
		if answers("192.0.2.10") || answers("2001:db8::10") || answers("fe80::77%eth0") {
			t.Errorf("%s: an address with no_accept answers", d.Name)
		}
		if !lab.WaitFor(generous, func() bool { return answers("192.0.2.1") && answers("2001:db8::1") }) {
			t.Errorf("%s: the machine's own address does not answer", d.Name)
		}
		if d.Name != "holdfast" {
			continue
		}
		if err := writeAndReload(hosts[0], p, strings.Replace(conf, "  no_accept\n", "", 1)); err != nil {
			t.Fatal(err)
		}
		if !lab.WaitFor(generous, func() bool { return answers("192.0.2.10") && answers("2001:db8::10") }) {
			t.Error("the addresses do not answer without no_accept")
		}
		if err := writeAndReload(hosts[0], p, conf); err != nil {
			t.Fatal(err)
		}
		if !lab.WaitFor(generous, func() bool { return !answers("192.0.2.10") }) {
			t.Error("the address answers with no_accept again")
		}
		cmd(t, hosts[0], "nft", "flush", "ruleset")
		if !lab.WaitFor(generous, func() bool {
			_, v := status(t, hosts[0])
			return v.NoAcceptRepairs > 0 && handles.ReplaceAllString(cmd(t, hosts[0], "nft", "list", "ruleset"), "") == rules[0]
		}) {
			t.Errorf("after nft flush ruleset: %s", cmd(t, hosts[0], "nft", "list", "ruleset"))
		}
		if answers("192.0.2.10") {
			t.Error("the address answers after nft flush ruleset")
		}
		killAtOnce(t, p)
		if left := cmd(t, hosts[0], "nft", "list", "ruleset"); left == "" {
			t.Error("a killed daemon removed its rules")
		}
		p, err = hosts[0].StartDaemon(d, "keepalived.conf", strings.NewReplacer("  no_accept\n", "", "192.0.2.10", "192.0.2.11").Replace(conf))
		if err != nil {
			t.Fatal(err)
		}
		if !lab.WaitFor(generous, func() bool {
			return cmd(t, hosts[0], "nft", "list", "ruleset") == "" && answers("192.0.2.11")
		}) {
			t.Errorf("left over: %s", cmd(t, hosts[0], "nft", "list", "ruleset"))
		}
		if _, err := p.Stop(generous); err != nil {
			t.Fatal(err)
		}
	}
	if rules[0] != rules[1] || rules[0] == "" {
		t.Errorf("rules (- keepalived, + holdfast):\n%s", lineDiff(rules[1], rules[0]))
	}
}
