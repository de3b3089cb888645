package integration

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"holdfast/examples"
	"holdfast/integration/lab"
)

// TestExamplesServe puts each example with IPVS to work, both machines of it
// where it has two, as its comment says: a client's requests are answered
// through the virtual address, and again after the master's death.
func TestExamplesServe(t *testing.T) {
	lab.Require(t, "ipvsadm", "nginx", "ping", "iptables-legacy")
	if inIPVS(t, 5*time.Minute) {
		return
	}
	// Here, not in the hosts, which have a /run of their own: the IPVS kernel's
	// modprobe is there.
	if out, err := exec.Command("modprobe", "-a", "ipip", "iptable_mangle", "xt_mark", "xt_multiport").CombinedOutput(); err != nil {
		t.Fatalf("modprobe: %v: %s", err, out)
	}
	for _, c := range []struct {
		name  string
		serve func(*serving)
	}{
		{"lvs-dr-pair", serveDR},
		{"lvs-nat-pair", serveNAT},
		{"lvs-tun-pair", serveTUN},
		{"local-node", serveLocalNode},
		{"fwmark-persistence", serveMark},
		{"single-director", serveSingle},
	} {
		for _, ext := range []string{".conf", ".toml"} {
			t.Run(c.name+ext, patiently(func(t testing.TB) {
				s := &serving{network: &network{t: t, lab: lab.Test(t, "serve")}, t: t, file: c.name + ext, segments: map[string]*lab.Segment{}}
				c.serve(s)
			}))
		}
	}
}

// serving is an example at work. The network's a and b are its directors.
type serving struct {
	*network
	t        testing.TB
	file     string
	segments map[string]*lab.Segment
	macs     int
	client   *lab.Host
	daemons  []*lab.Process
}

// follows reports whether the table is on the master only, as in TOML.
func (s *serving) follows() bool { return strings.HasSuffix(s.file, ".toml") }

// add adds a host; each plug is "SEGMENT PREFIX…", and the interfaces are
// eth0, eth1 and so on.
func (s *serving) add(name string, plugs ...string) *lab.Host {
	s.t.Helper()
	h, err := s.lab.Host(name)
	if err != nil {
		s.t.Fatal(err)
	}
	for i, p := range plugs {
		f := strings.Fields(p)
		if s.segments[f[0]] == nil {
			if s.segments[f[0]], err = s.lab.Segment(f[0]); err != nil {
				s.t.Fatal(err)
			}
		}
		s.macs++
		if err := h.Plug(s.segments[f[0]], fmt.Sprintf("eth%d", i), fmt.Sprintf("02:00:00:00:01:%02x", s.macs), f[1:]...); err != nil {
			s.t.Fatal(err)
		}
	}
	return h
}

// run runs commands in a host, each as words between spaces.
func (s *serving) run(h *lab.Host, commands ...string) {
	s.t.Helper()
	for _, c := range commands {
		if _, err := h.Output(s.t.Context(), strings.Fields(c)...); err != nil {
			s.t.Fatal(err)
		}
	}
}

// web runs nginx, which tells its host's name.
func (s *serving) web(h *lab.Host, ports ...int) *lab.Process {
	s.t.Helper()
	p, err := h.NginxServer(h.Name, ports...)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// silent has a host hold an address without answering ARP for it.
func (s *serving) silent(h *lab.Host, iface, addr string) {
	s.t.Helper()
	s.run(h, "sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2", "ip address add "+addr+"/32 dev "+iface)
}

// second is the example's file for the other machine, as its comment says.
func second(text, router string) string {
	// What stands in the comment stays.
	body := strings.Index(text, "\nglobal_defs")
	if body < 0 {
		body = strings.Index(text, "\n[global_defs]")
	}
	return text[:body] + strings.NewReplacer(
		router+"1", router+"2", "state MASTER", "state BACKUP", `state = "MASTER"`, `state = "BACKUP"`,
		"priority 150", "priority 100", "priority = 150", "priority = 100",
	).Replace(text[body:])
}

// direct starts the example on a and, if there is one, its other form on b.
func (s *serving) direct() {
	s.t.Helper()
	b, err := fs.ReadFile(examples.Files, s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	prog, err := program()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range []*lab.Host{s.a, s.b} {
		if h == nil {
			continue
		}
		text := string(b)
		if h == s.b {
			text = second(text, "lvs")
		}
		p, err := h.StartDaemon(lab.Holdfast(prog), s.file, text)
		if err != nil {
			s.t.Fatal(err)
		}
		s.daemons = append(s.daemons, p)
	}
	if s.b != nil {
		if s.watch, err = s.lab.Watch(s.a, s.b); err != nil {
			s.t.Fatal(err)
		}
	}
}

// lines is what ipvsadm -Sn prints in a host.
func (s *serving) lines(h *lab.Host) string {
	s.t.Helper()
	out, err := h.Output(s.t.Context(), "ipvsadm", "-Sn")
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// master waits until a host has the address, and checks the table of the other.
func (s *serving) master(addr, name string) {
	s.t.Helper()
	s.holder(netip.MustParseAddr(addr), name, 40*time.Second)
	for _, h := range []*lab.Host{s.a, s.b} {
		want := h.Name == name || !s.follows()
		if !lab.WaitFor(generous, func() bool { return strings.Contains(s.lines(h), addr+":") == want }) {
			s.t.Errorf("%s is master; the table of %s:\n%s", name, h.Name, s.lines(h))
		}
	}
}

// answered waits until a request is answered, by a host whose name starts as
// given, and returns its name.
func (s *serving) answered(to, by string) string {
	s.t.Helper()
	var body string
	var err error
	if !lab.WaitFor(60*time.Second, func() bool {
		body, err = fetch(s.client, "", to)
		return err == nil && strings.HasPrefix(body, by)
	}) {
		s.t.Fatalf("request to %s: %q, %v; the table of %s:\n%s", to, body, err, s.a.Name, s.lines(s.a))
	}
	return body
}

// bothAnswer waits until both web servers have answered.
func (s *serving) bothAnswer(to string) {
	s.t.Helper()
	seen := map[string]bool{}
	if !lab.WaitFor(60*time.Second, func() bool {
		if body, err := fetch(s.client, "", to); err == nil {
			seen[body] = true
		}
		return seen["web1"] && seen["web2"]
	}) {
		s.t.Errorf("answers only from %v; the table:\n%s", seen, s.lines(s.a))
	}
}

// crash kills the first director and waits for the second to serve.
func (s *serving) crash(addr, to string) {
	s.t.Helper()
	if _, err := s.daemons[0].Crash(); err != nil {
		s.t.Fatal(err)
	}
	s.holder(netip.MustParseAddr(addr), s.b.Name, 20*time.Second)
	s.answered(to, "web")
}

// fetch asks for / from a host, from an address of its own if one is given.
func fetch(h *lab.Host, from, to string) (string, error) {
	d := net.Dialer{Timeout: 2 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	var conn net.Conn
	if err := h.Do(func() (err error) {
		conn, err = d.Dial("tcp", to)
		return err
	}); err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != 200 {
		err = errors.New(answer.Status)
	}
	return strings.TrimSpace(string(b)), err
}

// pairOnLAN is two directors, two web servers and a client in 192.0.2.0/24.
func (s *serving) pairOnLAN(ports ...int) (webs []*lab.Process) {
	s.t.Helper()
	s.a, s.b = s.add("lvs1", "lan 192.0.2.1/24"), s.add("lvs2", "lan 192.0.2.2/24")
	s.client = s.add("client", "lan 192.0.2.99/24")
	for _, name := range []string{"1", "2"} {
		h := s.add("web"+name, "lan 192.0.2.2"+name+"/24")
		s.silent(h, "lo", "192.0.2.10")
		webs = append(webs, s.web(h, ports...))
	}
	return webs
}

func serveDR(s *serving) {
	s.pairOnLAN(80)
	s.direct()
	s.master("192.0.2.10", "lvs1")
	s.bothAnswer("192.0.2.10:80")
	s.crash("192.0.2.10", "192.0.2.10:80")
	s.bothAnswer("192.0.2.10:80")
}

func serveNAT(s *serving) {
	s.a, s.b = s.add("lvs1", "outside 198.51.100.1/24", "inside 10.0.0.2/24"), s.add("lvs2", "outside 198.51.100.2/24", "inside 10.0.0.3/24")
	s.run(s.a, "sysctl -qw net.ipv4.ip_forward=1")
	s.run(s.b, "sysctl -qw net.ipv4.ip_forward=1")
	s.client = s.add("client", "outside 198.51.100.99/24")
	for _, name := range []string{"1", "2"} {
		h := s.add("web"+name, "inside 10.0.0.2"+name+"/24")
		s.run(h, "ip route add default via 10.0.0.1")
		s.web(h, 8080)
	}
	s.direct()
	s.master("198.51.100.10", "lvs1")
	s.holder(netip.MustParseAddr("10.0.0.1"), "lvs1", 5*time.Second)
	s.bothAnswer("198.51.100.10:80")
	s.crash("198.51.100.10", "198.51.100.10:80")
	s.holder(netip.MustParseAddr("10.0.0.1"), "lvs2", 5*time.Second)
	s.bothAnswer("198.51.100.10:80")
}

func serveTUN(s *serving) {
	s.a, s.b = s.add("lvs1", "lan 192.0.2.1/24"), s.add("lvs2", "lan 192.0.2.2/24")
	s.client = s.add("client", "lan 192.0.2.99/24")
	gateway := s.add("gateway", "lan 192.0.2.254/24", "site1 198.51.100.254/24", "site2 203.0.113.254/24")
	s.run(gateway, "sysctl -qw net.ipv4.ip_forward=1")
	for _, h := range []*lab.Host{s.a, s.b} {
		s.run(h, "ip route add default via 192.0.2.254")
	}
	for i, addr := range []string{"198.51.100.21", "203.0.113.22"} {
		h := s.add(fmt.Sprintf("web%d", i+1), fmt.Sprintf("site%d %s/24", i+1, addr))
		s.run(h, "ip link set tunl0 up", "ip route add default via "+addr[:strings.LastIndexByte(addr, '.')]+".254",
			"sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.tunl0.rp_filter=0")
		s.silent(h, "tunl0", "192.0.2.10")
		s.web(h, 443)
	}
	s.direct()
	s.master("192.0.2.10", "lvs1")
	by := s.answered("192.0.2.10:443", "web")
	s.crash("192.0.2.10", "192.0.2.10:443")
	// Source hashing: the same client, the same server, on either director.
	if again := s.answered("192.0.2.10:443", "web"); again != by {
		s.t.Errorf("%s answered before the takeover, %s after it", by, again)
	}
}

func serveLocalNode(s *serving) {
	webs := s.pairOnLAN(80)
	s.web(s.a, 80)
	s.web(s.b, 80)
	s.direct()
	s.master("192.0.2.10", "lvs1")
	s.bothAnswer("192.0.2.10:80")
	for _, p := range webs {
		if err := p.Kill(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.answered("192.0.2.10:80", "lvs1")
	for _, p := range webs {
		s.web(p.Host, 80)
	}
	s.answered("192.0.2.10:80", "web")
}

func serveMark(s *serving) {
	s.pairOnLAN(80, 443)
	for _, h := range []*lab.Host{s.a, s.b} {
		s.run(h, "iptables-legacy -t mangle -A PREROUTING -d 192.0.2.10/32 -p tcp -m multiport --dports 80,443 -j MARK --set-mark 1")
	}
	s.direct()
	s.holder(netip.MustParseAddr("192.0.2.10"), "lvs1", 40*time.Second)
	s.answered("192.0.2.10:80", "web")
	by := map[string]int{}
	for i := range 6 {
		from := fmt.Sprintf("192.0.2.%d", 101+i)
		s.run(s.client, "ip address add "+from+"/24 dev eth0")
		var on [2]string
		for k, port := range []int{80, 443} {
			on[k] = s.fetched(from, fmt.Sprintf("192.0.2.10:%d", port))
		}
		if on[0] != on[1] {
			s.t.Errorf("%s gets %s on port 80 and %s on 443", from, on[0], on[1])
		}
		by[on[0]]++
	}
	if by["web1"] == 0 || by["web2"] == 0 {
		s.t.Errorf("clients by server: %v", by)
	}
	s.crash("192.0.2.10", "192.0.2.10:443")
}

func serveSingle(s *serving) {
	s.a = s.add("lvs1", "outside 192.0.2.1/24 192.0.2.10/24", "inside 10.0.0.1/24")
	s.run(s.a, "sysctl -qw net.ipv4.ip_forward=1")
	s.client = s.add("client", "outside 192.0.2.99/24")
	webs := map[string]*lab.Process{}
	for _, name := range []string{"1", "2"} {
		h := s.add("web"+name, "inside 10.0.0.2"+name+"/24")
		s.run(h, "ip route add default via 10.0.0.1")
		webs[h.Name] = s.web(h, 80)
	}
	for _, name := range []string{"1", "2"} {
		h := s.add("dns"+name, "inside 10.0.0.3"+name+"/24")
		s.run(h, "ip route add default via 10.0.0.1")
		s.echo(h, "10.0.0.3"+name+":53")
	}
	s.direct()
	by := s.answered("192.0.2.10:80", "web")
	seen := map[string]bool{}
	if !lab.WaitFor(60*time.Second, func() bool {
		if name, err := ask(s.client, "192.0.2.10:53"); err == nil {
			seen[name] = true
		}
		return seen["dns1"] && seen["dns2"]
	}) {
		s.t.Errorf("name servers that answered: %v; the table:\n%s", seen, s.lines(s.a))
	}
	// Persistence keeps the client where it was, until that server is gone.
	for range 4 {
		if again := s.answered("192.0.2.10:80", "web"); again != by {
			s.t.Errorf("%s answered, then %s", by, again)
		}
	}
	if err := webs[by].Kill(); err != nil {
		s.t.Fatal(err)
	}
	other := map[string]string{"web1": "web2", "web2": "web1"}[by]
	s.answered("192.0.2.10:80", other)
	if exit, err := s.daemons[0].Stop(generous); err != nil || exit != 0 {
		s.t.Errorf("stop: exit %d, %v", exit, err)
	}
	if left := s.lines(s.a); left != "" {
		s.t.Errorf("left after the stop:\n%s", left)
	}
}

// echo answers every datagram to an address with the host's name.
func (s *serving) echo(h *lab.Host, at string) {
	s.t.Helper()
	var conn net.PacketConn
	if err := h.Do(func() (err error) {
		conn, err = net.ListenPacket("udp", at)
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			_, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo([]byte(h.Name), from)
		}
	}()
}

// ask sends a datagram from a port of its own and returns the answer.
func ask(h *lab.Host, to string) (string, error) {
	var conn net.Conn
	if err := h.Do(func() (err error) {
		conn, err = net.Dial("udp", to)
		return err
	}); err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("?")); err != nil {
		return "", err
	}
	buf := make([]byte, 512)
	n, err := conn.Read(buf)
	return string(buf[:n]), err
}
