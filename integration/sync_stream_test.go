package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"holdfast/integration/lab"
	"holdfast/ipvs/sync"
)

// streamRules are the services of the director whose stream is read.
var streamRules = []string{
	"-A -t 192.0.2.100:80 -s rr", "-a -t 192.0.2.100:80 -r 198.51.100.21:8080 -m",
	"-A -t 192.0.2.100:81 -s rr -p 77", "-a -t 192.0.2.100:81 -r 198.51.100.21:8080 -m",
	"-A -t [2001:db8::100]:80 -s rr", "-a -t [2001:db8::100]:80 -r [2001:db8:2::21]:8080 -m",
	"-A -f 5 -s rr -p 88", "-a -f 5 -r 198.51.100.21:8080 -m",
	"-A -u 192.0.2.100:5060 -s rr -p 99 --pe sip", "-a -u 192.0.2.100:5060 -r 198.51.100.21:5060 -m",
}

const callID = "3848276298220188511@lab.example"

// syncStream has a kernel tell another of connections of every kind, and reads
// along. Then that other kernel is told of connections that were encoded here.
func syncStream(t testing.TB) {
	s := &survivors{t: t, lab: lab.Test(t, "syncstream")}
	s.front, s.back = s.segment("front"), s.segment("back")
	s.a, s.b = s.director("a", 1), s.director("b", 2)
	client := s.host("client", s.front, "02:00:00:00:00:99", "192.0.2.99/24")
	server := s.host("server", s.back, "02:00:00:00:01:21", "198.51.100.21/24")
	for h, addrs := range map[*lab.Host][]string{
		s.a:    {"eth0 192.0.2.100/24", "eth0 2001:db8::1/64", "eth0 2001:db8::100/64", "eth1 198.51.100.254/24", "eth1 2001:db8:2::1/64"},
		client: {"eth0 2001:db8::99/64"},
		server: {"eth0 2001:db8:2::21/64"},
	} {
		for _, a := range addrs {
			iface, prefix, _ := strings.Cut(a, " ")
			s.must(h.AddAddr(iface, prefix))
		}
	}
	s.must(s.a.Sysctl("net/ipv6/conf/all/forwarding", "1"))
	s.run(server, "ip", "route", "add", "default", "via", "198.51.100.254")
	s.run(server, "ip", "-6", "route", "add", "default", "via", "2001:db8:2::1")
	marks := exec.Command("modprobe", "-a", "iptable_mangle", "xt_mark", "xt_tcpudp").Run() == nil
	for _, h := range []*lab.Host{s.a, s.b} {
		for _, r := range streamRules {
			s.run(h, append([]string{"ipvsadm"}, strings.Fields(r)...)...)
		}
	}
	if marks {
		s.run(s.a, "iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-d", "192.0.2.100", "-p", "tcp", "--dport", "82", "-j", "MARK", "--set-mark", "5")
	}
	echo(t, server, "tcp", ":8080")
	echo(t, server, "tcp", ":82") // a service by mark leaves the port as it is
	var sip net.PacketConn        // somebody has to be there, or the client is refused
	s.must(server.Do(func() (err error) {
		sip, err = net.ListenPacket("udp4", ":5060")
		return err
	}))
	defer sip.Close()
	prog, err := program()
	s.must(err)
	live, err := s.b.Start(lab.Spec{Args: []string{prog, "sync", "dump", "-i", "eth0", "--json"}})
	s.must(err)
	own, err := s.a.Start(lab.Spec{Args: []string{prog, "sync", "dump", "-i", "eth0", "--limit", "3"}})
	s.must(err)
	pcap := s.b.Path("sync.pcap")
	tcpdump, err := s.b.Start(lab.Spec{Args: []string{"tcpdump", "-Z", "root", "--immediate-mode", "-U", "-n", "-i", "eth0", "-w", pcap, "udp", "port", "8848"}})
	s.must(err)
	s.until("three that listen", func() bool {
		for _, p := range []*lab.Process{live, own, tcpdump} {
			if !strings.Contains(p.Log(), "listening on") {
				return false
			}
		}
		return exists(pcap)
	})
	s.run(s.b, "ipvsadm", "--start-daemon", "backup", "--mcast-interface", "eth0", "--syncid", "7")
	version := func(n string) {
		s.must(s.a.Sysctl("net/ipv4/vs/sync_version", n))
		s.run(s.a, "ipvsadm", "--start-daemon", "master", "--mcast-interface", "eth0", "--syncid", "7")
	}
	version("1")

	talk := func(addr string) {
		t.Helper()
		var c net.Conn
		s.must(client.Do(func() (err error) {
			c, err = net.DialTimeout("tcp", addr, patience)
			return err
		}))
		x := &survivor{conn: c}
		for range 3 {
			if !x.ask() {
				t.Fatalf("%s: %v", addr, x.dead)
			}
		}
		_ = c.Close()
	}
	talk("192.0.2.100:80")
	talk("192.0.2.100:81")
	talk("[2001:db8::100]:80")
	if marks {
		talk("192.0.2.100:82")
	}
	s.sip(client)

	type entry struct {
		SyncID   int            `json:"sync_id"`
		Version  int            `json:"version"`
		Kind     string         `json:"kind"`
		Protocol string         `json:"protocol"`
		Client   netip.AddrPort `json:"client"`
		Virtual  netip.AddrPort `json:"virtual"`
		Dest     netip.AddrPort `json:"dest"`
		State    string         `json:"state"`
		Method   string         `json:"method"`
		Timeout  uint32         `json:"timeout_seconds"`
		FWMark   uint32         `json:"fwmark"`
		PEName   string         `json:"pe_name"`
		PEData   []byte         `json:"pe_data"`
	}
	entries := func(text string) (list []entry) {
		for line := range strings.SplitSeq(text, "\n") {
			var e entry
			if strings.HasPrefix(line, `{"time"`) && json.Unmarshal([]byte(line), &e) == nil {
				list = append(list, e)
			}
		}
		return list
	}
	heard := func(what string, f func(entry) bool) {
		t.Helper()
		s.until(what+" in the stream", func() bool { return slices.ContainsFunc(entries(live.Log()), f) })
	}
	conn := func(virtual, state string, version int) func(entry) bool {
		dest := "198.51.100.21:8080"
		if strings.HasPrefix(virtual, "[") {
			dest = "[2001:db8:2::21]:8080"
		}
		return func(e entry) bool {
			return e.SyncID == 7 && e.Version == version && e.Kind == "connection" && e.Protocol == "TCP" && e.Virtual.String() == virtual &&
				e.Dest.String() == dest && e.State == state && e.Method == "NAT" && e.Client.Port() != 0
		}
	}
	template := func(virtual string, timeout uint32) func(entry) bool {
		return func(e entry) bool {
			return e.Kind == "template" && e.Virtual.String() == virtual && e.Timeout == timeout && e.Client.Port() == 0
		}
	}
	heard("a connection", conn("192.0.2.100:80", "ESTABLISHED", 1))
	heard("its end", func(e entry) bool {
		return conn("192.0.2.100:80", "FIN_WAIT", 1)(e) || conn("192.0.2.100:80", "TIME_WAIT", 1)(e)
	})
	heard("a template", template("192.0.2.100:81", 77))
	heard("IPv6", conn("[2001:db8::100]:80", "ESTABLISHED", 1))
	if marks {
		heard("a service by mark", func(e entry) bool { return e.FWMark == 5 && e.Virtual.String() == "192.0.2.100:82" })
		heard("a template by mark", func(e entry) bool { return e.Kind == "template" && e.FWMark == 5 && e.Timeout == 88 })
	}
	heard("a persistence engine", func(e entry) bool { return e.PEName == "sip" && string(e.PEData) == callID && e.Protocol == "UDP" })
	s.until("what the sender itself sees", func() bool { return strings.Count(own.Log(), " 192.0.2.1 id 7 v1 TCP ") == 3 && !own.Running() })
	s.run(s.a, "ipvsadm", "--stop-daemon", "master")
	version("0")
	talk("192.0.2.100:80")
	heard("version 0", conn("192.0.2.100:80", "ESTABLISHED", 0))

	// What was read live is what a capture holds.
	s.until("the end of the dump", func() bool {
		_ = live.Signal(syscall.SIGINT)
		return !live.Running()
	})
	s.until("all of it in the capture", func() bool {
		return strings.Contains(s.run(s.b, prog, "sync", "dump", "-r", pcap, "--count"), "version 1, 0: ")
	})
	_ = tcpdump.Signal(syscall.SIGINT)
	if _, err := tcpdump.Wait(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	read := entries(s.run(s.b, prog, "sync", "dump", "-r", pcap, "--json"))
	now := entries(live.Log())
	if n := min(len(read), len(now)); n < 10 || !slices.EqualFunc(read[:n], now[:n], func(a, b entry) bool {
		return a.Client == b.Client && a.Virtual == b.Virtual && a.State == b.State && a.Version == b.Version && bytes.Equal(a.PEData, b.PEData)
	}) {
		t.Errorf("a capture has %d entries, live there were %d:\n%+v\n%+v", len(read), len(now), read, now)
	}
	for _, c := range []struct{ args, want string }{
		{"--protocol udp --count", "192.0.2.1: sync id 7, version 1, 0: "},
		{"--kind template --virtual :81 --limit 1", "TCP template 192.0.2.99:0 -> 192.0.2.100:81 -> 198.51.100.21:8080"},
		{"--id 8", "entries of templates"},
	} {
		out := s.run(s.b, append([]string{prog, "sync", "dump", "-r", pcap}, strings.Fields(c.args)...)...)
		if !strings.Contains(out, c.want) && c.args != "--id 8" || c.args == "--id 8" && strings.Contains(out, "->") {
			t.Errorf("sync dump %s:\n%s", c.args, out)
		}
	}
	if dir := os.Getenv(envResults); dir != "" {
		b, err := os.ReadFile(pcap)
		s.must(err)
		s.must(os.WriteFile(filepath.Join(dir, "linux-6.1.pcap"), b, 0o644))
	}
	s.inject()
}

// inject tells the kernel of b of connections that were encoded here, as a bulk
// transfer would.
func (s *survivors) inject() {
	s.t.Helper()
	enc, err := sync.NewEncoder(1, 7, 0)
	s.must(err)
	for i := range uint16(20) {
		s.must(enc.Add(&sync.Entry{
			Protocol: sync.TCP, State: 1, Timeout: 600,
			Client: netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), 40000+i), Virtual: netip.MustParseAddrPort("192.0.2.100:80"),
			Dest: netip.MustParseAddrPort("198.51.100.21:8080"),
			// No kernel of today sends sequence data, but it takes them.
			Flags: sync.InSeq | sync.OutSeq, In: sync.Sequence{Init: 1, Delta: 2}, Out: sync.Sequence{Init: 3, Delta: 4},
		}))
	}
	s.must(enc.Add(&sync.Entry{
		Protocol: sync.UDP, Flags: sync.Template, Timeout: 500, PEName: []byte("sip"), PEData: []byte("injected@lab.example"),
		Client: netip.MustParseAddrPort("203.0.113.9:0"), Virtual: netip.MustParseAddrPort("192.0.2.100:5060"), Dest: netip.MustParseAddrPort("198.51.100.21:5060"),
	}))
	s.must(s.b.Do(func() error {
		c, err := net.ListenPacket("udp4", "0.0.0.0:0")
		if err != nil {
			return err
		}
		defer c.Close()
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		p := ipv4.NewPacketConn(c)
		if err := p.SetMulticastInterface(eth0); err != nil {
			return err
		}
		if err := p.SetMulticastLoopback(true); err != nil {
			return err
		}
		_, err = c.WriteTo(enc.Message(), &net.UDPAddr{IP: sync.DefaultGroup.AsSlice(), Port: sync.DefaultPort})
		return err
	}))
	s.until("the injected connections", func() bool {
		table := procNet(s.t, s.b, "ip_vs_conn")
		return strings.Count(table, "TCP CB007109 ") == 20 && strings.Contains(table, "injected@lab.example")
	})
}

// sip sends a request whose Call-ID makes it stick.
func (s *survivors) sip(client *lab.Host) {
	s.t.Helper()
	var c net.Conn
	s.must(client.Do(func() (err error) {
		c, err = net.Dial("udp4", "192.0.2.100:5060")
		return err
	}))
	defer c.Close()
	for range 4 { // a UDP connection is told of at its third packet
		_, err := fmt.Fprintf(c, "OPTIONS sip:lab.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.99\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\n\r\n", callID)
		s.must(err)
	}
}
