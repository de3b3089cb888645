package config

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// maxLabel is the longest label of an address (IFNAMSIZ without its zero).
const maxLabel = 15

// scopes are the names of address scopes (RT_SCOPE_*).
var scopes = named[uint8]{{"global", 0}, {"site", 200}, {"link", 253}, {"host", 254}, {"nowhere", 255}}

// vip reads one line of virtual_ipaddress or virtual_ipaddress_excluded.
func (d *decoder) vip(i *instance, n *Node, excluded bool) {
	p, ok := d.prefix(n.Words[0])
	if !ok {
		return
	}
	if !excluded {
		if i.Family == 0 {
			i.Family = familyOf(p.Addr())
		}
		if i.Family != familyOf(p.Addr()) && !d.mayBeDual(i, n, -1, p.Addr()) {
			d.wrongFamily(i, n, -1, p.Addr())
			return
		}
	}
	v, ok := d.vipLine(p, n, false)
	if !ok {
		return
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

// staticAddress reads one line of static_ipaddress.
func (d *decoder) staticAddress(n *Node) {
	p, ok := d.prefix(n.Words[0])
	if !ok {
		return
	}
	v, ok := d.vipLine(p, n, true)
	if !ok {
		return
	}
	if v.Dev == "" {
		v.Dev = d.state.global.defaultInterface
	}
	if v.Dev == "" {
		d.report(n.Pos, Warning, ClassGeneral, "no-interface", d.kw.Name+": "+p.String()+": dev is missing, and there is no default_interface: the address is ignored")
		return
	}
	d.cfg.StaticAddresses = append(d.cfg.StaticAddresses, v)
	d.state.grouped(v.Group, n.Pos)
}

// vipLine reads the options of an address; false drops the address.
func (d *decoder) vipLine(p netip.Prefix, n *Node, static bool) (VIP, bool) {
	v := VIP{Prefix: p}
	for k := 1; k < len(n.Words); k++ {
		key := n.Words[k]
		takes := false
		switch key.Text {
		case "dev", "scope", "label", "brd", "broadcast", "peer", "preferred_lft":
			takes = true
		case "track_group":
			takes = static
		}
		val := Word{Pos: key.Pos}
		if takes {
			if k++; k >= len(n.Words) {
				d.report(key.Pos, Warning, ClassGeneral, "bad-value", d.kw.Name+": "+p.String()+": no value for "+key.Text+": the address is ignored")
				return v, false
			}
			val = n.Words[k]
		}
		if !d.vipOption(&v, key, val, static) {
			return v, false
		}
		if key.Text == "peer" && !d.toml() && strings.Contains(n.Words[0].Text+val.Text, "/") {
			d.report(val.Pos, Info, ClassGeneral, "newer-value", d.kw.Name+": "+p.String()+": keepalived 2.2.7 takes no peer with a prefix length on either side")
		}
	}
	return v, true
}

// The flags of addresses that options set (IFA_F_* of linux/if_addr.h).
const (
	flagHome          = 0x10
	flagManageTemp    = 0x100
	flagNoPrefixRoute = 0x200
	flagAutojoin      = 0x400
)

// vipFlags are the options that are flags of the kernel; of both families, or
// of IPv6 only.
var vipFlags = named[vipFlag]{
	{"home", vipFlag{flagHome, true}},
	{"mngtmpaddr", vipFlag{flagManageTemp, true}},
	{"noprefixroute", vipFlag{flagNoPrefixRoute, false}},
	{"autojoin", vipFlag{flagAutojoin, false}},
}

type vipFlag struct {
	flag uint32
	six  bool
}

// vipOption puts one option of an address into v; false drops the address.
func (d *decoder) vipOption(v *VIP, key, val Word, static bool) bool {
	complain := func(pos Pos, text string) {
		d.report(pos, Warning, ClassGeneral, "bad-value", d.kw.Name+": "+v.Prefix.String()+": "+text)
	}
	note := func(pos Pos, text string) { // keepalived does not say so
		d.report(pos, Warning, d.quietClass(), "bad-value", d.kw.Name+": "+v.Prefix.String()+": "+text)
	}
	is6 := v.Prefix.Addr().Is6()
	if f, ok := vipFlags.find(key.Text); ok {
		if f.six && !is6 {
			note(key.Pos, key.Text+" is for IPv6 addresses: it is ignored")
			return true
		}
		v.Flags |= f.flag
		return true
	}
	switch key.Text {
	case "dev":
		if v.Dev != "" {
			complain(key.Pos, "a second dev: "+clip(val.Text)+" is used")
		}
		v.Dev = val.Text
		d.interfaceExists(val.Text, val.Pos, "interface of address "+v.Prefix.String())
	case "label":
		if len(val.Text) > maxLabel {
			complain(val.Pos, "label '"+clip(val.Text)+"' is longer than 15 characters: the address is ignored")
			return false
		}
		if is6 {
			complain(val.Pos, "an IPv6 address has no label: it is ignored")
			return true
		}
		v.Label = val.Text
	case "scope":
		s, known := scopes.find(val.Text)
		if !known {
			num, err := parseInt(val.Text, 0, 255)
			if err != nil {
				complain(val.Pos, "unknown scope '"+clip(val.Text)+"', ignored")
				return true
			}
			s = uint8(num)
		}
		if is6 {
			complain(val.Pos, "the scope of an IPv6 address cannot be chosen: it is ignored")
			return true
		}
		v.Scope = s
	case "brd", "broadcast":
		b, ok := broadcast(v.Prefix, val.Text)
		if !ok {
			complain(val.Pos, "'"+clip(val.Text)+"' is no broadcast address: the address is ignored")
			return false
		}
		v.Broadcast = b
	case "peer":
		return d.vipPeer(v, val, complain)
	case "preferred_lft":
		d.preferredLft(v, val, complain)
		if !is6 && v.PreferredSet {
			note(val.Pos, "preferred_lft has no effect on an IPv4 address")
			v.Preferred, v.PreferredSet = 0, false
		}
	case "-nodad":
		if !is6 {
			note(key.Pos, "-nodad is for IPv6 addresses: it is ignored")
			return true
		}
		v.DAD = true
	case "no_track":
		v.NoTrack = true
	case "use_vmac":
		if static {
			complain(key.Pos, "a static address has no use_vmac: it is ignored")
			return true
		}
		v.UseVMAC = true
	case "track_group":
		if static {
			v.Group = val.Text
			return true
		}
		fallthrough
	default:
		complain(key.Pos, "unknown option '"+clip(key.Text)+"', ignored")
	}
	return true
}

// vipPeer reads the far end of a point-to-point address. The kernel has one
// prefix length for such a pair, and it is the far end's.
func (d *decoder) vipPeer(v *VIP, val Word, complain func(Pos, string)) bool {
	addr, length, has := strings.Cut(val.Text, "/")
	a, err := parseAddr(addr)
	if err != nil || a.Is6() != v.Prefix.Addr().Is6() {
		complain(val.Pos, "'"+clip(val.Text)+"' is no peer of it: the address is ignored")
		return false
	}
	v.Peer = a
	if has {
		bits, err := parseInt(length, 0, a.BitLen())
		if err != nil {
			complain(val.Pos, "peer: prefix length "+err.Error()+": the address is ignored")
			return false
		}
		v.Prefix = netip.PrefixFrom(v.Prefix.Addr(), bits)
	}
	return true
}

// preferredLft reads a lifetime in seconds.
func (d *decoder) preferredLft(v *VIP, val Word, complain func(Pos, string)) {
	if val.Text == "forever" {
		v.Preferred, v.PreferredSet = math.MaxUint32, true
		return
	}
	n, err := parseInt(d.digits(val.Text, val.Pos), 0, math.MaxUint32)
	if err != nil {
		complain(val.Pos, "preferred_lft "+err.Error()+", ignored")
		return
	}
	v.Preferred, v.PreferredSet = uint32(n), true
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
		v, err := parseInt(d.digits(length, w.Pos), 0, a.BitLen())
		if err != nil {
			// keepalived says that it uses the host length, and uses the digits.
			if v, err := parseInt(length[:len(length)-len(strings.TrimLeft(length, "0123456789"))], 0, a.BitLen()); err == nil && !d.toml() {
				bits = v
			}
			d.report(w.Pos, Warning, ClassInvalidNumber, "bad-value",
				d.kw.Name+": "+a.String()+": prefix length "+err.Error()+": "+strconv.Itoa(bits)+" is used")
		} else {
			bits = v
		}
	}
	return netip.PrefixFrom(a, bits), true
}
