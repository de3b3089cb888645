package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// TestAdvertPaths gives a pair a second way for its adverts. When the first one
// is cut between them, with both links still up, the backup stays backup and says
// so; when both are cut it takes over; and a crash is noticed as ever.
func TestAdvertPaths(t *testing.T) {
	lab.Require(t, "nft")
	us := ours(t)
	for _, c := range []struct {
		name  string
		r     router
		equal bool
	}{
		{"v3 signed", router{Version: 3, VRID: 78, Interval: 500 * time.Millisecond, Extra: hmacLines(hmacOne)}, false},
		{"AH", router{Version: 2, VRID: 78, Interval: time.Second, Extra: ahLines("labkey1")}, false},
		{"equal priorities", router{Version: 3, VRID: 78, Interval: 500 * time.Millisecond}, true},
		{"IPv6", router{Version: 3, VRID: 78, Interval: 500 * time.Millisecond, VIPs: vips6}, false},
		{"VMAC", router{Version: 3, VRID: 78, Interval: 500 * time.Millisecond, Extra: "  use_vmac\n"}, false},
		{"IPv6 with a VMAC", router{Version: 3, VRID: 78, Interval: 500 * time.Millisecond, VIPs: vips6, Extra: "  use_vmac\n"}, false},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "paths")
			vip := vip
			if c.r.VIPs != nil {
				n.plug6()
				vip = vip6
			}
			second, err := n.lab.Segment("second")
			if err != nil {
				t.Fatal(err)
			}
			// On the second way the order of the addresses is the other one.
			for h, at := range map[*lab.Host][2]string{n.a: {"02:00:00:00:01:01", "198.51.100.2/24"}, n.b: {"02:00:00:00:01:02", "198.51.100.1/24"}} {
				if err := h.Plug(second, "eth1", at[0], at[1]); err != nil {
					t.Fatal(err)
				}
			}
			low := c.r
			low.Priority, low.Extra = 100, c.r.Extra+"  advert_paths {\n    eth1\n  }\n"
			high := low
			high.Priority = 200
			master, backup := n.a, n.b
			if c.equal { // 192.0.2.2 is the higher address of the first way
				high.Priority, master, backup = 100, n.b, n.a
			}
			// Of two with equal priorities the one that is there first stays master.
			first := n.start(master, us, high.conf())
			n.holder(vip, master.Name, high.down()+generous)
			standby := n.start(backup, us, low.conf())
			if !lab.WaitFor(generous, func() bool {
				_, v := status(t, backup)
				return slices.ContainsFunc(v.Instances, func(i control.Instance) bool { return i.AdvertsReceived > 0 })
			}) {
				t.Fatal("the backup hears nothing")
			}
			time.Sleep(2 * low.Interval)

			cut := time.Now()
			n.filter(backup, "eth0", true)
			n.filter(master, "eth0", true)
			if !lab.WaitFor(generous, func() bool {
				_, v := status(t, backup)
				in := virtualRouter(t, v, "VI_1")
				return len(in.Paths) == 2 && in.Paths[0].Silent && !in.Paths[1].Silent
			}) {
				_, v := status(t, backup)
				t.Errorf("the cut way is not told: %+v", virtualRouter(t, v, "VI_1").Paths)
			}
			time.Sleep(2 * low.Interval)
			for _, h := range n.watch.History(vip, cut) {
				if len(h.Hosts) != 1 || h.Hosts[0] != master.Name {
					t.Errorf("%v held the address for %v", h.Hosts, h.To.Sub(h.From))
				}
			}
			if o := n.watch.Overlap(vip, cut); o > 0 {
				t.Errorf("two holders for %v while one way was cut", o)
			}
			if !strings.Contains(standby.Log(), "no adverts come on this path") {
				t.Error("the log says nothing of the cut way")
			}

			n.filter(backup, "eth0", false)
			n.filter(master, "eth0", false)
			if !lab.WaitFor(generous, func() bool {
				_, v := status(t, backup)
				return !virtualRouter(t, v, "VI_1").Paths[0].Silent
			}) {
				t.Error("the way that was mended is still told as silent")
			}
			_, v := status(t, backup)
			if in := virtualRouter(t, v, "VI_1"); in.AdvertsCopied == 0 || in.State != "BACKUP" {
				t.Errorf("state %s, %d copies", in.State, in.AdvertsCopied)
			} else if in.Drops["replay"] > 0 {
				t.Errorf("copies taken for replays: %v", in.Drops)
			}
			if _, err := first.Crash(); err != nil {
				t.Fatal(err)
			}
			if !lab.WaitFor(generous, func() bool {
				_, v := status(t, backup)
				return virtualRouter(t, v, "VI_1").State == "MASTER"
			}) {
				t.Error("nobody took over after the crash")
			}
		}))
	}
}

// filter drops adverts that come in on an interface whose link stays up, or on
// a VMAC above it.
func (n *network) filter(h *lab.Host, iface string, on bool) {
	n.t.Helper()
	if !on {
		n.must(h, "nft", "delete", "table", "inet", "cut")
		return
	}
	n.must(h, "nft", "add table inet cut; add chain inet cut in { type filter hook prerouting priority 0 ; }; add rule inet cut in iifname { "+iface+", vrrp.78 } meta l4proto { 51, 112 } drop")
}
