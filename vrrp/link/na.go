package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

const (
	etherTypeIPv6 = 0x86dd
	protoICMPv6   = 58
	ipv6Header    = 40
	naBody        = 24 + 8 // with the target link-layer address
	naLen         = 14 + ipv6Header + naBody

	ndBody     = 24   // of a solicitation or an advertisement, without options
	nsType     = 135  // RFC 4861 section 4.3
	naType     = 136  // section 4.4
	naRouter   = 0x80 // flags
	naOverride = 0x20
	naTarget   = 2 // the option with the target's link-layer address, RFC 4861 section 4.6.1
)

var (
	allNodes      = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x01})
	allNodesEther = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}
)

// unsolicitedNA is the whole Ethernet frame of an unsolicited neighbour
// advertisement (RFC 4861 section 7.2.6) that announces addr at hw, as
// keepalived builds it: from the address itself to all nodes, with the override
// flag, with the router flag where the machine forwards, and with the target
// link-layer address.
func unsolicitedNA(hw net.HardwareAddr, addr netip.Addr, router bool) ([]byte, error) {
	if len(hw) != len(allNodesEther) {
		return nil, fmt.Errorf("link: announce %v: hardware address %q is not of Ethernet", addr, hw.String())
	}
	flags := byte(naOverride)
	if router {
		flags |= naRouter
	}
	frame := make([]byte, 0, naLen)
	frame = append(frame, allNodesEther...)
	frame = append(frame, hw...)
	frame = binary.BigEndian.AppendUint16(frame, etherTypeIPv6)
	frame = append(frame, 6<<4, 0, 0, 0, 0, naBody, protoICMPv6, ttlVRRP)
	frame = append(frame, addr.AsSlice()...)
	frame = append(frame, allNodes.AsSlice()...)
	frame = append(frame, naType, 0, 0, 0, flags, 0, 0, 0)
	frame = append(frame, addr.AsSlice()...)
	frame = append(frame, naTarget, 1) // in units of 8 bytes
	frame = append(frame, hw...)
	return sealICMPv6(frame, naBody), nil
}

// sealICMPv6 fills in the checksum of an ICMPv6 message of size bytes, an even
// number, at the end of a frame.
func sealICMPv6(frame []byte, size int) []byte {
	// The addresses stand before the message, as they do in the pseudo-header
	// (RFC 8200 section 8.1).
	sum := uint32(size + protoICMPv6)
	for b := frame[len(frame)-size-32:]; len(b) > 0; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(frame[14+ipv6Header+2:], ^uint16(sum))
	return frame
}

// announcement is the frame that tells the neighbours that addr is at hw.
func announcement(hw net.HardwareAddr, addr netip.Addr, router bool) ([]byte, error) {
	if addr.Is6() {
		return unsolicitedNA(hw, addr, router)
	}
	return gratuitousARP(hw, addr)
}
