package lvs

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
)

// grouped has two virtual servers of a group of two addresses and a mark: TCP
// with server 1 (DR), and UDP with server 2 (NAT).
func grouped() *config.Config {
	tcp, udp := virtual(0, 1), virtual(0, 2)
	for _, v := range []*config.VirtualServer{&tcp, &udp} {
		v.Addr, v.Port, v.Group = netip.Addr{}, 0, "web"
	}
	udp.Protocol, udp.Ordinal, udp.LBAlgo = 17, 1, "rr"
	udp.RealServers[0].Forward.Method = config.NAT
	cfg := configOf(tcp, udp)
	cfg.ServiceGroups = []config.VirtualServerGroup{{Name: "web", Entries: []config.GroupEntry{
		{First: netip.MustParseAddr("192.0.2.1"), Last: netip.MustParseAddr("192.0.2.2"), Port: 8080, Family: 4},
		{FWMark: 7},
		{First: netip.MustParseAddr("192.0.2.2"), Last: netip.MustParseAddr("192.0.2.2"), Port: 8080, Family: 4}, // again
	}}}
	return cfg
}

// TestGroup: one check and one set of servers for many services of the kernel;
// a mark that two virtual servers share has the servers of both.
func TestGroup(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(grouped())
		want := strings.Join([]string{
			"[192.0.2.1]:tcp:8080 wlc",
			"  -> [198.51.100.1]:8080 DR weight 1",
			"[192.0.2.1]:udp:8080 rr",
			"  -> [198.51.100.2]:80 NAT weight 2",
			"[192.0.2.2]:tcp:8080 wlc",
			"  -> [198.51.100.1]:8080 DR weight 1",
			"[192.0.2.2]:udp:8080 rr",
			"  -> [198.51.100.2]:80 NAT weight 2",
			"FWM 7 wlc",
			"  -> [198.51.100.1]:0 DR weight 1",
			"  -> [198.51.100.2]:80 NAT weight 2",
			"",
		}, "\n")
		table := func() string {
			tab, err := r.kernel.Table()
			if err != nil {
				t.Fatal(err)
			}
			return tab.String()
		}
		if got := table(); got != want {
			t.Errorf("table\n%s\nwant\n%s", got, want)
		}
		r.wantLines("VS [web]:0 UP", "VS [web]:1 UP")
		st := r.status()
		if p, q := st.Services[0].Protocol, st.Services[1].Protocol; p != "tcp" || q != "udp" {
			t.Errorf("protocols %q and %q", p, q)
		}
		if len(st.Services) != 2 || !st.Services[0].Installed || len(st.Services[0].Members) != 3 || !st.Services[0].Servers[0].InKernel || len(st.Foreign) != 0 {
			t.Errorf("status %+v", st.Services)
		}

		r.kernel.Ops()
		r.fail("198.51.100.1:80")
		r.pass(5 * time.Second)
		r.wantTable("1: 1:2=2 2: 2:2=2 m7:2=2")
		r.wantOps("-d -d -d")
		r.wantLines("RS [198.51.100.1]:tcp:80 [web]:0 DOWN", "VS [web]:0 DOWN")
		r.fail()
		r.pass(5 * time.Second)
		if got := table(); got != want {
			t.Errorf("table\n%s\nwant\n%s", got, want)
		}
		r.kernel.Ops()

		// A reload that moves the range by one and drops the mark touches
		// nothing that stays.
		r.reload(with(grouped(), func(c *config.Config) {
			c.ServiceGroups[0].Entries = c.ServiceGroups[0].Entries[:1]
			c.ServiceGroups[0].Entries[0].First = netip.MustParseAddr("192.0.2.2")
			c.ServiceGroups[0].Entries[0].Last = netip.MustParseAddr("192.0.2.3")
		}))
		r.wantTable("2:1=1 2:2=2 3:1=1 3:2=2")
		r.wantOps("+s +d +s +d -s -s -s")
		r.end()
		r.wantTable("")
	})
}

// TestGroupFollows: each service of a group follows the router that holds its
// own address.
func TestGroupFollows(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := grouped()
		cfg.Global.LVSFollowVRRP = config.FollowAuto
		cfg.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.2/24")}
		r.start(cfg)
		r.master("A", false)
		r.wantTable("1:1=1 1:2=2 m7:1=1,2=2")
		if st := r.status().Services[0]; !st.Installed || !st.Wanted || st.Members[1].Wanted || st.Follows[0] != "A" {
			t.Errorf("status %+v", st)
		}
		r.master("A", true)
		r.wantReady("A")
		r.wantTable("1:1=1 1:2=2 2:1=1 2:2=2 m7:1=1,2=2")
		r.end()
	})
}

// TestGroupSuspended: the checks of a group run where any of its addresses is.
func TestGroupSuspended(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.links.set(iface("eth0", 2))
		cfg := grouped()
		cfg.ServiceGroups[0].Entries = cfg.ServiceGroups[0].Entries[:1]
		cfg.VirtualServers[0].HASuspend = true
		r.start(cfg)
		state := func() string { return r.status().Services[0].Servers[0].Checks[0].State }
		r.pass(3 * time.Second)
		if s := state(); s != "paused" {
			t.Errorf("check is %s without an address", s)
		}
		r.links.set(iface("eth0", 2, "192.0.2.2/32"))
		r.pass(3 * time.Second)
		if s := state(); s != "up" {
			t.Errorf("check is %s with the second address", s)
		}
		r.links.set(iface("eth0", 2))
		r.pass(time.Second)
		if s := state(); s != "paused" {
			t.Errorf("check is %s without an address again", s)
		}
		r.end()
	})
}
