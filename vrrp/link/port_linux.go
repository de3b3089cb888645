package link

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	tosControl      = 0xc0 // DSCP CS6, as keepalived sends
	ttlVRRP         = 255  // RFC 9568 section 5.1.1.3
	priorityControl = 7    // TC_PRIO_CONTROL of linux/pkt_sched.h
)

// PortStats counts what happened on one port since it was opened.
type PortStats struct {
	Received   uint64 // messages handed to the caller
	Malformed  uint64 // datagrams without a sound IP header
	Truncated  uint64 // messages longer than the buffer of 2,048 bytes
	RecvErrors uint64 // failed receive calls
	Sent       uint64
	SendErrors uint64
	// QueueDrops is what the kernel threw away because the socket's queue was
	// full (SK_MEMINFO_DROPS).
	QueueDrops uint32
}

// port is one open Port: one raw socket that sends and receives.
type port struct {
	key     Port
	six     bool // of IPv6
	fd      int
	flags   uintptr    // for sendmmsg
	source  netip.Addr // of what is sent; invalid while the interface has none
	sent    netip.Addr // what the kernel was told of source
	pktinfo pktinfo    // IPv6: tells the kernel of source
	broken  bool       // its interface is gone: the next Open opens it anew
	stats   PortStats
}

// local is the address that the socket is bound to.
func (p Port) local() netip.Addr {
	if p.Group.IsValid() {
		return p.Group
	}
	return p.Source
}

// protocol is the IP protocol of what comes and goes.
func (p Port) protocol() uint8 {
	if p.AH {
		return protoAH
	}
	return protoVRRP
}

// ttl is the TTL or hop limit of what is sent.
func (p Port) ttl() uint8 {
	if p.TTL == 0 || p.Group.IsValid() {
		return ttlVRRP
	}
	return p.TTL
}

// check says what is wrong with a wanted port.
func (p Port) check() error {
	a := p.local()
	switch {
	case !a.IsValid():
		return fmt.Errorf("link: port on interface %d: neither a group nor a source address", p.Ifindex)
	case p.Group.IsValid() && !p.Group.IsMulticast():
		return fmt.Errorf("link: port on interface %d: %v is not a multicast group", p.Ifindex, p.Group)
	case p.Source.IsValid() && p.Source.Is4() != a.Is4():
		return fmt.Errorf("link: port %v on interface %d: source %v is not of its family", a, p.Ifindex, p.Source)
	case p.Group.IsValid() && p.Ifindex <= 0:
		return fmt.Errorf("link: port %v: a group needs an interface", a)
	case p.AH && !a.Is4():
		return fmt.Errorf("link: port %v on interface %d: authentication headers are for IPv4", a, p.Ifindex)
	case scoped(a) && a.Is6() && p.Ifindex <= 0:
		return fmt.Errorf("link: port %v: a link-local address needs an interface", a)
	}
	return nil
}

// openPort opens, binds, joins and configures the socket of p. The socket
// hears nothing until all of that is done: a raw socket receives from the
// moment it exists, from every interface and to every address. Afterwards it
// hears the VRIDs of set, or all if that is nil.
func openPort(key Port, rcvbuf int, set *VRIDs) (_ *port, err error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	local := key.local()
	if local.Is6() {
		return openPort6(key, rcvbuf, set)
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var serr error
		if err := c.Control(func(fd uintptr) { serr = prepareSocket(int(fd), key, rcvbuf) }); err != nil {
			return err
		}
		return serr
	}}
	pc, err := lc.ListenPacket(context.Background(), fmt.Sprintf("ip4:%d", key.protocol()), local.String())
	if err != nil {
		return nil, fmt.Errorf("link: open %v on interface %d: %w", local, key.Ifindex, err)
	}
	conn := pc.(*net.IPConn)
	// What stays is a second descriptor of the same socket, which Go's own
	// poller does not know: it would wake a thread for every packet received or
	// sent. An os.File registers itself there, so it is a plain number.
	defer conn.Close()
	if err := configureSocket(conn, key); err != nil {
		return nil, fmt.Errorf("link: configure %v on interface %d: %w", local, key.Ifindex, err)
	}
	fd, err := duplicate(conn)
	if err != nil {
		return nil, fmt.Errorf("link: open %v on interface %d: %w", local, key.Ifindex, err)
	}
	p := &port{key: key, fd: fd, source: key.Source}
	if key.Group.IsValid() {
		p.flags = unix.MSG_DONTROUTE
	}
	if err := p.unmute(set); err != nil {
		p.close()
		return nil, fmt.Errorf("link: open %v on interface %d: %w", local, key.Ifindex, err)
	}
	return p, nil
}

// prepareSocket does what has to be done before the socket is bound. Its
// first step is a filter that lets nothing in.
func prepareSocket(fd int, key Port, rcvbuf int) error {
	reject := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &reject}); err != nil {
		return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
	}
	type option struct {
		name              string
		level, opt, value int
	}
	opts := []option{
		{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
		{"IP_MTU_DISCOVER", unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT},
		// A source need not be an address of this machine: a configured one is
		// written into the header as it is, as keepalived does, and the last
		// advert of a master leaves from an address that may have gone.
		{"IP_TRANSPARENT", unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1},
	}
	if key.Ifindex > 0 {
		opts = append(opts, option{"SO_BINDTOIFINDEX", unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, key.Ifindex})
	}
	if key.AH {
		opts = append(opts, option{"IP_HDRINCL", unix.IPPROTO_IP, unix.IP_HDRINCL, 1})
	}
	for _, o := range opts {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, o.value); err != nil {
			return os.NewSyscallError("setsockopt "+o.name, err)
		}
	}
	setReceiveBuffer(fd, rcvbuf)
	return nil
}

// configureSocket joins the group and sets what the sent header says.
func configureSocket(conn *net.IPConn, key Port) error {
	pc := ipv4.NewPacketConn(conn)
	if err := pc.SetTOS(tosControl); err != nil {
		return err
	}
	if err := pc.SetTTL(int(key.ttl())); err != nil {
		return err
	}
	if key.Group.IsValid() {
		ifi := &net.Interface{Index: key.Ifindex}
		if err := pc.SetMulticastTTL(ttlVRRP); err != nil {
			return err
		}
		if err := pc.SetMulticastLoopback(false); err != nil {
			return err
		}
		if err := pc.SetMulticastInterface(ifi); err != nil {
			return err
		}
		if err := pc.JoinGroup(ifi, &net.IPAddr{IP: key.Group.AsSlice()}); err != nil {
			return err
		}
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		// After the TOS, which sets a priority of its own.
		serr = os.NewSyscallError("setsockopt SO_PRIORITY",
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl))
	})
	if err != nil {
		return err
	}
	return serr
}

// unmute throws away what came in before the filter and puts that for the VRIDs
// in its place, or none.
func (p *port) unmute(set *VRIDs) error {
	var b [1]byte
	for {
		_, _, err := unix.Recvfrom(p.fd, b[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		if err == unix.EAGAIN {
			break
		}
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("recvfrom", err)
		}
	}
	if set != nil {
		return p.filter(*set)
	}
	return os.NewSyscallError("setsockopt SO_DETACH_FILTER",
		unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0))
}

// setSource makes a the source of what a multicast port sends, so that the
// kernel does not choose another address than the one our checksum covers. An
// invalid one leaves the kernel with the last.
func (p *port) setSource(a netip.Addr) error {
	if a == p.sent || !a.IsValid() {
		p.source = a
		return nil
	}
	if p.six {
		p.pktinfo.set(a)
		p.source, p.sent = a, a
		return nil
	}
	mreq := unix.IPMreqn{Ifindex: int32(p.key.Ifindex), Address: a.As4()}
	if err := unix.SetsockoptIPMreqn(p.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &mreq); err != nil {
		return os.NewSyscallError("setsockopt IP_MULTICAST_IF", err)
	}
	p.source, p.sent = a, a
	return nil
}

// queueDrops reads how much the kernel threw away at this socket.
func (p *port) queueDrops() uint32 {
	var info [unix.SK_MEMINFO_DROPS + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(p.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return info[unix.SK_MEMINFO_DROPS]
}

func (p *port) close() error { return os.NewSyscallError("close", unix.Close(p.fd)) }

// duplicate makes another descriptor of a connection's socket.
func duplicate(conn *net.IPConn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	var derr error
	err = raw.Control(func(old uintptr) { fd, derr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", derr)
	}
	return fd, err
}
