package link

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
)

// addrGenModeNone is IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
const addrGenModeNone = 1

// linkTable is one reading of the kernel's interfaces.
type linkTable struct {
	all   []netlink.Link
	index map[int]netlink.Link
	name  map[string]netlink.Link
}

func readLinks(nl *netlink.Handle) (*linkTable, error) {
	list, err := nl.LinkList()
	if err != nil {
		return nil, fmt.Errorf("link: list interfaces: %w", err)
	}
	t := &linkTable{index: make(map[int]netlink.Link, len(list)), name: make(map[string]netlink.Link, len(list))}
	for _, l := range list {
		t.add(l)
	}
	return t, nil
}

func (t *linkTable) add(l netlink.Link) {
	t.all = append(t.all, l)
	t.index[l.Attrs().Index] = l
	t.name[l.Attrs().Name] = l
}

func (t *linkTable) drop(index int) {
	l := t.index[index]
	if l == nil {
		return
	}
	delete(t.index, index)
	delete(t.name, l.Attrs().Name)
	t.all = slices.DeleteFunc(t.all, func(o netlink.Link) bool { return o == l })
}

// is says whether a link is the one that was made: an index is used again only
// after a restart of the machine, and a stranger may have changed the MAC.
func (t *linkTable) is(l netlink.Link, m MadeDevice) bool {
	return l.Attrs().Index == m.Ifindex && l.Attrs().HardwareAddr.String() == m.MAC &&
		(l.Type() == "macvlan" || l.Type() == "ipvlan")
}

// fits says whether a link is just what is wanted.
func (t *linkTable) fits(l netlink.Link, w *Device) bool {
	at := l.Attrs()
	below := t.name[w.Parent]
	if below == nil || at.ParentIndex != below.Attrs().Index || w.Name != "" && w.Name != at.Name && !t.instead(l, w) {
		return false
	}
	switch l := l.(type) {
	case *netlink.Macvlan:
		return w.Kind == Macvlan && l.Mode == netlink.MACVLAN_MODE_PRIVATE && bytes.Equal(at.HardwareAddr, w.MAC[:])
	case *netlink.IPVlan:
		return w.Kind == IPVlan && l.Mode == netlink.IPVLAN_MODE_L2 && l.Flag == netlink.IPVlanFlag(w.Mode) &&
			(w.Name == at.Name || couldBe(at.Name, w))
	}
	return false
}

// instead says whether a link has a name that the device gets when somebody
// else has the one that it was given.
func (t *linkTable) instead(l netlink.Link, w *Device) bool {
	other := t.name[w.Name]
	return other != nil && other != l && couldBe(l.Attrs().Name, w)
}

// names gives the names that a device may get, best first: keepalived's order.
func names(w *Device) iter.Seq[string] {
	return func(yield func(string) bool) {
		if w.Name != "" && !yield(w.Name) {
			return
		}
		if !yield(fmt.Sprintf("%s.%d", w.Prefix, w.VRID)) || w.IPv6 && !yield(fmt.Sprintf("%s6.%d", w.Prefix, w.VRID)) {
			return
		}
		for n := 1; ; n++ {
			name := fmt.Sprintf("%s%d.%d", w.Prefix, n, w.VRID)
			if len(name) > maxName || !yield(name) {
				return
			}
		}
	}
}

// couldBe says whether a device that was given no name may have this one.
func couldBe(name string, w *Device) bool {
	digits, ok := strings.CutPrefix(name, w.Prefix)
	if !ok {
		return false
	}
	digits, ok = strings.CutSuffix(digits, fmt.Sprintf(".%d", w.VRID))
	return ok && strings.Trim(digits, "0123456789") == ""
}

// maxName is the longest name of an interface.
const maxName = 15

// chooseName picks the first name that no interface has and no other device
// was given.
func chooseName(all []Device, w *Device, links *linkTable) (string, error) {
	for name := range names(w) {
		if links.name[name] == nil && !given(all, w, name) {
			return name, nil
		}
	}
	return "", fmt.Errorf("every name from %s.%d on is taken", w.Prefix, w.VRID)
}

// given says whether a device besides w is to have a name.
func given(all []Device, w *Device, name string) bool {
	return slices.ContainsFunc(all, func(o Device) bool { return o.Name == name && o.Key() != w.Key() })
}
