package integration

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// netlinkTap records what programs of a host ask the kernel for by netlink, in
// the order of their asking: IPVS commands and changes of addresses.
type netlinkTap struct {
	mu   sync.Mutex
	list []asked
}

// asked is one request.
type asked struct {
	ipvs    bool
	command int // of IPVS, or the type of an rtnetlink message
	body    []byte
}

// about reports whether the request is of the kind given and names an address.
func (a asked) about(ipvs bool, command int, addr [4]byte) bool {
	return a.ipvs == ipvs && a.command == command && bytes.Contains(a.body, addr[:])
}

// writes reports whether the request is to change IPVS.
func (a asked) writes() bool {
	return a.ipvs && !slices.Contains([]int{ipvsGetService, ipvsGetDest, ipvsGetDaemon, ipvsGetConfig, ipvsGetInfo}, a.command)
}

func (a asked) String() string {
	if a.ipvs {
		return fmt.Sprintf("IPVS %d %x", a.command, a.body)
	}
	return fmt.Sprintf("rtnetlink %d %x", a.command, a.body)
}

const (
	ipvsNewService = 1
	ipvsDelService = 3
	ipvsNewDest    = 5
	ipvsSetDest    = 6
	ipvsGetInfo    = 15
)

// tapNetlink starts the recording, which ends with the test. It needs the
// kernel's nlmon.
func tapNetlink(t testing.TB, h *lab.Host) *netlinkTap {
	t.Helper()
	family := int(rawIPVSOf(t, h).family.ID)
	if _, err := h.Output(t.Context(), "ip", "link", "add", "tap0", "type", "nlmon"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Output(t.Context(), "ip", "link", "set", "tap0", "up"); err != nil {
		t.Fatal(err)
	}
	fd := -1
	err := h.Do(func() error {
		link, err := net.InterfaceByName("tap0")
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL))); err != nil {
			return err
		}
		// Answers pass by as well: whole tables, faster than they are read here.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20); err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200000}); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: link.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &netlinkTap{}
	quit, ended := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(quit)
		<-ended
		unix.Close(fd)
	})
	go func() {
		defer close(ended)
		buf := make([]byte, 1<<20)
		for {
			select {
			case <-quit:
				return
			default:
			}
			n, from, err := unix.Recvfrom(fd, buf, 0)
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return
			}
			if link, ok := from.(*unix.SockaddrLinklayer); ok {
				p.take(buf[:n], int(htons(link.Protocol)), family)
			}
		}
	}()
	return p
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// take notes the requests of one datagram; protocol is netlink's.
func (p *netlinkTap) take(b []byte, protocol, family int) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return
		}
		typ, flags := int(binary.NativeEndian.Uint16(b[4:])), binary.NativeEndian.Uint16(b[6:])
		body := b[unix.NLMSG_HDRLEN:size]
		if flags&unix.NLM_F_REQUEST != 0 {
			switch {
			case protocol == unix.NETLINK_GENERIC && typ == family && len(body) >= 4:
				p.add(asked{true, int(body[0]), bytes.Clone(body[4:])})
			case protocol == unix.NETLINK_ROUTE && (typ == unix.RTM_NEWADDR || typ == unix.RTM_DELADDR):
				p.add(asked{false, typ, bytes.Clone(body)})
			}
		}
		b = b[min((size+3)&^3, len(b)):]
	}
}

func (p *netlinkTap) add(a asked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, a)
}

// heard returns what was recorded since the last call, once nothing more comes
// out of the socket for a moment; a daemon that asks the kernel every second, as
// while a server drains, is not waited for.
func (p *netlinkTap) heard() []asked {
	recorded := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.list)
	}
	n, since := recorded(), time.Now()
	for end := since.Add(2 * time.Second); time.Since(since) < 400*time.Millisecond && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
		if now := recorded(); now != n {
			n, since = now, time.Now()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.list
	p.list = nil
	return list
}
