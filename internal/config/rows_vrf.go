package config

// An instance with vrf has no interface of its own: its unicast adverts come and
// go over whatever interfaces the VRF has. The VRF's device stands in for the
// interface: a socket that is bound to it uses the VRF's table and hears what
// comes in on all its members.

func vrfRow() Keyword {
	return row("vrf", rare, custom("<interface>", []Arg{{Name: "interface"}}, instanceVRF), "none",
		"VRF of an instance without an interface, which needs unicast_peer, and dev for every address")
}

func instanceVRF(d *decoder, i *instance, n *Node) {
	s, ok := arg1(d, n)
	switch {
	case !ok:
	case i.Interface != "":
		d.bad(n, 0, ClassGeneral, "it is for an instance without an interface: ignored")
	case i.VRF != "":
		d.bad(n, 0, ClassGeneral, "it is %s already: ignored", clip(i.VRF))
	case s == "lo":
		d.bad(n, 0, ClassGeneral, "lo is no VRF: ignored")
	case len(s) > maxIfName:
		d.bad(n, 0, ClassGeneral, "'%s' is longer than %d characters: ignored", clip(s), maxIfName)
	default:
		i.VRF, i.interfacePos = s, n.ArgPos(0)
	}
}

// finishVRF puts the VRF in the place of the interface.
func (d *decoder) finishVRF(i *instance) {
	if i.VRF == "" {
		return
	}
	i.Interface = i.VRF
	refuse := func(what string) { d.about(i, Error, ClassGeneral, "no-interface", "interface is missing: %s", what) }
	if len(i.UnicastPeer) == 0 {
		refuse("vrf by itself is for unicast_peer")
	}
	if i.VMAC.Kind != VMACNone {
		refuse("a virtual MAC needs one to be on")
	}
	for _, list := range [][]VIP{i.VirtualIPAddress, i.VirtualIPAddressExcluded} {
		for k := range list {
			if list[k].Dev == "" {
				refuse(list[k].Prefix.String() + " needs dev, where its neighbours are")
				return
			}
		}
	}
}
