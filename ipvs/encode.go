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

// appendOp appends the body of the message for an operation: generic netlink
// header and attributes. A table of 30,000 servers is as many messages, so
// nothing is allocated beside b.
func appendOp(b []byte, o Op) ([]byte, error) {
	if o.Kind < AddService || o.Kind > DelDest {
		return b, fmt.Errorf("operation %d is unknown", o.Kind)
	}
	full := o.Kind == AddService || o.Kind == EditService
	if full && !o.Service.Netmask.IsValid() {
		return b, fmt.Errorf("service %s has no netmask", o.Service.ServiceKey)
	}
	b = append(b, o.command(), genlVersion, 0, 0)
	start := len(b)
	b = appendService(openNest(b, attrService), &o.Service, full)
	closeNest(b, start)
	if o.Kind >= AddDest {
		start = len(b)
		b = appendDest(openNest(b, attrDest), &o.Dest, o.Kind != DelDest)
		closeNest(b, start)
	}
	return b, nil
}

// openNest begins an attribute of attributes, and closeNest ends the one that
// began at start.
func openNest(b []byte, typ uint16) []byte { return appendHead(b, typ|netlink.Nested, 0) }

func closeNest(b []byte, start int) {
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
}

// attrHead is the length of an attribute's header.
const attrHead = 4

func appendHead(b []byte, typ uint16, size int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attrHead+size))
	return binary.NativeEndian.AppendUint16(b, typ)
}

func append8(b []byte, typ uint16, v uint8) []byte {
	return append(appendHead(b, typ, 1), v, 0, 0, 0) // to a multiple of 4
}

func append16(b []byte, typ, v uint16) []byte {
	return append(binary.NativeEndian.AppendUint16(appendHead(b, typ, 2), v), 0, 0)
}

// appendPort is 16 bits in network order.
func appendPort(b []byte, typ, v uint16) []byte {
	return append(binary.BigEndian.AppendUint16(appendHead(b, typ, 2), v), 0, 0)
}

func append32(b []byte, typ uint16, v uint32) []byte {
	return binary.NativeEndian.AppendUint32(appendHead(b, typ, 4), v)
}

// appendString is a text with its NUL.
func appendString(b []byte, typ uint16, s string) []byte {
	b = append(appendHead(b, typ, len(s)+1), s...)
	b = append(b, 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// appendAddr is an address in the kernel's union: IPv4 in the first 4 bytes.
func appendAddr(b []byte, typ uint16, a netip.Addr) []byte {
	b = appendHead(b, typ, 16)
	var v [16]byte
	if a.Is4() {
		v4 := a.As4()
		copy(v[:], v4[:])
	} else if a.IsValid() {
		v = a.As16()
	}
	return append(b, v[:]...)
}

func appendService(b []byte, s *Service, full bool) []byte {
	b = append16(b, svcFamily, uint16(s.Family))
	if s.FWMark != 0 {
		b = append32(b, svcFWMark, s.FWMark)
	} else {
		b = append16(b, svcProtocol, uint16(s.Protocol))
		b = appendAddr(b, svcAddr, s.Addr)
		b = appendPort(b, svcPort, s.Port)
	}
	if !full {
		return b
	}
	b = appendString(b, svcScheduler, s.Scheduler)
	if s.PE != "" {
		b = appendString(b, svcPE, s.PE)
	}
	b = binary.NativeEndian.AppendUint32(appendHead(b, svcFlags, 8), uint32(s.Flags))
	b = binary.NativeEndian.AppendUint32(b, ^uint32(0)) // which of them count
	b = append32(b, svcTimeout, s.Timeout)
	if s.Netmask.Is6() {
		return append32(b, svcNetmask, uint32(s.Netmask.Bits()))
	}
	return append(appendHead(b, svcNetmask, 4), s.Netmask.AsSlice()...)
}

func appendDest(b []byte, d *Destination, full bool) []byte {
	b = append16(b, dstFamily, uint16(FamilyOf(d.Addr)))
	b = appendAddr(b, dstAddr, d.Addr)
	b = appendPort(b, dstPort, d.Port)
	if !full {
		return b
	}
	b = append32(b, dstMethod, uint32(d.Method))
	b = append32(b, dstWeight, d.Weight)
	b = append32(b, dstUpper, d.Upper)
	b = append32(b, dstLower, d.Lower)
	// Kernels before 5.2 know no tunnel types and refuse no attribute that
	// is not there.
	if d.Method == Tunnel && (d.TunType != IPIP || d.TunPort != 0 || d.TunFlags != 0) {
		b = append8(b, dstTunType, uint8(d.TunType))
		b = appendPort(b, dstTunPort, d.TunPort)
		b = append16(b, dstTunFlags, uint16(d.TunFlags))
	}
	return b
}

// encode appends the body of any other message.
func encode(b []byte, command uint8, attrs func(*netlink.AttributeEncoder)) ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	if attrs != nil {
		attrs(ae)
	}
	body, err := ae.Encode()
	if err != nil {
		return b, err
	}
	b = append(b, command, genlVersion, 0, 0)
	return append(b, body...), nil
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
