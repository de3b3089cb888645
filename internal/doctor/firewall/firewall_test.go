package firewall

import (
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	advert  = Packet{Interface: "eth0", Index: 7, Destination: netip.MustParseAddr("224.0.0.18"), Protocol: 112}
	unicast = Packet{Interface: "eth0", Index: 7, Source: netip.MustParseAddr("192.0.2.2"), Destination: netip.MustParseAddr("192.0.2.1"), Protocol: 112}
	sent    = Packet{Out: true, Interface: "eth0", Index: 7, Source: netip.MustParseAddr("192.0.2.1"), Destination: netip.MustParseAddr("224.0.0.18"), Protocol: 112}
	net     = Packet{Interface: "eth0", Index: 7, From: netip.MustParsePrefix("192.0.2.0/25"), Destination: netip.MustParseAddr("224.0.0.18"), Protocol: 112}
	six     = Packet{Interface: "eth0", Index: 7, Destination: netip.MustParseAddr("ff02::12"), Protocol: 112}
)

// cases are what nft is told (table inet f with the base chains in and out, or
// lines of its own), and the packets that are dropped then.
var cases = map[string]struct {
	rules string
	drops []*Packet
}{
	"nothing":           {"", nil},
	"policy":            {"chain inet f in { type filter hook input priority 0; policy drop; }", []*Packet{&advert, &net, &unicast, &six}},
	"policy, but":       {"chain inet f in { type filter hook input priority 0; policy drop; }\nadd rule inet f in ip protocol 112 accept", []*Packet{&six}},
	"by name":           {"add rule inet f in meta l4proto vrrp drop", []*Packet{&advert, &net, &unicast, &six}},
	"another protocol":  {"add rule inet f in meta l4proto tcp drop", nil},
	"by interface":      {`add rule inet f in iifname "eth0" drop`, []*Packet{&advert, &net, &unicast, &six}},
	"other interface":   {`add rule inet f in iifname "eth1" drop`, nil},
	"interface with *":  {`add rule inet f in iifname "eth*" drop`, []*Packet{&advert, &net, &unicast, &six}},
	"not interface":     {`add rule inet f in iifname != "eth1" drop`, []*Packet{&advert, &net, &unicast, &six}},
	"source":            {"add rule inet f in ip saddr 192.0.2.0/24 drop", []*Packet{&unicast, &net}},
	"destination":       {"add rule inet f in ip daddr 224.0.0.0/4 drop", []*Packet{&advert, &net}},
	"new connections":   {"add rule inet f in ct state established,related accept\nadd rule inet f in ct state new drop", []*Packet{&advert, &net, &unicast, &six}},
	"invalid":           {"add rule inet f in ct state invalid drop", nil},
	"reject":            {"add rule inet f in ip protocol 112 reject", []*Packet{&advert, &net, &unicast}},
	"set":               {"add rule inet f in meta l4proto { tcp, udp, 112 } drop", []*Packet{&advert, &net, &unicast, &six}},
	"not in a set":      {"add rule inet f in meta l4proto != { tcp, udp } drop", []*Packet{&advert, &net, &unicast, &six}},
	"interval":          {"add rule inet f in ip daddr { 10.0.0.0/8, 224.0.0.0/24 } drop", []*Packet{&advert, &net}},
	"limit is not sure": {"add rule inet f in meta l4proto 112 limit rate over 1/second drop", nil},
	"another chain": {
		"chain inet f other\nadd rule inet f other counter ip protocol 112 drop\nadd rule inet f in jump other", []*Packet{&advert, &net, &unicast},
	},
	"returns":     {"chain inet f other\nadd rule inet f other return\nadd rule inet f other drop\nadd rule inet f in jump other", nil},
	"goto":        {"chain inet f other\nadd rule inet f other meta l4proto tcp accept\nadd rule inet f in goto other\nadd rule inet f in drop", nil},
	"output":      {"add rule inet f out ip daddr 224.0.0.18 drop", []*Packet{&sent}},
	"output name": {`add rule inet f out oifname "eth0" ip ttl 255 drop`, []*Packet{&sent}},
	"accepted in one table, dropped in another": {
		"add rule inet f in accept\ntable ip g\nchain ip g in { type filter hook input priority 10; }\nadd rule ip g in ip protocol vrrp drop", []*Packet{&advert, &net, &unicast},
	},
	"prerouting": {"chain inet f pre { type filter hook prerouting priority -300; }\nadd rule inet f pre ip protocol 112 drop", []*Packet{&advert, &net, &unicast}},
	"mark":       {"add rule inet f in meta mark 3 drop", nil},

	// The source of an advert by multicast is in the network of the interface.
	"a network, of another chain":   {"chain inet f other\nadd rule inet f other ip saddr 192.0.0.0/8 drop\nadd rule inet f in jump other", []*Packet{&unicast, &net}},
	"the same by interface":         {"chain inet f other\nadd rule inet f other ip saddr 192.0.2.0/25 ip protocol 112 drop\nadd rule inet f in iifname \"eth0\" goto other", []*Packet{&unicast, &net}},
	"a part of the network":         {"add rule inet f in ip saddr 192.0.2.0/26 drop", []*Packet{&unicast}},
	"one host of it":                {"add rule inet f in ip saddr 192.0.2.9 drop", nil},
	"another network":               {"add rule inet f in ip saddr 192.0.2.128/25 drop", nil},
	"all but another network":       {"add rule inet f in ip saddr != 10.0.0.0/8 drop", []*Packet{&unicast, &net}},
	"all but a part of the network": {"add rule inet f in ip saddr != 192.0.2.0/26 drop", nil},
	"networks":                      {"add rule inet f in ip saddr { 10.0.0.0/8, 192.0.0.0/16 } drop", []*Packet{&unicast, &net}},
	"networks and a part":           {"add rule inet f in ip saddr { 10.0.0.0/8, 192.0.2.0/27 } drop", []*Packet{&unicast}},
	"hosts":                         {"add rule inet f in ip saddr { 192.0.2.2, 192.0.2.3 } drop", []*Packet{&unicast}},
	"a range":                       {"add rule inet f in ip saddr 192.0.2.0-192.0.2.200 drop", []*Packet{&unicast, &net}},
	"a part of a range":             {"add rule inet f in ip saddr 192.0.2.1-192.0.2.200 drop", []*Packet{&unicast}},
	"above":                         {"add rule inet f in ip saddr >= 192.0.2.0 drop", []*Packet{&unicast, &net}},
	"the others are accepted, and nobody else": {
		"chain inet f in { type filter hook input priority 0; policy drop; }\nadd rule inet f in ip saddr { 192.0.2.2, 192.0.2.3 } ip protocol 112 accept", []*Packet{&advert, &six},
	},
	"they are accepted by another chain": {
		"chain inet f other\nadd rule inet f other ip protocol 112 accept\nadd rule inet f in ip saddr 192.0.2.2 jump other\nadd rule inet f in ip saddr 192.0.0.0/16 drop", nil,
	},
	"another chain drops a part": {
		"chain inet f other\nadd rule inet f other ip protocol 112 drop\nadd rule inet f in ip saddr 192.0.2.2 jump other", []*Packet{&unicast},
	},
}

// TestNftables has nft make rules in a network of their own, reads them, and
// follows packets through them. The command that mends is run, and mends.
func TestNftables(t *testing.T) {
	if os.Geteuid() != 0 {
		need(t, "needs root")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		need(t, "nft is not installed (make deps)")
	}
	done := make(chan struct{})
	go func() { // on a thread that ends with it
		defer close(done)
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		for name, c := range cases {
			nft(t, "flush ruleset\ntable inet f\nchain inet f in { type filter hook input priority 0; }\nchain inet f out { type filter hook output priority 0; }\n"+add(c.rules))
			for packet, p := range map[string]*Packet{"advert": &advert, "unicast": &unicast, "network": &net, "sent": &sent, "IPv6": &six} {
				drop := judge(t, p)
				want := false
				for _, d := range c.drops {
					want = want || d == p
				}
				if (drop != nil) != want {
					t.Errorf("%s: %s: dropped %v, want %v", name, packet, drop, want)
				}
				if drop == nil {
					continue
				}
				if out, err := exec.Command("sh", "-c", drop.Mend).CombinedOutput(); err != nil {
					t.Errorf("%s: %s: %v\n%s", name, drop.Mend, err, out)
				}
				if d := judge(t, p); d != nil {
					t.Errorf("%s: %s: after %s: %v", name, packet, drop.Mend, d)
				}
				nft(t, "flush ruleset\ntable inet f\nchain inet f in { type filter hook input priority 0; }\nchain inet f out { type filter hook output priority 0; }\n"+add(c.rules))
			}
		}
	}()
	<-done
}

// add puts "add" before the lines that have no verb.
func add(rules string) string {
	var b strings.Builder
	for line := range strings.Lines(rules + "\n") {
		if strings.HasPrefix(line, "chain") || strings.HasPrefix(line, "table") {
			b.WriteString("add ")
		}
		b.WriteString(line)
	}
	return b.String()
}

func nft(t *testing.T, text string) {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("nft: %v\n%s\n%s", err, out, text)
	}
}

func judge(t *testing.T, p *Packet) *Drop {
	r, err := Gather()
	if err != nil {
		t.Error(err)
		return nil
	}
	return r.Judge(*p)
}

const saved = `# Generated
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p 112 -j DROP
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:mine - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -m comment --comment "the other director" -s 192.0.2.2/32 -j mine
-A OUTPUT ! -d 192.0.2.0/24 -o eth0 -p vrrp -m limit --limit 1/sec -j DROP
-A mine -p 112 -j ACCEPT
COMMIT
`

func TestIptables(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		drops []*Packet
	}{
		"policy and a chain":  {saved, []*Packet{&advert}},
		"without the comment": {strings.Replace(saved, `-m comment --comment "the other director" `, "", 1), []*Packet{&advert}},
		"output":              {strings.Replace(saved, "-m limit --limit 1/sec ", "", 1), []*Packet{&advert, &sent}},
		"accepted":            {strings.Replace(saved, "-A mine -p 112", "-A INPUT -p 112", 1), nil},
		"rejected": {
			strings.Replace(saved, ":INPUT DROP", ":INPUT ACCEPT", 1) + "*filter\n-A INPUT -d 224.0.0.0/8 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n", []*Packet{&advert},
		},
		"nothing":                        {"", nil},
		"a network, of another chain":    {jumps("-s 192.0.0.0/8 -j DROP"), []*Packet{&unicast, &net}},
		"a network of multicast":         {jumps("-d 224.0.0.0/4 -j DROP"), []*Packet{&advert, &net}},
		"a part of the network":          {jumps("-s 192.0.2.0/26 -j DROP"), []*Packet{&unicast}},
		"all but another network":        {jumps("! -s 10.0.0.0/8 -j DROP"), []*Packet{&unicast, &net}},
		"some are accepted":              {jumps("-s 192.0.2.2/32 -j ACCEPT\n-A mine -s 192.0.0.0/8 -j DROP"), nil},
		"some are accepted, of others":   {jumps("-s 192.0.2.200/32 -j ACCEPT\n-A mine -s 192.0.0.0/8 -j DROP"), []*Packet{&unicast, &net}},
		"some return, and are dropped":   {jumps("-s 192.0.2.2/32 -j RETURN\n-A mine -j DROP"), []*Packet{&advert}},
		"some are dropped, not the rest": {jumps("-s 192.0.2.2/32 -j DROP\n-A mine -j ACCEPT"), []*Packet{&unicast}},
	} {
		for packet, p := range map[string]*Packet{"advert": &advert, "unicast": &unicast, "network": &net, "sent": &sent} {
			d := ParseTables(c.text).Judge(*p, "iptables-legacy")
			want := false
			for _, x := range c.drops {
				want = want || x == p
			}
			if (d != nil) != want {
				t.Errorf("%s: %s: dropped %v, want %v", name, packet, d, want)
			}
		}
	}
}

// jumps is a table whose INPUT jumps to a chain that has the rule.
func jumps(rule string) string {
	return "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:mine - [0:0]\n-A INPUT -j mine\n-A mine " + rule + "\nCOMMIT\n"
}

func FuzzIptables(f *testing.F) {
	f.Add(saved)
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range []Packet{advert, unicast, net, sent, six} {
			if d := ParseTables(text).Judge(p, "iptables"); d != nil && d.Mend == "" {
				t.Error("dropped without a command")
			}
		}
	})
}

func need(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
