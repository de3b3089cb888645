package link

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ownAddress gives the device the address that adverts leave it from: an
// ipvlan the one that was configured, a VMAC of IPv6 the link-local address of
// the interface below (an IPv4 advert carries that interface's address without
// the VMAC having any).
func (d *NetlinkDevices) ownAddress(w *Device, l, below netlink.Link) error {
	switch {
	case w.Kind == IPVlan && w.Addr.IsValid():
		return d.addAddress(l, w.Addr, math.MaxUint32)
	case w.Kind == Macvlan && w.is6() && w.Source:
		have, err := linkLocal(d.nl, l)
		if err != nil || have.IsValid() {
			return err
		}
		from, err := linkLocal(d.nl, below)
		if err != nil {
			return err
		}
		if !from.IsValid() {
			from = eui64(below.Attrs().HardwareAddr)
		}
		// Deprecated: nothing but the adverts may use it as a source.
		return d.addAddress(l, netip.PrefixFrom(from, 64), 0)
	}
	return nil
}

func (d *NetlinkDevices) addAddress(l netlink.Link, p netip.Prefix, preferred int) error {
	a := &netlink.Addr{
		IPNet:    &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())},
		ValidLft: math.MaxUint32, PreferedLft: preferred,
	}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
		if p.Addr().IsLinkLocalUnicast() {
			a.Scope = unix.RT_SCOPE_LINK
		}
	} else {
		a.Broadcast = net.IPv4zero // none
	}
	if err := d.nl.AddrAdd(l, a); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add %v to %s: %w", p, l.Attrs().Name, err)
	}
	return nil
}

// linkLocal is the first link-local IPv6 address of an interface that is not
// one of ours; invalid: there is none.
func linkLocal(nl *netlink.Handle, l netlink.Link) (netip.Addr, error) {
	list, err := nl.AddrList(l, netlink.FAMILY_V6)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("addresses of %s: %w", l.Attrs().Name, err)
	}
	for _, a := range list {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.IsLinkLocalUnicast() && uint8(a.Protocol) != IFAProto {
			return ip, nil
		}
	}
	return netip.Addr{}, nil
}

// eui64 is the link-local address that follows from a MAC (RFC 4291 appendix A).
func eui64(hw net.HardwareAddr) netip.Addr {
	a := [16]byte{0: 0xfe, 1: 0x80}
	if len(hw) == 6 {
		copy(a[8:], slices.Concat(hw[:3], []byte{0xff, 0xfe}, hw[3:]))
		a[8] ^= 2
	}
	return netip.AddrFrom16(a)
}
