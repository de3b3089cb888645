package integration

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/examples"
	"holdfast/integration/lab"
)

// example says what surroundings an example asks for and what it must come to.
type example struct {
	name string
	ipvs bool
	eth0 []string            // addresses of the director
	eth1 []string            // none: it has no eth1
	web  map[string][]string // real servers: address on eth0's or eth1's segment and, after it, ports
	on1  bool                // the real servers are on eth1's segment
	vips map[string]string   // address: interface it must appear on
	// table are lines that ipvsadm -Sn must print in the end.
	table []string
	// settle is how long after that it must still be so: past the first round
	// of health checks, which take a dead server out.
	settle time.Duration
	swap   [][2]string // makes the second machine's file; none: there is no second
	other  []string    // addresses the second machine must hold
	then   func(testing.TB, *network, *lab.Process, []*lab.Process)
}

func pairOf(addr string, ports ...string) map[string][]string {
	return map[string][]string{addr + "21/24": ports, addr + "22/24": ports}
}

var exampleCases = []example{
	{
		name: "lvs-dr-pair", ipvs: true, eth0: []string{"192.0.2.1/24"}, web: pairOf("192.0.2.", "80"),
		vips:   map[string]string{"192.0.2.10": "eth0"},
		table:  []string{"-A -t 192.0.2.10:80 -s wlc", "-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 1", "-a -t 192.0.2.10:80 -r 192.0.2.22:80 -g -w 1"},
		settle: 8 * time.Second,
	},
	{
		name: "lvs-nat-pair", ipvs: true, eth0: []string{"198.51.100.1/24"}, eth1: []string{"10.0.0.2/24"}, on1: true, web: pairOf("10.0.0.", "8080"),
		vips:   map[string]string{"198.51.100.10": "eth0", "10.0.0.1": "eth1"},
		table:  []string{"-A -t 198.51.100.10:80 -s wrr", "-a -t 198.51.100.10:80 -r 10.0.0.21:8080 -m -w 2", "-a -t 198.51.100.10:80 -r 10.0.0.22:8080 -m -w 1"},
		settle: 8 * time.Second,
	},
	{
		name: "lvs-tun-pair", ipvs: true, eth0: []string{"192.0.2.1/24", "198.51.100.1/24", "203.0.113.1/24"},
		web:    map[string][]string{"198.51.100.21/24": {"443"}, "203.0.113.22/24": {"443"}},
		vips:   map[string]string{"192.0.2.10": "eth0"},
		table:  []string{"-A -t 192.0.2.10:443 -s sh", "-a -t 192.0.2.10:443 -r 198.51.100.21:443 -i -w 1", "-a -t 192.0.2.10:443 -r 203.0.113.22:443 -i -w 1"},
		settle: 13 * time.Second,
	},
	{
		name: "single-director", ipvs: true, eth0: []string{"192.0.2.10/24"}, eth1: []string{"10.0.0.1/24"}, on1: true,
		web: map[string][]string{"10.0.0.21/24": {"80"}, "10.0.0.22/24": {"80"}, "10.0.0.31/24": nil, "10.0.0.32/24": nil},
		table: []string{
			"-A -t 192.0.2.10:80 -s wlc -p 600", "-a -t 192.0.2.10:80 -r 10.0.0.21:80 -m -w 10", "-a -t 192.0.2.10:80 -r 10.0.0.22:80 -m -w 10",
			"-A -u 192.0.2.10:53 -s rr", "-a -u 192.0.2.10:53 -r 10.0.0.31:53 -m -w 1", "-a -u 192.0.2.10:53 -r 10.0.0.32:53 -m -w 1",
		},
		settle: 13 * time.Second,
	},
	{
		name: "local-node", ipvs: true, eth0: []string{"192.0.2.1/24"}, web: pairOf("192.0.2.", "80"),
		vips:   map[string]string{"192.0.2.10": "eth0"},
		table:  []string{"-A -t 192.0.2.10:80 -s wlc", "-a -t 192.0.2.10:80 -r 192.0.2.21:80 -g -w 1", "-a -t 192.0.2.10:80 -r 192.0.2.22:80 -g -w 1"},
		settle: 8 * time.Second,
		then: func(t testing.TB, n *network, _ *lab.Process, webs []*lab.Process) {
			for _, w := range webs {
				if err := w.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			waitTable(t, n.a, 30*time.Second, "-A -t 192.0.2.10:80 -s wlc", "-a -t 192.0.2.10:80 -r 127.0.0.1:80 -g -w 1")
		},
	},
	{
		name: "fwmark-persistence", ipvs: true, eth0: []string{"192.0.2.1/24"}, web: pairOf("192.0.2.", "80", "443"),
		vips:   map[string]string{"192.0.2.10": "eth0"},
		table:  []string{"-A -f 1 -s wlc -p 3600", "-a -f 1 -r 192.0.2.21:0 -g -w 1", "-a -f 1 -r 192.0.2.22:0 -g -w 1"},
		settle: 8 * time.Second,
	},
	{
		name: "nginx-ha", eth0: []string{"192.0.2.1/24"}, vips: map[string]string{"192.0.2.10": "eth0"}, settle: 6 * time.Second,
	},
	{
		name: "dual-master", eth0: []string{"192.0.2.1/24"}, vips: map[string]string{"192.0.2.10": "eth0"}, settle: 3 * time.Second,
		swap: [][2]string{
			{"51", "0x"},
			{"52", "51"},
			{"0x", "52"},
			{"192.0.2.10/24", "0x"},
			{"192.0.2.20/24", "192.0.2.10/24"},
			{"0x", "192.0.2.20/24"},
		},
		other: []string{"192.0.2.20"},
	},
	{
		name: "two-uplinks", eth0: []string{"198.51.100.1/24"}, eth1: []string{"203.0.113.1/24"},
		vips: map[string]string{"198.51.100.10": "eth0", "203.0.113.10": "eth1"}, settle: time.Second,
	},
}

// TestExamples starts every example, in both languages, in the surroundings it
// is made for, and waits for the state it promises.
func TestExamples(t *testing.T) {
	lab.Require(t, "nginx", "curl")
	allExamples(t, false)
}

// examplesIPVS does so with those that need IPVS.
func examplesIPVS(t *testing.T) {
	lab.Require(t, "ipvsadm", "nginx", "ping")
	if inIPVS(t, 5*time.Minute) {
		return
	}
	allExamples(t, true)
}

// TestEveryExampleIsRun keeps the list above complete.
func TestEveryExampleIsRun(t *testing.T) {
	listed := map[string]bool{}
	for _, e := range exampleCases {
		listed[e.name+".conf"], listed[e.name+".toml"] = true, true
	}
	entries, err := fs.ReadDir(examples.Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); !listed[name] && !strings.HasSuffix(name, ".sh") && !strings.HasPrefix(name, "_") {
			t.Errorf("%s is not run", name)
		}
		delete(listed, e.Name())
	}
	for name := range listed {
		t.Errorf("%s does not exist", name)
	}
}

func allExamples(t *testing.T, ipvs bool) {
	for _, e := range exampleCases {
		if e.ipvs != ipvs {
			continue
		}
		for _, ext := range []string{".conf", ".toml"} {
			t.Run(e.name+ext, patiently(func(t testing.TB) {
				runExample(t, e, e.name+ext)
			}))
		}
	}
}

func runExample(t testing.TB, e example, file string) {
	text, err := fs.ReadFile(examples.Files, file)
	if err != nil {
		t.Fatal(err)
	}
	n := &network{t: t, lab: lab.Test(t, "example")}
	if n.lan, err = n.lab.Segment("eth0"); err != nil {
		t.Fatal(err)
	}
	second, err := n.lab.Segment("eth1")
	if err != nil {
		t.Fatal(err)
	}
	plug := func(h *lab.Host, s *lab.Segment, iface, mac string, addrs ...string) {
		t.Helper()
		if err := h.Plug(s, iface, mac, addrs...); err != nil {
			t.Fatal(err)
		}
	}
	add := func(name string) *lab.Host {
		t.Helper()
		h, err := n.lab.Host(name)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	n.a = add("a")
	plug(n.a, n.lan, "eth0", "02:00:00:00:00:01", e.eth0...)
	if e.eth1 != nil {
		plug(n.a, second, "eth1", "02:00:00:00:01:01", e.eth1...)
	}
	var webs []*lab.Process
	for addr, ports := range e.web {
		ip := netip.MustParsePrefix(addr).Addr()
		h := add(ip.String())
		segment := n.lan
		if e.on1 {
			segment = second
		}
		plug(h, segment, "eth0", fmt.Sprintf("02:00:00:00:02:%02x", ip.As4()[3]), addr)
		if len(ports) > 0 {
			webs = append(webs, serve(t, h, ports...))
		}
	}
	prepareExample(t, n.a)
	p := startExample(t, n.a, file, string(text))
	var b *lab.Process
	if e.swap != nil {
		n.b = add("b")
		plug(n.b, n.lan, "eth0", "02:00:00:00:00:02", "192.0.2.2/24")
		prepareExample(t, n.b)
		other := string(text)
		for _, s := range e.swap {
			other = strings.ReplaceAll(other, s[0], s[1])
		}
		b = startExample(t, n.b, file, other)
	}

	reached := func() string {
		for addr, iface := range e.vips {
			if !has(n.a, iface, addr) {
				return fmt.Sprintf("%s is not on %s", addr, iface)
			}
		}
		for _, addr := range e.other {
			if !has(n.b, "eth0", addr) {
				return addr + " is not on the second machine"
			}
		}
		if len(e.other) > 0 && (has(n.a, "eth0", e.other[0]) || has(n.b, "eth0", "192.0.2.10")) {
			return "a machine holds the other one's address as well"
		}
		return ""
	}
	why := ""
	if !lab.WaitFor(30*time.Second, func() bool { why = reached(); return why == "" }) {
		t.Fatal(why)
	}
	if e.table != nil {
		waitTable(t, n.a, 20*time.Second, e.table...)
	}
	time.Sleep(e.settle)
	if why := reached(); why != "" {
		t.Errorf("%v later: %s", e.settle, why)
	}
	if e.table != nil {
		waitTable(t, n.a, 0, e.table...)
	}
	if e.then != nil {
		e.then(t, n, p, webs)
	}
	for _, p := range []*lab.Process{p, b} {
		if p == nil {
			continue
		}
		for line := range strings.SplitSeq(p.Log(), "\n") {
			if strings.Contains(line, "level=ERROR") {
				t.Errorf("the log says: %s", line)
			}
		}
		if exit, err := p.Stop(generous); err != nil || exit != 0 {
			t.Errorf("stop: exit %d, %v", exit, err)
		}
	}
	for addr, iface := range e.vips {
		if has(n.a, iface, addr) {
			t.Errorf("%s is left behind", addr)
		}
	}
	if e.ipvs {
		waitTable(t, n.a, 0)
	}
}

// prepareExample gives a host what the examples find on a real machine: a web
// server, and the script in a folder that only root can write to.
func prepareExample(t testing.TB, h *lab.Host) {
	t.Helper()
	script, err := fs.ReadFile(examples.Files, "nginx-ha-check.sh")
	if err != nil {
		t.Fatal(err)
	}
	tmp := h.Path("nginx-ha-check.sh")
	if err := lab.WriteProgram(tmp, script); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Output(t.Context(), "install", "-m", "755", tmp, "/run/nginx-ha-check.sh"); err != nil {
		t.Fatal(err)
	}
	serve(t, h, "80")
}

// startExample runs an example as it stands, but for the place of the script.
func startExample(t testing.TB, h *lab.Host, file, text string) *lab.Process {
	t.Helper()
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "/etc/holdfast/nginx-ha-check.sh", "/run/nginx-ha-check.sh")
	p, err := h.StartDaemon(lab.Holdfast(prog), file, text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func serve(t testing.TB, h *lab.Host, ports ...string) *lab.Process {
	t.Helper()
	numbers := make([]int, len(ports))
	for i, p := range ports {
		if _, err := fmt.Sscan(p, &numbers[i]); err != nil {
			t.Fatal(err)
		}
	}
	p, err := h.NginxServer(h.Name, numbers...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func has(h *lab.Host, iface, addr string) bool {
	addrs, err := h.Addrs(iface)
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if a.String() == addr {
			return true
		}
	}
	return false
}

// waitTable waits until ipvsadm -Sn prints the lines given and no other.
func waitTable(t testing.TB, h *lab.Host, limit time.Duration, want ...string) {
	t.Helper()
	got := ""
	if !lab.WaitFor(limit, func() bool {
		var err error
		if got, err = h.Output(t.Context(), "ipvsadm", "-Sn"); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for line := range strings.SplitSeq(got, "\n") {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			found := false
			for _, w := range want {
				found = found || strings.HasPrefix(line, w)
			}
			if !found {
				return false
			}
			seen++
		}
		return seen == len(want)
	}) {
		t.Errorf("the table is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}
