package config

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// vmacInstanceRows are the keywords that give an instance an interface of its
// own.
func vmacInstanceRows() []Keyword {
	group := Arg{Name: "group", Key: "group", Kind: KindInt, Optional: true}
	return []Keyword{
		row("use_vmac", common, custom("[[name] <interface>] [<MAC>] [netlink_notify_msg] [group <id>]", []Arg{
			{Name: "name", Optional: true},
			{Name: "mac", Optional: true},
			{Name: "netlink_notify_msg", Key: "netlink_notify_msg", Kind: KindFlag, Optional: true},
			group,
		}, useVMAC), "vrrp.VRID and the virtual MAC",
			"the addresses live on a private macvlan with the virtual MAC, which adverts come from as well; a MAC of five bytes gets the VRID appended"),
		row("use_vmac_addr", rare, ignoresValue(func(i *instance, on bool) { i.VMAC.Addresses = on }), "off",
			"addresses on other interfaces get a macvlan with the virtual MAC there"),
		row("vmac_xmit_base", common, ignoresValue(func(i *instance, on bool) { i.VMAC.XmitBase = on }), "off; always on with unicast",
			"adverts are sent and heard on the interface itself, only the addresses are on the VMAC"),
		row("use_ipvlan", rare, custom("[[name] <interface>] [<address>] [bridge|private|vepa] [group <id>]", []Arg{
			{Name: "name", Optional: true},
			{Name: "address", Optional: true},
			{Name: "mode", Optional: true},
			group,
		}, useIPVlan), "vrrp.VRID, bridge",
			"adverts come and go by an ipvlan; an IPv4 instance needs an address of its own there, which they come from"),
	}
}

// vmacGlobalRows are the keywords of global_defs.
func vmacGlobalRows() []Keyword {
	prefix := func(set func(g *GlobalDefs, s string)) value {
		return custom("<prefix>", []Arg{{Name: "prefix"}}, func(d *decoder, g *globals, n *Node) {
			s, ok := arg1(d, n)
			if !ok {
				return
			}
			if why := badIfName(s + ".255"); why != "" {
				d.bad(n, 0, d.quietClass(), "'%s' %s with a VRID behind it, ignored", clip(s), why)
				return
			}
			set(&g.GlobalDefs, s)
		})
	}
	return []Keyword{
		row("vmac_prefix", rare, once(prefix(func(g *GlobalDefs, s string) { g.VMACPrefix = s })), "vrrp", "what the names of VMACs begin with"),
		row("vmac_addr_prefix", rare, once(prefix(func(g *GlobalDefs, s string) { g.VMACAddrPrefix = s })), "vmac_prefix", "the same for VMACs that are made for addresses on other interfaces"),
		row("disable_local_igmp", rare, flag(func(g *globals) { g.DisableLocalIGMP = true }), "off",
			"while there are IPv4 VMACs, the whole machine reports no groups of 224.0.0.0/24 (igmp_link_local_mcast_reports 0); otherwise nftables keeps VMACs from reporting. Fixed at start"),
	}
}

// badIfName says what is wrong with the name of an interface ("" for nothing):
// the kernel's own rules (dev_valid_name).
func badIfName(s string) string {
	switch {
	case len(s) > maxIfName:
		return "is longer than 15 characters"
	case s == "" || s == "." || s == "..", strings.ContainsAny(s, "/: \t\n\v\f\r"):
		return "cannot be the name of an interface"
	}
	return ""
}

// parseMAC reads five or six bytes in hexadecimal with colons.
func parseMAC(s string) (mac []byte, ok bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 5 && len(parts) != 6 {
		return nil, false
	}
	for _, p := range parts {
		if len(p) == 1 {
			p = "0" + p
		}
		b, err := hex.DecodeString(p)
		if err != nil || len(b) != 1 {
			return nil, false
		}
		mac = append(mac, b[0])
	}
	return mac, true
}

// off reports whether the only argument is a TOML false; in keepalived.conf it
// is the name of the device, and that is said.
func (d *decoder) off(n *Node) bool {
	v, ok := parseBool(n.Arg(0))
	switch {
	case !ok || len(n.Words) != 2:
		return false
	case !d.toml():
		d.report(n.ArgPos(0), Warning, ClassNone, "flag-argument", d.kw.Name+": '"+n.Arg(0)+"' is the name of the device and turns nothing on or off")
		return false
	}
	return !v
}

// vmacWords hands the words after use_vmac and use_ipvlan to take, which says
// whether it knows the word; name and group are the same for both.
func (d *decoder) vmacWords(i *instance, n *Node, take func(s string, at int) bool) {
	v := &i.VMAC
	for k := 0; k < len(n.Words)-1; k++ {
		s := n.Arg(k)
		if on, ok := parseBool(s); ok && on && len(n.Words) == 2 && d.toml() {
			continue // a TOML true
		}
		named := s == "name"
		switch {
		case named || s == "group":
			if k++; k >= len(n.Words)-1 {
				d.missing(n, k-1)
				return
			}
			if !named {
				d.vmacGroup(v, n, k)
				continue
			}
			s = n.Arg(k)
		case take(s, k):
			continue
		}
		if v.Name != "" {
			d.bad(n, k, ClassGeneral, "'%s' is not known here, ignored", clip(s))
			continue
		}
		if why := badIfName(s); why != "" {
			d.bad(n, k, ClassGeneral, "'%s' %s: the default name is used", clip(s), why)
			continue
		}
		v.Name = s
	}
}

func (d *decoder) vmacGroup(v *VMAC, n *Node, k int) {
	id, err := parseInt(n.Arg(k), 0, 1<<31-1)
	if err != nil {
		d.bad(n, k, ClassInvalidNumber, "group %v, ignored", err)
		return
	}
	v.Group, v.HasGroup = uint32(id), true
}

func useVMAC(d *decoder, i *instance, n *Node) {
	if d.off(n) {
		return
	}
	v := &i.VMAC
	v.Kind = VMACMacvlan
	i.vmacPos = n.Pos
	d.vmacWords(i, n, func(s string, k int) bool {
		if s == "netlink_notify_msg" {
			d.report(n.ArgPos(k), Warning, ClassNone, "not-active", "use_vmac: netlink_notify_msg is not active: it is ignored")
			return true
		}
		mac, ok := parseMAC(s)
		switch {
		case !ok:
			return false
		case mac[0]&1 != 0:
			d.bad(n, k, ClassGeneral, "'%s' is a multicast address: the virtual MAC is used", clip(s))
		case mac[0] == 0 && mac[1] == 0 && mac[2] == 0x5e && mac[3] == 0 && (mac[4] == 1 || mac[4] == 2):
			// Of another VRID it would be another router's.
			d.bad(n, k, ClassGeneral, "'%s' is one of the virtual MACs of RFC 9568: the one of this instance is used", clip(s))
		default:
			i.vmacBytes = mac
		}
		return true
	})
}

func useIPVlan(d *decoder, i *instance, n *Node) {
	if d.off(n) {
		return
	}
	v := &i.VMAC
	v.Kind = VMACIPVlan
	i.vmacPos = n.Pos
	modes := map[string]IPVlanMode{"bridge": IPVlanBridge, "private": IPVlanPrivate, "vepa": IPVlanVEPA}
	d.vmacWords(i, n, func(s string, k int) bool {
		if m, ok := modes[s]; ok {
			v.Mode = m
			return true
		}
		addr, _, _ := strings.Cut(s, "/")
		a, err := parseAddr(addr)
		if err != nil {
			return false
		}
		if !d.family(i, a) {
			d.wrongFamily(i, n, k, a)
			return true
		}
		p, ok := d.prefix(n.Words[k+1])
		if ok {
			v.Address = p
		}
		return true
	})
}

// finishVMAC resolves what depends on other keywords of the instance.
func (d *decoder) finishVMAC(i *instance) {
	v := &i.VMAC
	say := func(format string, args ...any) { d.about(i, Warning, ClassGeneral, "vmac", format, args...) }
	if i.StrictMode && v.XmitBase {
		say("strict mode has no vmac_xmit_base: it is ignored")
		v.XmitBase = false
	}
	if i.StrictMode && i.vmacBytes != nil {
		say("strict mode has no MAC but the virtual one: it is used")
		i.vmacBytes = nil
	}
	if n := copy(v.MAC[:], i.vmacBytes); n == 5 {
		v.MAC[5] = i.VirtualRouterID
	}
	if v.Kind == VMACNone {
		if v.XmitBase && !d.toml() {
			say("vmac_xmit_base without use_vmac has no effect")
		}
		v.XmitBase = false
		return
	}
	if len(i.UnicastPeer) > 0 && !v.XmitBase {
		d.about(i, Warning, ClassGeneral, "vmac-unicast", "unicast adverts are sent from %s itself: vmac_xmit_base is used", i.Interface)
		v.XmitBase = true
	}
	if v.Kind == VMACIPVlan && i.Family == 4 && !v.XmitBase && !v.Address.IsValid() {
		say("use_ipvlan needs an address of its own with IPv4: it never becomes master without")
	}
	shared := d.sharedVMAC(i)
	if v.Name == "" {
		return
	}
	if shared != nil && shared.named != nil {
		if v.Name != shared.named.VMAC.Name {
			d.inVain(i, shared.named, "the name "+v.Name)
		}
		return
	}
	switch other, taken := d.state.devices[v.Name]; {
	case taken:
		d.report(i.vmacPos, Warning, ClassGeneral, "vmac", "vrrp_instance "+i.Name+": "+v.Name+" is the interface of "+other+" already: the default name is used")
		v.Name = ""
	case v.Name == i.Interface:
		d.report(i.vmacPos, Warning, ClassGeneral, "vmac", "vrrp_instance "+i.Name+": "+v.Name+" is the interface below: the default name is used")
		v.Name = ""
	default:
		d.state.devices[v.Name] = i.Name
		if shared != nil {
			shared.named = i
		}
	}
}

// vmacPlace is where there can be one VMAC only.
type vmacPlace struct {
	above string
	mac   [6]byte
}

// sharedVMAC holds who gave a VMAC, which several instances may share, what it
// has; nil: nobody.
type sharedVMAC struct{ named, grouped *instance }

// sharedVMAC finds what the instances before this one made of its VMAC; nil: it
// has none.
func (d *decoder) sharedVMAC(i *instance) *sharedVMAC {
	if i.VMAC.Kind != VMACMacvlan {
		return nil
	}
	at := vmacPlace{i.Interface, i.VirtualMAC(i.Family == 6)}
	s := d.state.vmacs[at]
	if s == nil {
		s = &sharedVMAC{}
		d.state.vmacs[at] = s
	}
	switch {
	case !i.VMAC.HasGroup:
	case s.grouped == nil:
		s.grouped = i
	case s.grouped.VMAC.Group != i.VMAC.Group:
		d.inVain(i, s.grouped, "group "+strconv.FormatUint(uint64(i.VMAC.Group), 10))
	}
	return s
}

// inVain says that an instance gives its VMAC something that another one gave
// it otherwise.
func (d *decoder) inVain(i, other *instance, what string) {
	d.report(i.vmacPos, Warning, ClassNone, "shared-vmac",
		"vrrp_instance "+i.Name+": its VMAC is that of "+other.Name+", with the same MAC above "+i.Interface+": "+what+" has no effect")
}

// VirtualMAC is the MAC of the instance's VMACs for addresses of a family:
// 00-00-5E-00-01-VRID, or 00-00-5E-00-02-VRID for IPv6 (RFC 9568 section 7.3), or
// the one given.
func (i *VRRPInstance) VirtualMAC(six bool) [6]byte {
	if i.VMAC.MAC != ([6]byte{}) {
		return i.VMAC.MAC
	}
	family := byte(1)
	if six {
		family = 2
	}
	return [6]byte{0x00, 0x00, 0x5e, 0x00, family, i.VirtualRouterID}
}

// VMACKind says whether an instance has an interface of its own.
type VMACKind uint8

// The kinds.
const (
	VMACNone    VMACKind = iota
	VMACMacvlan          // use_vmac
	VMACIPVlan           // use_ipvlan
)

// IPVlanMode is the flag of an ipvlan, numbered as the kernel does (IPVLAN_F_*).
type IPVlanMode uint8

// The modes.
const (
	IPVlanBridge IPVlanMode = iota
	IPVlanPrivate
	IPVlanVEPA
)

// VMAC holds use_vmac, use_ipvlan and what goes with them.
type VMAC struct {
	Kind      VMACKind
	Name      string       // empty: made from the prefix and the VRID
	MAC       [6]byte      // the one given; zero: the virtual MAC
	Address   netip.Prefix // of an ipvlan; invalid: none
	Mode      IPVlanMode
	Group     uint32 // group of the link; the parent's unless HasGroup
	HasGroup  bool
	XmitBase  bool // vmac_xmit_base, or unicast
	Addresses bool // use_vmac_addr
}
