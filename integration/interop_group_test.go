package integration

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

func contains(list []netip.Addr, a netip.Addr) bool { return slices.Contains(list, a) }

// grouped is two virtual routers on two interfaces that move together.
func grouped(inner, outer router) string {
	outer.VIPs = []string{"198.51.100.100/24"}
	return inner.conf() + strings.Replace(outer.instance("VI_2"), "interface eth0", "interface eth1", 1) +
		"vrrp_sync_group G1 {\n  group {\n    VI_1\n    VI_2\n  }\n}\n"
}

// TestSyncGroup pulls one of the master's two cables: both addresses move, and
// both come back.
func TestSyncGroup(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	other := netip.MustParseAddr("198.51.100.100")
	for _, c := range []struct {
		name string
		a, b lab.Daemon
	}{{"holdfast's", us, them}, {"keepalived's", them, us}, {"both holdfast", us, us}} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "group")
			second, err := n.lab.Segment("second")
			if err != nil {
				t.Fatal(err)
			}
			for h, p := range map[*lab.Host][2]string{n.a: {"02:00:00:00:01:01", "198.51.100.1/24"}, n.b: {"02:00:00:00:01:02", "198.51.100.2/24"}} {
				if err := h.Plug(second, "eth1", p[0], p[1]); err != nil {
					t.Fatal(err)
				}
			}
			high1 := router{Version: 3, VRID: 78, Interval: 200 * time.Millisecond, Priority: 150}
			high2 := router{Version: 3, VRID: 79, Interval: 200 * time.Millisecond, Priority: 150}
			low1, low2 := high1, high2
			low1.Priority, low2.Priority = 100, 100
			n.start(n.a, c.a, grouped(high1, high2))
			n.start(n.b, c.b, grouped(low1, low2))
			// A group takes over when its last member wants to.
			both := func(host string) {
				t.Helper()
				limit := 2*low1.down() + 6*noise
				n.holder(vip, host, limit)
				n.holder(other, host, limit)
			}
			both("a")
			settled := time.Now()
			if out, err := n.a.Output(t.Context(), "ip", "link", "set", "eth1", "down"); err != nil {
				t.Fatal(err, out)
			}
			both("b")
			took1, _ := n.watch.FirstAdded("b", vip, settled)
			took2, _ := n.watch.FirstAdded("b", other, settled)
			t.Logf("moved %v and %v after the cable was pulled", took1.Sub(settled), took2.Sub(settled))
			if d := took1.Sub(took2).Abs(); d > noise {
				t.Errorf("the two addresses moved %v apart", d)
			}
			if addrs, err := n.a.Addrs("eth0"); err != nil || contains(addrs, vip) {
				t.Errorf("the sound member kept its address: %v, %v", addrs, err)
			}
			if c.a.Name == "holdfast" {
				_, v := status(t, n.a)
				for _, name := range []string{"VI_1", "VI_2"} {
					if in := virtualRouter(t, v, name); in.State != "FAULT" {
						t.Errorf("%s is %s, want FAULT", name, in.State)
					}
				}
				if len(v.Groups) != 1 || v.Groups[0].State != "FAULT" {
					t.Errorf("groups %+v, want G1 in FAULT", v.Groups)
				}
			}
			if out, err := n.a.Output(t.Context(), "ip", "link", "set", "eth1", "up"); err != nil {
				t.Fatal(err, out)
			}
			both("a")
			for _, addr := range []netip.Addr{vip, other} {
				if o := n.watch.Overlap(addr, settled); o > low1.Interval+noise {
					t.Errorf("%v has two holders for %v", addr, o)
				}
			}
		}))
	}
}
