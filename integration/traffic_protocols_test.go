package integration

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// severalProtocols is one block of TOML that stands for three virtual servers.
const severalProtocols = `
[[virtual_server]]
ip = "%s"
port = 86
protocol = ["TCP", "UDP", "SCTP"]
lb_algo = "rr"
lb_kind = "NAT"
real_server = [{ ip = "%[2]s11", port = 87 }, { ip = "%[2]s12", port = 87 }]
`

// protocolsConf has such a block for each family.
func protocolsConf() (conf string) {
	for _, f := range families {
		conf += fmt.Sprintf(severalProtocols, f.vip, f.inner)
	}
	return conf
}

// protocolsLines is how many lines of table come of it: services and servers.
const protocolsLines = 2 * 3 * (1 + 2)

// everyProtocol has TCP, UDP and SCTP reach both servers of those blocks in turn.
func (s *serving) everyProtocol(farm *lab.Host) {
	s.t.Helper()
	names(s.t, farm, ":87")
	for _, f := range families {
		servers := []string{f.inner + "11", f.inner + "12"}
		for _, a := range servers {
			s.datagrams(farm, netip.MustParseAddr(a), 87)
			s.associations(farm, netip.MustParseAddr(a), 87)
		}
		to := netip.MustParseAddrPort(f.at(f.vip, 86))
		for _, p := range []struct {
			name string
			ask  func() (string, error)
		}{
			{"TCP", func() (string, error) {
				conn, server, err := connect(s.client, netip.Addr{}, to)
				if err == nil {
					conn.Close()
				}
				return server.String(), err
			}},
			{"UDP", func() (string, error) { return ask(s.client, to.String()) }},
			{"SCTP", func() (string, error) { return associate(s.client, to) }},
		} {
			var got []string
			if !lab.WaitFor(60*time.Second, func() bool { // what is lost at first: neighbours
				got = nil
				for range 2 * len(servers) {
					name, err := p.ask()
					if err != nil {
						name = err.Error()
					}
					got = append(got, name)
				}
				return got[0] == got[2] && got[1] == got[3] && slices.Equal(slices.Sorted(slices.Values(got[:2])), servers)
			}) {
				s.t.Errorf("%s %s: answers from %q, want %q in turn; the table:\n%s", f.name, p.name, got, servers, s.lines(s.a))
			}
		}
	}
}

// datagrams answers every datagram to an address with that address.
func (s *serving) datagrams(h *lab.Host, addr netip.Addr, port uint16) {
	s.t.Helper()
	var conn net.PacketConn
	if err := h.Do(func() (err error) {
		conn, err = net.ListenPacket("udp", netip.AddrPortFrom(addr, port).String())
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	go func() {
		for {
			_, from, err := conn.ReadFrom(make([]byte, 512))
			if err != nil {
				return
			}
			_, _ = conn.WriteTo([]byte(addr.String()), from)
		}
	}()
}

// sctp is a socket of one association, as a connection of TCP. Nothing waits
// longer than the limit for it.
func sctp(h *lab.Host, addr netip.Addr, limit time.Duration) (fd int, err error) {
	family := unix.AF_INET
	if addr.Is6() {
		family = unix.AF_INET6
	}
	err = h.Do(func() (err error) {
		fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return -1, err
	}
	t := unix.NsecToTimeval(int64(limit))
	for _, o := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, o, &t); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	return fd, nil
}

func socketAddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// associations tells everyone who comes by SCTP to an address which that is.
func (s *serving) associations(h *lab.Host, addr netip.Addr, port uint16) {
	s.t.Helper()
	fd, err := sctp(h, addr, time.Second)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := unix.Bind(fd, socketAddr(netip.AddrPortFrom(addr, port))); err != nil {
		s.t.Fatalf("SCTP: bind %s: %v", addr, err)
	}
	if err := unix.Listen(fd, 5); err != nil {
		s.t.Fatalf("SCTP: listen on %s: %v", addr, err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	s.t.Cleanup(func() {
		close(stop)
		<-stopped
		unix.Close(fd)
	})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, _, err := unix.Accept(fd)
			if err != nil {
				continue // nobody in the last second
			}
			_, _ = unix.Write(c, []byte(addr.String()+"\n"))
			unix.Close(c)
		}
	}()
}

// associate is told by SCTP who answers.
func associate(h *lab.Host, to netip.AddrPort) (string, error) {
	fd, err := sctp(h, to.Addr(), 10*time.Second)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, socketAddr(to)); err != nil {
		return "", os.NewSyscallError("connect", err)
	}
	b := make([]byte, 100)
	n, err := unix.Read(fd, b)
	if err != nil {
		return "", os.NewSyscallError("read", err)
	}
	return strings.TrimSpace(string(b[:n])), nil
}
