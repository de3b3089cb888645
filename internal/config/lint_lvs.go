package config

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// lintServices reports what keepalived takes without a word and what bites
// later: each with why, and a hint that says what helps.
func (d *decoder) lintServices() {
	held := d.heldAddresses()
	d.state.lints = map[string]lints{}
	for i := range d.cfg.VirtualServers {
		s := d.state.kept[d.keptAt(i)]
		d.lintScheduler(s)
		d.lintOnePacket(s)
		d.lintTunnels(s)
		d.lintChecks(s)
		d.lintMapped(s)
		d.lintFamilies(s)
		d.lintSorry(s)
		if a, unheld := s.unheld(held); unheld && len(held) > 0 && !a.Is4In6() {
			d.lint(s, Info, "vip-not-held", "leave it so when packets are routed to the directors",
				"%v is no virtual address of a vrrp_instance here: it does not move with mastership", a)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.state.lints)) {
		if l := d.state.lints[id]; l.count > maxLints {
			d.report(d.pos(l.last.pos), Info, ClassNone, id, fmt.Sprintf("the same (%s) for %d more services, the last of them %s", id, l.count-maxLints, l.last.describe()))
		}
	}
}

// maxLints is how often a lint is told in full: what holds for one service of
// thousands holds for most.
const maxLints = 5

// keptAt finds the service in the making of the i-th one of the configuration.
func (d *decoder) keptAt(i int) int {
	want := &d.cfg.VirtualServers[i]
	for k := i; k < len(d.state.kept); k++ {
		s := d.state.kept[k]
		if s.Addr == want.Addr && s.Port == want.Port && s.FWMark == want.FWMark && s.Protocol == want.Protocol && s.Family == want.Family &&
			s.Group == want.Group && s.Ordinal == want.Ordinal {
			return k
		}
	}
	return i
}

// lints are those of one kind.
type lints struct {
	count int
	last  *service
}

func (d *decoder) lint(s *service, sev Severity, id, hint, format string, args ...any) {
	count := d.state.lints[id].count + 1
	d.state.lints[id] = lints{count, s}
	if count <= maxLints {
		d.reportHint(d.pos(s.pos), sev, ClassNone, id, "virtual_server "+s.describe()+": "+fmt.Sprintf(format, args...), hint)
	}
}

// lintScheduler: sh and mh hash over all servers, those with weight 0 too, and
// refuse what hashes to such a one unless they may fall back (measured on
// Linux 6.1: about half of the connections with one of two servers at 0).
func (d *decoder) lintScheduler(s *service) {
	if s.LBAlgo != "sh" && s.LBAlgo != "mh" || s.SchedFlags&sched1 != 0 {
		return
	}
	for i := range s.RealServers {
		r := &s.RealServers[i]
		dynamic := r.InhibitOnFailure || r.Weight == 0 || r.Extra().UpperThreshold > 0
		for k := range r.Checkers() {
			dynamic = dynamic || r.Checkers()[k].MiscDynamic
		}
		if dynamic {
			d.lint(s, Warning, "hash-no-fallback",
				map[bool]string{true: "leave " + s.LBAlgo + "-fallback out, it is on then", false: "add " + s.LBAlgo + "-fallback"}[d.toml()],
				"real_server %v can get weight 0 or be full, and %s then refuses what hashes to it", r.Addr, s.LBAlgo)
			return
		}
	}
}

// lintTunnels: Linux's own GRE device, which a real server has without further
// ado, drops what comes with a checksum (measured on Linux 6.1).
func (d *decoder) lintTunnels(s *service) {
	const gre, csum = 2, 1
	checksummed := func(f Forward) bool { return f.Method == TUN && f.TunType == gre && f.TunCsum == csum }
	what, addr := "", netip.Addr{}
	for i := range s.RealServers {
		if r := &s.RealServers[i]; what == "" && checksummed(r.Forward) {
			what, addr = "real_server", r.Addr
		}
	}
	if r := s.SorryServer; what == "" && r != nil && checksummed(r.Forward) {
		what, addr = "sorry_server", r.Addr
	}
	if what != "" {
		d.lint(s, Warning, "gre-csum", "leave csum out, or see realserver.md",
			"%s %v gets GRE packets with a checksum, which Linux drops there: its devices gre0 and ip6gre0 take packets without one only", what, addr)
	}
}

func (d *decoder) lintOnePacket(s *service) {
	if s.OnePacket && s.PersistenceTimeout > 0 {
		d.lint(s, Warning, "persistence-ops", "drop one of the two",
			"ops schedules every packet by itself, and persistence keeps a client on one server: together the packets of a client are not spread")
	}
	if !s.OnePacket || s.PersistenceEngine == "sip" {
		return // with which Linux translates what the servers send by itself
	}
	for i := range s.RealServers {
		if r := &s.RealServers[i]; r.Forward.Method == NAT {
			d.lint(s, Warning, "ops-nat", "DR or TUN, or do without ops",
				"real_server %v: the kernel forgets a client with each packet of ops, so answers through NAT keep the server's own address, and the client takes them for somebody else's", r.Addr)
			return
		}
	}
}

// lintChecks: a server without a check stays in service when it dies; a
// service by mark has no port of its own to check.
func (d *decoder) lintChecks(s *service) {
	unchecked := 0
	for i := range s.RealServers {
		r := &s.RealServers[i]
		if !r.Checked() {
			unchecked++
		}
		for k := range r.Checkers() {
			c := &r.Checkers()[k]
			if c.Kind.Connects() && c.Kind != PingCheck && c.ConnectPort == 0 {
				d.lint(s, Warning, "check-port-0", "give the real_server a port, or the check a connect_port",
					"real_server %v: %s has no port to connect to and always fails", r.Addr, c.Kind)
			}
		}
	}
	if unchecked > 0 {
		d.lint(s, Info, "unchecked", "add a TCP_CHECK",
			"%d of %d real servers have no check: they stay in service when they die", unchecked, len(s.RealServers))
	}
}

// lintSorry: a sorry server that is one of the servers is to stand in for itself
// when all are dead.
func (d *decoder) lintSorry(s *service) {
	y := s.SorryServer
	for i := range s.RealServers {
		if r := &s.RealServers[i]; y != nil && y.Addr == r.Addr && y.Port == r.Port {
			d.lint(s, Warning, "sorry-real-server", "name another machine, or port",
				"sorry_server %v is one of the real servers: it is to stand in when they are dead, and is dead then itself", netip.AddrPortFrom(r.Addr, r.Port))
		}
	}
}

// lintMapped: an IPv4 address that is written as IPv6 (::ffff:192.0.2.1) is IPv6 to
// the kernel. Linux sends nothing to such an address, and IPVS takes no such server.
func (d *decoder) lintMapped(s *service) {
	say := func(what string, a netip.Addr, effect string) {
		d.lint(s, Warning, "mapped-address", fmt.Sprintf("write %v", a.Unmap()), "%s%v is an IPv6 address: %s", what, a, effect)
	}
	const unreached, refused = "the service is one of IPv6, and Linux sends no packets to such an address", "the kernel takes no server with such an address"
	if s.Addr.Is4In6() {
		say("", s.Addr, unreached)
		return
	}
	if s.Group != "" {
		for _, e := range s.entries.Entries {
			if e.First.Is4In6() {
				say("", e.First, unreached)
				return
			}
		}
	}
	for i := range s.RealServers {
		if a := s.RealServers[i].Addr; a.Is4In6() {
			say("real_server ", a, refused)
			return
		}
	}
	if s.SorryServer != nil && s.SorryServer.Addr.Is4In6() {
		say("sorry_server ", s.SorryServer.Addr, refused)
	}
}

// lintFamilies: Linux starts no sync daemon while a service and one of its
// servers are of different families, and refuses such servers while one runs. The
// servers go first then. Servers of lintMapped are refused in any case.
func (d *decoder) lintFamilies(s *service) {
	if d.cfg.Global.LVSSyncDaemon == nil {
		return
	}
	other := func(what string, a netip.Addr) bool {
		if a.Is4In6() || !s.hasFamily(10-familyOf(a)) {
			return false
		}
		d.lint(s, Warning, "sync-mixed-families", "use servers of the service's family, or no sync daemon",
			"%s %v is of another family: the kernel refuses that together with lvs_sync_daemon, which is not started", what, a)
		return true
	}
	for i := range s.RealServers {
		if other("real_server", s.RealServers[i].Addr) {
			return
		}
	}
	if s.SorryServer != nil {
		other("sorry_server", s.SorryServer.Addr)
	}
}

// leastSyncLength is the least length of messages that a backup of connection sync has
// room for, whatever it is told; a master goes by what it is told.
const leastSyncLength = 1024

// lintSyncLength: of less than that the kernel makes two lengths.
func (d *decoder) lintSyncLength(pos Pos, n int) {
	if n < leastSyncLength {
		d.reportHint(pos, Warning, ClassNone, "sync-maxlen",
			fmt.Sprintf("lvs_sync_daemon: maxlen %d: the kernel gives a backup %d bytes nevertheless, and has a master send messages of %d bytes, of one connection at least: more packets for the same connections", n, leastSyncLength, n),
			"leave maxlen out, or give what the MTU allows")
	}
}

// heldAddresses are the virtual addresses of all instances.
func (d *decoder) heldAddresses() map[netip.Addr]bool {
	held := map[netip.Addr]bool{}
	for i := range d.cfg.Instances {
		in := &d.cfg.Instances[i]
		for _, list := range [][]VIP{in.VirtualIPAddress, in.VirtualIPAddressExcluded} {
			for k := range list {
				held[list[k].Prefix.Addr()] = true
			}
		}
	}
	return held
}
