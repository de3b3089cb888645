package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// openPort6 is openPort for IPv6. What a filter sees of such a socket begins
// with the VRRP message: the kernel keeps the IPv6 header to itself, so hop
// limit, destination and interface come as ancillary data.
func openPort6(key Port, rcvbuf int, set *VRIDs) (_ *port, err error) {
	local := key.local()
	wrap := func(what string, err error) error {
		return fmt.Errorf("link: %s %v on interface %d: %w", what, local, key.Ifindex, err)
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protoVRRP)
	if err != nil {
		return nil, wrap("open", os.NewSyscallError("socket", err))
	}
	p := &port{key: key, fd: fd, six: true, source: key.Source}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := prepareSocket6(fd, key, rcvbuf); err != nil {
		return nil, wrap("open", err)
	}
	at := unix.SockaddrInet6{Addr: local.As16()}
	if scoped(local) {
		at.ZoneId = uint32(key.Ifindex)
	}
	if err := unix.Bind(fd, &at); err != nil {
		return nil, wrap("bind", os.NewSyscallError("bind", err))
	}
	if key.Group.IsValid() {
		p.flags = unix.MSG_DONTROUTE
		mreq := unix.IPv6Mreq{Multiaddr: local.As16(), Interface: uint32(key.Ifindex)}
		if err := unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &mreq); err != nil {
			return nil, wrap("join", os.NewSyscallError("setsockopt IPV6_JOIN_GROUP", err))
		}
	}
	p.pktinfo = newPktinfo(key.Ifindex)
	p.pktinfo.set(key.Source)
	if err := p.unmute(set); err != nil {
		return nil, wrap("open", err)
	}
	return p, nil
}

// scoped says whether an address means something on one link only.
func scoped(a netip.Addr) bool { return a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() }

// prepareSocket6 sets everything that has to be set before the socket is
// bound; the filter that lets nothing in comes first.
func prepareSocket6(fd int, key Port, rcvbuf int) error {
	reject := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &reject}); err != nil {
		return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
	}
	type option struct {
		name       string
		opt, value int
	}
	opts := []option{
		{"IPV6_MULTICAST_ALL", unix.IPV6_MULTICAST_ALL, 0},
		{"IPV6_RECVPKTINFO", unix.IPV6_RECVPKTINFO, 1},
		{"IPV6_RECVHOPLIMIT", unix.IPV6_RECVHOPLIMIT, 1},
		{"IPV6_TCLASS", unix.IPV6_TCLASS, tosControl},
		{"IPV6_UNICAST_HOPS", unix.IPV6_UNICAST_HOPS, int(key.ttl())},
		{"IPV6_MTU_DISCOVER", unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT},
		// A source need not be an address of this machine any more by the time
		// the last advert leaves.
		{"IPV6_FREEBIND", unix.IPV6_FREEBIND, 1},
	}
	if key.Group.IsValid() {
		opts = append(opts,
			option{"IPV6_MULTICAST_HOPS", unix.IPV6_MULTICAST_HOPS, ttlVRRP},
			option{"IPV6_MULTICAST_LOOP", unix.IPV6_MULTICAST_LOOP, 0},
			option{"IPV6_MULTICAST_IF", unix.IPV6_MULTICAST_IF, key.Ifindex})
	}
	for _, o := range opts {
		err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, o.opt, o.value)
		if errors.Is(err, unix.ENOPROTOOPT) && o.opt == unix.IPV6_MULTICAST_ALL {
			continue // before Linux 4.20; the bound group keeps others out
		}
		if err != nil {
			return os.NewSyscallError("setsockopt "+o.name, err)
		}
	}
	if key.Ifindex > 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, key.Ifindex); err != nil {
			return os.NewSyscallError("setsockopt SO_BINDTOIFINDEX", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl); err != nil {
		return os.NewSyscallError("setsockopt SO_PRIORITY", err)
	}
	setReceiveBuffer(fd, rcvbuf)
	return nil
}
