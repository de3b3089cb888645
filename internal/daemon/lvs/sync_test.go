package lvs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
	"holdfast/vrrp/link"
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

// What a reload leaves to the kernel again is its default again.
func TestSyncDaemonBackToDefaults(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		plain := config.LVSSyncDaemon{Interface: "eth0", ID: 7}
		for _, change := range []func(*config.LVSSyncDaemon){
			func(d *config.LVSSyncDaemon) {},
			func(d *config.LVSSyncDaemon) { d.MaxLen = 1200 },
			func(d *config.LVSSyncDaemon) { d.Port = 9000 },
			func(d *config.LVSSyncDaemon) { d.TTL = 9 },
			func(d *config.LVSSyncDaemon) { d.Group = netip.MustParseAddr("239.1.1.1") },
		} {
			d := plain
			change(&d)
			if r.lvs == nil {
				r.start(syncing(d))
			} else {
				r.reload(syncing(d))
				r.reload(syncing(plain))
			}
			list, err := r.kernel.Daemons()
			want := ipvs.Daemon{Role: ipvs.SyncMaster, Interface: "eth0", SyncID: 7, MaxLen: 1472}.Addressed()
			if err != nil || len(list) != 2 || list[0] != want {
				t.Errorf("after %+v: %+v, %v, want %+v twice", d, list, err, want)
			}
		}
		n := r.countDaemons()
		r.reload(syncing(plain))
		if n.Load() != 0 {
			t.Errorf("a reload that changes nothing starts or stops %d daemons", n.Load())
		}
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

// The vrrp process tells that its routers are not master any more, and then the lvs
// process ends: there is no backup role in between. A vrrp process that comes again
// tells anew.
func TestSyncDaemonAtAStopTakesNoOtherRole(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: 7}))
		r.master("A", true)
		changes := r.countDaemons()
		r.lvs.RouterStates(RouterState{Name: "A", Stopped: true})
		synctest.Wait()
		r.wantDaemons("master/eth0/7")
		if n := changes.Load(); n != 0 {
			t.Errorf("%d roles are started or stopped before the end", n)
		}
		r.master("A", false)
		r.wantDaemons("backup/eth0/7")
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

// A daemon waits for its interface, and is stopped when it goes: it would be
// listed, but dead.
func TestSyncDaemonWaitsForItsInterface(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.links.set(link.Interface{Name: "eth0"})
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 1}))
		r.wantTable("1:1=1")
		r.wantDaemons("")
		r.wantSync("interface eth0: not found")
		if st := r.status(); st.Kernel.Error != "" {
			t.Errorf("kernel status %+v", st.Kernel)
		}
		r.links.set(iface("eth0", 5, "192.0.2.1/24"))
		r.pass(time.Millisecond)
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.wantSync("")
		r.links.set(link.Interface{Name: "eth0"})
		r.pass(time.Millisecond)
		r.wantDaemons("")
		r.wantSync("interface eth0: not found")
		r.links.set(iface("eth0", 7, "192.0.2.1/24"))
		r.pass(time.Millisecond)
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		down := iface("eth0", 7, "192.0.2.1/24")
		down.Up = false
		r.links.set(down)
		r.pass(time.Millisecond)
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.wantSync("interface eth0 is down")
		r.end()
	})
}

func (r *rig) wantSync(problem string) {
	r.t.Helper()
	if st := r.status(); st.Sync == nil || st.Sync.Problem != problem {
		r.t.Errorf("connection sync %+v, want the problem %q", st.Sync, problem)
	}
}

// A daemon on an interface that was made anew is listed but dead, also one
// that a predecessor started.
func TestSyncDaemonInterfaceMadeAnew(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		touched := r.countDaemons()
		cfg := syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 1})
		r.start(cfg, func(d *Deps) { d.Keep = true })
		touched.Store(0)
		r.pass(2 * time.Minute)
		if n := touched.Load(); n != 0 {
			t.Errorf("touched %d times", n)
		}
		again := func(index int) {
			t.Helper()
			if n := touched.Swap(0); n != 4 {
				t.Errorf("interface %d: touched %d times, want 4: stop and start of both", index, n)
			}
			r.wantDaemons("master/eth0/1 backup/eth0/1")
		}
		r.links.set(iface("eth0", 9, "192.0.2.1/24"))
		r.pass(time.Millisecond)
		again(9)
		if st := r.status(); st.Sync.Renewed != 2 {
			t.Errorf("%+v", st.Sync)
		}
		r.end()
		r.links.set(iface("eth0", 10, "192.0.2.1/24"))
		r.start(cfg, func(d *Deps) { d.Restarted = true })
		again(10)
		r.end()
	})
}

// A master is bound to the address that its interface had when it was started.
func TestSyncMasterFollowsTheAddress(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		touched := r.countDaemons()
		r.links.set(iface("eth0", 2))
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 1}))
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.wantSync("interface eth0 has no IPv4 address to send from")
		for _, addrs := range [][]string{{"192.0.2.1/24"}, {"192.0.2.7/24"}} {
			touched.Store(0)
			r.links.set(iface("eth0", 2, addrs...))
			r.pass(2 * time.Minute)
			if n := touched.Load(); n != 2 {
				t.Errorf("%v: touched %d times, want 2: stop and start of the master", addrs, n)
			}
			r.wantSync("")
		}
		touched.Store(0)
		r.links.set(iface("eth0", 2, "192.0.2.7/24", "192.0.2.9/24")) // such as a VIP
		r.pass(2 * time.Minute)
		if n := touched.Load(); n != 0 {
			t.Errorf("another address: touched %d times", n)
		}
		r.end()
	})
}

func TestSyncBothRolesAndBackupOnly(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.sync.settings[settingBackupOnly] = "1"
		touched := r.countDaemons()
		cfg := syncing(config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: 4, Both: true})
		r.start(cfg, func(d *Deps) { d.Keep = true })
		both := "master/eth0/4 backup/eth0/4"
		r.wantDaemons(both)
		if w := r.sync.wrote(); w != nil {
			t.Errorf("a standby writes %v", w)
		}
		touched.Store(0)
		r.master("A", true)
		if w := r.sync.wrote(); !slices.Equal(w, []string{"backup_only=0"}) {
			t.Errorf("a master writes %v", w)
		}
		if st := r.status(); !st.Sync.BackupOnly {
			t.Errorf("%+v", st.Sync)
		}
		r.end() // with -I, or a crash
		r.start(cfg, func(d *Deps) { d.Restarted = true })
		r.master("A", true)
		if w := r.sync.wrote(); w != nil {
			t.Errorf("the next process writes %v", w)
		}
		r.master("A", false)
		if w := r.sync.wrote(); !slices.Equal(w, []string{"backup_only=1"}) {
			t.Errorf("a backup again writes %v", w)
		}
		if n := touched.Load(); n != 0 {
			t.Errorf("the roles were touched %d times", n)
		}
		r.wantDaemons(both)
		r.master("A", true)
		r.sync.wrote()
		r.end()
		r.wantDaemons("")
		if w := r.sync.wrote(); !slices.Equal(w, []string{"backup_only=1"}) {
			t.Errorf("the stop writes %v", w)
		}
	})
}

// A backup_only that cannot be cleared (a read-only /proc/sys) is not ours to set
// again: the roles stop all the same, and nothing is left to be undone.
func TestSyncBackupOnlyRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.sync.settings[settingBackupOnly] = "1"
		r.sync.refuses(settingBackupOnly)
		cfg := syncing(config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: 4, Both: true})
		r.start(cfg)
		r.master("A", true)
		r.wantSync("setting backup_only: permission denied")
		if r.saved.BackupOnly || r.status().Sync.BackupOnly {
			t.Error("to be set again, although it was not cleared")
		}
		r.master("A", false)
		r.wantSync("")
		r.master("A", true)
		r.pass(2 * time.Minute)
		r.sync.refuses("")
		r.pass(2 * time.Minute)
		r.wantSync("")
		if w := r.sync.wrote(); !slices.Equal(w, []string{"backup_only=0"}) || !r.saved.BackupOnly {
			t.Errorf("once it can be cleared %v is written; saved: %+v", w, r.saved)
		}
		r.master("A", false)
		r.sync.refuses(settingBackupOnly)
		r.master("A", true)
		r.end()
		r.wantDaemons("")
		if !r.saved.empty() {
			t.Errorf("still to be undone: %+v", r.saved)
		}
	})
}

// The table is not ready before packets come to it.
func TestSyncTakeoverClearsBackupOnlyFirst(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.sync.settings[settingBackupOnly] = "1"
		var atReady []string
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: 4}), func(d *Deps) {
			d.TableReady = func(string) { atReady = r.sync.wrote() }
		})
		r.wantDaemons("backup/eth0/4")
		r.master("A", true)
		if !slices.Equal(atReady, []string{"backup_only=0"}) {
			t.Errorf("before TableReady %v was written", atReady)
		}
		r.reload(configOf(virtual(1, 1)))
		r.wantDaemons("")
		if w := r.sync.wrote(); !slices.Equal(w, []string{"backup_only=1"}) {
			t.Errorf("the end of connection sync writes %v", w)
		}
		r.end()
	})
}

// Both roles have the same number of threads, so both are stopped to change it.
func TestSyncPorts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		touched := r.countDaemons()
		d := config.LVSSyncDaemon{Interface: "eth0", ID: 1}
		step := func(when string, ports int, wantTouched int32, wrote ...string) {
			t.Helper()
			touched.Store(0)
			d.SyncPorts = ports
			r.reload(syncing(d))
			if n := touched.Load(); n != wantTouched {
				t.Errorf("%s: touched %d times, want %d", when, n, wantTouched)
			}
			if w := r.sync.wrote(); !slices.Equal(w, wrote) {
				t.Errorf("%s: wrote %v, want %v", when, w, wrote)
			}
		}
		r.start(syncing(d))
		step("1 as it is", 1, 0)
		step("4", 4, 4, "sync_ports=4")
		step("4 again", 4, 0)
		for _, s := range r.status().Daemons {
			if s.Threads != 4 {
				t.Errorf("%+v", s)
			}
		}
		step("8", 8, 4, "sync_ports=8")
		// The other director has as many as its kernel's setting says once it starts.
		step("no longer asked for", 0, 4, "sync_ports=1")
		for _, s := range r.status().Daemons {
			if s.Threads != 1 {
				t.Errorf("no longer asked for: %+v", s)
			}
		}
		step("still not", 0, 0)
		step("2", 2, 4, "sync_ports=2")
		r.end()
		if w := r.sync.wrote(); !slices.Equal(w, []string{"sync_ports=1"}) {
			t.Errorf("the stop writes %v", w)
		}
	})
}

// Threads that cannot be set (a read-only /proc/sys) stop no role: those that run
// go on as they are, and are not stopped anew with each attempt.
func TestSyncPortsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		touched := r.countDaemons()
		d := config.LVSSyncDaemon{Interface: "eth0", ID: 1}
		r.start(syncing(d))
		r.sync.refuses(settingPorts)
		touched.Store(0)
		d.SyncPorts = 4
		r.reload(syncing(d))
		r.pass(5 * time.Minute)
		if n := touched.Load(); n != 0 {
			t.Errorf("roles that run were touched %d times", n)
		}
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.wantSync("setting sync_ports: permission denied")
		if r.saved.SyncPorts != 0 {
			t.Errorf("%d threads to be restored of a setting that was not changed", r.saved.SyncPorts)
		}
		r.sync.refuses("")
		r.pass(2 * time.Minute)
		if n := touched.Load(); n != 4 {
			t.Errorf("once it can be set roles were touched %d times, want 4: stop and start of both", n)
		}
		r.wantSync("")
		r.end()

		// A role that does not run yet is better with other threads than not there.
		r.sync.refuses(settingPorts)
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 1, SyncPorts: 2}))
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.wantSync("setting sync_ports: permission denied")
		r.end()
		r.wantDaemons("")

		delete(r.sync.settings, settingPorts)
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 1, SyncPorts: 2}))
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.wantSync("no setting sync_ports")
		r.end()
	})
}

// Linux starts no daemon while a server is of another family than its service,
// and takes no such server while one runs.
func TestSyncMixedFamilies(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 1})
		mixedServer := config.RealServer{Addr: netip.MustParseAddr("2001:db8::5"), Port: 80, Weight: 1, Forward: config.Forward{Method: config.TUN}}
		withMixed := with(cfg, func(c *config.Config) {
			c.VirtualServers = []config.VirtualServer{virtual(1, 1)}
			c.VirtualServers[0].RealServers = append(c.VirtualServers[0].RealServers, mixedServer)
		})
		r.start(withMixed)
		const why = "it is not started: real_server 2001:db8::5 of virtual_server [192.0.2.1]:tcp:80 is of another family than the service, which IPVS does not allow together with connection sync"
		noDaemons := func() {
			t.Helper()
			r.wantDaemons("")
			r.wantSync(why)
			if st := r.status(); st.Kernel.Error != "" || !strings.Contains(r.table(), ",5=1") {
				t.Errorf("%+v\n%s", st.Kernel, r.table())
			}
		}
		noDaemons()
		r.reload(cfg)
		r.pass(time.Minute)
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.wantSync("")
		// A reload ends as a start does.
		r.reload(withMixed)
		noDaemons()
		// It comes back with the servers.
		r.reload(cfg)
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.wantSync("")
		sorry := with(cfg, func(c *config.Config) {
			c.VirtualServers = []config.VirtualServer{virtual(1, 1)}
			c.VirtualServers[0].SorryServer = &config.SorryServer{Addr: mixedServer.Addr, Port: 80, Forward: mixedServer.Forward}
		})
		r.reload(sorry) // which is in the table when it is needed
		r.wantDaemons("")
		r.wantSync(strings.Replace(why, "real_server", "sorry_server", 1))
		// A reload that has such a server in place of connection sync needs no second attempt.
		r.reload(cfg)
		r.wantDaemons("master/eth0/1 backup/eth0/1")
		r.reload(with(withMixed, func(c *config.Config) { c.Global.LVSSyncDaemon = nil }))
		r.wantDaemons("")
		if st := r.status(); st.Kernel.Error != "" || !strings.Contains(r.table(), ",5=1") {
			t.Errorf("%+v\n%s", st.Kernel, r.table())
		}
		r.end()
	})
}

// Addresses wait for the table and for packets that come to it, not for
// connection sync to turn; and where that fails only it is tried again.
func TestSyncHoldsUpNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var atReady []ipvs.Daemon
		r.start(syncing(config.LVSSyncDaemon{Interface: "eth0", Instance: "A", ID: 4}), func(d *Deps) {
			d.TableReady = func(string) { atReady, _ = r.kernel.Daemons() }
		})
		r.master("A", true)
		if len(atReady) != 1 || atReady[0].Role != ipvs.SyncBackup {
			t.Errorf("at TableReady the daemons are %v", atReady)
		}
		r.wantDaemons("master/eth0/4")
		r.master("A", false)

		var asked atomic.Int32
		r.refuse(func(op ipvs.Op) error {
			if op.Kind == 0 {
				asked.Add(1)
				return syscall.ENOMEM
			}
			return nil
		})
		reads := r.kernel.Reads()
		r.master("A", true)
		r.pass(20 * time.Second)
		if n := r.kernel.Reads() - reads; n != 0 {
			t.Errorf("the table was read %d times because of connection sync", n)
		}
		if n := asked.Load(); n < 5 || n > 20 {
			t.Errorf("asked %d times in 20 s, want less and less often", n)
		}
		if st := r.status(); !strings.Contains(st.Kernel.Error, "cannot allocate memory") || st.Kernel.Retry.IsZero() {
			t.Errorf("%+v", st.Kernel)
		}
		r.refuse(nil)
		r.pass(time.Minute)
		r.wantDaemons("master/eth0/4")
		if st := r.status(); st.Kernel.Error != "" {
			t.Errorf("%+v", st.Kernel)
		}
		r.end()
	})
}
