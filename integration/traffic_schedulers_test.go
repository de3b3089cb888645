package integration

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/ipvs"
)

// scheduledService is a service of connections to anywhere with a mark. Its
// servers are one host's addresses, whose weights make every scheduler's choices
// differ from those of every other.
const scheduledService = `
[[virtual_server]]
fwmark = %d
ip_family = "%s"
lb_algo = "%s"
lb_kind = "NAT"
real_server = [
  { ip = "%[4]s11", port = 80, weight = 5 },
  { ip = "%[4]s12", port = 80, weight = 3 },
  { ip = "%[4]s13", port = 80, weight = 1 },
]
`

// byAddress are the schedulers that look at addresses.
var byAddress = []string{"dh", "lblc", "lblcr", "mh", "sh"}

// scheduled gives every scheduler the same sequence of connections, IPv4 and
// IPv6, and judges its choices: its own definition allows them, and no other
// scheduler's does. The kernel has no twos, and the state says so. Beside them a
// block of several protocols has all of them forwarded.
func scheduled(t testing.TB) {
	s := trafficLab(t, "scheduled")
	farm := s.add("farm", "inside 198.51.100.11/24 198.51.100.12/24 198.51.100.13/24 2001:db8:2::11/64 2001:db8:2::12/64 2001:db8:2::13/64")
	s.run(farm, "ip route add default via 198.51.100.1", "ip route add default via 2001:db8:2::1")
	names(t, farm, ":80")
	// Clients and virtual addresses are whole networks.
	s.run(s.client, "sysctl -qw net.ipv6.ip_nonlocal_bind=1",
		"ip route add local 10.99.0.0/24 dev lo", "ip route add local 2001:db8:99::/64 dev lo",
		"ip route add 203.0.113.0/24 via 192.0.2.1", "ip route add 2001:db8:113::/64 via 2001:db8:1::1")
	s.run(s.a, "ip route add local 203.0.113.0/24 dev lo", "ip route add local 2001:db8:113::/64 dev lo",
		"ip route add 10.99.0.0/24 via 192.0.2.99", "ip route add 2001:db8:99::/64 via 2001:db8:1::99")
	conf := "[global_defs]\nrouter_id = \"lab\"\n" + protocolsConf()
	schedulers := slices.Sorted(maps.Keys(definitions))
	hasTwos := exec.Command("modprobe", "-q", "ip_vs_twos").Run() == nil
	for i, name := range append(slices.Clone(schedulers), "twos") {
		conf += fmt.Sprintf(scheduledService, 100+i, "inet", name, "198.51.100.")
		conf += fmt.Sprintf(scheduledService, 200+i, "inet6", name, "2001:db8:2::")
		s.run(s.a, fmt.Sprintf("iptables-legacy -t mangle -A PREROUTING -d 203.0.113.0/24 -p tcp --dport %d -j MARK --set-mark %[1]d", 100+i),
			fmt.Sprintf("ip6tables-legacy -t mangle -A PREROUTING -d 2001:db8:113::/64 -p tcp --dport %d -j MARK --set-mark %[1]d", 200+i))
	}
	prog, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.a.StartDaemon(lab.Holdfast(prog), "director.toml", conf)
	if err != nil {
		t.Fatal(err)
	}
	raw := rawIPVSOf(t, s.a)
	full := 2*4*len(schedulers) + protocolsLines
	if !lab.WaitFor(60*time.Second, func() bool { return len(tableOf(t, raw)) >= full+1 }) {
		t.Fatalf("the table is\n%s\n%s", strings.Join(tableOf(t, raw), "\n"), p.LogEnd())
	}
	var kernel ipvs.Kernel
	if err := s.a.Do(func() (err error) {
		kernel, err = ipvs.Open()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kernel.Close() })
	for i, name := range schedulers {
		for _, six := range []bool{false, true} {
			if six && !slices.Contains(byAddress, name) {
				continue
			}
			r := &scheduling{serving: s, kernel: kernel, six: six, mark: 100 + i}
			if six {
				r.mark += 100
			}
			history := r.play()
			for _, other := range schedulers {
				err := definitions[other](r.servers, history)
				if other == name && err != nil {
					t.Errorf("%s, IPv6 %v: %v\nservers %v\nhistory %v", name, six, err, r.servers, history)
				}
				if other != name && err == nil {
					t.Errorf("the choices of %s, IPv6 %v, are also those of %s: %v", name, six, other, history)
				}
			}
		}
	}
	s.failsOver(100 + slices.Index(schedulers, "fo"))
	s.everyProtocol(farm)
	if !hasTwos {
		var out string
		if !lab.WaitFor(60*time.Second, func() bool {
			out, _ = operator(t, s.a, "status")
			return strings.Contains(out, "the kernel has no scheduler twos (module ip_vs_twos)")
		}) {
			t.Errorf("the status does not tell of the missing module:\n%s", out)
		}
	}
}

// failsOver requires that fo takes the next server while the first is out.
func (s *serving) failsOver(mark int) {
	s.t.Helper()
	to := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.1"), uint16(mark))
	for _, step := range []struct{ set, want string }{
		{"", "198.51.100.11"},
		{"198.51.100.11 disable", "198.51.100.12"},
		{"198.51.100.11 enable", "198.51.100.11"},
	} {
		if step.set != "" {
			args := append([]string{"set", "real_server", fmt.Sprint("fwmark:", mark)}, strings.Fields(step.set)...)
			var err error
			if !lab.WaitFor(60*time.Second, func() bool { // a busy machine may not answer in time
				_, err = operator(s.t, s.a, args...)
				return err == nil
			}) {
				s.t.Error(err)
			}
		}
		conn, got, err := connect(s.client, netip.MustParseAddr("10.99.0.9"), to)
		if err != nil || got.String() != step.want {
			s.t.Errorf("fo, %q: %v, %v; want %s", step.set, got, err, step.want)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// scheduling is the sequence of connections to one service.
type scheduling struct {
	*serving
	kernel  ipvs.Kernel
	six     bool
	mark    int
	servers []ordered
	open    []held
	closed  []int // by server
}

type held struct {
	net.Conn
	server int
}

// play has connections from many clients to many addresses: first a crowd to
// one address, enough to overload each server, of which those then leave that
// are on the server of the first, and then others.
func (r *scheduling) play() (history []choice) {
	r.t.Helper()
	r.read()
	for i := range 7 {
		history = append(history, r.connect(i, 1))
	}
	r.leave(history[0].chosen)
	for i := range 3 {
		history = append(history, r.connect(i, 1))
	}
	for i := range 8 {
		history = append(history, r.connect(20+i/2, 2+i%4))
	}
	for i := range r.servers {
		r.leave(i)
	}
	return history
}

func (r *scheduling) key() ipvs.ServiceKey {
	if r.six {
		return ipvs.MarkKey(ipvs.INET6, uint32(r.mark))
	}
	return ipvs.MarkKey(ipvs.INET, uint32(r.mark))
}

// read asks for the servers in the kernel's order.
func (r *scheduling) read() {
	r.t.Helper()
	list, err := r.kernel.Dests(r.key())
	if err != nil || len(list) != 3 {
		r.t.Fatalf("servers of %v: %v, %v", r.key(), list, err)
	}
	for _, d := range list {
		r.servers = append(r.servers, ordered{d.Addr, d.Port, int(d.Weight)})
	}
	r.closed = make([]int, len(r.servers))
}

func (r *scheduling) active() []int {
	n := make([]int, len(r.servers))
	for _, h := range r.open {
		n[h.server]++
	}
	return n
}

// connect opens a connection and notes what was chosen.
func (r *scheduling) connect(client, to int) choice {
	r.t.Helper()
	nets := []string{"10.99.0.", "203.0.113."}
	if r.six {
		nets = []string{"2001:db8:99::", "2001:db8:113::"}
	}
	c := choice{
		client: netip.MustParseAddr(fmt.Sprint(nets[0], 10+client)), to: netip.MustParseAddr(fmt.Sprint(nets[1], to)),
		active: r.active(), inactive: slices.Clone(r.closed),
	}
	conn, server, err := connect(r.client, c.client, netip.AddrPortFrom(c.to, uint16(r.mark)))
	if err != nil {
		r.t.Fatalf("%v: %v\n%s", r.key(), err, r.lines(r.a))
	}
	c.chosen = slices.IndexFunc(r.servers, func(s ordered) bool { return s.addr == server })
	if c.chosen < 0 {
		r.t.Fatalf("%v: answer from %v", r.key(), server)
	}
	r.open = append(r.open, held{conn, c.chosen})
	return c
}

// leave closes the connections of a server, and waits until the kernel has
// seen it.
func (r *scheduling) leave(server int) {
	r.t.Helper()
	r.open = slices.DeleteFunc(r.open, func(h held) bool {
		if h.server == server {
			h.Close()
			r.closed[server]++
		}
		return h.server == server
	})
	want := r.active()
	if !lab.WaitFor(60*time.Second, func() bool {
		list, err := r.kernel.Dests(r.key())
		if err != nil {
			r.t.Fatal(err)
		}
		for i, d := range list {
			if int(d.Active) != want[i] || int(d.Inactive) != r.closed[i] {
				return false
			}
		}
		return true
	}) {
		list, err := r.kernel.Dests(r.key())
		r.t.Errorf("%v: the kernel counts %v, %v; want %v active and %v inactive", r.key(), list, err, want, r.closed)
	}
}

// connect opens a connection to a server of names and returns who answered.
func connect(h *lab.Host, from netip.Addr, to netip.AddrPort) (conn net.Conn, server netip.Addr, err error) {
	d := net.Dialer{Timeout: 60 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	if err := h.Do(func() (err error) {
		conn, err = d.Dial("tcp", to.String())
		return err
	}); err != nil {
		return nil, server, err
	}
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil {
		server, err = netip.ParseAddr(strings.TrimSpace(line))
	}
	if err != nil {
		conn.Close()
	}
	return conn, server, err
}

// names tells everyone which address they are connected to, until they leave.
func names(t testing.TB, h *lab.Host, addr string) {
	t.Helper()
	var l net.Listener
	if err := h.Do(func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprintln(c, c.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap())
				_, _ = c.Read(make([]byte, 1))
			}()
		}
	}()
}
