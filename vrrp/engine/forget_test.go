package engine

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// queueing is an announcer that can be told to forget.
type queueing struct {
	link.Announcer
	forgot []netip.Addr
}

func (q *queueing) Forget(ifindex int, addrs []netip.Addr) {
	if ifindex == 1 {
		q.forgot = append(q.forgot, addrs...)
	}
}

// What is given up, as a whole or by a reload, is not announced any more.
func TestReleasedAddressesAreNotAnnounced(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var q *queueing
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 100, "192.0.2.101/32", "192.0.2.102/32")), func(d *Deps) {
			q = &queueing{Announcer: d.Announcer}
			d.Announcer = q
		})
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		if len(q.forgot) != 0 {
			t.Fatalf("forgot %v while it holds them", q.forgot)
		}
		a.reload(config(vr(1, 100, "192.0.2.101/32")))
		synctest.Wait()
		if !slices.Equal(q.forgot, []netip.Addr{addr("192.0.2.102")}) {
			t.Fatalf("after the reload forgot %v", q.forgot)
		}
		l.node("b", "192.0.2.2/24").start(config(vr(1, 150, "192.0.2.101/32")))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Backup)
		if !slices.Equal(q.forgot, []netip.Addr{addr("192.0.2.102"), addr("192.0.2.101")}) {
			t.Fatalf("after the release forgot %v", q.forgot)
		}
	})
}
