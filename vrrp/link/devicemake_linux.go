package link

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// find takes up a device that is there already: of a predecessor, or of
// another daemon that left it behind.
func (d *NetlinkDevices) find(w *Device, links *linkTable) *madeDevice {
	for _, l := range links.all {
		if !d.fits(l, w, links) || d.used(l.Attrs().Index) {
			continue
		}
		m := madeOf(l)
		_, known := d.left[m.Ifindex]
		// A virtual MAC says by itself what the interface is for.
		m.ours = known || w.Kind == Macvlan && w.MAC[0] == 0 && w.MAC[1] == 0 && w.MAC[2] == 0x5e
		d.log.Info("using the virtual interface that is there", "interface", m.Name, "vrid", w.VRID, "kept_at_stop", !m.ours)
		return m
	}
	return nil
}

// fits says whether a link is what is wanted, given where it comes from.
func (d *NetlinkDevices) fits(l netlink.Link, w *Device, links *linkTable) bool {
	if _, known := d.left[l.Attrs().Index]; known && d.any && w.Kind == Macvlan {
		unnamed := *w
		unnamed.Name = ""
		return links.fits(l, &unnamed)
	}
	return links.fits(l, w)
}

func (d *NetlinkDevices) used(index int) bool {
	for _, m := range d.have {
		if m.Ifindex == index {
			return true
		}
	}
	return false
}

func madeOf(l netlink.Link) *madeDevice {
	at := l.Attrs()
	return &madeDevice{
		MadeDevice: MadeDevice{Ifindex: at.Index, Name: at.Name, MAC: at.HardwareAddr.String()},
		parent:     at.ParentIndex, ours: true,
	}
}

// make makes a device; it is not up yet.
func (d *NetlinkDevices) make(all []Device, w *Device, below netlink.Link, links *linkTable) (*madeDevice, error) {
	name, err := chooseName(all, w, links)
	if err != nil {
		return nil, err
	}
	at := netlink.NewLinkAttrs()
	at.Name, at.ParentIndex = name, below.Attrs().Index
	at.Group = below.Attrs().Group
	if w.HasLinkGroup {
		at.Group = w.LinkGroup
	}
	if master := links.index[below.Attrs().MasterIndex]; master != nil && master.Type() == "vrf" {
		at.MasterIndex = master.Attrs().Index
	}
	var l netlink.Link = &netlink.IPVlan{LinkAttrs: at, Mode: netlink.IPVLAN_MODE_L2, Flag: netlink.IPVlanFlag(w.Mode)}
	if w.Kind == Macvlan {
		at.HardwareAddr = net.HardwareAddr(w.MAC[:])
		l = &netlink.Macvlan{LinkAttrs: at, Mode: netlink.MACVLAN_MODE_PRIVATE}
	}
	if err := d.nl.LinkAdd(l); err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	made, err := d.nl.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", name, err)
	}
	links.add(made)
	m := madeOf(made)
	m.asked = w.Name
	if w.Name != "" && w.Name != name {
		m.taken = true
		d.log.Warn("the name of a virtual interface is taken by another interface", "wanted", w.Name, "used", name)
	}
	d.log.Info("made a virtual interface", "interface", name, "below", w.Parent, "mac", m.MAC)
	return m, nil
}

// configure sets what the device needs and switches it on. All of it may be
// done again at any time.
func (d *NetlinkDevices) configure(w *Device, m *madeDevice, links *linkTable) error {
	l, below := links.index[m.Ifindex], links.name[w.Parent]
	var errs []error
	// The kernel takes the MTU down with that of the interface below and never
	// up again, and adverts that are as long as that one allows would not leave.
	if mtu := below.Attrs().MTU; l.Attrs().MTU != mtu {
		// Below its least MTU the kernel has no IPv6 on the interface. It comes
		// back with all settings as new, and must not be up then: it would make
		// an address before addrgenmode is set.
		if w.is6() && l.Attrs().MTU < minMTU6 && mtu >= minMTU6 && l.Attrs().RawFlags&unix.IFF_UP != 0 {
			if err := d.nl.LinkSetDown(l); err != nil {
				return fmt.Errorf("switch %s off: %w", m.Name, err)
			}
			l.Attrs().RawFlags &^= unix.IFF_UP
		}
		if err := d.nl.LinkSetMTU(l, mtu); err != nil {
			errs = append(errs, fmt.Errorf("mtu %d: %w", mtu, err))
		}
	}
	if w.Kind == Macvlan {
		// An IPv6 address made from the virtual MAC would be the same on all
		// directors (RFC 9568 section 7.4).
		if err := d.nl.LinkSetIP6AddrGenMode(l, addrGenModeNone); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
			errs = append(errs, fmt.Errorf("addrgenmode none: %w", err))
		}
	}
	errs = append(errs, d.sys.setDevice(w, m.Name))
	if w.filtered() {
		errs = append(errs, d.sys.setParent(w.Parent, m.parent))
	}
	if l.Attrs().RawFlags&unix.IFF_UP == 0 {
		if err := d.nl.LinkSetUp(l); err != nil {
			return errors.Join(append(errs, fmt.Errorf("switch %s on: %w", m.Name, err))...)
		}
		l.Attrs().RawFlags |= unix.IFF_UP
	}
	errs = append(errs, d.ownAddress(w, l, below))
	return errors.Join(errs...)
}

// filtered says whether ARP and the reverse path filter are the device's
// affair.
func (d *Device) filtered() bool { return d.Kind == Macvlan && d.is4() }

// settle undoes settings that nothing needs any more and joins groups on the
// interfaces below.
func (d *NetlinkDevices) settle(want []Device, states []DeviceState, links *linkTable) {
	parents, vmacs := map[int]bool{}, false
	joins := map[membership]bool{}
	for i := range want {
		w := &want[i]
		if states[i].Parent == 0 {
			continue
		}
		// Without IPv6 the kernel forgets who joined: joined anew when it is back.
		for _, g := range w.Groups {
			if g.IsValid() && (g.Is4() || links.index[states[i].Parent].Attrs().MTU >= minMTU6) {
				joins[membership{states[i].Parent, g}] = true
			}
		}
		if w.filtered() {
			parents[states[i].Parent], vmacs = true, true
		}
	}
	if err := d.joins.set(joins); err != nil {
		d.log.Warn("cannot join the group on the interface below", "error", err)
	}
	if err := d.sys.restore(func(s Setting) bool { return s.isParent() && !s.isPromote() && !parents[s.Ifindex] }); err != nil {
		d.log.Error("cannot restore a setting", "error", err)
	}
	if !vmacs {
		if err := d.sys.restore(func(s Setting) bool { return !s.isParent() && !s.isPromote() }); err != nil {
			d.log.Error("cannot restore a setting", "error", err)
		}
	}
}
