package lvs

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
	"holdfast/vrrp/link"
)

// autoOf is a configuration whose services follow their routers.
func autoOf(services ...config.VirtualServer) *config.Config {
	return with(configOf(services...), func(c *config.Config) { c.Global.LVSFollowVRRP = config.FollowAuto })
}

// pairOf has services at two addresses of a router, fewerOf at one of them.
func pairOf() (pair, fewer *config.Config) {
	pair = autoOf(virtual(1, 1), virtual(2, 1))
	pair.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.1/24", "192.0.2.2/24")}
	fewer = autoOf(virtual(1, 1), virtual(3, 1))
	fewer.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.1/24")}
	return pair, fewer
}

// What a reload takes away together with its address goes after that: a client
// that finds the address finds the table.
func TestReloadLeavesTheTableToTheAddress(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := configOf(virtual(1, 1), virtual(2, 1), virtual(3, 1))
		cfg.Global.LVSFollowVRRP = config.FollowAuto
		cfg.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.1/24", "192.0.2.2/24")}
		r.links.set(iface("eth0", 2, "192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"))
		r.start(cfg)
		r.master("A", true)
		r.wantTable("1:1=1 2:1=1 3:1=1")
		// An address that stays, and one that no router has, keep nothing.
		fewer := configOf(virtual(1, 1))
		fewer.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.2/24")}
		r.reload(fewer)
		r.wantTable("1:1=1")
		// The service moves with its address to a router that is not master.
		r.reload(cfg)
		moved := configOf(virtual(1, 1))
		moved.Global.LVSFollowVRRP = config.FollowAuto
		moved.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.2/24"), instance("B", 2, "192.0.2.1/24")}
		r.reload(moved)
		r.lvs.RouterStates(
			RouterState{Name: "A", Master: true, VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.2")}},
			RouterState{Name: "B", VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
		r.pass(time.Millisecond)
		r.wantTable("1:1=1")
		r.links.set(iface("eth0", 2, "192.0.2.2/24"))
		r.pass(time.Millisecond)
		r.wantTable("")

		// The router goes with its services; one of its addresses stays behind.
		r.links.set(iface("eth0", 2, "192.0.2.1/24", "192.0.2.2/24"))
		r.reload(cfg)
		r.lvs.RouterStates(RouterState{Name: "A", Master: true, VIPs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}})
		r.pass(time.Millisecond)
		r.wantTable("1:1=1 2:1=1 3:1=1")
		r.reload(configOf(virtual(3, 1)))
		r.wantTable("1:1=1 2:1=1 3:1=1")
		r.links.set(iface("eth0", 2, "192.0.2.2/24"))
		r.pass(time.Millisecond)
		r.wantTable("2:1=1 3:1=1")
		r.pass(leaveLimit)
		r.wantTable("3:1=1")
		if st := r.status(); len(st.Foreign) != 0 || st.Kernel.Repairs != 0 {
			t.Errorf("%+v", st)
		}
		r.end()
	})
}

// slowKernel takes its time for every call of Apply.
type slowKernel struct {
	ipvs.Kernel
	delay *atomic.Int64
}

func (k slowKernel) Apply(ops []ipvs.Op) error {
	time.Sleep(time.Duration(k.delay.Load()))
	return k.Kernel.Apply(ops)
}

// The vrrp process hears of a reload after what this one does in it, so its
// time to take an address away begins then.
func TestLeavingAfterASlowReload(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.links.set(iface("eth0", 2, "192.0.2.1/24", "192.0.2.2/24"))
		pair, fewer := pairOf()
		var delay atomic.Int64
		r.start(pair, func(d *Deps) {
			open := d.Open
			d.Open = func() (ipvs.Kernel, error) {
				k, err := open()
				return slowKernel{k, &delay}, err
			}
		})
		r.master("A", true)
		r.wantTable("1:1=1 2:1=1")
		delay.Store(int64(2 * leaveLimit))
		r.reload(fewer)
		delay.Store(0)
		r.wantTable("1:1=1 2:1=1 3:1=1")
		r.pass(leaveLimit - time.Millisecond)
		r.wantTable("1:1=1 2:1=1 3:1=1")
		r.pass(time.Second)
		r.wantTable("1:1=1 3:1=1")
		r.end()
	})
}

// brokenLinks tells what is there once, and fails as long as broken says.
type brokenLinks struct {
	link.Watcher
	broken *atomic.Bool
}

func (b brokenLinks) Watch(stop <-chan struct{}, told func(link.Update)) error {
	list, err := b.List()
	told(link.Update{Interfaces: list})
	if err == nil && b.broken.Load() {
		return errors.New("no buffer space")
	}
	return b.Watcher.Watch(stop, told)
}

// That an address was not here once does not say that it is not here now: news
// of addresses may be late, or could not be had.
func TestLeavingWithOldNews(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.links.set(iface("eth0", 2))
		pair, fewer := pairOf()
		pair.VirtualServers[0].HASuspend = true // has addresses followed
		var broken atomic.Bool
		broken.Store(true)
		r.start(pair, func(d *Deps) { d.Links = brokenLinks{r.links, &broken} })
		r.pass(time.Millisecond)
		r.links.set(iface("eth0", 2, "192.0.2.1/24", "192.0.2.2/24"))
		r.master("A", true)
		r.wantTable("1:1=1 2:1=1")
		r.reload(fewer)
		r.wantTable("1:1=1 2:1=1 3:1=1")
		broken.Store(false)
		r.links.set(iface("eth0", 2, "192.0.2.1/24"))
		r.pass(linkRetry)
		r.wantTable("1:1=1 3:1=1")
		r.end()
	})
}

// A reload that takes away what the kernel refuses ends the error, and what
// else is wrong is looked for at once.
func TestReloadMendsARefusal(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.refuse(func(op ipvs.Op) error {
			if op.Service.Scheduler == "none such" {
				return syscall.ENOENT
			}
			return nil
		})
		cfg := configOf(virtual(1, 1), virtual(2, 1))
		cfg.VirtualServers[1].LBAlgo = "none such"
		r.start(cfg)
		r.pass(3 * time.Minute) // the next attempt is far
		r.wantTable("1:1=1")
		if st := r.status(); st.Kernel.Error == "" {
			t.Error("no error")
		}
		r.pass(time.Second)
		r.reload(configOf(virtual(1, 1), virtual(2, 1)))
		r.wantTable("1:1=1 2:1=1")
		if st := r.status(); st.Kernel.Error != "" || time.Since(st.Kernel.Read) != 0 {
			t.Errorf("after the mend: %q, read %v ago", st.Kernel.Error, time.Since(st.Kernel.Read))
		}
		r.end()
	})
}
