package lvs

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

func key(n byte) ipvs.ServiceKey {
	return ipvs.AddrKey(ipvs.TCP, netip.AddrFrom4([4]byte{192, 0, 2, n}), 80)
}

func del(n byte) ipvs.Op {
	return ipvs.Op{Kind: ipvs.DelService, Service: ipvs.Service{ServiceKey: key(n)}}
}

// stranger is a service that nobody configured.
func stranger(n byte) ipvs.Op {
	return ipvs.Op{Kind: ipvs.AddService, Service: ipvs.Service{ServiceKey: key(n), Scheduler: "rr", Netmask: ipvs.FullMask(ipvs.INET)}}
}

func TestFromChecksToTheKernel(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(configOf(virtual(1, 1, 2)))
		r.wantTable("1:1=1,2=2")
		r.wantOps("+s +d +d")
		r.wantLines("VS [192.0.2.1]:tcp:80 UP")
		r.fail("198.51.100.2:80")
		r.pass(3 * time.Second)
		r.wantTable("1:1=1")
		r.wantOps("-d")
		r.wantLines("RS [198.51.100.2]:tcp:80 [192.0.2.1]:tcp:80 DOWN")
		r.fail()
		r.pass(3 * time.Second)
		r.fail("198.51.100.1:80")
		r.pass(3 * time.Second)
		r.wantTable("1:2=2")
		r.wantOps("+d -d")
		r.forget()
		r.end()
		r.wantTable("")
		r.wantLines()
		if !r.saved.empty() {
			t.Errorf("still owned: %+v", r.saved)
		}
	})
}

func TestScripts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cmd := func(s string) config.Command { return config.Command{Args: []string{s}} }
		v := virtual(1, 1)
		v.Scripts, v.Omega = &config.QuorumScripts{Up: cmd("quorum_up"), Down: cmd("quorum_down")}, true
		v.RealServers[0].Extras = &config.ServerExtras{Scripts: &config.ServerScripts{Up: cmd("up"), Down: cmd("down")}}
		r.start(configOf(v))
		r.fail("198.51.100.1:80")
		r.pass(3 * time.Second)
		r.fail()
		r.pass(3 * time.Second)
		r.end()
		want := []string{"quorum_up", "down", "quorum_down", "up", "quorum_up", "down", "quorum_down"}
		if !slices.Equal(r.runs, want) {
			t.Errorf("ran %q, want %q", r.runs, want)
		}
	})
}

func TestWhatIsAsWantedIsNotTouched(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := configOf(virtual(1, 1, 2), virtual(2, 1))
		r.start(cfg)
		r.stop()
		<-r.done
		// A predecessor that was killed: the table stays, the state file too.
		r.saved = Owned{Services: []ipvs.ServiceKey{key(1), key(2), key(3)}}
		ops := ipvs.Plan(nil, func() ipvs.Table {
			p, _ := ipvs.ResumePool(0, convert(configOf(virtual(1, 1, 2), virtual(2, 7), virtual(3, 1))).forPool(nil, time.Now(), nil, nil), nil)
			return p.Table()
		}(), nil)
		if err := r.kernel.Change(append(ops, stranger(9))...); err != nil {
			t.Fatal(err)
		}
		r.kernel.Ops()
		r.start(cfg, func(d *Deps) { d.Restarted = true })
		r.wantTable("1:1=1,2=2 2:1=1 9:")
		r.wantOps("+d -d -s") // server 1 in, server 7 out, service 3 gone
		if want := []ipvs.ServiceKey{key(1), key(2)}; !slices.Equal(r.saved.Services, want) {
			t.Errorf("owned %v, want %v", r.saved.Services, want)
		}
		if st := r.status(); !slices.Equal(st.Foreign, []string{"[192.0.2.9]:tcp:80"}) {
			t.Errorf("foreign %v", st.Foreign)
		}
		r.end()
		r.wantTable("9:")
	})
}

func TestConfiguredServiceThatWasThereBecomesAsConfigured(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p, _ := ipvs.ResumePool(0, convert(configOf(virtual(1, 7, 9))).forPool(nil, time.Now(), nil, nil), nil)
		before := p.Table()
		before[0].Service.Scheduler = "sh"
		if err := r.kernel.Change(ipvs.Plan(nil, before, nil)...); err != nil {
			t.Fatal(err)
		}
		r.kernel.Ops()
		r.start(configOf(virtual(1, 1, 7)))
		r.wantTable("1:1=1,7=7")
		r.wantOps("~s +d -d")
		if st := r.status(); len(st.Foreign) != 0 {
			t.Errorf("foreign %v", st.Foreign)
		}
		r.end()
		r.wantTable("")
	})
}

func TestRepairs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(configOf(virtual(1, 1), virtual(2, 1)))
		r.kernel.Ops()
		if err := r.kernel.Change(del(1), stranger(9)); err != nil {
			t.Fatal(err)
		}
		r.pass(59 * time.Second)
		r.wantTable("2:1=1 9:")
		r.pass(2 * time.Second)
		r.wantTable("1:1=1 2:1=1 9:")
		r.wantOps("+s +d")
		if st := r.status(); st.Kernel.Repairs != 2 || st.Kernel.Error != "" {
			t.Errorf("kernel status %+v", st.Kernel)
		}
		reads := r.kernel.Reads()
		r.pass(10 * time.Minute)
		if n := r.kernel.Reads() - reads; n != 10 {
			t.Errorf("read %d times in 10 minutes", n)
		}
		r.end()
	})
}

func TestOneRefusedServiceDoesNotHoldUpOthers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		bad := virtual(2, 1)
		bad.LBAlgo = "nosuch"
		r.start(configOf(virtual(1, 1, 2), bad))
		r.wantTable("1:1=1,2=2")
		st := r.status()
		if st.Kernel.Error == "" || st.Kernel.Retry.IsZero() {
			t.Errorf("kernel status %+v", st.Kernel)
		}
		if st.Services[1].Installed || !st.Services[1].Wanted {
			t.Errorf("status of the refused service: %+v", st.Services[1])
		}
		r.fail("198.51.100.2:80")
		r.pass(2 * time.Second)
		r.wantTable("1:1=1")
		r.kernel.Ops()
		r.pass(10 * time.Minute)
		if n := len(r.kernel.Ops()); n < 10 || n > 40 {
			t.Errorf("%d attempts in 10 minutes", n)
		}
		r.reload(configOf(virtual(1, 1, 2), virtual(2, 1)))
		r.pass(time.Minute)
		r.wantTable("1:1=1 2:1=1")
		if st := r.status(); st.Kernel.Error != "" {
			t.Errorf("kernel status %+v", st.Kernel)
		}
		r.end()
	})
}

func TestManyErrorsAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var list []config.VirtualServer
		for n := byte(1); n <= 20; n++ {
			v := virtual(n, 1)
			v.LBAlgo = "nosuch"
			list = append(list, v)
		}
		r.start(configOf(list...))
		got := r.status().Kernel.Error
		if n := strings.Count(got, "\n"); n != 3 || !strings.HasSuffix(got, "(and 17 more)") ||
			!strings.Contains(got, "the kernel has no scheduler nosuch (module ip_vs_nosuch)") || strings.Contains(got, "server") {
			t.Errorf("error is\n%s", got)
		}
		r.end()
	})
}

func TestBrokenConnection(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.kernel.Change(stranger(9)); err != nil {
			t.Fatal(err)
		}
		r.start(configOf(virtual(1, 1, 2)))
		foreign := func(when string, want ...string) {
			t.Helper()
			if st := r.status(); !slices.Equal(st.Foreign, want) {
				t.Errorf("%s: services of others %v, want %v", when, st.Foreign, want)
			}
		}
		foreign("at first", "[192.0.2.9]:tcp:80")
		broken := errors.New("netlink: no buffer space")
		r.kernel.Set(func(k *ipvs.Fake) { k.Broken = func() error { return broken } })
		r.fail("198.51.100.2:80")
		r.pass(3 * time.Second)
		if st := r.status(); st.Kernel.Error == "" {
			t.Error("no error in the status")
		}
		foreign("while the kernel does not answer")
		r.kernel.Set(func(k *ipvs.Fake) { k.Broken = nil })
		r.pass(10 * time.Second)
		r.wantTable("1:1=1 9:")
		foreign("at last", "[192.0.2.9]:tcp:80")
		if st := r.status(); st.Kernel.Error != "" {
			t.Errorf("still %q", st.Kernel.Error)
		}
		r.end()
	})
}

// TestLostAcknowledgement: what the kernel did without our hearing of it is read
// back and neither done again nor taken for another program's work.
func TestLostAcknowledgement(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(configOf(virtual(1, 1, 2)))
		r.kernel.Ops()
		lost := 0
		r.kernel.Set(func(k *ipvs.Fake) {
			k.Lost = func() error {
				if lost++; lost > 3 {
					return nil
				}
				return os.ErrDeadlineExceeded
			}
		})
		r.fail("198.51.100.2:80")
		r.pass(20 * time.Second)
		r.wantTable("1:1=1")
		r.wantOps("-d")
		if st := r.status(); st.Kernel.Error != "" || st.Kernel.Repairs != 0 {
			t.Errorf("kernel status %+v", st.Kernel)
		}
		r.end()
	})
}

func TestNoIPVS(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.noIPVS = ipvs.ErrNoIPVS
		r.start(configOf(virtual(1, 1)))
		if err := <-r.done; !errors.Is(err, ipvs.ErrNoIPVS) {
			t.Errorf("run: %v", err)
		}
		r.stop()
		if _, err := r.lvs.Status(t.Context()); err == nil {
			t.Error("a status after the end")
		}

		// The message names what needs it.
		r.start(with(syncing(config.LVSSyncDaemon{Interface: "eth0", ID: 7}), func(c *config.Config) { c.VirtualServers = nil }))
		if err := <-r.done; !errors.Is(err, ipvs.ErrNoIPVS) || !strings.Contains(err.Error(), "lvs_sync_daemon") {
			t.Errorf("sync daemon: %v", err)
		}
		r.stop()

		// One that may not be set is none.
		r.noIPVS = syscall.EPERM
		r.start(configOf(virtual(1, 1)))
		if err := <-r.done; !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
			t.Errorf("without the permission: %v", err)
		}
		r.stop()

		// Nothing to do for IPVS: it is not even asked for.
		r.opens = 0
		r.start(with(configOf(), func(c *config.Config) {
			c.Instances = []config.VRRPInstance{instance("A", 1, "192.0.2.1/24")}
		}))
		r.master("A", true)
		r.wantReady("A")
		r.end()
		if r.opens != 0 {
			t.Errorf("opened %d times", r.opens)
		}
	})
}

func TestReload(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fail("198.51.100.2:80")
		r.start(configOf(virtual(1, 1, 2, 3), virtual(2, 1), virtual(3, 1)))
		r.pass(3 * time.Second)
		r.wantTable("1:1=1,3=3 2:1=1 3:1=1")
		r.kernel.Ops()
		r.forget()

		next := configOf(virtual(1, 1, 2, 4), virtual(3, 1), virtual(4, 1))
		next.VirtualServers[0].RealServers[0].Weight = 9
		next.VirtualServers[1].LBAlgo = "rr"
		r.reload(next)
		r.wantTable("1:1=9,4=4 3:1=1 4:1=1")
		r.wantOps("~d +d -d ~s +s +d -s")
		r.wantLines(
			"RS [198.51.100.1]:tcp:80 [192.0.2.2]:tcp:80 DOWN", "VS [192.0.2.2]:tcp:80 DOWN",
			"RS [198.51.100.3]:tcp:80 [192.0.2.1]:tcp:80 DOWN", "VS [192.0.2.4]:tcp:80 UP",
		)
		if st := r.status(); st.Services[0].Servers[1].Up || st.Services[0].Servers[1].Checks[0].State != "down" {
			t.Errorf("server 2 forgot its state: %+v", st.Services[0].Servers[1])
		}
		r.reload(next)
		r.wantOps("")
		r.reload(configOf())
		r.wantTable("")
		r.end()
	})
}

// TestReloadOfTimes checks that a server that is down stays out of the table when
// a reload says of its check when it looks, and comes back when another thing is
// looked at, until that was seen.
func TestReloadOfTimes(t *testing.T) {
	for name, change := range map[string]func(*config.Checker){
		"delay_loop":         func(c *config.Checker) { c.DelayLoop += time.Second },
		"retry":              func(c *config.Checker) { c.Retry += 2 },
		"delay_before_retry": func(c *config.Checker) { c.DelayBeforeRetry += time.Second },
		"warmup":             func(c *config.Checker) { c.Warmup += time.Second },
		"connect_timeout":    func(c *config.Checker) { c.ConnectTimeout += time.Second },
		"alpha":              func(c *config.Checker) { c.Alpha = !c.Alpha },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.fail("198.51.100.2:80")
				r.start(configOf(virtual(1, 1, 2)))
				r.pass(3 * time.Second)
				r.wantTable("1:1=1")
				r.kernel.Ops()
				next := configOf(virtual(1, 1, 2))
				for i := range next.VirtualServers[0].RealServers {
					change(&next.VirtualServers[0].RealServers[i].Checkers()[0])
				}
				r.reload(next)
				r.pass(30 * time.Second)
				r.wantOps("")
				for i, up := range []bool{true, false} {
					if s := r.status().Services[0].Servers[i]; s.Up != up {
						t.Errorf("server %d: %+v", i, s)
					}
				}
				r.end()
			})
		})
	}
	bubble(t, func(t *testing.T, r *rig) {
		r.fail("198.51.100.2:80")
		r.start(configOf(virtual(1, 1, 2)))
		r.pass(3 * time.Second)
		r.kernel.Ops()
		next := configOf(virtual(1, 1, 2))
		next.VirtualServers[0].RealServers[1].Checkers()[0].FWMark = 5
		r.reload(next)
		r.wantTable("1:1=1,2=2")
		r.pass(3 * time.Second)
		r.wantTable("1:1=1")
		r.end()
	})
}

// TestReloadWithoutAlpha checks that a server that nothing was seen of is in the
// table when a reload takes alpha away, and one that has failed is not.
func TestReloadWithoutAlpha(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.fail("198.51.100.3:80")
		of := func(alpha bool) *config.Config {
			c := configOf(virtual(1, 1, 2, 3))
			for i := range c.VirtualServers[0].RealServers {
				c.VirtualServers[0].RealServers[i].Checkers()[0].Alpha = alpha
			}
			c.VirtualServers[0].RealServers[1].Checkers()[0].Warmup = time.Hour
			return c
		}
		r.start(of(true))
		r.pass(3 * time.Second)
		r.wantTable("1:1=1")
		r.forget()
		r.reload(of(false))
		r.wantTable("1:1=1,2=2")
		r.wantLines("RS [198.51.100.2]:tcp:80 [192.0.2.1]:tcp:80 UP")
		r.pass(30 * time.Second)
		r.wantTable("1:1=1,2=2")
		r.wantLines()
		r.end()
	})
}

// TestTakesOverAtOnce checks that a service that somebody else made, and that the
// configuration names later, has no server of its former life for a moment.
func TestTakesOverAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(configOf(virtual(1, 1)))
		theirs := stranger(2)
		server := ipvs.Destination{DestKey: ipvs.DestKey{Addr: netip.MustParseAddr("198.51.100.77"), Port: 80}, Weight: 3}
		if err := r.kernel.Change(theirs, ipvs.Op{Kind: ipvs.AddDest, Service: theirs.Service, Dest: server}); err != nil {
			t.Fatal(err)
		}
		r.reload(configOf(virtual(1, 1), virtual(2, 1)))
		r.wantTable("1:1=1 2:1=1")
		if st := r.status(); st.Kernel.Repairs != 0 || st.Kernel.Error != "" {
			t.Errorf("kernel status %+v", st.Kernel)
		}
		reads := r.kernel.Reads()
		r.reload(configOf(virtual(1, 1), virtual(2, 1, 2)))
		if n := r.kernel.Reads() - reads; n != 0 {
			t.Errorf("read %d times for a change of what is known", n)
		}
		r.end()
	})
}

func TestFlushAtStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.kernel.Change(stranger(9)); err != nil {
			t.Fatal(err)
		}
		cfg := with(configOf(virtual(1, 1)), func(c *config.Config) { c.Global.LVSFlush = true })
		r.start(cfg)
		r.wantTable("1:1=1")
		if err := r.kernel.Change(stranger(9)); err != nil {
			t.Fatal(err)
		}
		r.reload(cfg)
		r.pass(2 * time.Minute)
		r.wantTable("1:1=1 9:")
		r.end()
		r.start(cfg, func(d *Deps) { d.Restarted = true })
		r.wantTable("1:1=1 9:")
		r.end()
		r.wantTable("9:")
	})
}

// TestNoServices: connection sync alone, or a profile, makes nobody empty the table
// or set timeouts, although the process is there and the keywords are.
func TestNoServices(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.kernel.Change(stranger(9)); err != nil {
			t.Fatal(err)
		}
		before, err := r.kernel.Timeouts()
		if err != nil {
			t.Fatal(err)
		}
		sync := func(services ...config.VirtualServer) *config.Config {
			return with(configOf(services...), func(c *config.Config) {
				c.Global.LVSSyncDaemon = &config.LVSSyncDaemon{Interface: "eth0"}
				c.Global.LVSFlush, c.Global.LVSTimeouts = true, config.LVSTimeouts{TCP: time.Minute}
			})
		}
		check := func(when string, want ipvs.Timeouts) {
			t.Helper()
			if got, err := r.kernel.Timeouts(); err != nil || got != want {
				t.Errorf("%s: timeouts are %v, %v; want %v", when, got, err, want)
			}
		}
		r.start(sync())
		r.wantTable("9:")
		check("without a service", before)
		if s := r.status().Timeouts; s != nil {
			t.Errorf("status says %v", s)
		}
		r.reload(sync(virtual(1, 1)))
		r.wantTable("1:1=1 9:")
		set := before
		set.TCP = time.Minute
		check("with one", set)
		r.reload(sync())
		r.wantTable("9:")
		check("without one again", before)
		r.end()
		r.wantTable("9:")
	})
}

func TestFlushOnStop(t *testing.T) {
	for _, tt := range []struct {
		name string
		flag config.LVSFlushOnStop
		keep bool
		want string
	}{
		{"own", config.FlushOwn, false, "9:"},
		{"all", config.FlushAll, false, ""},
		{"services", config.FlushServices, false, "9:"},
		{"keep", config.FlushOwn, true, "1:1=1 9:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.start(with(configOf(virtual(1, 1)), func(c *config.Config) { c.Global.LVSFlushOnStop = tt.flag }),
					func(d *Deps) { d.Keep = tt.keep })
				if err := r.kernel.Change(stranger(9)); err != nil {
					t.Fatal(err)
				}
				r.end()
				r.wantTable(tt.want)
				if n := len(r.saved.Services); (n > 0) != tt.keep {
					t.Errorf("%d services count as ours after the stop", n)
				}
			})
		})
	}
}

// A service that is configured is ours, whoever put it into the kernel: it goes when it
// is not wanted, and is none of others.
func TestAConfiguredServiceOfAnotherIsOurs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if err := r.kernel.Change(stranger(1), stranger(9)); err != nil {
			t.Fatal(err)
		}
		cfg := following(config.FollowAuto)
		r.start(cfg)
		if st := r.status(); !slices.Equal(st.Foreign, []string{"[192.0.2.9]:tcp:80"}) {
			t.Errorf("foreign %v", st.Foreign)
		}
		r.master("A", false)
		r.master("B", false)
		r.wantTable("3:1=1 9: m7:1=1")
		if err := r.kernel.Change(stranger(1)); err != nil {
			t.Fatal(err)
		}
		r.pass(2 * time.Minute)
		r.wantTable("3:1=1 9: m7:1=1")
		r.end()
		r.wantTable("9:")
	})
}

func TestTimeouts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		check := func(tcp, fin, udp time.Duration) {
			t.Helper()
			got, err := r.kernel.Timeouts()
			if want := (ipvs.Timeouts{TCP: tcp, TCPFin: fin, UDP: udp}); err != nil || got != want {
				t.Errorf("timeouts are %v, %v; want %v", got, err, want)
			}
		}
		cfg := func(tcp, udp time.Duration) *config.Config {
			return with(configOf(virtual(1, 1)), func(c *config.Config) { c.Global.LVSTimeouts = config.LVSTimeouts{TCP: tcp, UDP: udp} })
		}
		r.start(cfg(time.Minute, 10*time.Second))
		check(time.Minute, 2*time.Minute, 10*time.Second)
		if s := r.status().Timeouts; s == nil || *s != (TimeoutStatus{TCP: 60, UDP: 10}) {
			t.Errorf("status says %v", s)
		}
		// Another program's change is repaired.
		if err := r.kernel.SetTimeouts(ipvs.Timeouts{TCP: time.Hour}); err != nil {
			t.Fatal(err)
		}
		r.pass(61 * time.Second)
		check(time.Minute, 2*time.Minute, 10*time.Second)
		r.reload(cfg(0, 20*time.Second))
		check(15*time.Minute, 2*time.Minute, 20*time.Second)
		r.reload(cfg(0, 0))
		check(15*time.Minute, 2*time.Minute, 5*time.Minute)
		if s := r.status().Timeouts; s != nil {
			t.Errorf("status says %v", s)
		}
		if r.saved.Timeouts != nil {
			t.Errorf("still to restore: %v", r.saved.Timeouts)
		}
		r.reload(cfg(time.Minute, 0))
		// Killed here: the next process restores what there was before.
		saved := r.saved
		r.end()
		check(15*time.Minute, 2*time.Minute, 5*time.Minute)
		if err := r.kernel.SetTimeouts(ipvs.Timeouts{TCP: time.Minute}); err != nil {
			t.Fatal(err)
		}
		r.saved = saved
		r.start(cfg(time.Minute, 0), func(d *Deps) { d.Restarted = true })
		check(time.Minute, 2*time.Minute, 5*time.Minute)
		r.end()
		check(15*time.Minute, 2*time.Minute, 5*time.Minute)
	})
}

// What is ours is handed on before the kernel is told of it.
func TestOwnedIsSavedFirst(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.kernel.Fail = func(op ipvs.Op) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if op.Kind == ipvs.AddService && !slices.Contains(r.saved.Services, op.Service.ServiceKey) {
				t.Errorf("%s: not yet saved as ours", op)
			}
			return nil
		}
		r.start(configOf(virtual(1, 1), virtual(2, 1)))
		r.reload(configOf(virtual(1, 1), virtual(3, 1)))
		if want := []ipvs.ServiceKey{key(1), key(3)}; !slices.Equal(r.saved.Services, want) {
			t.Errorf("owned %v, want %v", r.saved.Services, want)
		}
		r.refuse(nil)
		r.end()
	})
}

func TestStopThatFails(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(configOf(virtual(1, 1)))
		r.refuse(func(op ipvs.Op) error {
			if op.Kind == ipvs.DelService {
				return syscall.EPERM
			}
			return nil
		})
		r.end()
		if r.saved.empty() {
			t.Error("what could not be removed is no longer known as ours")
		}
	})
}

// TestMappedAddresses: what is written as IPv6 is IPv6 in the kernel, also an IPv4
// address, and has the name for operators that is written.
func TestMappedAddresses(t *testing.T) {
	v := virtual(1, 1)
	const service, server = "::ffff:192.0.2.1", "::ffff:198.51.100.1"
	v.Addr, v.Family = netip.MustParseAddr(service), 6
	v.RealServers[0].Addr = netip.MustParseAddr(server)
	pool, _ := ipvs.ResumePool(2, convert(configOf(v, virtual(1, 1))).forPool(nil, time.Now(), nil, nil), nil)
	var got []string
	for _, e := range pool.Table() {
		got = append(got, fmt.Sprint(e.Family, " ", e.ServiceKey, " ", e.Dests[0].Addr))
		if name, err := parseName(ServiceName(e.ServiceKey)); err != nil || name.addr != e.Addr {
			t.Errorf("%s: %v, %v", ServiceName(e.ServiceKey), name.addr, err)
		}
		for _, d := range e.Dests {
			if realServer(&v, d.DestKey) == nil && e.Family == ipvs.INET6 {
				t.Errorf("%v is no server of the configuration", d.DestKey)
			}
		}
	}
	want := []string{
		fmt.Sprint(ipvs.INET, " [192.0.2.1]:tcp:80 198.51.100.1"),
		fmt.Sprint(ipvs.INET6, " [", service, "]:tcp:80 ", server),
	}
	if !slices.Equal(got, want) {
		t.Errorf("table %q, want %q", got, want)
	}
}
