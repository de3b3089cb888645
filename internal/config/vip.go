package config

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// maxLabel is the longest label of an address (IFNAMSIZ without its zero).
const maxLabel = 15

// scopes are the names of address scopes (RT_SCOPE_*).
var scopes = map[string]uint8{"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}

// vip reads one line of virtual_ipaddress or virtual_ipaddress_excluded.
func (d *decoder) vip(i *instance, n *Node, excluded bool) {
	w := n.Words[0]
	p, ok := d.prefix(w)
	if !ok {
		return
	}
	if !excluded {
		if i.Family != 0 && i.Family != familyOf(p.Addr()) {
			d.wrongFamily(i, n, -1, p.Addr())
			return
		}
		i.Family = familyOf(p.Addr())
	}
	v := VIP{Prefix: p}
	for k := 1; k < len(n.Words); k++ {
		key := n.Words[k]
		takes := false
		switch key.Text {
		case "dev", "scope", "label", "brd", "broadcast", "peer", "preferred_lft":
			takes = true
		}
		val := Word{Pos: key.Pos}
		if takes {
			if k++; k >= len(n.Words) {
				d.report(key.Pos, Warning, ClassGeneral, "bad-value", d.kw.Name+": "+p.String()+": no value for "+key.Text+": the address is ignored")
				return
			}
			val = n.Words[k]
		}
		if !d.vipOption(&v, key, val) {
			return
		}
	}
	if excluded {
		i.VirtualIPAddressExcluded = append(i.VirtualIPAddressExcluded, v)
		return
	}
	if len(i.VirtualIPAddress) == 0 {
		i.vipPos = n.Pos
	}
	i.VirtualIPAddress = append(i.VirtualIPAddress, v)
}

// vipOption puts one option of an address into v; false drops the address.
func (d *decoder) vipOption(v *VIP, key, val Word) bool {
	complain := func(pos Pos, text string) {
		d.report(pos, Warning, ClassGeneral, "bad-value", d.kw.Name+": "+v.Prefix.String()+": "+text)
	}
	switch key.Text {
	case "dev":
		v.Dev = val.Text
		d.interfaceExists(val.Text, val.Pos, "interface of address "+v.Prefix.String())
	case "label":
		if len(val.Text) > maxLabel {
			complain(val.Pos, "label '"+clip(val.Text)+"' is longer than 15 characters: the address is ignored")
			return false
		}
		if !v.Prefix.Addr().Is4() {
			complain(val.Pos, "an IPv6 address has no label: it is ignored")
			return true
		}
		v.Label = val.Text
	case "scope":
		s, known := scopes[val.Text]
		if !known {
			num, err := parseInt(val.Text, 0, 255)
			if err != nil {
				complain(val.Pos, "unknown scope '"+clip(val.Text)+"', ignored")
				return true
			}
			s = uint8(num)
		}
		v.Scope = s
	case "brd", "broadcast":
		b, ok := broadcast(v.Prefix, val.Text)
		if !ok {
			complain(val.Pos, "'"+clip(val.Text)+"' is no broadcast address: the address is ignored")
			return false
		}
		v.Broadcast = b
	case "no_track":
		v.NoTrack = true
	case "use_vmac":
		v.UseVMAC = true
	case "peer", "preferred_lft", "home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin":
		d.report(key.Pos, Warning, ClassNone, "not-active", d.kw.Name+": "+v.Prefix.String()+": "+key.Text+" is not active yet: it is ignored")
	default:
		complain(key.Pos, "unknown option '"+clip(key.Text)+"', ignored")
	}
	return true
}

// broadcast resolves an address, + (host bits set) or - (host bits clear).
func broadcast(p netip.Prefix, s string) (netip.Addr, bool) {
	if !p.Addr().Is4() {
		return netip.Addr{}, false
	}
	if s != "+" && s != "-" {
		a, err := netip.ParseAddr(s)
		return a, err == nil && a.Is4()
	}
	b := p.Masked().Addr().As4()
	if s == "+" {
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|uint32(1<<(32-p.Bits())-1))
	}
	return netip.AddrFrom4(b), true
}

// prefix reads an address with an optional prefix length. A length out of range
// is replaced by the host length, as keepalived does.
func (d *decoder) prefix(w Word) (netip.Prefix, bool) {
	addr, length, has := strings.Cut(w.Text, "/")
	a, err := parseAddr(addr)
	if err != nil {
		d.report(w.Pos, Warning, ClassGeneral, "bad-value", d.kw.Name+": '"+clip(w.Text)+"' is not an IP address, ignored")
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if has {
		v, err := parseInt(length, 0, a.BitLen())
		if err != nil {
			d.report(w.Pos, Warning, ClassInvalidNumber, "bad-value",
				d.kw.Name+": "+a.String()+": prefix length "+err.Error()+": "+strconv.Itoa(bits)+" is used")
		} else {
			bits = v
		}
	}
	return netip.PrefixFrom(a, bits), true
}
