package route

import (
	"encoding/binary"
	"net/netip"
)

// The parts of linux/netlink.h and linux/rtnetlink.h that are spelled out here
// so that the package builds everywhere.
const (
	nlmExcl   = 0x200
	nlmAppend = 0x800

	afInet  = 2
	afInet6 = 10
	afMPLS  = 28

	tableMain   = 254
	tableCompat = 252 // RT_TABLE_COMPAT: the number is in an attribute

	rtaDst       = 1
	rtaSrc       = 2
	rtaOIf       = 4
	rtaGateway   = 5
	rtaPriority  = 6
	rtaPrefSrc   = 7
	rtaMetrics   = 8
	rtaMultipath = 9
	rtaFlow      = 11
	rtaTable     = 15
	rtaVia       = 18
	rtaNewDst    = 19
	rtaPref      = 20
	rtaEncapType = 21
	rtaEncap     = 22
	rtaExpires   = 23
	rtaTTLProp   = 26

	nested = 0x8000

	rtnhOnLink = 4 // RTNH_F_ONLINK

	rtaxLock    = 1
	rtaxCCAlgo  = 16
	rtnUnicast  = 1
	scopeGlobal = 0
	scopeLink   = 253
	scopeHost   = 254
)

// attrs is a sequence of netlink attributes.
type attrs []byte

func (a *attrs) raw(id uint16, b []byte) {
	*a = binary.NativeEndian.AppendUint16(*a, uint16(4+len(b)))
	*a = binary.NativeEndian.AppendUint16(*a, id)
	*a = append(*a, b...)
	for len(*a)%4 != 0 {
		*a = append(*a, 0)
	}
}

func (a *attrs) u8(id uint16, v uint8)   { a.raw(id, []byte{v}) }
func (a *attrs) u16(id uint16, v uint16) { a.raw(id, binary.NativeEndian.AppendUint16(nil, v)) }
func (a *attrs) u32(id uint16, v uint32) { a.raw(id, binary.NativeEndian.AppendUint32(nil, v)) }

func (a *attrs) be64(id uint16, v uint64) { a.raw(id, binary.BigEndian.AppendUint64(nil, v)) }

func (a *attrs) text(id uint16, s string) { a.raw(id, append([]byte(s), 0)) }

func (a *attrs) addr(id uint16, ip netip.Addr) {
	if ip.IsValid() {
		a.raw(id, ip.AsSlice())
	}
}

// labels are MPLS labels as they go on the wire: 20 bits each, the bottom of
// the stack marked.
func labels(list []uint32) []byte {
	var b []byte
	for i, l := range list {
		v := l << 12
		if i == len(list)-1 {
			v |= 1 << 8
		}
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}
