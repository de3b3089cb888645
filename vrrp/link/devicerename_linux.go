package link

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// rename gives devices that are there the names that they are to have by now, in an
// order in which each name is free: one may have what another one gives away, and
// two may change theirs. The kernel renames an interface while it is up since
// version 6.2; to switch it off for that would take addresses from a master, so it
// keeps its name with older ones. A name that somebody else has is asked for again
// when it is free.
func (d *NetlinkDevices) rename(want []Device, links *linkTable) {
	todo := map[*madeDevice]string{}
	var order []*madeDevice
	for i := range want {
		w := &want[i]
		m := d.have[w.Key()]
		if m == nil || links.index[m.Ifindex] == nil {
			continue
		}
		news := w.Name != m.asked || m.taken && links.name[w.Name] == nil
		m.asked = w.Name
		if m.taken = m.taken && !news; news && m.ours && w.Name != "" && w.Name != m.Name {
			todo[m] = w.Name
			order = append(order, m)
		}
	}
	for len(todo) > 0 {
		before := len(todo)
		for _, m := range order {
			if name, ok := todo[m]; ok && links.name[name] == nil {
				delete(todo, m)
				d.setName(m, name, links)
			}
		}
		if len(todo) < before {
			continue
		}
		// What is left waits for each other in a circle, or for somebody else.
		if m := circle(order, todo); m != nil && d.setName(m, spareName(links), links) {
			continue
		}
		for _, m := range order {
			if name, ok := todo[m]; ok {
				m.taken = true
				d.keepsName(m, name, unix.EEXIST)
			}
		}
		return
	}
}

// circle returns a device that waits for the name of one that waits for its own,
// directly or by way of others; nil: there is none.
func circle(order []*madeDevice, todo map[*madeDevice]string) *madeDevice {
	holder := map[string]*madeDevice{}
	for m := range todo {
		holder[m.Name] = m
	}
	for _, m := range order {
		if todo[m] == "" {
			continue
		}
		next := m
		for range len(todo) {
			if next = holder[todo[next]]; next == nil {
				break
			}
			if next == m {
				return m
			}
		}
	}
	return nil
}

// spareName is a name that nobody has.
func spareName(links *linkTable) string {
	for i := 0; ; i++ {
		if name := fmt.Sprintf("vrrp-rename%d", i); links.name[name] == nil {
			return name
		}
	}
}

// setName renames a device and reports whether that went well.
func (d *NetlinkDevices) setName(m *madeDevice, name string, links *linkTable) bool {
	l := links.index[m.Ifindex]
	if err := d.nl.LinkSetName(l, name); err != nil {
		d.keepsName(m, name, err)
		return false
	}
	d.log.Info("renamed a virtual interface", "from", m.Name, "to", name)
	links.drop(m.Ifindex)
	l.Attrs().Name, m.Name = name, name
	links.add(l)
	return true
}

func (d *NetlinkDevices) keepsName(m *madeDevice, name string, err error) {
	d.log.Warn("a virtual interface keeps its name until it is made anew", "wanted", name, "used", m.Name, "error", err)
}
