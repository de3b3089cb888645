package engine

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"holdfast/vrrp"
)

// A master that loses the address its adverts come from says so with its last
// one, and the backup has the addresses after its skew time.
func TestSourceLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Router)
	}{
		{"multicast", func(*Router) {}},
		{"unicast", func(r *Router) {
			r.Unicast, r.Group = true, netip.Addr{}
			r.Peers = []netip.Addr{addr("192.0.2.1"), addr("192.0.2.2")}
		}},
		{"VMAC", func(r *Router) { *r = vmac(*r) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *lab) {
				ra, rb := vr(1, 150), vr(1, 100)
				c.change(&ra)
				c.change(&rb)
				if ra.Unicast {
					ra.Peers, rb.Peers = ra.Peers[1:], rb.Peers[:1]
				}
				a := l.node("a", "192.0.2.1/24")
				a.start(config(ra), a.withDevices)
				b := l.node("b", "192.0.2.2/24")
				b.start(config(rb), b.withDevices)
				time.Sleep(10*time.Second + 500*time.Millisecond)
				a.is(vrrp.Master)
				lost := time.Now()
				if err := a.host.RemoveAddress("eth0", netip.MustParsePrefix("192.0.2.1/24")); err != nil {
					t.Fatal(err)
				}
				a.is(vrrp.Fault)
				if got := prios(l.adverts("a", lost)); !slices.Equal(got, []int{0}) {
					t.Errorf("adverts of priority %v, want one of 0", got)
				}
				time.Sleep(700 * time.Millisecond) // skew: 156/256 s
				b.is(vrrp.Master)
				time.Sleep(5 * time.Second)
				if got := len(l.adverts("a", lost)); got != 1 {
					t.Errorf("%d adverts without an address to send from", got)
				}
				if err := a.host.AddAddress("eth0", netip.MustParsePrefix("192.0.2.1/24")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				a.is(vrrp.Master)
				b.is(vrrp.Backup)
			})
		})
	}
}
