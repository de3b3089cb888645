package integration

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestUnicastSigned runs pairs that send signed adverts to one another, with
// every option of unicast: the backup believes the master, which has the TTL that
// it says, and takes over from it.
func TestUnicastSigned(t *testing.T) {
	lab.Require(t)
	us := ours(t)
	const ttl = "  unicast_ttl 250\n"
	peer := func(addr, options string) string {
		own := map[string]string{"192.0.2.1": "192.0.2.2", "192.0.2.2": "192.0.2.1", "2001:db8::1": "2001:db8::2", "2001:db8::2": "2001:db8::1"}[addr]
		return fmt.Sprintf("  unicast_src_ip %s\n  unicast_peer {\n    %s %s\n  }\n", own, addr, options)
	}
	for _, c := range []struct {
		name     string
		version  int
		six      bool
		auth     string
		fromPeer string // options of the master in the backup's list
		dropped  string // reason; empty: heard
	}{
		{name: "IPv4", version: 3, auth: hmacLines(hmacOne), fromPeer: "min_ttl 250 max_ttl 250"},
		{name: "IPv6", version: 3, six: true, auth: hmacLines(hmacOne), fromPeer: "min_ttl 250 max_ttl 250"},
		{name: "AH", version: 2, auth: ahLines("labkey1"), fromPeer: "min_ttl 250 max_ttl 250"},
		{name: "too far", version: 3, auth: hmacLines(hmacOne), fromPeer: "min_ttl 251", dropped: "peer-ttl"},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "signed")
			a, b, at := "192.0.2.1", "192.0.2.2", vip
			low := router{Version: c.version, VRID: 79, Interval: 200 * time.Millisecond, Priority: 100}
			if c.version == 2 {
				low.Interval = time.Second
			}
			if c.six {
				n.plug6()
				a, b, at, low.VIPs = "2001:db8::1", "2001:db8::2", vip6, vips6
			}
			high := low
			high.Priority = 200
			high.Extra = c.auth + ttl + peer(b, "")
			low.Extra = c.auth + ttl + peer(a, c.fromPeer)
			first := n.start(n.a, us, high.conf())
			n.holder(at, "a", high.down()+5*noise)
			n.start(n.b, us, low.conf())
			time.Sleep(low.down() + noise)
			_, v := status(t, n.b)
			in := virtualRouter(t, v, "VI_1")
			if c.dropped != "" {
				if in.State != "MASTER" || in.Drops[c.dropped] == 0 {
					t.Errorf("state %s, drops %v, want MASTER and %s", in.State, in.Drops, c.dropped)
				}
				return
			}
			if in.State != "BACKUP" || len(in.Drops) > 0 || len(in.Peers) != 1 || !in.Peers[0].Signed || in.Peers[0].Addr != netip.MustParseAddr(a) {
				t.Fatalf("state %s, drops %v, peers %+v", in.State, in.Drops, in.Peers)
			}
			if _, err := first.Crash(); err != nil {
				t.Fatal(err)
			}
			n.holder(at, "b", low.down()+5*noise)
		}))
	}
}
