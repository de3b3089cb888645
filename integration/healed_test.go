package integration

import (
	"fmt"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestSilentYield heals a split so that the loser hears the winner first, and
// the winner never an advert of the loser: without vrrp_higher_prio_send_advert
// that yields without a word. It asks who has the addresses, and so the winner
// announces them: a client that believed the loser is right without asking. (Of
// two IPv6 directors the loser may be ours alone: the kernel of the winner
// answers.)
func TestSilentYield(t *testing.T) {
	lab.Require(t, "nft")
	us, them := ours(t), theirs(t)
	for _, c := range []struct {
		name          string
		winner, loser lab.Daemon
		vips          []string
	}{
		{"IPv4", us, us, nil},
		{"IPv6", us, us, vips6},
		{"IPv6 beside keepalived", them, us, vips6},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "heal")
			client, addr := n.host("client", "02:00:00:00:00:99", "192.0.2.99/24"), vip
			if c.vips != nil {
				n.plug6()
				addr = vip6
				if err := client.AddAddr("eth0", "2001:db8::99/64"); err != nil {
					t.Fatal(err)
				}
			}
			high := router{Version: 3, VRID: 88, Interval: 200 * time.Millisecond, Priority: 150, VIPs: c.vips, Extra: "  garp_master_delay 0\n"}
			low := high
			low.Priority = 100
			n.start(n.a, c.winner, high.conf())
			n.holder(addr, "a", high.down()+5*noise)
			n.start(n.b, c.loser, low.conf())
			knows := func(mac string) bool {
				return lab.WaitFor(generous, func() bool { return n.neighbour(client, addr) == mac })
			}
			n.sh(client, "ping -c 1 -W 5 %v", addr)
			if !knows(macOf("a")) {
				t.Fatalf("the client has %s", n.neighbour(client, addr))
			}

			n.drops(n.a, macOf("b"), "")
			n.drops(n.b, macOf("a"), "")
			if !lab.WaitFor(generous, func() bool { return len(n.watch.Holders(addr)) == 2 }) {
				t.Fatal("the split makes no second master")
			}
			if !knows(macOf("b")) {
				t.Fatalf("the client believes %s and not the second master", n.neighbour(client, addr))
			}
			n.drops(n.a, macOf("b"), "meta l4proto 112")
			n.must(n.b, "nft", "delete", "table", "netdev", "split")
			n.holder(addr, "a", 15*time.Second)
			healed := time.Now()
			if !knows(macOf("a")) {
				t.Errorf("the client still believes %s", n.neighbour(client, addr))
			}
			t.Logf("the client is right %v after the loser gave the address up", time.Since(healed))
			if c.winner.Name == "holdfast" {
				if _, v := status(t, n.a); virtualRouter(t, v, "VI_1").SecondMasters != 0 {
					t.Error("the winner heard an advert of the loser: nothing is shown by this")
				}
			}
		}))
	}
}

// TestClaimedAddress has a stranger announce the address of a master by
// gratuitous ARP, or by a neighbour advertisement: the master announces it again,
// and tells.
func TestClaimedAddress(t *testing.T) {
	lab.Require(t, "python3")
	t.Parallel()
	us := ours(t)
	const head = `import socket, struct
mac = bytes.fromhex("020000000066")
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
`
	for _, c := range []struct {
		name, stranger, client string
		vips                   []string
		send                   string
	}{
		{"IPv4", "192.0.2.66/24", "192.0.2.99/24", nil, `vip = socket.inet_aton("192.0.2.100")
s.send(b"\xff" * 6 + mac + bytes.fromhex("08060001080006040001") + mac + vip + b"\xff" * 6 + vip)`},
		{"IPv6", "2001:db8::66/64", "2001:db8::99/64", vips6, `vip, nodes = [socket.inet_pton(socket.AF_INET6, a) for a in ("2001:db8::100", "ff02::1")]
na = lambda sum: bytes.fromhex("8800") + struct.pack("!H", sum) + bytes.fromhex("20000000") + vip + bytes.fromhex("0201") + mac
sum = sum(struct.unpack("!34H", vip + nodes + na(0) + struct.pack("!HH", 32, 58)))
while sum > 0xffff: sum = (sum >> 16) + (sum & 0xffff)
s.send(bytes.fromhex("333300000001") + mac + bytes.fromhex("86dd6000000000203aff") + vip + nodes + na(0xffff - sum))`},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "claim")
			addr := vip
			if c.vips != nil {
				n.plug6()
				addr = vip6
			}
			stranger := n.host("stranger", "02:00:00:00:00:66", c.stranger)
			client := n.host("client", "02:00:00:00:00:99", c.client)
			r := router{Version: 3, VRID: 89, Interval: 200 * time.Millisecond, Priority: 150, VIPs: c.vips, Extra: "  garp_master_delay 0\n"}
			n.start(n.a, us, r.conf())
			n.holder(addr, "a", 15*time.Second)
			n.sh(client, "ping -c 1 -W 5 %v", addr)
			n.must(stranger, "python3", "-c", head+c.send)
			if !lab.WaitFor(generous, func() bool {
				_, v := status(t, n.a)
				c := virtualRouter(t, v, "VI_1").Claim
				return c != nil && c.MAC == "02:00:00:00:00:66" && c.Address == addr && c.Count > 0
			}) {
				t.Error("status does not name who announces the address")
			}
			if !lab.WaitFor(generous, func() bool { return n.neighbour(client, addr) == macOf("a") }) {
				t.Errorf("the client believes %s", n.neighbour(client, addr))
			}
		}))
	}
}

// macOf is the MAC of a director.
func macOf(host string) string {
	return map[string]string{"a": "02:00:00:00:00:01", "b": "02:00:00:00:00:02"}[host]
}

// drops has a host hear nothing from a MAC, or of that only what match says.
func (n *network) drops(h *lab.Host, mac, match string) {
	n.t.Helper()
	n.must(h, "nft", fmt.Sprintf("table netdev split {}\ndelete table netdev split\ntable netdev split { chain in { type filter hook ingress device eth0 priority 0; ether saddr %s %s drop; }; }", mac, match))
}
