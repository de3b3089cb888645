package link

import (
	"encoding/binary"
	"net/netip"
)

// objectKey tells routes and rules apart as the kernel's news of them do, and by
// who made them: a route of a routing daemon to the same place is not ours.
type objectKey struct {
	kind     ObjectKind
	family   uint8
	tos      uint8
	table    uint32
	priority uint32
	protocol uint8 // RTPROT_*
	dst, src netip.Prefix
}

// The attributes that routes (RTA_*) and rules (FRA_*) have in common.
const (
	attrDst      = 1
	attrSrc      = 2
	attrPriority = 6
	attrTable    = 15

	attrRuleProtocol = 21 // FRA_PROTOCOL

	routeMetric6 = 1024 // IP6_RT_PRIO_USER: the metric of an IPv6 route without one
	afInet6      = 10
)

// keyOf reads the body of a message about a route or a rule.
func keyOf(kind ObjectKind, b []byte) (key objectKey, ok bool) {
	if len(b) < minBody {
		return key, false
	}
	key = objectKey{kind: kind, family: b[0], tos: b[3], table: uint32(b[4])}
	dstLen, srcLen := int(b[1]), int(b[2])
	if kind == ObjectRoute {
		key.protocol = b[5]
	}
	any := netip.IPv4Unspecified()
	if key.family == afInet6 {
		any = netip.IPv6Unspecified()
	}
	dst, src := any, any
	for rest := b[minBody:]; len(rest) >= 4; {
		size, id := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
		if size < 4 || size > len(rest) {
			return key, false
		}
		v := rest[4:size]
		switch {
		case id == attrDst:
			dst, ok = netip.AddrFromSlice(v)
		case id == attrSrc:
			src, ok = netip.AddrFromSlice(v)
		case id == attrPriority && len(v) == 4:
			key.priority, ok = binary.NativeEndian.Uint32(v), true
		case id == attrTable && len(v) == 4:
			key.table, ok = binary.NativeEndian.Uint32(v), true
		case id == attrRuleProtocol && kind == ObjectRule && len(v) == 1:
			key.protocol, ok = v[0], true
		default:
			ok = true
		}
		if !ok {
			return key, false
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	if key.dst, ok = prefixIn(dst, dstLen); !ok {
		return key, false
	}
	if key.src, ok = prefixIn(src, srcLen); !ok {
		return key, false
	}
	if kind == ObjectRoute && key.family == afInet6 && key.priority == 0 {
		key.priority = routeMetric6
	}
	return key, true
}

func prefixIn(a netip.Addr, bits int) (netip.Prefix, bool) {
	p, err := a.Prefix(bits)
	return p, err == nil
}

// Removable says whether the object can be one of ours: nothing that the kernel
// or an administrator made, and no rule at the very top.
func (o Object) Removable() bool {
	if o.Kind != ObjectRoute && o.Kind != ObjectRule {
		return false
	}
	key, ok := keyOf(o.Kind, []byte(o.Body))
	const static = 4 // RTPROT_STATIC; below it are the kernel's and the boot's
	if !ok || key.protocol <= static {
		return false
	}
	return o.Kind == ObjectRoute || key.priority > 0
}
