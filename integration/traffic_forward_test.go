package integration

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
	"holdfast/ipvs/profile"
)

// forwardedConf is every way to forward, for each family: VIP and MARKED are
// virtual addresses, SERVER and INNER begin the addresses of real servers.
const forwardedConf = `
virtual_server VIP 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server SERVER21 80 {
    }
    real_server SERVER22 80 {
    }
}
virtual_server VIP 53 {
    lb_algo rr
    lb_kind DR
    protocol UDP
    real_server SERVER21 53 {
    }
    real_server SERVER22 53 {
    }
}
virtual_server VIP 81 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server INNER31 80 {
    }
    real_server INNER32 80 {
    }
}
virtual_server VIP 54 {
    lb_algo rr
    lb_kind NAT
    protocol UDP
    real_server INNER31 53 {
    }
    real_server INNER32 53 {
    }
}
virtual_server VIP 82 {
    lb_algo rr
    lb_kind TUN
    protocol TCP
    real_server INNER41 82 {
    }
    real_server INNER42 82 {
        lvs_method TUN type gue port 6080
    }
    real_server INNER43 82 {
        lvs_method TUN type gre
    }
}
virtual_server VIP 55 {
    lb_algo rr
    lb_kind TUN
    protocol UDP
    real_server INNER41 55 {
    }
    real_server INNER42 55 {
        lvs_method TUN type gue port 6080
    }
    real_server INNER43 55 {
        lvs_method TUN type gre
    }
}
virtual_server VIP 84 {
    delay_loop 1
    lb_algo rr
    lb_kind DR
    protocol TCP
    sorry_server SERVER22 84
    real_server SERVER21 84 {
        MISC_CHECK {
            misc_path "/usr/bin/test -e DIR/well"
            misc_timeout 60
            retry 0
        }
    }
}
virtual_server VIP 85 {
    delay_loop 1
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server INNER31 85 {
        TCP_CHECK {
            connect_timeout 5
            retry 3
        }
    }
}
virtual_server fwmark MARK {
    FAMILY
    lb_algo rr
    lb_kind DR
    persistence_timeout 600
    real_server SERVER21 0 {
    }
    real_server SERVER22 0 {
    }
}
`

// family is what differs between IPv4 and IPv6.
type family struct {
	name, vip, marked   string // virtual addresses
	server, inner       string // what addresses of real servers begin with
	mark, line          string
	iptables, clientNet string
	length              string // of a client's address, and how it is added
}

var families = []family{
	{"IPv4", "192.0.2.100", "192.0.2.101", "192.0.2.", "198.51.100.", "1", "", "iptables-legacy", "192.0.2.", "/24"},
	{"IPv6", "2001:db8:1::100", "2001:db8:1::101", "2001:db8:1::", "2001:db8:2::", "2", "ip_family inet6", "ip6tables-legacy", "2001:db8:1::", "/64 nodad"},
}

func (f family) at(addr string, port int) string { return net.JoinHostPort(addr, fmt.Sprint(port)) }

// everyMethod has a client's requests answered by every real server of every
// method, with all of lvs_profile, and the table kept over a restart of the daemon.
func everyMethod(t testing.TB) {
	s := trafficLab(t, "forwarded")
	s.forwardedHosts()
	conf := "global_defs {\n router_id lab\n lvs_profile " + strings.Join(profile.Names(), " ") + "\n enable_script_security\n script_user root\n}\n"
	for _, f := range families {
		conf += strings.NewReplacer("VIP", f.vip, "SERVER", f.server, "INNER", f.inner, "MARK", f.mark, "FAMILY", f.line, "DIR", s.a.Dir).Replace(forwardedConf)
		s.run(s.a, f.iptables+" -t mangle -A PREROUTING -d "+f.marked+" -p tcp --dport 80 -j MARK --set-mark "+f.mark,
			f.iptables+" -t mangle -A PREROUTING -d "+f.marked+" -p tcp --dport 443 -j MARK --set-mark "+f.mark)
	}
	s.well(true)
	p := s.start(s.a, ours(t), conf, "-I")
	raw := rawIPVSOf(t, s.a)
	if !lab.WaitFor(60*time.Second, func() bool { return strings.Count(strings.Join(tableOf(t, raw), "\n"), "service ") >= 18 }) {
		t.Fatalf("the table is\n%s\n%s", strings.Join(tableOf(t, raw), "\n"), p.LogEnd())
	}
	for _, f := range families {
		s.reached(f.name+" DR", []string{"dr1", "dr2"}, f.at(f.vip, 80), f.at(f.vip, 53))
		s.reached(f.name+" NAT", []string{"nat1", "nat2"}, f.at(f.vip, 81), f.at(f.vip, 54))
		s.reached(f.name+" TUN", []string{"ipip", "gue", "gre"}, f.at(f.vip, 82), f.at(f.vip, 55))
		s.grouped(f)
	}
	if !lab.WaitFor(60*time.Second, s.allUp) {
		t.Errorf("servers do not answer the director's own checks: %+v", tableStatus(t, s.a).Services)
	}
	s.sorry()
	s.restarted(p, conf, raw)
}

// forwardedHosts adds the real servers.
func (s *serving) forwardedHosts() {
	s.t.Helper()
	vips := func(h *lab.Host, port int, addrs ...string) {
		for _, a := range addrs {
			s.echo(h, net.JoinHostPort(a, fmt.Sprint(port)))
		}
	}
	for i, name := range []string{"dr1", "dr2"} {
		n := fmt.Sprint(21 + i)
		h := s.add(name, "outside 192.0.2."+n+"/24 2001:db8:1::"+n+"/64")
		must(s.t, h, "realserver", "up", "192.0.2.100", "192.0.2.101", "2001:db8:1::100", "2001:db8:1::101")
		s.web(h, 80, 443, 84)
		vips(h, 53, "192.0.2.100", "2001:db8:1::100")
	}
	for i, name := range []string{"nat1", "nat2"} {
		n := fmt.Sprint(31 + i)
		h := s.add(name, "inside 198.51.100."+n+"/24 2001:db8:2::"+n+"/64")
		s.run(h, "ip route add default via 198.51.100.1", "ip route add default via 2001:db8:2::1")
		s.web(h, 80)
		vips(h, 53, "198.51.100."+n, "2001:db8:2::"+n)
		if i == 0 {
			echo(s.t, h, "tcp", ":85")
		}
	}
	for i, name := range []string{"ipip", "gue", "gre"} {
		n := fmt.Sprint(41 + i)
		// The tunnel ends inside; answers go out by another way, since the
		// director drops what comes from an address of its own.
		h := s.add(name, "inside 198.51.100."+n+"/24 2001:db8:2::"+n+"/64", "outside 192.0.2."+n+"/24 2001:db8:1::"+n+"/64")
		must(s.t, h, "realserver", "up", "--tunnel", name, "192.0.2.100", "2001:db8:1::100")
		s.web(h, 82)
		vips(h, 55, "192.0.2.100", "2001:db8:1::100")
	}
}

// reached requires that each server answers requests of several packets, by
// TCP and by UDP, and, as the scheduler is rr, in turn.
func (s *serving) reached(what string, servers []string, tcp, udp string) {
	s.t.Helper()
	for proto, ask := range map[string]func() (string, error){
		"TCP": func() (string, error) { return upload(s.client, tcp) },
		"UDP": func() (string, error) { return ask(s.client, udp) },
	} {
		var first, second []string
		if !lab.WaitFor(60*time.Second, func() bool { // what is lost at first: neighbours, path MTU
			first = nil
			for range servers {
				name, err := ask()
				if err != nil {
					first = append(first, err.Error())
				} else {
					first = append(first, name)
				}
			}
			second = slices.Sorted(slices.Values(first))
			return slices.Equal(second, slices.Sorted(slices.Values(servers)))
		}) {
			s.t.Errorf("%s %s: answers from %q, want one from each of %q; the table:\n%s", what, proto, first, servers, s.lines(s.a))
		}
	}
}

// upload asks for / with a request of several packets.
func upload(h *lab.Host, to string) (string, error) {
	var conn net.Conn
	if err := h.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", to, 5*time.Second)
		return err
	}); err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	pad := strings.Repeat("x", 3000)
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.0\r\nA: %s\r\nB: %s\r\nC: %s\r\n\r\n", pad, pad, pad); err != nil {
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

// grouped has clients ask on 80 and 443 of a marked address, in either order:
// each stays on one server.
func (s *serving) grouped(f family) {
	s.t.Helper()
	by := map[string]int{}
	for i := range 6 {
		from := fmt.Sprint(f.clientNet, 151+i)
		s.run(s.client, "ip address add "+from+f.length+" dev eth0")
		on := ""
		for k := range 4 {
			port := []int{80, 443}[(i+k)%2]
			name := s.fetched(from, f.at(f.marked, port))
			switch on {
			case "":
				on = name
				by[on]++
			case name:
			default:
				s.t.Errorf("%s: %s was on %s and is on %s with port %d", f.name, from, on, name, port)
			}
		}
	}
	if by["dr1"] != 3 || by["dr2"] != 3 {
		s.t.Errorf("%s: clients by server: %v; the table:\n%s", f.name, by, s.lines(s.a))
	}
}

// fetched is fetch with the patience that a busy machine asks for.
func (s *serving) fetched(from, to string) (body string) {
	s.t.Helper()
	var err error
	if !lab.WaitFor(60*time.Second, func() bool {
		body, err = fetch(s.client, from, to)
		return err == nil
	}) {
		s.t.Errorf("%q asks %s: %v", from, to, err)
	}
	return body
}

// well says how the check of the sorry server's service ends.
func (s *serving) well(yes bool) {
	s.t.Helper()
	var err error
	if name := s.a.Path("well"); yes {
		err = os.WriteFile(name, nil, 0o644)
	} else {
		err = os.Remove(name)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// sorry takes the only server out of service and back.
func (s *serving) sorry() {
	s.t.Helper()
	for _, well := range []bool{true, false, true} {
		s.well(well)
		by := map[bool]string{true: "dr1", false: "dr2"}[well]
		for _, f := range families {
			if !lab.WaitFor(60*time.Second, func() bool { return s.fetched("", f.at(f.vip, 84)) == by }) {
				s.t.Errorf("%s: no answer from %s; the table:\n%s", f.name, by, s.lines(s.a))
			}
			for range 2 { // the other one is not in the table
				if name := s.fetched("", f.at(f.vip, 84)); name != by {
					s.t.Errorf("%s: %q answers, want %s alone", f.name, name, by)
				}
			}
		}
	}
}

// restarted stops the daemon, which keeps the table, and starts it anew: the
// kernel is told nothing, and connections go on all the while.
func (s *serving) restarted(p *lab.Process, conf string, raw *rawIPVS) {
	s.t.Helper()
	tap := tapNetlink(s.t, s.a)
	var conns []net.Conn
	for _, f := range families {
		if err := s.client.Do(func() error {
			c, err := net.DialTimeout("tcp", f.at(f.vip, 85), 60*time.Second)
			if err == nil {
				conns = append(conns, c)
				s.t.Cleanup(func() { c.Close() })
			}
			return err
		}); err != nil {
			s.t.Fatal(err)
		}
	}
	transfer := func(when string) {
		s.t.Helper()
		for _, c := range conns {
			if err := exchange(c, 200_000); err != nil {
				s.t.Errorf("%s: %s: %v", when, c.RemoteAddr(), err)
			}
		}
	}
	transfer("before the restart")
	before := tableOf(s.t, raw)
	if exit, err := p.Stop(60 * time.Second); err != nil || exit != 0 {
		s.t.Errorf("stop: exit %d, %v", exit, err)
	}
	transfer("while nothing runs")
	q := s.start(s.a, ours(s.t), conf, "-I")
	var heard []asked
	if !lab.WaitFor(60*time.Second, func() bool {
		heard = append(heard, tap.heard()...)
		return slices.ContainsFunc(heard, func(a asked) bool { return a.ipvs && a.command == ipvsGetService })
	}) {
		s.t.Errorf("the new daemon has not read the table: %s", q.LogEnd())
	}
	// What comes of the first checks is in the table as well.
	if !lab.WaitFor(60*time.Second, func() bool {
		time.Sleep(100 * time.Millisecond)
		return s.allUp()
	}) {
		s.t.Error("the new daemon does not check")
	}
	transfer("after the restart")
	if w := writesOf(append(heard, tap.heard()...)); len(w) > 0 {
		s.t.Errorf("the kernel is told %v", w)
	}
	if after := tableOf(s.t, raw); !slices.Equal(before, after) {
		s.t.Errorf("the table was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// allUp reports whether every check that the director has has ended well.
func (s *serving) allUp() bool {
	checks := 0
	for _, v := range tableStatus(s.t, s.a).Services {
		for _, r := range v.Servers {
			for _, c := range r.Checks {
				if c.Last.IsZero() || c.State != "up" {
					return false
				}
				checks++
			}
		}
	}
	return checks == 2*len(families)
}

// tableStatus is what holdfast status says of the services of a host; nothing
// while no daemon answers.
func tableStatus(t testing.TB, h *lab.Host) (st control.LVS) {
	t.Helper()
	out, err := operator(t, h, "status", "--json")
	if err != nil {
		return st
	}
	var all control.Status
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("status: %v: %s", err, out)
	}
	if all.LVS != nil {
		if err := json.Unmarshal(all.LVS, &st); err != nil {
			t.Fatal(err)
		}
	}
	return st
}

// exchange sends bytes and waits for them to come back.
func exchange(c net.Conn, n int) error {
	if err := c.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(make([]byte, n))
		sent <- err
	}()
	if _, err := io.CopyN(io.Discard, c, int64(n)); err != nil {
		return err
	}
	return <-sent
}
