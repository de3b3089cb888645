package link

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Room for the ancillary data of one received message: packet information (a
// struct in6_pktinfo) and hop limit (an int).
var (
	pktinfoSpace = unix.CmsgSpace(unix.SizeofInet6Pktinfo)
	cmsg6Space   = pktinfoSpace + unix.CmsgSpace(4)
)

// ancillary6 is what the ancillary data of a received message says.
type ancillary6 struct {
	dst     netip.Addr
	ifindex int
	hops    uint8
}

// parseCmsg6 takes the control messages of a received message apart. It
// reports false when one of those that were asked for is missing or too short.
// It allocates nothing.
func parseCmsg6(b []byte) (a ancillary6, ok bool) {
	var info, hops bool
	head := unix.CmsgLen(0)
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
		if h.Len < uint64(head) || h.Len > uint64(len(b)) {
			break
		}
		data := b[head:h.Len]
		if h.Level == unix.IPPROTO_IPV6 {
			switch {
			case h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
				a.dst = netip.AddrFrom16([16]byte(data))
				a.ifindex = int(binary.NativeEndian.Uint32(data[16:]))
				info = true
			case h.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
				a.hops = uint8(binary.NativeEndian.Uint32(data))
				hops = true
			}
		}
		next := unix.CmsgSpace(len(data))
		if next > len(b) {
			break
		}
		b = b[next:]
	}
	return a, info && hops
}

// pktinfo is the control message that says which address a message is sent
// from: the one that its checksum covers, and not the kernel's choice.
type pktinfo struct{ b []byte }

func newPktinfo(ifindex int) pktinfo {
	p := pktinfo{make([]byte, pktinfoSpace)}
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(p.b)))
	h.Level, h.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
	h.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
	binary.NativeEndian.PutUint32(p.b[unix.CmsgLen(0)+16:], uint32(ifindex))
	return p
}

// set makes a the source; an invalid one leaves the choice to the kernel.
func (p pktinfo) set(a netip.Addr) {
	var v [16]byte
	if a.IsValid() {
		v = a.As16()
	}
	copy(p.b[unix.CmsgLen(0):], v[:])
}
