package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Host is one machine of a lab.
type Host struct {
	Name string
	Dir  string // its folder, at the same path inside and outside

	lab   *Lab
	space *space

	mu    sync.Mutex
	ports []*Port
	procs []*Process
	cuts  []span // when the host was cut off; the last may still be open
}

// span is a piece of time; a zero end is open.
type span struct{ from, to time.Time }

// Port is where a host's interface meets a segment.
type Port struct {
	Iface   string // name inside the host
	Segment *Segment
	link    netlink.Link // the end at the bridge
}

// Plug gives the host an interface on a segment. The hardware address is
// fixed, so that captures of two runs compare. Addresses are prefixes such as
// 10.0.0.1/24 or 2001:db8::1/64.
func (h *Host) Plug(s *Segment, iface, mac string, addrs ...string) error {
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return fmt.Errorf("lab: %s: %s: %w", h.Name, iface, err)
	}
	wrap := func(err error) error { return fmt.Errorf("lab: %s: %s: %w", h.Name, iface, err) }
	l := h.lab
	l.mu.Lock()
	l.ports++
	name := fmt.Sprintf("p%d", l.ports)
	l.mu.Unlock()
	veth := &netlink.Veth{
		LinkAttrs: netlink.NewLinkAttrs(), PeerName: iface, PeerHardwareAddr: hw,
		PeerNamespace: netlink.NsPid(h.space.pid),
	}
	veth.Name = name
	if err := l.wire.nl.LinkAdd(veth); err != nil {
		return wrap(err)
	}
	if err := l.wire.sysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1"); err != nil {
		return wrap(err)
	}
	end, err := l.wire.nl.LinkByName(name)
	if err != nil {
		return wrap(err)
	}
	if err := l.wire.nl.LinkSetMaster(end, s.bridge); err != nil {
		return wrap(err)
	}
	if err := l.wire.nl.LinkSetUp(end); err != nil {
		return wrap(err)
	}
	inner, err := h.space.nl.LinkByName(iface)
	if err != nil {
		return wrap(err)
	}
	for _, a := range addrs {
		if err := h.AddAddr(iface, a); err != nil {
			return err
		}
	}
	if err := h.space.nl.LinkSetUp(inner); err != nil {
		return wrap(err)
	}
	// The kernel gives a new veth its carrier later, by up to a second; a daemon
	// that starts before begins with a fault.
	up := func() bool {
		inner, err = h.space.nl.LinkByName(iface)
		return err == nil && inner.Attrs().OperState == netlink.OperUp
	}
	if !WaitFor(30*time.Second, up) {
		return wrap(fmt.Errorf("no carrier, last error: %v", err))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ports = append(h.ports, &Port{Iface: iface, Segment: s, link: end})
	return nil
}

// AddAddr adds an address to an interface of the host.
func (h *Host) AddAddr(iface, prefix string) error {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	link, err := h.space.nl.LinkByName(iface)
	if err != nil {
		return fmt.Errorf("lab: %s: %s: %w", h.Name, iface, err)
	}
	a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD // usable at once, not only when the kernel gets to it
	}
	if err := h.space.nl.AddrAdd(link, a); err != nil {
		return fmt.Errorf("lab: %s: add %s: %w", h.Name, prefix, err)
	}
	return nil
}

// Sysctl writes a network setting of the host, such as
// Sysctl("net/ipv4/ip_forward", "1").
func (h *Host) Sysctl(path, value string) error {
	if err := h.space.sysctl(path, value); err != nil {
		return fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	return nil
}

// Cut takes the host off every segment, as if the cables were pulled: its
// interfaces lose their carrier.
func (h *Host) Cut() error { return h.setPorts(false) }

// Restore undoes Cut.
func (h *Host) Restore() error { return h.setPorts(true) }

func (h *Host) setPorts(up bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	set := h.lab.wire.nl.LinkSetDown
	if up {
		set = h.lab.wire.nl.LinkSetUp
	}
	now := time.Now()
	var errs []error
	for _, p := range h.ports {
		if err := set(p.link); err != nil {
			errs = append(errs, fmt.Errorf("lab: %s: %s: %w", h.Name, p.Iface, err))
		}
	}
	open := len(h.cuts) > 0 && h.cuts[len(h.cuts)-1].to.IsZero()
	switch {
	case up && open:
		h.cuts[len(h.cuts)-1].to = time.Now()
	case !up && !open:
		h.cuts = append(h.cuts, span{from: now})
	}
	return errors.Join(errs...)
}

// cutSpans is a copy of the times the host was cut off.
func (h *Host) cutSpans() []span {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]span(nil), h.cuts...)
}

// Do runs f on a thread that is in the host's network namespace. Sockets that
// f itself opens belong to the host; goroutines that f starts do not run there.
func (h *Host) Do(f func() error) error { return h.space.do(f) }

// Output runs a command in the host and returns what it printed, on both
// outputs, without the last newline. The error holds the output.
func (h *Host) Output(ctx context.Context, args ...string) (string, error) {
	full := h.space.enter(args)
	cmd := exec.CommandContext(ctx, full[0], full[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Dir = h.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A background child that keeps the output open must not keep us; a busy
	// machine may need a while to read what is there.
	cmd.WaitDelay = 20 * time.Second
	if err := spawn(cmd); err != nil {
		return "", fmt.Errorf("lab: %s: %s: %w", h.Name, args[0], err)
	}
	err := cmd.Wait()
	text := strings.TrimRight(out.String(), "\n")
	if err != nil {
		return text, fmt.Errorf("lab: %s: %s: %w: %s", h.Name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// Addrs are the addresses of an interface of the host.
func (h *Host) Addrs(iface string) ([]netip.Addr, error) {
	link, err := h.space.nl.LinkByName(iface)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %s: %w", h.Name, iface, err)
	}
	list, err := h.space.nl.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %s: %w", h.Name, iface, err)
	}
	var addrs []netip.Addr
	for _, a := range list {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			addrs = append(addrs, ip.Unmap())
		}
	}
	return addrs, nil
}

// Pids are all processes of the host.
func (h *Host) Pids() []int { return h.space.pids() }

// KillAll ends every process of the host with SIGKILL.
func (h *Host) KillAll() error {
	h.mu.Lock()
	procs := append([]*Process(nil), h.procs...)
	h.mu.Unlock()
	ok := WaitFor(30*time.Second, func() bool {
		left := h.space.pids()
		for _, p := range procs {
			if p.Running() {
				left = append(left, p.Pid)
			}
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(left) == 0
	})
	if !ok {
		return fmt.Errorf("lab: %s: processes %v do not end", h.Name, h.space.pids())
	}
	return nil
}

// Path is a file of the host's folder.
func (h *Host) Path(name string) string { return filepath.Join(h.Dir, name) }
