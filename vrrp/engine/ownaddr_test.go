package engine

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"holdfast/vrrp"
)

// A unicast router announces its own address when it leaves FAULT, one of
// multicast does not.
func TestSourceAnnouncedAfterFault(t *testing.T) {
	for _, unicast := range []bool{true, false} {
		bubble(t, func(t *testing.T, l *lab) {
			r := vr(1, 100)
			if unicast {
				r.Unicast, r.Group = true, netip.Addr{}
				r.Source, r.Peers = addr("192.0.2.1"), []netip.Addr{addr("192.0.2.2")}
			}
			a := l.node("a", "192.0.2.1/24").start(config(r))
			time.Sleep(100 * time.Millisecond)
			a.host.SetUp("eth0", false)
			a.is(vrrp.Fault)
			if n := len(a.proc.Announced()); n != 0 {
				t.Fatalf("%d announcements before", n)
			}
			a.host.SetUp("eth0", true)
			a.is(vrrp.Backup)
			got := a.proc.Announced()
			if !unicast {
				if len(got) != 0 {
					t.Fatalf("announced %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Rounds != 1 || !slices.Equal(got[0].Addrs, []netip.Addr{addr("192.0.2.1")}) {
				t.Fatalf("announced %+v", got)
			}
		})
	}
}
