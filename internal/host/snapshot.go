package host

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Snapshot is the state of a host.
type Snapshot struct {
	Links  []Link
	Addrs  []Addr
	Routes []Route // default routes
	// Sysctls are settings by their path below /proc/sys, those of
	// interfaces that [LinkSettings] names and those of [Settings].
	Sysctls map[string]string
	// UDPTunnels are the ports at which FOU or GUE is taken off.
	UDPTunnels []UDPTunnel
}

// Link is a network interface.
type Link struct {
	Name     string
	Index    int
	Type     string // veth, dummy, ipip, bridge, ...; "device" for hardware and lo
	MTU      int
	Up       bool
	Loopback bool
	NoARP    bool
	Master   int // index; 0: none
	// Snooping and Querier are of bridges: multicast snooping, and whether
	// the bridge asks for members itself.
	Snooping, Querier bool
}

// Silent reports whether nobody on a segment asks for addresses of the
// interface: it is a loopback, or has no ARP.
func (l *Link) Silent() bool { return l.Loopback || l.NoARP }

// Addr is an address on an interface.
type Addr struct {
	Device    string
	Prefix    netip.Prefix // the address with its prefix length
	Label     string       // IPv4
	Scope     int          // RT_SCOPE_*: 0 everywhere, 254 this host
	Broadcast netip.Addr   // IPv4; not valid: none
	Secondary bool         // IPv4: goes with the first address of its network, unless promote_secondaries is set
	Tentative bool         // IPv6: not usable yet
	DADFailed bool         // IPv6: somebody else has it
}

// Route is a default route.
type Route struct {
	Family  int // 4 or 6
	Device  string
	Gateway netip.Addr
	AdvMSS  int // 0: by the interface's MTU
	MTU     int // 0: the interface's
	Metric  int
}

// UDPTunnel is one port of FOU or GUE.
type UDPTunnel struct {
	Port   uint16
	Family int // 4 or 6
	GUE    bool
}

// LinkSettings are the settings of each interface, of "all" and of "default"
// that a Snapshot has; ipv4 and ipv6 are folders below net.
func LinkSettings() map[string][]string {
	return map[string][]string{
		"ipv4": {"arp_ignore", "arp_announce", "arp_filter", "rp_filter", "send_redirects", "forwarding", "promote_secondaries"},
		"ipv6": {"disable_ipv6", "forwarding"},
	}
}

// Settings are the other settings that a Snapshot has, where they exist.
var Settings = []string{
	"net/ipv4/ip_forward", "net/ipv4/ip_nonlocal_bind",
	"net/ipv4/vs/conntrack", "net/ipv4/vs/pmtu_disc", "net/ipv4/vs/backup_only", "net/ipv4/vs/nat_icmp_send", "net/ipv4/vs/expire_quiescent_template",
	"net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max",
}

// Setting is the path of an interface's setting, such as
// net/ipv4/conf/eth0/arp_ignore.
func Setting(family, device, name string) string {
	return "net/" + family + "/conf/" + device + "/" + name
}

// Number is a setting as a number; ok is false where there is none.
func (s *Snapshot) Number(path string) (n int, ok bool) {
	text, ok := s.Sysctls[path]
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	return n, err == nil
}

// Effective is the value in force of an IPv4 setting of an interface for
// which Linux takes the larger of "all" and its own: arp_ignore,
// arp_announce, rp_filter, promote_secondaries.
func (s *Snapshot) Effective(device, name string) int {
	all, _ := s.Number(Setting("ipv4", "all", name))
	own, _ := s.Number(Setting("ipv4", device, name))
	return max(all, own)
}

// Link finds an interface by name.
func (s *Snapshot) Link(name string) *Link {
	i := slices.IndexFunc(s.Links, func(l Link) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Links[i]
}

// On lists where an address is.
func (s *Snapshot) On(a netip.Addr) []Addr {
	var on []Addr
	for _, x := range s.Addrs {
		if x.Prefix.Addr() == a {
			on = append(on, x)
		}
	}
	return on
}
