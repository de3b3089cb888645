package link

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const dumpTimeout = 2 * time.Second

// kernelAddr is one address as the kernel has it.
type kernelAddr struct {
	Address        // with all of its flags
	Proto   uint8  // IFA_PROTO
	Valid   uint32 // seconds; math.MaxUint32: for ever
	Prefer  uint32
}

// key is what makes an address one and the same to the kernel.
type addrKey struct {
	ifindex int
	prefix  netip.Prefix
}

func (a Address) key() addrKey { return addrKey{a.Ifindex, a.Prefix} }

// onChange is what a handle does when something changes while it reads a list.
type onChange bool

const (
	again  onChange = true  // it reads anew at once, up to ten times
	spoilt onChange = false // the error is netlink.ErrDumpInterrupted
)

// newHandle opens a netlink socket for reading lists.
func newHandle(c onChange) (*netlink.Handle, error) {
	h, err := netlink.NewHandleWithOptions(netlink.HandleOptions{DisableVFInfoCollection: true, RetryInterrupted: c == again}, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("link: open netlink: %w", err)
	}
	if err := h.SetSocketTimeout(dumpTimeout); err != nil {
		h.Close()
		return nil, fmt.Errorf("link: open netlink: %w", err)
	}
	return h, nil
}

// listAddrs reads all addresses of both families in the kernel's order.
func listAddrs(h *netlink.Handle) ([]kernelAddr, error) {
	raw, err := h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("link: list addresses: %w", err)
	}
	list := make([]kernelAddr, 0, len(raw))
	for _, r := range raw {
		prefix, ok := prefixOf(r.IPNet)
		if !ok {
			continue
		}
		a := kernelAddr{
			Address: Address{Ifindex: r.LinkIndex, Prefix: prefix, Label: r.Label, Scope: uint8(r.Scope), Flags: uint32(r.Flags)},
			Proto:   uint8(r.Protocol),
			Valid:   uint32(r.ValidLft),
			Prefer:  uint32(r.PreferedLft),
		}
		if b, ok := netip.AddrFromSlice(r.Broadcast); ok {
			a.Broadcast = b.Unmap()
		}
		if peer, ok := prefixOf(r.Peer); ok && peer.Addr() != prefix.Addr() {
			a.Peer = peer.Addr()
		}
		list = append(list, a)
	}
	return list, nil
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits), true
}

// sourceKey is an interface in one family.
type sourceKey struct {
	ifindex int
	six     bool
}

// primarySources picks for each interface and family the address that adverts
// come from, in the kernel's order: for IPv4 the first that is neither
// secondary nor ours, or else the first that is not ours; for IPv6 the first
// link-local one that is not ours and whose uniqueness is not in doubt, before
// those that were added without duplicate address detection, as virtual
// addresses are.
func primarySources(list []kernelAddr) map[sourceKey]netip.Addr {
	sources := make(map[sourceKey]netip.Addr)
	for _, second := range []bool{false, true} {
		for _, a := range list {
			ip := a.Prefix.Addr()
			later := uint32(unix.IFA_F_SECONDARY)
			if ip.Is6() {
				if !ip.IsLinkLocalUnicast() || !a.usable() {
					continue
				}
				later = unix.IFA_F_NODAD
			}
			if a.Proto == IFAProto || (a.Flags&later != 0) != second {
				continue
			}
			if key := (sourceKey{a.Ifindex, ip.Is6()}); !sources[key].IsValid() {
				sources[key] = ip
			}
		}
	}
	return sources
}

// markDuplicates finds why an interface has no link-local address to send from.
func markDuplicates(list []Interface, addrs []kernelAddr) {
	for _, a := range addrs {
		if a.Flags&unix.IFA_F_DADFAILED == 0 || a.Proto == IFAProto || !a.Prefix.Addr().Is6() || !a.Prefix.Addr().IsLinkLocalUnicast() {
			continue
		}
		i := slices.IndexFunc(list, func(x Interface) bool { return x.Index == a.Ifindex })
		if i >= 0 && !list[i].LinkLocal.IsValid() && !list[i].Duplicate.IsValid() {
			list[i].Duplicate = a.Prefix.Addr()
		}
	}
}

// usable says whether the kernel sends from an address: not while it looks for
// another holder, and not after it has found one.
func (a kernelAddr) usable() bool {
	return a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0
}

// listInterfaces reads all interfaces with their addresses, ordered by index,
// and the address that each sends from.
func listInterfaces(h *netlink.Handle) ([]Interface, map[sourceKey]netip.Addr, error) {
	links, err := h.LinkList()
	if err != nil {
		return nil, nil, fmt.Errorf("link: list interfaces: %w", err)
	}
	addrs, err := listAddrs(h)
	if err != nil {
		return nil, nil, err
	}
	list := make([]Interface, 0, len(links))
	for _, l := range links {
		at := l.Attrs()
		var table uint32
		if vrf, ok := l.(*netlink.Vrf); ok {
			table = vrf.Table
		}
		list = append(list, Interface{
			VRFTable:  table,
			Below:     below(l),
			Index:     at.Index,
			Name:      at.Name,
			Up:        operational(at.RawFlags, at.OperState),
			MTU:       at.MTU,
			HWAddr:    slices.Clone(at.HardwareAddr),
			Multicast: at.RawFlags&unix.IFF_MULTICAST != 0,
		})
	}
	slices.SortFunc(list, func(a, b Interface) int { return a.Index - b.Index })
	for _, a := range addrs {
		i, ok := slices.BinarySearchFunc(list, a.Ifindex, func(x Interface, index int) int { return x.Index - index })
		if ok {
			list[i].Addrs = append(list[i].Addrs, a.Prefix)
		}
	}
	sources := primarySources(addrs)
	for i := range list {
		list[i].LinkLocal = sources[sourceKey{list[i].Index, true}]
	}
	markDuplicates(list, addrs)
	return list, sources, nil
}

// operational says whether an interface carries traffic: switched on, running,
// and in an operational state that is up or that its driver does not report
// (RFC 2863 ifOperStatus).
func operational(flags uint32, state netlink.LinkOperState) bool {
	if flags&unix.IFF_UP == 0 || flags&unix.IFF_RUNNING == 0 {
		return false
	}
	return state == netlink.OperUp || state == netlink.OperUnknown
}

// below is the index of the interface that a virtual one stands on and shares
// the link with; 0: none. (That of a veth is its other end.)
func below(l netlink.Link) int {
	switch l.(type) {
	case *netlink.Macvlan, *netlink.IPVlan:
		return l.Attrs().ParentIndex
	}
	return 0
}
