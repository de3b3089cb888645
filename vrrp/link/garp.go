package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
)

const (
	etherTypeARP = 0x0806
	garpLen      = 14 + 28 // Ethernet header and ARP body, not padded
)

var etherBroadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// gratuitousARP is the whole Ethernet frame that announces addr at hw, as
// keepalived builds it: a broadcast request whose sender and target protocol
// address are addr and whose target hardware address is all ones.
func gratuitousARP(hw net.HardwareAddr, addr netip.Addr) ([]byte, error) {
	if len(hw) != len(etherBroadcast) {
		return nil, fmt.Errorf("link: announce %v: hardware address %q is not of Ethernet", addr, hw.String())
	}
	p, err := arp.NewPacket(arp.OperationRequest, hw, addr, etherBroadcast, addr)
	if err != nil {
		return nil, fmt.Errorf("link: announce %v: %w", addr, err)
	}
	body, err := p.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("link: announce %v: %w", addr, err)
	}
	frame := make([]byte, 0, garpLen)
	frame = append(frame, etherBroadcast...)
	frame = append(frame, hw...)
	frame = binary.BigEndian.AppendUint16(frame, etherTypeARP)
	return append(frame, body...), nil
}
