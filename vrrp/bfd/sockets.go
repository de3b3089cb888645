package bfd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// sockets is the transport over UDP: one socket to receive a family and port,
// and one to send a session, whose source port says which it is.
type sockets struct {
	receive func(from, to netip.Addr, port uint16, ttl int, b []byte)

	mu      sync.Mutex
	in      map[inKey]*net.UDPConn
	out     map[string]*net.UDPConn // by name of the session
	readers sync.WaitGroup
}

type inKey struct {
	is6  bool
	port uint16
}

func newSockets(receive func(from, to netip.Addr, port uint16, ttl int, b []byte)) *sockets {
	return &sockets{receive: receive, in: map[inKey]*net.UDPConn{}, out: map[string]*net.UDPConn{}}
}

// tos is the type of service of packets sent: network control.
const tos = 0xc0

// maxPacket bounds what is read; a control packet states its length in a byte.
const maxPacket = 256

func (s *sockets) listen(is6 bool, port uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := inKey{is6, port}
	if s.in[key] != nil {
		return nil
	}
	network := "udp4"
	if is6 {
		network = "udp6"
	}
	var options error
	lc := net.ListenConfig{Control: func(_, _ string, rc syscall.RawConn) error {
		return rc.Control(func(fd uintptr) { options = inOptions(int(fd), is6) })
	}}
	c, err := lc.ListenPacket(context.Background(), network, fmt.Sprintf(":%d", port))
	if err == nil && options != nil {
		c.Close()
		err = options
	}
	if err != nil {
		return err
	}
	u := c.(*net.UDPConn)
	s.in[key] = u
	s.readers.Go(func() { s.read(u, is6, port) })
	return nil
}

// inOptions asks for what the checks need: TTL and destination.
func inOptions(fd int, is6 bool) error {
	if is6 {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
	}
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
}

// read delivers packets until the socket is closed.
func (s *sockets) read(c *net.UDPConn, is6 bool, port uint16) {
	buf, oob := make([]byte, maxPacket), make([]byte, 256)
	for {
		n, m, _, from, err := c.ReadMsgUDPAddrPort(buf, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of something sent; there is none here
		}
		to, ttl := ancillary(oob[:m], is6)
		s.receive(from.Addr().Unmap(), to, port, ttl, buf[:n])
	}
}

// ancillary reads destination and TTL.
func ancillary(oob []byte, is6 bool) (to netip.Addr, ttl int) {
	if is6 {
		var cm ipv6.ControlMessage
		if cm.Parse(oob) == nil {
			to, _ = netip.AddrFromSlice(cm.Dst)
			ttl = cm.HopLimit
		}
		return to, ttl
	}
	var cm ipv4.ControlMessage
	if cm.Parse(oob) == nil {
		to, _ = netip.AddrFromSlice(cm.Dst)
		ttl = cm.TTL
	}
	return to.Unmap(), ttl
}

func (s *sockets) send(i *Instance, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.out[i.Name]
	if c == nil {
		var err error
		if c, err = dial(i); err != nil {
			return err
		}
		s.out[i.Name] = c
	}
	_, err := c.Write(b)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil // nobody listened to the packet before this one
	}
	if err != nil {
		c.Close()
		delete(s.out, i.Name) // routes or addresses may have changed
	}
	return err
}

// dials bounds how many source ports are tried.
const dials = 16

func dial(i *Instance) (*net.UDPConn, error) {
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(i.Neighbor, i.port()))
	var err error
	for range dials {
		local := &net.UDPAddr{Port: lowSource + rand.IntN(1<<16-lowSource)}
		if i.Source.IsValid() {
			local.IP = i.Source.AsSlice()
			if i.Source.IsLinkLocalUnicast() {
				local.Zone = i.Neighbor.Zone()
			}
		}
		var c *net.UDPConn
		if c, err = net.DialUDP("udp", local, to); errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if i.Neighbor.Is6() {
			p := ipv6.NewConn(c)
			err = errors.Join(p.SetHopLimit(int(i.TTL)), p.SetTrafficClass(tos))
		} else {
			p := ipv4.NewConn(c)
			err = errors.Join(p.SetTTL(int(i.TTL)), p.SetTOS(tos))
		}
		if err != nil {
			c.Close()
			return nil, err
		}
		return c, nil
	}
	return nil, err
}

func (s *sockets) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.out[name]; c != nil {
		c.Close()
		delete(s.out, name)
	}
}

func (s *sockets) close() {
	s.mu.Lock()
	for _, c := range s.in {
		c.Close()
	}
	for _, c := range s.out {
		c.Close()
	}
	s.mu.Unlock()
	s.readers.Wait()
}
