package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// TestAdvertKeywords runs what says where adverts go to and which are taken,
// many virtual routers at once, against one keepalived.
func TestAdvertKeywords(t *testing.T) { patiently(advertKeywordsRound)(t) }

func advertKeywordsRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "adverts")
	const global = "global_defs {\n  router_id lab\n  vrrp_version 3\n  vrrp_mcast_group4 224.0.0.77\n  vrrp_mcast_group6 ff02::77\n}\n"
	confs := [2]string{global, global}
	vrid, theirs := 0, theirs(t)
	toHear := 0
	// add gives both an instance, with one more address in a's or b's; b has none
	// with priority 0.
	add := func(prio [2]int, extra [2]string, six bool, more [2]string) int {
		vrid++
		for k := range confs {
			if prio[k] == 0 {
				continue
			}
			toHear += k
			r := router{Version: 3, VRID: vrid, Interval: 200 * time.Millisecond, Priority: prio[k], Extra: extra[k]}
			if r.VIPs = []string{fmt.Sprintf("192.0.2.%d/32", 100+vrid)}; six {
				r.VIPs = []string{fmt.Sprintf("fe80::77:%d/64", vrid)}
			}
			if more[k] != "" {
				r.VIPs = append(r.VIPs, more[k])
			}
			confs[k] += r.instance(fmt.Sprintf("VI_%d", vrid))
		}
		return vrid
	}
	a, b, none := [2]int{150, 100}, [2]int{100, 150}, [2]string{}
	both := func(s string) [2]string { return [2]string{s, s} }

	groups := map[int]netip.Addr{}
	for _, g := range []struct {
		group, keyword string
		six            bool
	}{{"224.0.0.77", "", false}, {"ff02::77", "", true}, {"224.0.0.78", "  mcast_dst_ip 224.0.0.78\n", false}, {"ff02::78", "  mcast_dst_ip ff02::78\n", true}} {
		for _, better := range [][2]int{a, b} {
			groups[add(better, both(g.keyword), g.six, none)] = netip.MustParseAddr(g.group)
		}
	}
	apart := add(b, [2]string{"  mcast_dst_ip 224.0.0.79\n"}, false, none)
	const usual = "  mcast_dst_ip 224.0.0.18\n" // where forged adverts go to
	owner := add([2]int{255}, [2]string{usual + "  owner_ignore_adverts\n"}, false, none)
	yields := add([2]int{255}, [2]string{usual}, false, none)
	const strict = "  drop_adv_addr_mismatch\n"
	count := add(b, [2]string{strict}, false, [2]string{"", "192.0.2.201/32"})
	list := add(b, [2]string{strict}, false, [2]string{"192.0.2.202/32", "192.0.2.203/32"})
	lenient := add(b, none, false, [2]string{"", "192.0.2.204/32"})
	alone := add(a, [2]string{"  unicast_fault_no_peer\n"}, false, none)

	n.start(n.b, theirs, confs[1])
	if !lab.WaitFor(generous, func() bool {
		heard := map[uint8]bool{}
		for _, adv := range n.capture.Adverts(time.Time{}) {
			heard[adv.VRID] = true
		}
		return len(heard) == toHear
	}) {
		t.Fatal("keepalived is not master of all")
	}
	p := n.start(n.a, ours(t), confs[0])

	// rules waits until one of the two has sent some adverts since the other one
	// sent its last, all to the group.
	rules := func(vrid int, host string, group netip.Addr) {
		t.Helper()
		sent := 0
		if !lab.WaitFor(generous, func() bool {
			sent = 0
			for _, adv := range n.capture.Adverts(time.Time{}) {
				if int(adv.VRID) != vrid {
					continue
				}
				if adv.Dst != group {
					t.Fatalf("VRID %d: %v to %v, want %v", vrid, adv, adv.Dst, group)
				}
				if sent++; adv.From != host {
					sent = 0
				}
			}
			return sent >= 6
		}) {
			t.Errorf("VRID %d: %s is not the only master\n%s", vrid, host, p.LogEnd())
		}
	}
	for vrid, group := range groups {
		rules(vrid, string("ba"[vrid%2]), group)
	}
	rules(lenient, "b", netip.MustParseAddr("224.0.0.77"))

	// is waits until a's instance is as it should be.
	is := func(vrid int, what string, good func(in control.Instance) bool) {
		t.Helper()
		var in control.Instance
		if !lab.WaitFor(generous, func() bool {
			_, v := status(t, n.a)
			in = virtualRouter(t, v, fmt.Sprintf("VI_%d", vrid))
			return good(in)
		}) {
			t.Errorf("VRID %d: want %s: %+v", vrid, what, in)
		}
	}
	// One dropped advert is enough: keepalived, which takes a's for wrong as well,
	// may put its own off each time and then sends no more.
	master := func(reason string) func(in control.Instance) bool {
		return func(in control.Instance) bool { return in.State == "MASTER" && in.Drops[reason] > 0 }
	}
	// another owner has b's greater address, and so the better right.
	another := func(vrid int) {
		t.Helper()
		body := router{Version: 3, VRID: vrid, Interval: 10 * time.Second}.advert(255)
		body[11] = byte(100 + vrid)
		if err := n.b.Do(forged{from: netip.MustParseAddr("192.0.2.2"), ttl: 255, body: body}.send); err != nil {
			t.Fatal(err)
		}
	}
	is(owner, "MASTER that takes no adverts", func(in control.Instance) bool {
		another(owner)
		return master("owner")(in)
	})
	is(yields, "BACKUP of another owner", func(in control.Instance) bool {
		another(yields)
		return in.State == "BACKUP" && in.Drops["owner"] == 0
	})
	is(count, "MASTER besides one with more addresses", master("address-count"))
	is(list, "MASTER besides one with other addresses", master("address-list"))
	is(lenient, "BACKUP that sees the difference", func(in control.Instance) bool { return in.State == "BACKUP" && !in.Agreement })
	is(apart, "MASTER that hears nobody", func(in control.Instance) bool {
		return in.State == "MASTER" && in.AdvertsSent > 3 && in.AdvertsReceived == 0 && len(in.Drops) == 0
	})
	is(alone, "FAULT", func(in control.Instance) bool {
		return in.State == "FAULT" && strings.Join(in.Faults, ", ") == "unicast without peers"
	})
	for _, adv := range n.capture.Adverts(time.Time{}) {
		if adv.From == "a" && int(adv.VRID) == alone {
			t.Fatalf("sent without a peer: %v", adv)
		}
		if adv.From == "a" && int(adv.VRID) == apart && adv.Dst != netip.MustParseAddr("224.0.0.79") {
			t.Fatalf("to another group: %v", adv)
		}
	}
}
