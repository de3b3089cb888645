// Package diff says what is different between two configurations, block by
// block and keyword by keyword. It is pure.
//
// Blocks are matched as a reload matches them: virtual routers by family,
// interface, VRID and destination, so that one with a new name is the same
// router; services by address, port and protocol or by mark; real servers and
// virtual addresses by address. All others by name.
package diff

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"

	"holdfast/internal/config"
)

// Change says what becomes of a block.
type Change string

// The changes.
const (
	Added   Change = "added"
	Removed Change = "removed"
	Changed Change = "changed"
)

// Item is one block that is not the same in both configurations.
type Item struct {
	Change Change  `json:"change"`
	Block  string  `json:"block"` // its keyword
	Name   string  `json:"name"`  // name or address
	Fields []Field `json:"fields,omitempty"`
	Items  []Item  `json:"items,omitempty"` // blocks in it
}

// Field is one keyword with another value. Old or New is empty where it is not
// set.
type Field struct {
	Keyword string `json:"keyword"`
	Old     string `json:"old"`
	New     string `json:"new"`
}

// Result is all that differs.
type Result struct {
	Items []Item `json:"items"`
	// Kept counts the top-level blocks that are in both and stay as they are,
	// by keyword.
	Kept map[string]int `json:"kept"`
}

// Empty says that nothing differs.
func (r *Result) Empty() bool { return len(r.Items) == 0 }

// Of finds the item of a block; nil: it is the same in both, or in none.
func (r *Result) Of(block, name string) *Item {
	for i := range r.Items {
		if it := &r.Items[i]; it.Block == block && it.Name == name {
			return it
		}
	}
	return nil
}

// Compare compares two configurations.
func Compare(old, cur *config.Config) Result {
	r := Result{Kept: map[string]int{}}
	r.single("top level", false, fields(old.Daemon, cur.Daemon))
	r.single("global_defs", true, fields(old.Global, cur.Global))
	r.single("SSL", cur.SSL != (config.SSL{}), fields(old.SSL, cur.SSL))
	add := func(items []Item, kept int, block string) {
		r.Items = append(r.Items, items...)
		if kept > 0 {
			r.Kept[block] = kept
		}
	}
	items, kept := list("vrrp_script", old.Scripts, cur.Scripts, named[config.VRRPScript], named[config.VRRPScript], nil)
	add(items, kept, "vrrp_script")
	things(old, cur, add)
	items, kept = list("vrrp_instance", old.Instances, cur.Instances, RouterKey, named[config.VRRPInstance], routerItems,
		"VirtualIPAddress", "VirtualIPAddressExcluded")
	add(items, kept, "vrrp_instance")
	items, kept = list("vrrp_sync_group", old.SyncGroups, cur.SyncGroups, named[config.SyncGroup], named[config.SyncGroup], nil)
	add(items, kept, "vrrp_sync_group")
	items, kept = list("virtual_server", old.VirtualServers, cur.VirtualServers, ServiceName, ServiceName, serviceItems, "RealServers")
	add(items, kept, "virtual_server")
	return r
}

// single adds a block that is there once at most.
func (r *Result) single(block string, there bool, differ []Field) {
	switch {
	case len(differ) > 0:
		r.Items = append(r.Items, Item{Change: Changed, Block: block, Fields: differ})
	case there:
		r.Kept[block] = 1
	}
}

// RouterKey identifies a virtual router across a reload.
func RouterKey(i *config.VRRPInstance) string {
	to := "unicast"
	if len(i.UnicastPeer) == 0 {
		to = i.McastDstIP.String()
	}
	return fmt.Sprintf("IPv%d %s %d %s", i.Family, i.Interface, i.VirtualRouterID, to)
}

// ServiceName names a service as its statement does, with the protocol.
func ServiceName(s *config.VirtualServer) string {
	if s.Group != "" {
		if s.Ordinal == 0 {
			return "group " + s.Group
		}
		return fmt.Sprintf("group %s:%d", s.Group, s.Ordinal)
	}
	if s.FWMark != 0 {
		return fmt.Sprintf("fwmark %d IPv%d", s.FWMark, s.Family)
	}
	return protocol(s.Protocol) + " " + netip.AddrPortFrom(s.Addr, s.Port).String()
}

func protocol(p uint8) string {
	switch p {
	case 6:
		return "TCP"
	case 17:
		return "UDP"
	case 132:
		return "SCTP"
	}
	return strconv.Itoa(int(p))
}

// named returns the field Name.
func named[T any](v *T) string { return reflect.ValueOf(v).Elem().FieldByName("Name").String() }

func routerItems(a, b *config.VRRPInstance) []Item {
	var out []Item
	key := func(v *config.VIP) string { return v.Prefix.String() + " " + v.Dev }
	name := func(v *config.VIP) string { return v.Prefix.String() }
	for _, l := range []struct {
		block    string
		old, cur []config.VIP
	}{
		{"virtual_ipaddress", a.VirtualIPAddress, b.VirtualIPAddress},
		{"virtual_ipaddress_excluded", a.VirtualIPAddressExcluded, b.VirtualIPAddressExcluded},
	} {
		items, _ := list(l.block, l.old, l.cur, key, name, nil)
		out = append(out, items...)
	}
	return out
}

func serviceItems(a, b *config.VirtualServer) []Item {
	key := func(r *config.RealServer) string { return netip.AddrPortFrom(r.Addr, r.Port).String() }
	items, _ := list("real_server", a.RealServers, b.RealServers, key, key, checkerItems, "Checks")
	for i := range items {
		it := &items[i]
		drains := func(f Field) bool { return f.Keyword == "drain" }
		at := slices.IndexFunc(it.Fields, drains)
		if at < 0 {
			continue
		}
		// Two fields of the server are one keyword.
		said := func(list []config.RealServer) string {
			n := slices.IndexFunc(list, func(r config.RealServer) bool { return key(&r) == it.Name })
			return drain(&list[n])
		}
		it.Fields = slices.DeleteFunc(it.Fields, drains)
		it.Fields = slices.Insert(it.Fields, at, Field{Keyword: "drain", Old: said(a.RealServers), New: said(b.RealServers)})
	}
	return items
}

// drain is what a server says by that keyword.
func drain(r *config.RealServer) string {
	switch limit := r.Extra().DrainLimit; {
	case !r.Drain:
		return "off"
	case limit == 0:
		return "on"
	default:
		return limit.String()
	}
}

func checkerItems(a, b *config.RealServer) []Item {
	// Checkers have no names: the first TCP_CHECK is compared with the first.
	count := map[string]int{}
	keys := func(list []config.Checker) map[*config.Checker]string {
		clear(count)
		out := map[*config.Checker]string{}
		for i := range list {
			kind := string(list[i].Kind)
			count[kind]++
			out[&list[i]] = kind + " " + strconv.Itoa(count[kind])
		}
		return out
	}
	old, cur := keys(a.Checkers()), keys(b.Checkers())
	key := func(c *config.Checker) string { return old[c] + cur[c] }
	items, _ := list("", a.Checkers(), b.Checkers(), key, func(*config.Checker) string { return "" }, nil)
	for i := range items {
		items[i].Block = "checker"
	}
	return items
}

// list compares two lists of blocks of one kind, in the order of the new one;
// what is removed comes last. skip names fields that inner compares.
func list[T any](block string, old, cur []T, key, name func(*T) string, inner func(a, b *T) []Item, skip ...string) (items []Item, kept int) {
	// Mostly it is a few out of very many that are not the same.
	for len(old) > 0 && len(cur) > 0 && alike(&old[0], &cur[0]) {
		old, cur, kept = old[1:], cur[1:], kept+1
	}
	for len(old) > 0 && len(cur) > 0 && alike(&old[len(old)-1], &cur[len(cur)-1]) {
		old, cur, kept = old[:len(old)-1], cur[:len(cur)-1], kept+1
	}
	before := make(map[string][]*T, len(old))
	for i := range old {
		k := key(&old[i])
		before[k] = append(before[k], &old[i])
	}
	for i := range cur {
		b := &cur[i]
		k := key(b)
		same := before[k]
		if len(same) == 0 {
			items = append(items, Item{Change: Added, Block: block, Name: name(b)})
			continue
		}
		a := same[0]
		before[k] = same[1:]
		if alike(a, b) {
			kept++
			continue
		}
		it := Item{Change: Changed, Block: block, Name: name(b), Fields: fields(*a, *b, skip...)}
		if inner != nil {
			it.Items = inner(a, b)
		}
		if len(it.Fields)+len(it.Items) == 0 { // the order of what is in it
			it.Fields = []Field{{Keyword: "order", Old: "another", New: "as in the new configuration"}}
		}
		items = append(items, it)
	}
	for i := range old {
		if k := key(&old[i]); slices.Contains(before[k], &old[i]) {
			items = append(items, Item{Change: Removed, Block: block, Name: name(&old[i])})
		}
	}
	return items, kept
}
