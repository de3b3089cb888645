package ipvs

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
)

// genlName and genlVersion name the generic netlink family.
const (
	genlName    = "IPVS"
	genlVersion = 1
)

// The commands (IPVS_CMD_* in linux/ip_vs.h).
const (
	cmdNewService = 1
	cmdSetService = 2
	cmdDelService = 3
	cmdGetService = 4
	cmdNewDest    = 5
	cmdSetDest    = 6
	cmdDelDest    = 7
	cmdNewDaemon  = 9
	cmdDelDaemon  = 10
	cmdGetDaemon  = 11
	cmdSetConfig  = 12
	cmdZero       = 16
	cmdFlush      = 17
)

// Attributes of a command.
const (
	attrService = 1
	attrDest    = 2
	attrDaemon  = 3
)

// Attributes of a service (IPVS_SVC_ATTR_*).
const (
	svcFamily    = 1
	svcProtocol  = 2
	svcAddr      = 3
	svcPort      = 4
	svcFWMark    = 5
	svcScheduler = 6
	svcFlags     = 7
	svcTimeout   = 8
	svcNetmask   = 9
	svcPE        = 11
	svcStats64   = 12
)

// Attributes of a destination (IPVS_DEST_ATTR_*).
const (
	dstAddr     = 1
	dstPort     = 2
	dstMethod   = 3
	dstWeight   = 4
	dstUpper    = 5
	dstLower    = 6
	dstFamily   = 11
	dstTunType  = 13
	dstTunPort  = 14
	dstTunFlags = 15
)

// Attributes of a daemon (IPVS_DAEMON_ATTR_*).
const (
	dmnRole      = 1
	dmnInterface = 2
	dmnSyncID    = 3
	dmnMaxLen    = 4
	dmnGroup     = 5
	dmnGroup6    = 6
	dmnPort      = 7
	dmnTTL       = 8
)

// command is the generic netlink command of an operation.
func (o Op) command() uint8 {
	return [...]uint8{
		AddService: cmdNewService, EditService: cmdSetService, DelService: cmdDelService,
		AddDest: cmdNewDest, EditDest: cmdSetDest, DelDest: cmdDelDest,
	}[o.Kind]
}

// encodeOp is the body of the message for an operation: generic netlink
// header and attributes.
func encodeOp(o Op) ([]byte, error) {
	if o.Kind < AddService || o.Kind > DelDest {
		return nil, fmt.Errorf("operation %d is unknown", o.Kind)
	}
	full := o.Kind == AddService || o.Kind == EditService
	return encode(o.command(), func(ae *netlink.AttributeEncoder) {
		ae.Nested(attrService, func(ae *netlink.AttributeEncoder) error { return encodeService(ae, o.Service, full) })
		if o.Kind >= AddDest {
			ae.Nested(attrDest, func(ae *netlink.AttributeEncoder) error {
				return encodeDest(ae, o.Dest, o.Kind != DelDest)
			})
		}
	})
}

func encode(command uint8, attrs func(*netlink.AttributeEncoder)) ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	if attrs != nil {
		attrs(ae)
	}
	b, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	return append([]byte{command, genlVersion, 0, 0}, b...), nil
}

func encodeService(ae *netlink.AttributeEncoder, s Service, full bool) error {
	ae.Uint16(svcFamily, uint16(s.Family))
	if s.FWMark != 0 {
		ae.Uint32(svcFWMark, s.FWMark)
	} else {
		ae.Uint16(svcProtocol, uint16(s.Protocol))
		ae.Bytes(svcAddr, addr16(s.Addr))
		ae.Bytes(svcPort, port2(s.Port))
	}
	if !full {
		return nil
	}
	if !s.Netmask.IsValid() {
		return fmt.Errorf("service %s has no netmask", s.ServiceKey)
	}
	ae.String(svcScheduler, s.Scheduler)
	if s.PE != "" {
		ae.String(svcPE, s.PE)
	}
	flags := make([]byte, 8)
	binary.NativeEndian.PutUint32(flags, uint32(s.Flags))
	binary.NativeEndian.PutUint32(flags[4:], ^uint32(0)) // which of them count
	ae.Bytes(svcFlags, flags)
	ae.Uint32(svcTimeout, s.Timeout)
	if s.Netmask.Is6() {
		ae.Uint32(svcNetmask, uint32(s.Netmask.Bits()))
	} else {
		ae.Bytes(svcNetmask, s.Netmask.AsSlice())
	}
	return nil
}

func encodeDest(ae *netlink.AttributeEncoder, d Destination, full bool) error {
	ae.Uint16(dstFamily, uint16(FamilyOf(d.Addr)))
	ae.Bytes(dstAddr, addr16(d.Addr))
	ae.Bytes(dstPort, port2(d.Port))
	if !full {
		return nil
	}
	ae.Uint32(dstMethod, uint32(d.Method))
	ae.Uint32(dstWeight, d.Weight)
	ae.Uint32(dstUpper, d.Upper)
	ae.Uint32(dstLower, d.Lower)
	// Kernels before 5.2 know no tunnel types and refuse no attribute that
	// is not there.
	if d.Method == Tunnel && (d.TunType != IPIP || d.TunPort != 0 || d.TunFlags != 0) {
		ae.Uint8(dstTunType, uint8(d.TunType))
		ae.Bytes(dstTunPort, port2(d.TunPort))
		ae.Uint16(dstTunFlags, uint16(d.TunFlags))
	}
	return nil
}

func encodeDaemon(d Daemon) func(*netlink.AttributeEncoder) {
	return func(ae *netlink.AttributeEncoder) {
		ae.Nested(attrDaemon, func(ae *netlink.AttributeEncoder) error {
			ae.Uint32(dmnRole, uint32(d.Role))
			if d.Interface == "" {
				return nil // enough to stop one
			}
			ae.String(dmnInterface, d.Interface)
			ae.Uint32(dmnSyncID, d.SyncID)
			if d.MaxLen != 0 {
				ae.Uint16(dmnMaxLen, d.MaxLen)
			}
			switch {
			case d.Group.Is4():
				ae.Bytes(dmnGroup, d.Group.AsSlice())
			case d.Group.Is6():
				ae.Bytes(dmnGroup6, d.Group.AsSlice())
			}
			if d.Port != 0 {
				ae.Uint16(dmnPort, d.Port)
			}
			if d.TTL != 0 {
				ae.Uint8(dmnTTL, d.TTL)
			}
			return nil
		})
	}
}

// addr16 is an address in the kernel's union: IPv4 in the first 4 bytes.
func addr16(a netip.Addr) []byte {
	b := make([]byte, 16)
	copy(b, a.AsSlice())
	return b
}

func port2(p uint16) []byte { return binary.BigEndian.AppendUint16(nil, p) }
