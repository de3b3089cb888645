package vrrpd

import (
	"holdfast/internal/config"
	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
)

// devices gives a router the virtual interfaces that use_vmac, use_ipvlan and
// use_vmac_addr ask for.
func devices(c *config.Config, in *config.VRRPInstance, r *engine.Router) {
	v := &in.VMAC
	if v.Kind != config.VMACNone {
		r.Device = device(c, in, in.Interface)
		r.Device.Name = v.Name
		r.XmitBase = v.XmitBase
		r.Device.Source = !v.XmitBase
		r.Device.LinkGroup, r.Device.HasLinkGroup = v.Group, v.HasGroup
		if v.Kind == config.VMACIPVlan {
			r.Device.Kind, r.Device.MAC = link.IPVlan, [6]byte{}
			r.Device.Mode, r.Device.Addr = uint8(v.Mode), v.Address
		}
	}
	vips := append(append([]config.VIP(nil), in.VirtualIPAddress...), in.VirtualIPAddressExcluded...)
	for i := range vips {
		r.VIPs[i].Dev = addressInterface(in, &vips[i])
		vips[i].Dev = r.VIPs[i].Dev
		r.VIPs[i].Device = addressDevice(c, in, &vips[i], r)
	}
}

// addressInterface is the interface that an address names. Of an instance with
// use_vmac the VMAC stands in for its interface, for addresses of its own family
// only: those of the other one are on the interface below, whoever names it.
func addressInterface(in *config.VRRPInstance, v *config.VIP) string {
	switch {
	case in.VMAC.Kind != config.VMACMacvlan || v.UseVMAC:
	case v.Prefix.Addr().Is6() != (in.Family == 6):
		if v.Dev == "" {
			return in.Interface
		}
	case v.Dev == in.Interface:
		return ""
	}
	return v.Dev
}

// addressDevice is the VMAC that an address gets besides the router's own one;
// the zero value: none.
func addressDevice(c *config.Config, in *config.VRRPInstance, v *config.VIP, r *engine.Router) link.Device {
	on := v.Dev
	if on == "" {
		on = in.Interface
	}
	if !v.UseVMAC && (!in.VMAC.Addresses || v.Dev == "") {
		return link.Device{}
	}
	d := device(c, in, on)
	d.Prefix = c.Global.VMACAddrPrefix
	d.IPv6 = v.Prefix.Addr().Is6()
	d.MAC = in.VirtualMAC(d.IPv6)
	// What it reports of groups has to come from a link-local address.
	d.Source = d.IPv6
	if d.Parent == r.Device.Parent && r.Device.Kind == link.Macvlan && d.MAC == r.Device.MAC && d.IPv6 == r.Device.IPv6 {
		return r.Device // the router's own one is there already
	}
	return d
}

// device is the VMAC of an instance on an interface.
func device(c *config.Config, in *config.VRRPInstance, on string) link.Device {
	return link.Device{
		Kind: link.Macvlan, Parent: on, VRID: in.VirtualRouterID,
		IPv6: in.Family == 6, MAC: in.VirtualMAC(in.Family == 6),
		Prefix: c.Global.VMACPrefix,
	}
}
