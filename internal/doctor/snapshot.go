package doctor

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/doctor/firewall"
	"holdfast/internal/host"
	"holdfast/internal/realserver"
	"holdfast/ipvs"
)

// Snapshot is all that the rules look at.
type Snapshot struct {
	*host.Snapshot
	// Director and RealServer are what the host is, or is to be: both on a
	// director that is a server of its own service.
	Director, RealServer bool
	// Config is what is configured here; nil: nothing is known.
	Config *config.Config
	// Running is the daemon's own word; nil when none answers.
	Running *control.VRRP
	// Daemon: a holdfast or a keepalived runs here.
	Daemon bool

	// Loader is what is wrong with the kernel's own loading of modules.
	Loader Loader

	IPVS bool // the kernel has it, or can load it
	// Schedulers are those configured that the kernel neither has nor can
	// load.
	Schedulers []string
	// Engines are persistence engines, as Schedulers.
	Engines []string
	Table   ipvs.Table
	Syncing []ipvs.Daemon

	// Served are the addresses that this host serves as a real server.
	Served []realserver.VIP

	Filter   *firewall.Ruleset
	Legacy   map[int]*firewall.Tables // iptables by family, 4 or 6
	Programs map[int]string           // what changes them

	Clock Clock
	Heard []Heard
	// Listened is how long adverts were listened to; 0: not at all.
	Listened time.Duration
}

// Loader is why the kernel loads no module when one is needed: as it has no program
// to do so (Program, the setting kernel.modprobe, which may be empty), or as nobody
// loads any until the machine starts again (Sealed, kernel.modules_disabled).
type Loader struct {
	Broken, Sealed bool
	Program        string
}

// loads reports whether modules come when they are needed.
func (l Loader) loads() bool { return !l.Broken && !l.Sealed }

// Clock is the state of the system's clock.
type Clock struct {
	Known        bool
	Synchronised bool
	// Step is how far it jumped while adverts were listened to.
	Step time.Duration
}

// Heard is a sender of adverts.
type Heard struct {
	Interface string
	Source    netip.Addr
	Version   uint8
	VRID      uint8
	Priority  uint8
	Addrs     []netip.Addr
	Count     int
}

// router is a virtual router of this host, configured or running.
type router struct {
	name, device string
	vrid         uint8
	family       int // 4 or 6
	addrs        []netip.Addr
	devices      map[netip.Addr]string // where each address belongs
	peers        []netip.Addr          // empty: multicast
	source       netip.Addr            // invalid: any
	vmac         bool
}

// destination is the group of a router's adverts.
func (r *router) destination() netip.Addr {
	if r.family == 6 {
		return netip.MustParseAddr("ff02::12")
	}
	return netip.MustParseAddr("224.0.0.18")
}

// routers are those of the configuration.
func (s *Snapshot) routers() []router {
	if s.Config == nil {
		return nil
	}
	var all []router
	for i := range s.Config.Instances {
		in := &s.Config.Instances[i]
		r := router{name: in.Name, device: in.Interface, vrid: in.VirtualRouterID, family: int(in.Family), source: in.UnicastSrcIP, vmac: in.VMAC.Kind != 0, devices: map[netip.Addr]string{}}
		for _, v := range in.VirtualIPAddress {
			r.addrs = append(r.addrs, v.Prefix.Addr())
		}
		for _, v := range slices.Concat(in.VirtualIPAddress, in.VirtualIPAddressExcluded) {
			device := v.Dev
			if device == "" {
				device = in.Interface
			}
			r.devices[v.Prefix.Addr()] = device
		}
		for _, p := range in.UnicastPeer {
			r.peers = append(r.peers, p.Addr)
		}
		all = append(all, r)
	}
	return all
}

// forwarding is one server and how packets get there.
type forwarding struct {
	method  ipvs.Method
	tunnel  ipvs.TunnelType
	address netip.Addr
}

// forwardings are those configured and those in the kernel, each once.
func (s *Snapshot) forwardings() []forwarding {
	seen := map[forwarding]bool{}
	var all []forwarding
	add := func(f forwarding) {
		if !seen[f] {
			seen[f] = true
			all = append(all, f)
		}
	}
	methods := map[config.Method]ipvs.Method{config.NAT: ipvs.Masquerade, config.DR: ipvs.DirectRoute, config.TUN: ipvs.Tunnel}
	if s.Config != nil {
		for i := range s.Config.VirtualServers {
			for _, r := range s.Config.VirtualServers[i].RealServers {
				add(forwarding{methods[r.Forward.Method], ipvs.TunnelType(r.Forward.TunType), r.Addr})
			}
		}
	}
	for i := range s.Table {
		for _, d := range s.Table[i].Dests {
			add(forwarding{d.Method, d.TunType, d.Addr})
		}
	}
	return all
}

// deviceTo is the interface that leads to an address: one with its network, or
// that of the default route.
func (s *Snapshot) deviceTo(a netip.Addr) *host.Link {
	best := -1
	var link *host.Link
	for _, x := range s.Addrs {
		if l := s.Link(x.Device); l != nil && !l.Silent() && x.Prefix.Contains(a) && x.Prefix.Bits() > best && !x.Prefix.IsSingleIP() {
			best, link = x.Prefix.Bits(), l
		}
	}
	if link != nil {
		return link
	}
	for _, r := range s.Routes {
		if (r.Family == 4) == a.Is4() {
			return s.Link(r.Device)
		}
	}
	return nil
}
