package doctor

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"

	"holdfast/internal/host"
	"holdfast/ipvs"
)

// ipvsMissing: module-ip_vs.
func ipvsMissing(s *Snapshot) []host.Finding {
	if s.IPVS || !s.Director || s.Config == nil || !s.Config.HasLVS() {
		return nil
	}
	return []host.Finding{one(host.Error, "module-ip_vs", "the kernel has no IPVS",
		"there are virtual servers in the configuration, and no packet is forwarded to a real server", s.Loader.load("ip_vs"))}
}

// schedulerMissing: module-scheduler.
func schedulerMissing(s *Snapshot) []host.Finding {
	return missing(s.Loader, s.Schedulers, "module-scheduler", "scheduler", "lb_algo", "ip_vs_")
}

// engineMissing: module-engine.
func engineMissing(s *Snapshot) []host.Finding {
	return missing(s.Loader, s.Engines, "module-engine", "persistence engine", "persistence_engine", "ip_vs_pe_")
}

// missing is a finding for each of the names that the kernel has no module for: what
// they are, the keyword that asks for one, and how names of modules begin.
func missing(l Loader, names []string, id, what, keyword, module string) []host.Finding {
	var all []host.Finding
	for _, name := range names {
		all = append(all, one(host.Error, id, fmt.Sprintf("the kernel has no %s %s", what, name),
			fmt.Sprintf("the virtual servers with this %s are not installed", keyword), l.load(module+name)))
	}
	return all
}

// load is the command that has a module loaded.
func (l Loader) load(module string) string {
	if l.Sealed {
		return "echo " + module + " >>/etc/modules-load.d/ipvs.conf; reboot"
	}
	return "modprobe " + module
}

// loaderBroken: module-loading. What is loaded already needs no loader.
func loaderBroken(s *Snapshot) []host.Finding {
	if s.Loader.loads() || len(ipvsMissing(s))+len(s.Schedulers)+len(s.Engines) == 0 {
		return nil
	}
	why := "IPVS, its schedulers and tunnels are loaded when a configuration first asks for them"
	if s.Loader.Sealed {
		return []host.Finding{one(host.Error, "module-loading", "the kernel loads no modules any more (kernel.modules_disabled is 1)", why+
			", and the setting stays until the machine starts again: modules have to be listed before something sets it")}
	}
	return []host.Finding{one(host.Error, "module-loading", fmt.Sprintf("the kernel loads no modules by itself (kernel.modprobe is %q)", s.Loader.Program), why,
		"sysctl -w kernel.modprobe=/sbin/modprobe")}
}

// forwardingOff: ip-forward. Packets to the servers do not need it, but what
// comes back from them by NAT is routed.
func forwardingOff(s *Snapshot) []host.Finding {
	if !s.Director {
		return nil
	}
	var all []host.Finding
	for _, f := range s.forwardings() {
		path := "net/ipv4/ip_forward"
		if f.address.Is6() {
			path = host.Setting("ipv6", "all", "forwarding")
		}
		if n, ok := s.Number(path); f.method == ipvs.Masquerade && ok && n == 0 {
			why := "their answers come to this host, to be translated and sent on to the client, and are dropped"
			if f.address.Is6() {
				why += "; note that with forwarding on, interfaces no longer learn routes from router advertisements unless accept_ra is 2"
			}
			all = append(all, one(host.Error, "ip-forward", fmt.Sprintf("this host does not forward packets, and real servers as %s are reached by NAT", f.address), why, host.SetCommand(path, "1")))
		}
	}
	return all
}

// redirects: send-redirects.
func redirects(s *Snapshot) []host.Finding {
	if n, _ := s.Number("net/ipv4/ip_forward"); !s.Director || n == 0 {
		return nil
	}
	var all []host.Finding
	for _, f := range s.forwardings() {
		if f.method != ipvs.Masquerade || !f.address.Is4() {
			continue
		}
		l := s.deviceTo(f.address)
		if l == nil || s.Effective(l.Name, "send_redirects") == 0 { // Linux takes either of both
			continue
		}
		all = append(all, one(host.Warning, "send-redirects", fmt.Sprintf("this host tells the real servers on %s of shorter ways (send_redirects)", l.Name),
			"a real server then answers a client on its own network past the director, and the client does not know the connection",
			host.SetCommand(host.Setting("ipv4", "all", "send_redirects"), "0")+" "+host.Setting("ipv4", l.Name, "send_redirects")+"=0"))
	}
	return all
}

// strictFilter: rp-filter-strict. Linux takes the larger of both settings; 1
// is strict, 2 loose.
func strictFilter(s *Snapshot) []host.Finding {
	if !s.Director {
		return nil
	}
	var all []host.Finding
	for i, a := range s.Addrs {
		for _, b := range s.Addrs[:i] {
			if a.Device == b.Device || !a.Prefix.Addr().Is4() || a.Prefix.IsSingleIP() || b.Prefix.IsSingleIP() || !a.Prefix.Overlaps(b.Prefix) {
				continue
			}
			for _, name := range []string{b.Device, a.Device} {
				if l := s.Link(name); l == nil || l.Silent() || !l.Up || s.Effective(name, "rp_filter") != 1 {
					continue
				}
				all = append(all, one(host.Warning, "rp-filter", fmt.Sprintf("%s and %s are on one network, and %s checks the way back of packets strictly (rp_filter)", b.Device, a.Device, name),
					"packets that come in on the one to which no route to the sender leads are dropped, adverts of peers among them",
					host.SetCommand(host.Setting("ipv4", name, "rp_filter"), "2")))
			}
		}
	}
	return all
}

// arpMute: arp-mute. What a real server needs is wrong on a director's own
// interface where it goes further than arp_ignore 1.
func arpMute(s *Snapshot) []host.Finding {
	names := map[string][]string{} // of virtual routers, by interface
	for _, r := range s.routers() {
		if r.family != 4 || s.Link(r.device) == nil {
			continue
		}
		if n := s.Effective(r.device, "arp_ignore"); n == 8 || n == 2 && len(r.addrs) > 0 {
			names[r.device] = append(names[r.device], r.name)
		}
	}
	var all []host.Finding
	for _, device := range slices.Sorted(maps.Keys(names)) {
		all = append(all, one(host.Error, "arp-mute", fmt.Sprintf("%s does not answer ARP for the addresses of %s (arp_ignore %d)", device, quote(names[device]), s.Effective(device, "arp_ignore")),
			"clients and routers never learn where the virtual addresses are but from gratuitous ARP",
			host.SetCommand(host.Setting("ipv4", "all", "arp_ignore"), "0")+" "+host.Setting("ipv4", device, "arp_ignore")+"=0"))
	}
	return all
}

// backupOnly: backup-only. The kernel asks whether a backup daemon runs, not
// whether a master does not.
func backupOnly(s *Snapshot) []host.Finding {
	n, _ := s.Number("net/ipv4/vs/backup_only")
	roles := map[ipvs.SyncRole]bool{}
	for _, d := range s.Syncing {
		roles[d.Role] = true
	}
	if n == 0 || !roles[ipvs.SyncMaster] || !roles[ipvs.SyncBackup] {
		return nil
	}
	return []host.Finding{one(host.Error, "backup-only", "net.ipv4.vs.backup_only is on, and both connection-sync daemons run",
		"while a backup daemon runs IPVS forwards nothing at all", host.SetCommand("net/ipv4/vs/backup_only", "0"))}
}

// natUnreachable: nat-icmp-send. The kernel takes what a server of NAT sends
// from its port for an answer to a client, and an answer without a connection
// for a mistake: it tells the server so, and drops the packet.
func natUnreachable(s *Snapshot) []host.Finding {
	const path = "net/ipv4/vs/nat_icmp_send"
	if n, _ := s.Number(path); !s.Director || n == 0 {
		return nil
	}
	for _, f := range s.forwardings() {
		if f.method == ipvs.Masquerade {
			return []host.Finding{one(host.Error, "nat-icmp-send", fmt.Sprintf("net.ipv4.vs.nat_icmp_send is on, and real servers as %s are reached by NAT", f.address),
				"the kernel drops their answers to connections of this host: health checks of them time out", host.SetCommand(path, "0"))}
		}
	}
	return nil
}

// connectionTracking: conntrack-full.
func connectionTracking(s *Snapshot) []host.Finding {
	used, ok := s.Number("net/netfilter/nf_conntrack_count")
	limit, ok2 := s.Number("net/netfilter/nf_conntrack_max")
	if !ok || !ok2 || limit <= 0 || used < limit/10*8 {
		return nil
	}
	severity := host.Warning
	if used >= limit/100*98 {
		severity = host.Error
	}
	return []host.Finding{one(severity, "conntrack-full", fmt.Sprintf("the table of tracked connections holds %d of at most %d", used, limit),
		"new connections, and adverts of peers, are dropped when it is full", host.SetCommand("net/netfilter/nf_conntrack_max", fmt.Sprint(2*limit)))}
}

// untrackedNAT: vs-conntrack.
func untrackedNAT(s *Snapshot) []host.Finding {
	n, ok := s.Number("net/ipv4/vs/conntrack")
	if !s.Director || !ok || n != 0 || s.Filter == nil || !s.Filter.SourceNAT(nftables.TableFamilyIPv4) {
		return nil
	}
	for _, f := range s.forwardings() {
		if f.method == ipvs.Masquerade && f.address.Is4() {
			return []host.Finding{one(host.Warning, "vs-conntrack", "a rule translates the source of packets, and IPVS keeps its packets from connection tracking",
				"the rule has no effect on what is forwarded to real servers, which then answer clients on their own network past the director",
				host.SetCommand("net/ipv4/vs/conntrack", "1"))}
		}
	}
	return nil
}

// overhead is what a tunnel adds to a packet, in bytes.
func overhead(t ipvs.TunnelType, outer6 bool) int {
	n := map[ipvs.TunnelType]int{ipvs.IPIP: 0, ipvs.GRE: 4, ipvs.GUE: 8 + 4}[t]
	if outer6 {
		return n + 40
	}
	return n + 20
}

// ethernetMTU is what most clients can send at most.
const ethernetMTU = 1500

// tunnelMTU: tunnel-mtu, once for each interface, by the server whose tunnel
// takes most.
func tunnelMTU(s *Snapshot) []host.Finding {
	if !s.Director {
		return nil
	}
	type narrow struct {
		server      string
		client, mtu int
	}
	need := map[string]narrow{}
	for _, f := range s.forwardings() {
		if f.method != ipvs.Tunnel {
			continue
		}
		out := s.deviceTo(f.address)
		if out == nil {
			continue
		}
		in := out
		for _, r := range s.Routes {
			if l := s.Link(r.Device); l != nil && (r.Family == 4) == f.address.Is4() {
				in = l
			}
		}
		client := min(in.MTU, ethernetMTU)
		if n := client + overhead(f.tunnel, f.address.Is6()); out.MTU < n && n > need[out.Name].mtu {
			need[out.Name] = narrow{f.address.String(), client, n}
		}
	}
	var all []host.Finding
	for _, device := range slices.Sorted(maps.Keys(need)) {
		n := need[device]
		all = append(all, one(host.Warning, "tunnel-mtu", fmt.Sprintf("packets of clients of %d bytes do not fit into the tunnel to %s: %s takes %d, and %d are needed", n.client, n.server, device, s.Link(device).MTU, n.mtu),
			"the director answers large packets of clients with ICMP, and uploads hang where that is filtered; where the network cannot carry larger frames, tell clients of smaller segments on each real server: holdfast doctor says how there",
			fmt.Sprintf("ip link set dev %s mtu %d", device, n.mtu)))
	}
	return all
}
