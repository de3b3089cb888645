package link

import (
	"net"
	"net/netip"
	"slices"
	"time"
)

// AddInterface makes an interface that is up; its index is new.
func (h *MemHost) AddInterface(name string, addrs ...netip.Prefix) int {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.next++
	i := &memIface{Interface: Interface{
		Index: h.next, Name: name, Up: true, MTU: 1500, Multicast: true,
		HWAddr: net.HardwareAddr{2, 0, 0, byte(len(h.net.hosts)), byte(len(h.name)), byte(h.next)},
	}}
	for _, p := range addrs {
		i.addrs = append(i.addrs, memAddr{prefix: p})
	}
	h.ifaces = append(h.ifaces, i)
	h.notify(nil)
	return i.Index
}

// DeleteInterface removes an interface and its addresses.
func (h *MemHost) DeleteInterface(name string) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if i := h.byName(name); i != nil {
		h.remove(i)
	}
}

// remove removes an interface, and first the VMACs on it.
func (h *MemHost) remove(gone *memIface) {
	for _, i := range slices.Clone(h.ifaces) {
		if i.below == gone {
			h.remove(i)
		}
	}
	h.ifaces = slices.DeleteFunc(h.ifaces, func(i *memIface) bool { return i == gone })
	var lost []LostAddress
	for _, a := range gone.addrs {
		lost = append(lost, LostAddress{gone.Index, a.prefix})
		h.stolen[a.prefix.Addr()] = true
		h.told(gone, a.prefix, false)
	}
	h.notify(lost)
}

// SetUp switches an interface. Going down takes its IPv6 addresses, as Linux
// does without keep_addr_on_down; link-local ones of its own come back, see
// MemNet.DAD.
func (h *MemHost) SetUp(name string, up bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i := h.byName(name)
	if i == nil || i.Up == up {
		return
	}
	i.Up = up
	var lost []LostAddress
	if !up {
		i.addrs = slices.DeleteFunc(i.addrs, func(a memAddr) bool {
			own := a.proto == 0 && a.prefix.Addr().IsLinkLocalUnicast()
			gone := a.prefix.Addr().Is6() && !(own && h.net.DAD == 0)
			if gone {
				if own {
					i.local = append(i.local, a)
				}
				lost = append(lost, LostAddress{i.Index, a.prefix})
				h.stolen[a.prefix.Addr()] = true
				h.told(i, a.prefix, false)
			}
			return gone
		})
	} else if len(i.local) > 0 {
		time.AfterFunc(h.net.DAD, func() { h.localBack(i) })
	}
	h.notify(lost)
}

// localBack is the end of duplicate address detection.
func (h *MemHost) localBack(i *memIface) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if !i.Up || len(i.local) == 0 || !slices.Contains(h.ifaces, i) {
		return
	}
	for _, a := range i.local {
		i.addrs = append(i.addrs, a)
		delete(h.stolen, a.prefix.Addr())
		h.told(i, a.prefix, true)
	}
	i.local = nil
	h.notify(nil)
}

// SetDuplicate takes a link-local address from an interface, as the kernel does
// once it has found another host that has it.
func (h *MemHost) SetDuplicate(name string, a netip.Addr) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i := h.byName(name)
	if i == nil {
		return
	}
	i.Duplicate = a
	i.addrs = slices.DeleteFunc(i.addrs, func(m memAddr) bool { return m.prefix.Addr() == a })
	h.notify(nil)
}

// SetMTU sets the MTU of an interface. As in Linux the VMACs on it become
// smaller with it and not larger.
func (h *MemHost) SetMTU(name string, mtu int) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i := h.byName(name)
	if i == nil {
		return
	}
	i.MTU = mtu
	for _, above := range h.ifaces {
		if above.below == i {
			above.MTU = min(above.MTU, mtu)
		}
	}
	h.notify(nil)
}
