package link

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"

	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// maxRemovals bounds how many removed addresses are remembered until the next
// reading.
const maxRemovals = 1 << 16

// removals collects the addresses of RTM_DELADDR messages, and the interfaces
// that RTM_NEWLINK messages give an MTU too small for IPv6. Two readings of the
// whole do not show an address that came back and was removed again between
// them, nor an MTU that fell and rose.
type removals struct {
	mu   sync.Mutex
	list []LostAddress
	lost bool // there were more
	low  []int
}

// add notes what the messages remove.
func (r *removals) add(msgs []mdnetlink.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range msgs {
		if m.Header.Type == unix.RTM_NEWLINK {
			if index, ok := withoutIPv6(m.Data); ok && !slices.Contains(r.low, index) {
				r.low = append(r.low, index)
			}
			continue
		}
		if m.Header.Type != unix.RTM_DELADDR {
			continue
		}
		a, ok := removedAddress(m.Data)
		switch {
		case !ok:
		case len(r.list) >= maxRemovals:
			r.lost = true
		default:
			r.list = append(r.list, a)
		}
	}
}

// take returns what was noted and begins anew; lost: not everything was.
func (r *removals) take() (list []LostAddress, low []int, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, low, lost = r.list, r.low, r.lost
	r.list, r.low, r.lost = nil, nil, false
	return list, low, lost
}

// ifinfomsg is the length of the header of an interface message: family, type,
// interface, flags and the mask of changes.
const ifinfomsg = 16

// withoutIPv6 says of which interface an RTM_NEWLINK message tells that its MTU
// is too small for IPv6.
func withoutIPv6(data []byte) (ifindex int, low bool) {
	if len(data) < ifinfomsg {
		return 0, false
	}
	attrs, err := mdnetlink.NewAttributeDecoder(data[ifinfomsg:])
	if err != nil {
		return 0, false
	}
	for attrs.Next() {
		if attrs.Type() == unix.IFLA_MTU && len(attrs.Bytes()) == 4 {
			low = attrs.Uint32() < minMTU6
		}
	}
	return int(binary.NativeEndian.Uint32(data[4:8])), low && attrs.Err() == nil
}

// ifaddrmsg is the length of the header of an address message: family, prefix
// length, flags, scope, interface.
const ifaddrmsg = 8

// removedAddress reads the address of an RTM_DELADDR message.
func removedAddress(data []byte) (a LostAddress, ok bool) {
	if len(data) < ifaddrmsg {
		return a, false
	}
	attrs, err := mdnetlink.NewAttributeDecoder(data[ifaddrmsg:])
	if err != nil {
		return a, false
	}
	var addr netip.Addr
	for attrs.Next() {
		// IFA_ADDRESS is the far end where there is one, and IFA_LOCAL ours.
		if t := attrs.Type(); t == unix.IFA_LOCAL || t == unix.IFA_ADDRESS && !addr.IsValid() {
			addr, _ = netip.AddrFromSlice(attrs.Bytes())
		}
	}
	p := netip.PrefixFrom(addr, int(data[1]))
	return LostAddress{Ifindex: int(binary.NativeEndian.Uint32(data[4:8])), Prefix: p}, attrs.Err() == nil && p.IsValid()
}

// stillMissing are those of removed that are not present now and not in known.
func stillMissing(removed, known []LostAddress, now []Interface) []LostAddress {
	if len(removed) == 0 {
		return nil
	}
	seen := make(map[LostAddress]bool, len(known))
	for _, k := range known {
		seen[k] = true
	}
	for _, i := range now {
		for _, p := range i.Addrs {
			seen[LostAddress{Ifindex: i.Index, Prefix: p}] = true
		}
	}
	return slices.DeleteFunc(removed, func(a LostAddress) bool {
		was := seen[a]
		seen[a] = true
		return was
	})
}
