package ipvs

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cloudflare/ipvs/netmask"
	"github.com/mdlayher/netlink"
)

// decodeService reads the attributes of one answer to GET_SERVICE.
func decodeService(b []byte) (ServiceStats, error) {
	var s ServiceStats
	found := false
	err := nested(b, attrService, func(ad *netlink.AttributeDecoder) error {
		found = true
		return decodeServiceNest(ad, &s)
	})
	if err == nil && !found {
		err = fmt.Errorf("no service attribute")
	}
	if err != nil {
		return ServiceStats{}, fmt.Errorf("ipvs: decode service: %w", err)
	}
	return s, nil
}

func decodeServiceNest(ad *netlink.AttributeDecoder, s *ServiceStats) error {
	var addr []byte
	var mask []byte
	for ad.Next() {
		switch ad.Type() {
		case svcFamily:
			s.Family = Family(ad.Uint16())
		case svcProtocol:
			s.Protocol = Protocol(ad.Uint16())
		case svcAddr:
			addr = ad.Bytes()
		case svcPort:
			s.Port = bigUint16(ad)
		case svcFWMark:
			s.FWMark = ad.Uint32()
		case svcScheduler:
			s.Scheduler = ad.String()
		case svcFlags:
			if b := ad.Bytes(); len(b) >= 4 {
				s.Flags = Flags(binary.NativeEndian.Uint32(b)) &^ Hashed
			}
		case svcTimeout:
			s.Timeout = ad.Uint32()
		case svcNetmask:
			mask = ad.Bytes()
		case svcPE:
			s.PE = ad.String()
		case svcStats64:
			ad.Nested(func(ad *netlink.AttributeDecoder) error { return decodeStats(ad, &s.Stats) })
		}
	}
	if err := ad.Err(); err != nil {
		return err
	}
	if s.Family != INET && s.Family != INET6 {
		return fmt.Errorf("address family %d", s.Family)
	}
	if s.FWMark != 0 {
		s.Protocol, s.Port = 0, 0
	} else {
		var ok bool
		if s.Addr, ok = addrFrom(s.Family, addr); !ok {
			return fmt.Errorf("address of %d bytes", len(addr))
		}
	}
	if len(mask) != 4 {
		return fmt.Errorf("netmask of %d bytes", len(mask))
	}
	if s.Family == INET {
		s.Netmask = netmask.MaskFrom4([4]byte(mask))
	} else if plen := binary.NativeEndian.Uint32(mask); plen <= 128 {
		s.Netmask = netmask.MaskFrom(int(plen), 128)
	} else {
		return fmt.Errorf("netmask of %d bits", plen)
	}
	return nil
}

// decodeStats reads the 64-bit counters (IPVS_STATS_ATTR_*).
func decodeStats(ad *netlink.AttributeDecoder, s *Stats) error {
	fields := [...]*uint64{
		1: &s.Connections, 2: &s.IncomingPackets, 3: &s.OutgoingPackets,
		4: &s.IncomingBytes, 5: &s.OutgoingBytes,
		6: &s.ConnectionRate, 7: &s.IncomingPacketRate, 8: &s.OutgoingPacketRate,
		9: &s.IncomingByteRate, 10: &s.OutgoingByteRate,
	}
	for ad.Next() {
		if t := int(ad.Type()); t > 0 && t < len(fields) {
			*fields[t] = ad.Uint64()
		}
	}
	return ad.Err()
}

// decodeDaemon reads the attributes of one answer to GET_DAEMON.
func decodeDaemon(b []byte) (Daemon, error) {
	var d Daemon
	found := false
	err := nested(b, attrDaemon, func(ad *netlink.AttributeDecoder) error {
		found = true
		for ad.Next() {
			switch ad.Type() {
			case dmnRole:
				d.Role = SyncRole(ad.Uint32())
			case dmnInterface:
				d.Interface = ad.String()
			case dmnSyncID:
				d.SyncID = ad.Uint32()
			case dmnMaxLen:
				d.MaxLen = ad.Uint16()
			case dmnGroup, dmnGroup6:
				if a, ok := netip.AddrFromSlice(ad.Bytes()); ok {
					d.Group = a
				}
			case dmnPort:
				d.Port = ad.Uint16()
			case dmnTTL:
				d.TTL = ad.Uint8()
			}
		}
		return ad.Err()
	})
	if err == nil && !found {
		err = fmt.Errorf("no daemon attribute")
	}
	if err != nil {
		return Daemon{}, fmt.Errorf("ipvs: decode sync daemon: %w", err)
	}
	return d, nil
}

// nested calls fn for the nest of the given type.
func nested(b []byte, typ uint16, fn func(*netlink.AttributeDecoder) error) error {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	for ad.Next() {
		if ad.Type() == typ {
			ad.Nested(fn)
		}
	}
	return ad.Err()
}

// addrFrom reads an address from the kernel's union.
func addrFrom(f Family, b []byte) (netip.Addr, bool) {
	if f == INET && len(b) >= 4 {
		b = b[:4]
	}
	if f == INET6 && len(b) != 16 {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(b)
}

func bigUint16(ad *netlink.AttributeDecoder) uint16 {
	if b := ad.Bytes(); len(b) == 2 {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}
