package integration

import (
	"net/netip"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// checksumForm is the form of a version 3 checksum over IPv4 on the wire.
func checksumForm(a lab.Advert) string {
	body := append([]byte(nil), a.Body...)
	seal(body, a.Src)
	if string(body) == string(a.Body) {
		return "pseudo-header"
	}
	return "message"
}

// TestChecksumForms has a backup follow a master that sends the other form of
// the version 3 checksum than the backup itself: FRR's, which has the
// pseudo-header (RFC 5798), and one of holdfast that leaves it out (RFC 9568).
// Nobody takes over, nothing is dropped, and the form is counted. FRR 8.4.4
// knows the first form only, keepalived 2.2.7 too.
func TestChecksumForms(t *testing.T) {
	lab.RequireFRR(t)
	us := ours(t)
	r := router{Version: 3, VRID: 35, Interval: 100 * time.Millisecond}
	const message = "  v3_checksum_as_v2\n"
	for _, c := range []struct {
		name, form string
		lead       func(n *network)
		own        string // of the backup
	}{
		{"FRR leads one without", "pseudo-header", func(n *network) {
			_, err := n.a.StartFRR(lab.FRRRouter{
				Iface: "eth0", Version: 3, VRID: r.VRID, Interval: r.Interval, Priority: 150,
				VIPs: []netip.Prefix{netip.PrefixFrom(vip, 24)},
			})
			if err != nil {
				n.t.Fatal(err)
			}
		}, message},
		{"without leads one with", "message", func(n *network) {
			high := r
			high.Priority, high.Extra = 150, message
			n.start(n.a, us, high.conf())
		}, ""},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "sum")
			c.lead(n)
			if !lab.WaitFor(generous, func() bool {
				last, ok := n.capture.Last("a", uint8(r.VRID))
				return ok && last.Priority == 150
			}) {
				t.Fatal("the master is silent")
			}
			low := r
			low.Priority, low.Extra = 100, c.own
			n.start(n.b, us, low.conf())
			// heard is what the backup says of the one that it hears.
			heard := func() (in control.Instance, count uint64) {
				_, v := status(t, n.b)
				if in = virtualRouter(t, v, "VI_1"); len(in.Peers) > 0 {
					count = uint64(in.Peers[0].Checksums[c.form])
				}
				return in, count
			}
			lab.WaitFor(generous, func() bool { _, count := heard(); return count >= 5 })
			time.Sleep(3 * low.down())
			last, _ := n.capture.Last("a", uint8(r.VRID))
			if got := checksumForm(last); got != c.form {
				t.Errorf("the master sends the form %s, want %s", got, c.form)
			}
			if own, sent := n.capture.Last("b", uint8(r.VRID)); sent {
				t.Errorf("the backup has sent %v", own)
			}
			in, _ := heard()
			if in.State != "BACKUP" || len(in.Drops) > 0 || len(in.Peers) != 1 {
				t.Fatalf("%s, drops %v, peers %+v; want BACKUP, none, one", in.State, in.Drops, in.Peers)
			}
			if p := in.Peers[0]; p.Checksum != c.form || p.Checksums[c.form] < 5 {
				t.Errorf("checksum form %q, %v; want %s", p.Checksum, p.Checksums, c.form)
			}
		}))
	}
}
