package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// membership is one group joined on one interface.
type membership struct {
	ifindex int
	group   netip.Addr
}

// memberships joins groups for their own sake: the kernel then reports them to
// switches and routers from the interface's MAC. Each has a socket, as one
// socket may join few groups only; nothing is ever sent to it.
type memberships struct{ sockets map[membership]int }

func newMemberships() *memberships { return &memberships{sockets: map[membership]int{}} }

// set brings the joined groups to those wanted.
func (j *memberships) set(want map[membership]bool) error {
	for m, fd := range j.sockets {
		if !want[m] {
			unix.Close(fd)
			delete(j.sockets, m)
		}
	}
	j.forgotten()
	var errs []error
	for m := range want {
		if _, ok := j.sockets[m]; ok {
			continue
		}
		fd, err := m.join()
		if err != nil {
			errs = append(errs, fmt.Errorf("link: join %v on interface %d: %w", m.group, m.ifindex, err))
			continue
		}
		j.sockets[m] = fd
	}
	return errors.Join(errs...)
}

// forgotten closes the sockets that the kernel has forgotten about, as IPv6 was
// taken off their interface and put back.
func (j *memberships) forgotten() {
	var now joined6
	for m, fd := range j.sockets {
		if !m.group.Is6() {
			continue
		}
		if now.on == nil {
			var err error
			if now, err = readJoined6(); err != nil {
				return // there is no telling
			}
		}
		if now.deaf(m) {
			unix.Close(fd)
			delete(j.sockets, m)
		}
	}
}

func (j *memberships) close() {
	_ = j.set(nil) // closing cannot fail in a way that matters
}

func (m membership) join() (int, error) {
	family := unix.AF_INET
	if m.group.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if m.group.Is6() {
		mreq := unix.IPv6Mreq{Multiaddr: m.group.As16(), Interface: uint32(m.ifindex)}
		err = os.NewSyscallError("setsockopt IPV6_JOIN_GROUP", unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &mreq))
	} else {
		mreq := unix.IPMreqn{Multiaddr: m.group.As4(), Ifindex: int32(m.ifindex)}
		err = os.NewSyscallError("setsockopt IP_ADD_MEMBERSHIP", unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &mreq))
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
