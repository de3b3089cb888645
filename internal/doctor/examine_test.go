package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/doctor/firewall"
	"holdfast/internal/host"
	"holdfast/internal/realserver"
	"holdfast/ipvs"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// well is a director on which nothing is wrong, with one service of each
// method and its daemon running.
func well() *Snapshot {
	h := &host.Snapshot{
		Links: []host.Link{
			{Name: "lo", Index: 1, Up: true, Loopback: true, MTU: 65536},
			{Name: "eth0", Index: 2, Up: true, MTU: 1500},
			{Name: "eth1", Index: 3, Up: true, MTU: 1600},
		},
		Addrs: []host.Addr{
			{Device: "lo", Prefix: prefix("127.0.0.1/8")},
			{Device: "eth0", Prefix: prefix("192.0.2.1/24")},
			{Device: "eth1", Prefix: prefix("198.51.100.1/24")},
		},
		Routes:  []host.Route{{Family: 4, Device: "eth0", Gateway: ip("192.0.2.254")}},
		Sysctls: map[string]string{"net/ipv4/ip_forward": "1", "net/ipv4/vs/conntrack": "0", "net/netfilter/nf_conntrack_count": "10", "net/netfilter/nf_conntrack_max": "1000"},
	}
	for _, l := range []string{"all", "default", "lo", "eth0", "eth1"} {
		for family, names := range host.LinkSettings() {
			for _, n := range names {
				h.Sysctls[host.Setting(family, l, n)] = "0"
			}
		}
	}
	server := func(m config.Method, a string) config.RealServer {
		return config.RealServer{Addr: ip(a), Port: 80, Forward: config.Forward{Method: m}}
	}
	return &Snapshot{
		Snapshot: h, Director: true, Daemon: true, IPVS: true,
		Config: &config.Config{
			Files: []string{"/etc/my keepalived.conf"},
			Instances: []config.VRRPInstance{{
				Name: "VI_1", Interface: "eth0", VirtualRouterID: 51, Family: config.Family(4),
				VirtualIPAddress: []config.VIP{{Prefix: prefix("192.0.2.10/24")}},
			}},
			VirtualServers: []config.VirtualServer{{Addr: ip("192.0.2.10"), Port: 80, RealServers: []config.RealServer{
				server(config.DR, "192.0.2.21"), server(config.NAT, "198.51.100.21"), server(config.TUN, "198.51.100.22"),
			}}},
		},
		Filter: &firewall.Ruleset{},
		Clock:  Clock{Known: true, Synchronised: true},
		Heard:  []Heard{{Interface: "eth0", Source: ip("192.0.2.2"), VRID: 51, Priority: 150, Addrs: []netip.Addr{ip("192.0.2.10")}, Count: 3}},
	}
}

// drops is nftables with one rule.
func drops(hook *nftables.ChainHook, rule ...expr.Any) *firewall.Ruleset {
	return &firewall.Ruleset{Chains: []firewall.Chain{{
		Chain: nftables.Chain{Name: "c", Table: &nftables.Table{Name: "t", Family: nftables.TableFamilyIPv4}, Hooknum: hook},
		Rules: [][]expr.Any{rule},
	}}}
}

// asServer makes the snapshot that of a real server with the address on lo.
func asServer(spec realserver.Spec, also ...host.Addr) func(*Snapshot) {
	return func(s *Snapshot) {
		s.Director, s.Config, s.RealServer = false, nil, true
		s.Served = []realserver.VIP{{Addr: ip("192.0.2.10"), Spec: spec}}
		s.Addrs = append(s.Addrs, host.Addr{Device: "lo", Prefix: prefix("192.0.2.10/32")})
		s.Addrs = append(s.Addrs, also...)
		s.Sysctls["net/ipv4/conf/all/arp_ignore"], s.Sysctls["net/ipv4/conf/all/arp_announce"] = "1", "2"
		s.Links = append(s.Links, host.Link{Name: "tunl0", Index: 9, Type: "ipip", NoARP: true, Up: true, MTU: 1480})
	}
}

// running makes the snapshot that of a host whose daemon has been master of VI_1
// for an hour, but for change.
func running(change func(*control.Instance)) func(*Snapshot) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func(s *Snapshot) {
		in := control.Instance{
			Name: "VI_1", Interface: "eth0", VRID: 51, State: "MASTER", Since: now.Add(-time.Hour), Source: ip("192.0.2.1"), MasterDown: 3.6,
		}
		change(&in)
		s.Running = &control.VRRP{Time: now, Instances: []control.Instance{in}}
	}
}

func listening(s *Snapshot) { s.Listened = 3500 * time.Millisecond }

// What is wrong in one of two configurations is mended in the one that is here.
const (
	edit  = `${EDITOR:-vi} '/etc/my keepalived.conf'; holdfast check '/etc/my keepalived.conf'`
	tried = `; holdfast reload --rollback 30s`
)

func TestEachFinding(t *testing.T) {
	set := func(pairs ...string) func(*Snapshot) {
		return func(s *Snapshot) {
			for i := 0; i < len(pairs); i += 2 {
				s.Sysctls[pairs[i]] = pairs[i+1]
			}
		}
	}
	both := func(a, b func(*Snapshot)) func(*Snapshot) { return func(s *Snapshot) { a(s); b(s) } }
	for name, c := range map[string]struct {
		change func(*Snapshot)
		want   string // findings as severity, id and commands, one a line
	}{
		"well":        {func(*Snapshot) {}, ""},
		"well server": {asServer(realserver.Spec{}), ""},
		"no IPVS":     {func(s *Snapshot) { s.IPVS = false }, "error module-ip_vs: modprobe ip_vs"},
		"no IPVS, and none wanted": {func(s *Snapshot) {
			s.IPVS = false
			s.Config.VirtualServers = nil
		}, ""},
		"no scheduler": {func(s *Snapshot) { s.Schedulers = []string{"mh"} }, "error module-scheduler: modprobe ip_vs_mh"},
		"no engine":    {func(s *Snapshot) { s.Engines = []string{"sip"} }, "error module-engine: modprobe ip_vs_pe_sip"},
		"no scheduler, and no loader": {func(s *Snapshot) {
			s.Schedulers, s.Loader = []string{"mh"}, Loader{Broken: true, Program: "/bin/false"}
		}, "error module-loading: sysctl -w kernel.modprobe=/sbin/modprobe\nerror module-scheduler: modprobe ip_vs_mh"},
		"no IPVS, and none can be loaded": {func(s *Snapshot) {
			s.IPVS, s.Loader = false, Loader{Sealed: true, Program: "/sbin/modprobe"}
		}, "error module-loading: \nerror module-ip_vs: echo ip_vs >>/etc/modules-load.d/ipvs.conf; reboot"},
		"no loader, and none needed": {func(s *Snapshot) { s.Loader = Loader{Broken: true} }, ""},
		"no forwarding":              {set("net/ipv4/ip_forward", "0"), "error ip-forward: sysctl -w net/ipv4/ip_forward=1"},
		"no forwarding, in the kernel's table only": {func(s *Snapshot) {
			s.Sysctls["net/ipv4/ip_forward"] = "0"
			s.Config = nil
			s.Table = ipvs.Table{{Dests: []ipvs.Destination{{DestKey: ipvs.DestKey{Addr: ip("198.51.100.21")}, Method: ipvs.Masquerade}}}}
		}, "error ip-forward: sysctl -w net/ipv4/ip_forward=1"},
		"no forwarding, and direct routing": {func(s *Snapshot) {
			s.Sysctls["net/ipv4/ip_forward"] = "0"
			s.Config.VirtualServers[0].RealServers = s.Config.VirtualServers[0].RealServers[:1]
		}, ""},
		"redirects":                    {set("net/ipv4/conf/all/send_redirects", "1"), "warning send-redirects: sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/eth1/send_redirects=0"},
		"redirects where no server is": {set("net/ipv4/conf/eth0/send_redirects", "1"), ""},
		"strict on one network":        {both(set("net/ipv4/conf/all/rp_filter", "1"), func(s *Snapshot) { s.Addrs[2].Prefix = prefix("192.0.2.3/25") }), "warning rp-filter: sysctl -w net/ipv4/conf/eth0/rp_filter=2\nwarning rp-filter: sysctl -w net/ipv4/conf/eth1/rp_filter=2\nwarning tunnel-mtu: ip link set dev eth0 mtu 1520"},
		"strict on two networks":       {set("net/ipv4/conf/all/rp_filter", "1"), ""},
		"no ARP":                       {set("net/ipv4/conf/eth0/arp_ignore", "8"), "error arp-mute: sysctl -w net/ipv4/conf/all/arp_ignore=0 net/ipv4/conf/eth0/arp_ignore=0"},
		"ARP for its own interface":    {set("net/ipv4/conf/eth0/arp_ignore", "1"), ""},
		"a full table of connections":  {set("net/netfilter/nf_conntrack_count", "999"), "error conntrack-full: sysctl -w net/netfilter/nf_conntrack_max=2000"},
		"an almost full one":           {set("net/netfilter/nf_conntrack_count", "800"), "warning conntrack-full: sysctl -w net/netfilter/nf_conntrack_max=2000"},
		"masquerade without conntrack": {func(s *Snapshot) { s.Filter = drops(nftables.ChainHookPostrouting, &expr.Masq{}) }, "warning vs-conntrack: sysctl -w net/ipv4/vs/conntrack=1"},
		"masquerade with conntrack":    {both(set("net/ipv4/vs/conntrack", "1"), func(s *Snapshot) { s.Filter = drops(nftables.ChainHookPostrouting, &expr.Masq{}) }), ""},
		"a narrow tunnel":              {func(s *Snapshot) { s.Links[2].MTU = 1500 }, "warning tunnel-mtu: ip link set dev eth1 mtu 1520"},
		"a narrow GUE tunnel": {func(s *Snapshot) {
			s.Links[2].MTU = 1531
			s.Config.VirtualServers[0].RealServers[2].Forward.TunType = 1
		}, "warning tunnel-mtu: ip link set dev eth1 mtu 1532"},
		"backup_only with both daemons": {both(set("net/ipv4/vs/backup_only", "1"), func(s *Snapshot) { s.Syncing = []ipvs.Daemon{{Role: ipvs.SyncMaster}, {Role: ipvs.SyncBackup}} }), "error backup-only: sysctl -w net/ipv4/vs/backup_only=0"},
		"answers that are dropped":      {set("net/ipv4/vs/nat_icmp_send", "1"), "error nat-icmp-send: sysctl -w net/ipv4/vs/nat_icmp_send=0"},
		"nat_icmp_send and direct routing": {both(set("net/ipv4/vs/nat_icmp_send", "1"), func(s *Snapshot) {
			s.Config.VirtualServers[0].RealServers = s.Config.VirtualServers[0].RealServers[:1]
		}), ""},
		"backup_only as backup": {both(set("net/ipv4/vs/backup_only", "1"), func(s *Snapshot) { s.Syncing = []ipvs.Daemon{{Role: ipvs.SyncBackup}} }), ""},
		"adverts dropped": {func(s *Snapshot) {
			s.Filter = drops(nftables.ChainHookInput, &expr.Verdict{Kind: expr.VerdictDrop})
		}, "error firewall-in: nft insert rule ip t c meta l4proto 112 accept"},
		"adverts not sent": {func(s *Snapshot) {
			s.Filter = drops(nftables.ChainHookOutput, &expr.Verdict{Kind: expr.VerdictDrop})
		}, "error firewall-out: nft insert rule ip t c meta l4proto 112 accept"},
		"adverts of a peer dropped": {func(s *Snapshot) {
			s.Config.Instances[0].UnicastPeer = []config.UnicastPeer{{Addr: ip("192.0.2.2")}}
			s.Legacy, s.Programs = map[int]*firewall.Tables{4: firewall.ParseTables("*filter\n:INPUT ACCEPT\n-A INPUT -s 192.0.2.2/32 -d 192.0.2.1/32 -j DROP\n")}, map[int]string{4: "iptables"}
		}, "error firewall-in: iptables -I INPUT -p 112 -j ACCEPT"},
		"adverts dropped, nothing configured": {func(s *Snapshot) {
			s.Config = nil
			s.Filter = drops(nftables.ChainHookInput, &expr.Verdict{Kind: expr.VerdictDrop})
		}, "error firewall-in: nft insert rule ip t c meta l4proto 112 accept"},
		"snooping": {func(s *Snapshot) {
			s.Links = append(s.Links, host.Link{Name: "br0", Index: 7, Type: "bridge", Snooping: true, Up: true})
			s.Links[1].Master = 7
		}, "warning mcast-snooping: ip link set dev br0 type bridge mcast_snooping 0"},
		"snooping with a querier": {func(s *Snapshot) {
			s.Links = append(s.Links, host.Link{Name: "br0", Index: 7, Type: "bridge", Snooping: true, Querier: true, Up: true})
			s.Links[1].Master = 7
		}, ""},
		"snooping elsewhere": {func(s *Snapshot) {
			s.Links = append(s.Links, host.Link{Name: "br0", Index: 7, Type: "bridge", Snooping: true, Up: true})
		}, ""},
		"address on the wrong device": {func(s *Snapshot) {
			s.Addrs = append(s.Addrs, host.Addr{Device: "eth1", Prefix: prefix("192.0.2.10/32")})
		}, "error vip-device: ip addr del 192.0.2.10/32 dev eth1"},
		"address as master": {func(s *Snapshot) {
			s.Addrs = append(s.Addrs, host.Addr{Device: "eth0", Prefix: prefix("192.0.2.10/24")})
		}, ""},
		"address left": {func(s *Snapshot) {
			s.Daemon = false
			s.Addrs = append(s.Addrs, host.Addr{Device: "eth0", Prefix: prefix("192.0.2.10/24")})
		}, "error vip-left: ip addr del 192.0.2.10/24 dev eth0\nwarning daemon-down: systemctl start holdfast"},
		"a strange router": {func(s *Snapshot) {
			s.Heard[0].Addrs = []netip.Addr{ip("192.0.2.99")}
		}, "error vrid-duplicate: " + edit},
		"two masters heard": {func(s *Snapshot) {
			s.Heard = append(s.Heard, Heard{Interface: "eth0", Source: ip("192.0.2.3"), VRID: 51, Priority: 90, Addrs: []netip.Addr{ip("192.0.2.10")}, Count: 3})
		}, "error two-masters: " + edit},
		"two masters of a router that is not here": {func(s *Snapshot) {
			for _, a := range []string{"192.0.2.2", "192.0.2.3"} {
				s.Heard = append(s.Heard, Heard{Interface: "eth0", Source: ip(a), VRID: 77, Priority: 90, Addrs: []netip.Addr{ip("192.0.2.77")}, Count: 3})
			}
		}, "error two-masters: "},
		"an address of ours by another number": {func(s *Snapshot) { s.Heard[0].VRID = 15 }, "error vrid-mismatch: " + edit},
		"one address by two numbers, and nothing configured here": {func(s *Snapshot) {
			s.Config = nil
			s.Heard = append(s.Heard, Heard{Interface: "eth0", Source: ip("192.0.2.3"), VRID: 15, Priority: 90, Addrs: s.Heard[0].Addrs, Count: 3})
		}, "error vrid-mismatch: "},
		"an address of ours by another number, on another interface": {func(s *Snapshot) {
			s.Heard[0].VRID, s.Heard[0].Interface = 15, "eth1"
		}, ""},
		"an address of ours by the number of another router here": {func(s *Snapshot) {
			in := s.Config.Instances[0]
			in.Name, in.VirtualRouterID, in.VirtualIPAddress = "VI_2", 15, []config.VIP{{Prefix: prefix("192.0.2.15/24")}}
			s.Config.Instances = append(s.Config.Instances, in)
			s.Heard[0].VRID = 15
		}, "error vrid-duplicate: " + edit},
		"an address of ours by another number, as the daemon says": {both(func(s *Snapshot) { s.Heard = nil }, running(func(in *control.Instance) {
			in.VRIDMismatch = &control.Mismatch{Addr: ip("192.0.2.2"), VRID: 15, VIP: ip("192.0.2.10"), Now: true}
		})), "error vrid-mismatch: " + edit + tried},
		"the daemon and the ear agree about it": {both(func(s *Snapshot) { s.Heard[0].VRID = 15 }, running(func(in *control.Instance) {
			in.VRIDMismatch = &control.Mismatch{Addr: ip("192.0.2.2"), VRID: 15, VIP: ip("192.0.2.10"), Now: true}
		})), "error vrid-mismatch: " + edit + tried},
		"master here, and another one heard": {both(listening, running(func(*control.Instance) {})), "error two-masters: " + edit + tried},
		"backup here, and a master heard":    {both(listening, running(func(in *control.Instance) { in.State = "BACKUP" })), ""},
		"master here, and one that was heard before": {both(listening, running(func(in *control.Instance) {
			in.Since = in.Since.Add(time.Hour - time.Second)
		})), ""},
		"master here, and dropped adverts of another": {both(listening, running(func(in *control.Instance) {
			in.Refused = []control.Refused{{Reason: "auth-pass", Source: ip("192.0.2.2"), Last: in.Since.Add(time.Hour), Count: 9}}
		})), "error two-masters: " + edit + tried},
		"dropped adverts, and not listened": {both(func(s *Snapshot) { s.Heard = nil }, running(func(in *control.Instance) {
			in.Refused = []control.Refused{{Reason: "version", Source: ip("192.0.2.2"), Last: in.Since.Add(time.Hour), Count: 9}}
		})), "error two-masters: " + edit + tried},
		"backup here, and dropped adverts": {running(func(in *control.Instance) {
			in.State, in.Refused = "BACKUP", []control.Refused{{Reason: "interval", Source: ip("192.0.2.2"), Last: in.Since.Add(time.Hour), Count: 9}}
		}), "warning adverts-dropped: " + edit + tried},
		"a master that stops": {func(s *Snapshot) {
			s.Heard = append(s.Heard, Heard{Interface: "eth0", Source: ip("192.0.2.3"), VRID: 51, Priority: 0, Addrs: []netip.Addr{ip("192.0.2.10")}, Count: 3})
		}, ""},
		"second master": {func(s *Snapshot) {
			s.Running = &control.VRRP{Instances: []control.Instance{{Name: "VI_1", SecondMaster: &control.Rival{Addr: ip("192.0.2.3"), Now: true}}}}
		}, "error two-masters: " + edit + tried},
		"clock":                {func(s *Snapshot) { s.Clock.Synchronised = false }, "warning clock-unsynchronised: timedatectl set-ntp true"},
		"clock jumps":          {func(s *Snapshot) { s.Clock.Step = -time.Second }, "warning clock-step: timedatectl timesync-status"},
		"no word of the clock": {func(s *Snapshot) { s.Clock = Clock{} }, ""},
		"another host has it": {func(s *Snapshot) {
			s.Addrs = append(s.Addrs, host.Addr{Device: "eth0", Prefix: prefix("2001:db8::1/64"), DADFailed: true})
		}, "error dad-failed: ip addr del 2001:db8::1/64 dev eth0 && ip addr add 2001:db8::1/64 dev eth0 nodad"},
		"server answers ARP": {both(asServer(realserver.Spec{}), set("net/ipv4/conf/all/arp_ignore", "0")), "error arp-ignore: sysctl -w net/ipv4/conf/all/arp_ignore=1"},
		"server has it on eth0 too": {
			asServer(realserver.Spec{}, host.Addr{Device: "eth0", Prefix: prefix("192.0.2.10/24")}),
			"error vip-device: ip addr del 192.0.2.10/24 dev eth0",
		},
		"server swallows its network": {
			asServer(realserver.Spec{}, host.Addr{Device: "lo", Prefix: prefix("192.0.2.10/24")}),
			"error vip-netmask: ip addr del 192.0.2.10/24 dev lo",
		},
		"server of a tunnel": {
			both(asServer(realserver.Spec{Tunnel: "ipip", Device: "lo"}), set("net/ipv4/conf/tunl0/rp_filter", "1")),
			"error rp-filter: sysctl -w net/ipv4/conf/tunl0/rp_filter=2\nwarning tunnel-mss: ip route change default via 192.0.2.254 dev eth0 advmss 1440",
		},
		"server of a tunnel, smaller segments": {both(asServer(realserver.Spec{Tunnel: "ipip", Device: "lo"}), func(s *Snapshot) { s.Routes[0].AdvMSS = 1440 }), ""},
		"director and server": {func(s *Snapshot) {
			config := s.Config
			asServer(realserver.Spec{}, host.Addr{Device: "eth0", Prefix: prefix("192.0.2.10/24")})(s)
			s.Director, s.Config = true, config
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := well()
			c.change(s)
			var lines []string
			for _, f := range Examine(s) {
				lines = append(lines, f.Severity.String()+" "+f.ID+": "+strings.Join(f.Mend, "; "))
				if f.What == "" || f.Why == "" {
					t.Errorf("%s says nothing", f.ID)
				}
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("found\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestNothingKnown: a snapshot of which nothing could be read is no finding,
// and no crash.
func TestNothingKnown(t *testing.T) {
	for _, director := range []bool{false, true} {
		s := &Snapshot{Snapshot: &host.Snapshot{}, Director: director, RealServer: !director}
		if all := Examine(s); len(all) > 0 {
			t.Errorf("%+v", all)
		}
	}
}

// TestFreeNumber is one that nobody uses.
func TestFreeNumber(t *testing.T) {
	s := well()
	s.Heard = append(s.Heard, Heard{Interface: "eth0", VRID: 52}, Heard{Interface: "eth1", VRID: 53})
	if got := s.free("eth0"); !strings.Contains(got, "53") {
		t.Errorf("free on eth0: %s", got)
	}
}

// What one command mends is one finding, which names all that it hits.
func TestAFindingNamesEveryRouter(t *testing.T) {
	s := well()
	for i, device := range []string{"eth0", "eth1"} {
		in := s.Config.Instances[0]
		in.Name, in.Interface, in.VirtualRouterID = fmt.Sprintf("VI_%d", i+2), device, uint8(60+i)
		s.Config.Instances = append(s.Config.Instances, in)
	}
	s.Filter = drops(nftables.ChainHookInput, &expr.Verdict{Kind: expr.VerdictDrop})
	s.Sysctls["net/ipv4/conf/eth0/arp_ignore"] = "8"
	want := map[string]string{
		"firewall-in": "of VI_1, VI_2, VI_3 are dropped when they are received on eth0, eth1: ",
		"arp-mute":    "eth0 does not answer ARP for the addresses of VI_1, VI_2 (arp_ignore 8)",
	}
	for _, f := range Examine(s) {
		if text, ok := want[f.ID]; ok {
			if !strings.Contains(f.What, text) {
				t.Errorf("%s: %q, want %q", f.ID, f.What, text)
			}
			delete(want, f.ID)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}
