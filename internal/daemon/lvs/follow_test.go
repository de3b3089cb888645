package lvs

import (
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// following has service 1 on the VIP of A and B, 2 on an excluded VIP of B, 3 on
// no VIP, and one by mark.
func following(mode config.FollowVRRP) *config.Config {
	mark := virtual(0, 1)
	mark.Addr, mark.Port, mark.FWMark, mark.Protocol = netip.Addr{}, 0, 7, 0
	cfg := configOf(virtual(1, 1), virtual(2, 1), virtual(3, 1), mark)
	cfg.Global.LVSFollowVRRP = mode
	b := instance("B", 2, "192.0.2.1/24")
	b.VirtualIPAddressExcluded = []config.VIP{{Prefix: netip.MustParsePrefix("192.0.2.2/32")}}
	cfg.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.1/24"), b}
	return cfg
}

func TestFollowAuto(t *testing.T) {
	for _, mode := range []config.FollowVRRP{config.FollowAuto, config.FollowAlways} {
		bubble(t, func(t *testing.T, r *rig) {
			r.start(following(mode))
			r.wantTable("3:1=1 m7:1=1")
			r.master("B", false)
			r.wantTable("3:1=1 m7:1=1")
			r.wantReady()
			r.master("A", true)
			r.wantTable("1:1=1 3:1=1 m7:1=1")
			r.wantReady("A")
			r.kernel.Ops()
			r.master("A", true)
			r.wantReady("A")
			r.wantOps("")
			r.master("B", true)
			r.wantReady("B")
			r.wantTable("1:1=1 2:1=1 3:1=1 m7:1=1")
			r.master("A", false)
			r.wantTable("1:1=1 2:1=1 3:1=1 m7:1=1")
			r.master("B", false)
			r.wantTable("3:1=1 m7:1=1")
			if st := r.status(); st.Services[0].Wanted || st.Services[0].Installed || !st.Services[0].Up {
				t.Errorf("service 1: %+v", st.Services[0])
			}
			r.end()
			r.wantTable("")
		})
	}
}

func TestFollowNever(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(following(config.FollowNever))
		r.wantTable("1:1=1 2:1=1 3:1=1 m7:1=1")
		r.master("A", true)
		r.wantReady("A")
		r.master("A", false)
		r.wantTable("1:1=1 2:1=1 3:1=1 m7:1=1")
		r.end()
	})
}

func TestFollowAutoWithSyncDaemonIsAlwaysInstalled(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(with(following(config.FollowAuto), func(c *config.Config) {
			c.Global.LVSSyncDaemon = &config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: -1}
		}))
		r.wantTable("1:1=1 2:1=1 3:1=1 m7:1=1")
		r.end()
	})
}

// The addresses that the vrrp process tells count beside those of the file.
func TestFollowToldAddresses(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(following(config.FollowAuto))
		r.master("B", false)
		r.lvs.RouterStates(RouterState{Name: "A", Master: true, VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.3")}})
		r.pass(0)
		r.wantTable("1:1=1 3:1=1 m7:1=1")
		r.lvs.RouterStates(RouterState{Name: "A", Master: false, VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.3")}})
		r.pass(0)
		r.wantTable("m7:1=1")
		r.end()
	})
}

// The table that is installed on mastership holds live servers only.
func TestStandbyChecks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := following(config.FollowAuto)
		cfg.VirtualServers[0] = virtual(1, 1, 2)
		r.fail("198.51.100.2:80")
		r.start(cfg)
		r.pass(5 * time.Second)
		r.wantTable("3:1=1 m7:1=1")
		r.kernel.Ops()
		r.master("A", true)
		r.wantTable("1:1=1 3:1=1 m7:1=1")
		r.wantOps("+s +d")
		r.end()
	})
}

func TestNoStandbyChecks(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"standby_checks false": func(c *config.Config) { c.Global.StandbyChecks = false },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				cfg := with(following(config.FollowNever), change)
				r.start(cfg)
				r.pass(5 * time.Second)
				state := func() string { return r.status().Services[0].Servers[0].Checks[0].State }
				if got := state(); got != "paused" {
					t.Errorf("check is %q on a standby", got)
				}
				if got := r.status().Services[2].Servers[0].Checks[0].State; got != "up" {
					t.Errorf("check of a service without a router is %q", got)
				}
				r.fail("198.51.100.1:80")
				r.master("A", true)
				r.pass(3 * time.Second)
				if got := state(); got != "down" {
					t.Errorf("check is %q on the master", got)
				}
				r.master("A", false)
				if got := state(); got != "paused" {
					t.Errorf("check is %q on a standby again", got)
				}
				r.end()
			})
		})
	}
}

// A process that replaces a killed one leaves the table until it is told who
// is master.
func TestFollowAfterAKill(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := following(config.FollowAuto)
		r.start(cfg, func(d *Deps) { d.Keep = true })
		r.master("A", true)
		r.wantTable("1:1=1 3:1=1 m7:1=1")
		r.end() // keeps everything, as if killed
		r.kernel.Ops()
		r.start(cfg, func(d *Deps) { d.Restarted = true })
		r.wantOps("")
		r.master("A", true)
		r.wantOps("")
		r.wantReady("A", "A")
		r.end()

		r.start(cfg, func(d *Deps) { d.Keep = true })
		r.master("A", true)
		r.end()
		r.start(cfg, func(d *Deps) { d.Restarted = true })
		r.master("B", false)
		r.wantTable("1:1=1 3:1=1 m7:1=1")
		r.master("A", false)
		r.wantTable("3:1=1 m7:1=1")
		r.end()
	})
}

// TableReady waits for a kernel that does not answer at first.
func TestTableReadyWaits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(following(config.FollowAuto))
		r.kernel.Set(func(k *ipvs.Fake) { k.Broken = func() error { return syscall.EINTR } })
		r.master("A", true)
		r.wantReady()
		r.kernel.Set(func(k *ipvs.Fake) { k.Broken = nil })
		r.pass(time.Minute)
		r.wantTable("1:1=1 3:1=1 m7:1=1")
		r.wantReady("A")
		r.end()
	})
}

// One service that the kernel refuses keeps no takeover waiting: the others
// are there.
func TestTableReadyWithoutTheRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := following(config.FollowAuto)
		cfg.VirtualServers = append(cfg.VirtualServers, virtual(5, 1))
		cfg.Instances[0].VirtualIPAddress = append(cfg.Instances[0].VirtualIPAddress, config.VIP{Prefix: netip.MustParsePrefix("192.0.2.5/24")})
		r.start(cfg)
		r.refuse(func(op ipvs.Op) error {
			if op.Service.Addr == key(1).Addr {
				return syscall.ENOMEM
			}
			return nil
		})
		r.master("A", true)
		r.wantReady("A")
		r.wantTable("3:1=1 5:1=1 m7:1=1")
		r.refuse(nil)
		r.pass(time.Minute)
		r.wantTable("1:1=1 3:1=1 5:1=1 m7:1=1")
		r.end()
	})
}

func TestFollowReload(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(following(config.FollowAuto))
		r.master("A", true)
		r.master("B", false)
		r.reload(following(config.FollowNever))
		r.wantTable("1:1=1 2:1=1 3:1=1 m7:1=1")
		r.reload(following(config.FollowAuto))
		r.wantTable("1:1=1 3:1=1 m7:1=1")
		r.end()
	})
}

// ha_suspend goes by the addresses of this machine, whoever put them there.
func TestHASuspend(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.links.set(iface("eth0", 2))
		cfg := configOf(virtual(1, 1), virtual(2, 1))
		cfg.VirtualServers[0].HASuspend = true
		r.start(cfg)
		state := func(i int) string { return r.status().Services[i].Servers[0].Checks[0].State }
		r.fail("198.51.100.1:80")
		r.pass(3 * time.Second)
		if a, b := state(0), state(1); a != "paused" || b != "down" {
			t.Errorf("checks are %s and %s", a, b)
		}
		r.wantTable("1:1=1 2:") // as it was before the first check
		r.links.set(iface("eth0", 2, "192.0.2.1/32"))
		r.pass(3 * time.Second)
		if a := state(0); a != "down" {
			t.Errorf("check is %s where the address is", a)
		}
		r.links.set(iface("eth0", 2))
		r.pass(time.Second)
		if a := state(0); a != "paused" {
			t.Errorf("check is %s where the address was", a)
		}
		r.end()
	})
}

// What one message tells is one change of the table, also for services that
// follow a router no more.
func TestRouterStatesTogether(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		applied := 0
		r.start(following(config.FollowAuto), func(d *Deps) {
			open := d.Open
			d.Open = func() (ipvs.Kernel, error) {
				k, err := open()
				return countedKernel{k, &applied}, err
			}
		})
		applied = 0
		r.lvs.RouterStates(
			RouterState{Name: "A", Master: true, VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
			RouterState{Name: "B", Master: true, VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.2")}},
		)
		r.pass(0)
		r.wantTable("1:1=1 2:1=1 3:1=1 m7:1=1")
		r.mu.Lock()
		slices.Sort(r.ready)
		r.mu.Unlock()
		r.wantReady("A", "B")
		if applied != 1 {
			t.Errorf("the kernel was asked %d times, want once", applied)
		}
		// Services 1 and 2 have routers that are not master.
		r.lvs.RouterStates(
			RouterState{Name: "A", VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
			RouterState{Name: "B", VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.3")}},
		)
		r.pass(0)
		r.wantTable("m7:1=1")
		// Service 3 has no router any more.
		r.lvs.RouterStates(RouterState{Name: "B", VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.2")}})
		r.pass(0)
		r.wantTable("3:1=1 m7:1=1")
		r.end()
	})
}

// countedKernel counts calls of Apply.
type countedKernel struct {
	ipvs.Kernel
	n *int
}

func (k countedKernel) Apply(ops []ipvs.Op) error {
	*k.n++
	return k.Kernel.Apply(ops)
}
