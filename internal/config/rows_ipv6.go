package config

import (
	"net/netip"
)

// group6Default is where IPv6 adverts go (RFC 9568 section 5.1.2.2).
var group6Default = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})

func ipv6GlobalRows() []Keyword {
	return []Keyword{
		row("vrrp_mcast_group6", rare, address("address", func(d *decoder, g *globals, a netip.Addr, n *Node) {
			if !a.Is6() || !a.IsLinkLocalMulticast() {
				d.bad(n, 0, ClassGeneral, "%v is not an IPv6 link-local multicast address, ignored", a)
				return
			}
			g.VRRPMcastGroup6 = a
		}), "ff02::12", "where IPv6 adverts are sent to"),
	}
}

func ipv6InstanceRows() []Keyword {
	return []Keyword{
		row("native_ipv6", "obsolete", value{set: func(d *decoder, target any, n *Node) {
			i := target.(*instance)
			if i.Family == 4 {
				d.report(n.Pos, Warning, ClassGeneral, "wrong-family", "native_ipv6: vrrp_instance "+i.Name+" has IPv4 addresses already: it is ignored")
				return
			}
			i.Family = 6
			d.report(n.Pos, Warning, ClassNone, "deprecated", "native_ipv6 is deprecated: the addresses say the family")
		}}, "", "an instance of IPv6; its addresses say that by themselves"),
	}
}

// versionOnce is keepalived's version: the first one counts, and none takes
// IPv6 to version 2 once the family is known.
func versionOnce(d *decoder, i *instance, v int, n *Node) {
	switch {
	case d.toml():
	case i.Version != 0 && int(i.Version) != v:
		d.bad(n, 0, ClassGeneral, "already given: the first one, %d, counts", i.Version)
		return
	case v == 2 && i.Family == 6:
		d.bad(n, 0, ClassGeneral, "version 2 has no IPv6 (RFC 3768): 3 is used")
		return
	}
	i.Version = uint8(v)
}

// instanceVersion resolves the version and the multicast group, which depend
// on the family.
func (d *decoder) instanceVersion(i *instance) {
	g := &d.state.global
	switch {
	case i.Family != 6 && i.Version == 0:
		i.Version = g.VRRPVersion
	case i.Family == 6 && i.Version == 0:
		i.Version = 3
	case i.Family == 6 && i.Version == 2:
		// keepalived sends frames of a form that no RFC knows.
		d.about(i, Error, ClassGeneral, "version", "version 2 has no IPv6 (RFC 3768): remove version 2, also on the peers")
		i.Version = 3
	}
	if i.McastDstIP.IsValid() {
		return
	}
	i.McastDstIP = g.VRRPMcastGroup4
	if i.Family == 6 {
		i.McastDstIP = g.VRRPMcastGroup6
	}
}

// linkLocalFirst is RFC 9568 section 5.2.9: the first IPv6 address of an
// advert is link-local.
func (d *decoder) linkLocalFirst(i *instance) {
	if i.Family != 6 || len(i.VirtualIPAddress) == 0 {
		return
	}
	first := i.VirtualIPAddress[0].Prefix.Addr()
	switch {
	case first.IsLinkLocalUnicast():
	case i.StrictMode:
		d.report(i.vipPos, Error, ClassGeneral, "link-local", "vrrp_instance "+i.Name+": strict mode: the first IPv6 address has to be link-local, "+first.String()+" is not")
	default:
		d.report(i.vipPos, Warning, ClassNone, "link-local", "vrrp_instance "+i.Name+": the first IPv6 address should be link-local, "+first.String()+
			" is not: routers other than keepalived and holdfast may drop its adverts")
	}
}
