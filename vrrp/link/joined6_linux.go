package link

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// groups6File lists the IPv6 groups that the interfaces listen to.
const groups6File = "/proc/thread-self/net/igmp6"

// minMTU6 is the least MTU that IPv6 works with (RFC 8200 section 5): below it
// the kernel takes IPv6 off an interface.
const minMTU6 = 1280

// joined6 is what the interfaces listen to, whoever joined it. An interface
// that has IPv6 at all is in on: it listens to ff02::1.
//
// A socket that joined goes on believing so after IPv6 was taken off its
// interface and put back, and hears nothing: only this list tells.
type joined6 struct {
	groups map[membership]bool
	on     map[int]bool
}

// deaf says whether a group that was joined is joined no more.
func (j joined6) deaf(m membership) bool { return j.on[m.ifindex] && !j.groups[m] }

func readJoined6() (joined6, error) {
	f, err := os.Open(groups6File)
	if err != nil {
		return joined6{}, fmt.Errorf("link: %w", err)
	}
	defer f.Close()
	return parseJoined6(f)
}

// parseJoined6 reads lines of an index, a name, a group in hexadecimal digits
// and more that does not matter.
func parseJoined6(r io.Reader) (joined6, error) {
	j := joined6{groups: map[membership]bool{}, on: map[int]bool{}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 3 {
			continue
		}
		index, err := strconv.Atoi(f[0])
		raw, hexErr := hex.DecodeString(f[2])
		group, ok := netip.AddrFromSlice(raw)
		if err != nil || hexErr != nil || !ok || !group.Is6() {
			continue
		}
		j.groups[membership{index, group}] = true
		j.on[index] = true
	}
	if err := lines.Err(); err != nil {
		return j, fmt.Errorf("link: %s: %w", groups6File, err)
	}
	return j, nil
}

// listenAgain joins the groups of these IPv6 ports anew where the kernel has
// forgotten that they did; those that could not be are returned.
func (w *EpollWire) listenAgain(ports []*port) map[*port]error {
	if len(ports) == 0 {
		return nil
	}
	now, err := readJoined6()
	if err != nil {
		w.log.Debug("cannot see which IPv6 groups are joined", "error", err)
		return nil
	}
	var failed map[*port]error
	for _, p := range ports {
		m := membership{p.key.Ifindex, p.key.Group}
		if !now.deaf(m) {
			continue
		}
		if err := p.rejoin(); err != nil {
			if failed == nil {
				failed = map[*port]error{}
			}
			failed[p] = err
			continue
		}
		now.groups[m] = true
		w.log.Info("IPv6 was taken off an interface and put back: listening there again", "ifindex", m.ifindex, "group", m.group)
	}
	return failed
}

// rejoin makes the kernel forget that the socket joined, and joins.
func (p *port) rejoin() error {
	mreq := unix.IPv6Mreq{Multiaddr: p.key.Group.As16(), Interface: uint32(p.key.Ifindex)}
	_ = unix.SetsockoptIPv6Mreq(p.fd, unix.IPPROTO_IPV6, unix.IPV6_LEAVE_GROUP, &mreq)
	if err := unix.SetsockoptIPv6Mreq(p.fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &mreq); err != nil {
		return fmt.Errorf("link: join %v on interface %d: %w", p.key.Group, p.key.Ifindex, os.NewSyscallError("setsockopt IPV6_JOIN_GROUP", err))
	}
	return nil
}
