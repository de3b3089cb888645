package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/mdlayher/arp"
)

// Claim is what another machine said about an address on an interface: that it
// has it (gratuitous ARP; an unsolicited neighbour advertisement) or, Asked, that
// it wants to know whether anybody has (an ARP probe, RFC 5227 section 2.1.1; the
// neighbour solicitation of duplicate address detection, RFC 4862 section 5.4.2).
type Claim struct {
	Ifindex int
	Addr    netip.Addr
	HW      [6]byte // of the machine; zero: it asked for an IPv6 address
	Asked   bool
}

// arpBody is the length of an ARP message of Ethernet and IPv4.
const arpBody = 28

// claimOf reads an ARP message; ok is false for one that claims nothing.
func claimOf(ifindex int, b []byte) (c Claim, ok bool) {
	if len(b) < arpBody || binary.BigEndian.Uint64(b)&^0xffff != 0x0001_0800_0604_0000 {
		return c, false
	}
	sender, target := netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	c = Claim{Ifindex: ifindex, Addr: target, HW: [6]byte(b[8:14])}
	switch op := binary.BigEndian.Uint16(b[6:]); {
	case target.IsUnspecified():
		return c, false
	case sender.IsUnspecified():
		c.Asked = true
		return c, op == uint16(arp.OperationRequest)
	}
	return c, sender == target
}

// claimOf6 reads a message of ICMPv6, whose checksum the kernel has seen to. An
// advertisement without a link-layer address leads nobody astray.
func claimOf6(ifindex, hops int, b []byte) (c Claim, ok bool) {
	const solicited = 0x40 // flag
	if len(b) < ndBody || hops != ttlVRRP || b[1] != 0 {
		return c, false // from beyond the segment (RFC 4861 section 7.1)
	}
	c = Claim{Ifindex: ifindex, Addr: netip.AddrFrom16([16]byte(b[8:24]))}
	switch {
	case c.Addr.IsMulticast() || c.Addr.IsUnspecified() || c.Addr.Is4In6():
	case b[0] == nsType:
		c.Asked = true // from nobody, as the filter sees to
		return c, true
	case b[0] == naType && b[4]&solicited == 0:
		for o := b[ndBody:]; len(o) >= 8 && o[1] > 0 && len(o) >= 8*int(o[1]); o = o[8*int(o[1]):] {
			if o[0] == naTarget && o[1] == 1 {
				c.HW = [6]byte(o[2:8])
				return c, true
			}
		}
	}
	return c, false
}

// question is the whole Ethernet frame that asks whether anybody has addr,
// without saying that we have it: an ARP probe, or the neighbour solicitation of
// duplicate address detection (RFC 4862 section 5.4.2), to which the kernel of
// whoever has the address answers by telling all nodes.
func question(hw net.HardwareAddr, addr netip.Addr) ([]byte, error) {
	if len(hw) != len(etherBroadcast) {
		return nil, fmt.Errorf("link: ask for %v: hardware address %q is not of Ethernet", addr, hw.String())
	}
	if addr.Is6() {
		return solicitation(hw, addr), nil
	}
	p, err := arp.NewPacket(arp.OperationRequest, hw, netip.IPv4Unspecified(), make(net.HardwareAddr, 6), addr)
	if err != nil {
		return nil, fmt.Errorf("link: ask for %v: %w", addr, err)
	}
	body, err := p.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("link: ask for %v: %w", addr, err)
	}
	frame := slices.Concat(etherBroadcast, hw)
	frame = binary.BigEndian.AppendUint16(frame, etherTypeARP)
	return append(frame, body...), nil
}

// solicitation is the frame that asks for an IPv6 address, from nobody.
func solicitation(hw net.HardwareAddr, addr netip.Addr) []byte {
	const body = ndBody
	a := addr.As16()
	group := [16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]}
	frame := slices.Concat([]byte{0x33, 0x33}, group[12:], hw)
	frame = binary.BigEndian.AppendUint16(frame, etherTypeIPv6)
	frame = append(frame, 6<<4, 0, 0, 0, 0, body, protoICMPv6, ttlVRRP)
	frame = append(frame, make([]byte, 16)...)
	frame = append(frame, group[:]...)
	frame = append(frame, nsType, 0, 0, 0, 0, 0, 0, 0)
	frame = append(frame, a[:]...)
	return sealICMPv6(frame, body)
}
