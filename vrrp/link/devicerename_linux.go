package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// rename gives devices that are there the names that they are to have by now, in an
// order in which each name is free: one may have what another one gives away, and
// two may change theirs. The kernel renames an interface while it is up since
// version 6.2; to switch it off for that would take addresses from a master, so it
// keeps its name with older ones. One that is to have none in particular makes room
// for one that is to have its. A name that somebody else has is asked for again when
// it is free.
func (d *NetlinkDevices) rename(want []Device, links *linkTable) {
	todo := map[*madeDevice]string{}
	var order []*madeDevice
	for i := range want {
		w := &want[i]
		m := d.have[w.Key()]
		if m == nil || links.index[m.Ifindex] == nil {
			continue
		}
		if m.asked != w.Name {
			m.asked, m.taken = w.Name, false
			todo[m] = w.Name
		} else if m.taken {
			todo[m] = w.Name
		}
		if w.Name == "" && given(want, w, m.Name) {
			todo[m], _ = chooseName(want, w, links) // the error: none is free
		}
		if name := todo[m]; !m.ours || name == "" || name == m.Name {
			delete(todo, m)
			continue
		}
		order = append(order, m)
	}
	for len(todo) > 0 {
		before := len(todo)
		for _, m := range order {
			if name, ok := todo[m]; ok && links.name[name] == nil {
				delete(todo, m)
				if err := d.setName(m, name, links); err != nil {
					d.keepsName(m, name, err)
				} else {
					m.taken = false
				}
			}
		}
		if len(todo) < before {
			continue
		}
		// What is left waits for each other in a circle, or for somebody else.
		var why error = unix.EEXIST
		if m := circle(order, todo); m != nil {
			if why = d.setName(m, spareName(links), links); why == nil {
				continue
			}
		}
		for _, m := range order {
			if name, ok := todo[m]; ok {
				d.keepsName(m, name, why)
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

// setName renames a device.
func (d *NetlinkDevices) setName(m *madeDevice, name string, links *linkTable) error {
	l := links.index[m.Ifindex]
	if err := d.nl.LinkSetName(l, name); err != nil {
		return err
	}
	d.log.Info("renamed a virtual interface", "from", m.Name, "to", name)
	links.drop(m.Ifindex)
	l.Attrs().Name, m.Name = name, name
	links.add(l)
	return nil
}

// keepsName says, once, why a device has not the name that it is to have. One that
// another interface has, which may have come a moment ago, is asked for again.
func (d *NetlinkDevices) keepsName(m *madeDevice, name string, why error) {
	if !m.taken {
		d.log.Warn("a virtual interface keeps its name until it is made anew", "wanted", name, "used", m.Name, "error", why)
	}
	m.taken = errors.Is(why, unix.EEXIST)
}
