package lvs

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

func (r *rig) wantDaemons(want string) {
	r.t.Helper()
	list, err := r.kernel.Daemons()
	if err != nil {
		r.t.Fatal(err)
	}
	var words []string
	for _, d := range list {
		words = append(words, fmt.Sprintf("%s/%s/%d", d.Role, d.Interface, d.SyncID))
	}
	if got := strings.Join(words, " "); got != want {
		r.t.Errorf("sync daemons %q, want %q", got, want)
	}
}

// countDaemons counts starts and stops of sync daemons.
func (r *rig) countDaemons() *atomic.Int32 {
	var n atomic.Int32
	r.refuse(func(op ipvs.Op) error {
		if op.Kind == 0 {
			n.Add(1)
		}
		return nil
	})
	return &n
}

func syncing(d config.LVSSyncDaemon) *config.Config {
	cfg := configOf(virtual(1, 1))
	cfg.Instances = []config.VRRPInstance{instance("A", 51, "192.0.2.1/24")}
	cfg.Global.LVSSyncDaemon = &d
	return cfg
}

func TestSyncDaemonFollowsItsInstance(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: -1}))
		r.wantDaemons("backup/eth0/51")
		r.master("B", true)
		r.wantDaemons("backup/eth0/51")
		r.master("A", true)
		r.wantDaemons("master/eth0/51")
		r.master("A", false)
		r.wantDaemons("backup/eth0/51")
		if st := r.status(); len(st.Daemons) != 1 || st.Daemons[0].Role != "backup" {
			t.Errorf("status %+v", st.Daemons)
		}
		r.reload(syncing(config.LVSSyncDaemon{Interface: "eth1", Instance: "A", ID: 7}))
		r.wantDaemons("backup/eth1/7")
		r.reload(syncing(config.LVSSyncDaemon{Interface: "eth1", ID: 7}))
		r.wantDaemons("master/eth1/7 backup/eth1/7")
		r.reload(configOf(virtual(1, 1)))
		r.wantDaemons("")
		r.end()
	})
}

func TestSyncDaemonStop(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 0}))
		r.wantDaemons("master/eth0/0 backup/eth0/0")
		r.end()
		r.wantDaemons("")
	})
}

func TestSyncDaemonOfOthersStays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.kernel.StartDaemon(ipvs.Daemon{Role: ipvs.SyncMaster, Interface: "eth9"}); err != nil {
			t.Fatal(err)
		}
		r.start(configOf(virtual(1, 1)))
		r.wantDaemons("master/eth9/0")
		r.end()
		r.wantDaemons("master/eth9/0")
	})
}

// One that runs as wanted is not touched, one that does not is replaced.
func TestSyncDaemonAfterAKill(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		touched := r.countDaemons()
		cfg := syncing(config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: 3, MaxLen: 100, Group: netip.MustParseAddr("224.0.0.99"), Port: 9000, TTL: 2})
		r.start(cfg, func(d *Deps) { d.Keep = true })
		r.master("A", true)
		r.end()
		touched.Store(0)
		r.start(cfg, func(d *Deps) { d.Restarted = true })
		r.wantDaemons("master/eth0/3")
		r.master("A", true)
		r.pass(5 * time.Minute)
		if n := touched.Load(); n != 0 {
			t.Errorf("touched %d times", n)
		}
		r.end()
		r.wantDaemons("")
	})
}

func TestSyncDaemonRetries(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.kernel.Interfaces = []string{}
		delete(r.ifaces, "eth0")
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 1}))
		r.wantTable("1:1=1")
		r.wantDaemons("")
		if st := r.status(); !strings.Contains(st.Kernel.Error, "no such device") {
			t.Errorf("kernel status %+v", st.Kernel)
		}
		r.kernel.Set(func(k *ipvs.Fake) { k.Interfaces = nil })
		r.mu.Lock()
		r.ifaces["eth0"] = 5
		r.mu.Unlock()
		r.pass(time.Minute)
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.end()
	})
}

// A daemon on an interface that was made anew is listed but dead.
func TestSyncDaemonInterfaceMadeAnew(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		touched := r.countDaemons()
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 1}))
		touched.Store(0)
		r.pass(2 * time.Minute)
		if n := touched.Load(); n != 0 {
			t.Errorf("touched %d times", n)
		}
		r.mu.Lock()
		r.ifaces["eth0"] = 9
		r.mu.Unlock()
		r.pass(2 * time.Minute)
		if n := touched.Load(); n != 4 {
			t.Errorf("touched %d times, want 4: stop and start of both", n)
		}
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.end()
	})
}
