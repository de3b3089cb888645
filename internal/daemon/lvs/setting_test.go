package lvs

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

var alice = Author{UID: 1000, User: "alice"}

// set does what `holdfast set` does: "1:80 2 weight 5" is server 2 of service 1.
func (r *rig) set(service, server, words string, keep ...bool) (Answer, error) {
	r.t.Helper()
	return r.lvs.Set(context.Background(), Ask{
		Service: service, Server: server, Words: strings.Fields(words), Keep: len(keep) > 0, By: alice,
	})
}

func (r *rig) mustSet(service, server, words, state string, keep ...bool) {
	r.t.Helper()
	a, err := r.set(service, server, words, keep...)
	synctest.Wait()
	if err != nil {
		r.t.Errorf("%s %s %s: %v", service, server, words, err)
		return
	}
	var got []string
	for _, o := range a.Set {
		got = append(got, o.State)
	}
	if s := strings.Join(got, "; "); s != state {
		r.t.Errorf("%s %s %s: %q, want %q", service, server, words, s, state)
	}
}

// keepsSettings lets the settings of a rig outlive it.
func keepsSettings(r *rig, saved *[]Setting) func(*Deps) {
	return func(d *Deps) {
		d.Settings = *saved
		d.SaveSettings = func(list []Setting) { *saved = list }
	}
}

func TestSetWeightIsOneOperation(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var saved []Setting
		r.start(configOf(virtual(1, 1, 2), virtual(2, 1)), keepsSettings(r, &saved))
		r.pass(3 * time.Second)
		r.kernel.Ops()
		r.forget()
		r.mustSet("192.0.2.1:80", "198.51.100.2:80", "weight 7", "in service, weight 7")
		r.wantOps("~d")
		r.wantTable("1:1=1,2=7 2:1=1")
		r.wantLines() // a weight is no news for scripts
		if len(saved) != 1 || saved[0].By != alice || saved[0].Order.Weight != 7 || saved[0].At.IsZero() {
			t.Errorf("saved %+v", saved)
		}
		st := r.status()
		want := OrderStatus{From: "set", Order: "weight 7", By: &alice, At: saved[0].At}
		if o := st.Services[0].Servers[1].Orders; len(o) != 1 || *o[0].By != alice || o[0].Order != want.Order || o[0].From != want.From || !o[0].At.Equal(want.At) || o[0].Keep {
			t.Errorf("status %+v, want %+v", o, want)
		}
		r.mustSet("192.0.2.1", "198.51.100.2", "enable", "in service, weight 2")
		r.wantOps("~d")
		r.mustSet("192.0.2.1", "198.51.100.2", "enable", "in service, weight 2")
		r.wantOps("")
		if len(saved) != 0 {
			t.Errorf("saved %+v", saved)
		}
		r.end()
	})
}

func TestSetDisableTellsAndOutlivesTheProcess(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var saved []Setting
		r.start(configOf(virtual(1, 1, 2)), keepsSettings(r, &saved))
		r.pass(3 * time.Second)
		r.forget()
		r.kernel.Ops()
		r.mustSet("192.0.2.1:80/tcp", "198.51.100.2:80", "disable", "out of service")
		r.wantOps("-d")
		r.wantLines("RS [198.51.100.2]:tcp:80 [192.0.2.1]:tcp:80 DOWN")
		r.fail("198.51.100.2:80")
		r.pass(3 * time.Second)
		r.fail()
		r.pass(3 * time.Second)
		r.wantLines() // it was told to be down
		r.wantTable("1:1=1")
		before := slices.Clone(saved)
		// Its successor, started with what was saved, changes nothing.
		r.stop()
		<-r.done
		saved = before
		if err := r.kernel.Change(ipvs.Plan(nil, ipvs.Table{r.lvs.mustEntry(key(1))}, nil)...); err != nil {
			t.Fatal(err)
		}
		r.kernel.Ops()
		r.start(configOf(virtual(1, 1, 2)), keepsSettings(r, &saved), func(d *Deps) {
			d.Restarted, d.Owned = true, Owned{Services: []ipvs.ServiceKey{key(1)}}
		})
		r.pass(3 * time.Second)
		r.wantOps("")
		r.forget()
		r.mustSet("192.0.2.1:80", "198.51.100.2:80", "enable", "in service, weight 2")
		r.wantLines("RS [198.51.100.2]:tcp:80 [192.0.2.1]:tcp:80 UP")
		r.wantTable("1:1=1,2=2")
		r.end()
	})
}

func (l *LVS) mustEntry(k ipvs.ServiceKey) ipvs.Entry {
	e, _ := l.pool.Entry(k)
	return e
}

func TestSetHoldsUntilTheReloadUnlessKept(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var saved []Setting
		cfg := configOf(virtual(1, 1, 2, 3))
		r.start(cfg, keepsSettings(r, &saved))
		r.mustSet("192.0.2.1:80", "198.51.100.1:80", "weight 10", "in service, weight 10")
		r.mustSet("192.0.2.1:80", "198.51.100.2:80", "disable", "out of service", true)
		r.mustSet("192.0.2.1:80", "198.51.100.3:80", "weight 9", "in service, weight 9", true)
		r.wantTable("1:1=10,3=9")
		r.kernel.Ops()
		r.reload(cfg)
		r.wantTable("1:1=1,3=9")
		r.wantOps("~d")
		r.reload(configOf(virtual(1, 1, 2))) // what is not configured any more is forgotten
		if len(saved) != 1 || saved[0].Server.Addr.String() != "198.51.100.2" {
			t.Errorf("saved %+v", saved)
		}
		r.reload(cfg)
		r.wantTable("1:1=1,3=3")
		r.mustSet("192.0.2.1:80", "198.51.100.1:80", "weight 10", "in service, weight 10")
		r.end() // the end keeps what a new daemon is to have
		if len(saved) != 1 || saved[0].Order.Action != ipvs.Disable {
			t.Errorf("saved at the end %+v", saved)
		}
	})
}

// A trial that is taken back brings back what was set before it, as it was: a
// server that was taken out for repair got connections after it. What the operator
// said during the trial counts.
func TestSetHoldsAgainWhenATrialIsTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var saved []Setting
		cfg := configOf(virtual(1, 1, 2, 3), virtual(2, 1, 2))
		r.start(cfg, keepsSettings(r, &saved))
		r.mustSet("192.0.2.1:80", "198.51.100.1:80", "disable", "out of service")
		r.mustSet("192.0.2.1:80", "198.51.100.2:80", "weight 7", "in service, weight 7", true)
		r.mustSet("192.0.2.1:80", "198.51.100.3:80", "weight 8", "in service, weight 8")
		r.mustSet("192.0.2.2:80", "", "weight 9", "2 of 2 real servers in service")
		r.wantTable("1:2=7,3=8 2:1=9,2=9")
		before := slices.Clone(saved)
		r.pass(time.Second)
		r.reload(configOf(virtual(1, 1, 3), virtual(2, 1, 2))) // the trial
		r.wantTable("1:1=1,3=3 2:1=1,2=2")
		r.mustSet("192.0.2.1:80", "198.51.100.3:80", "enable", "in service, weight 3")
		r.mustSet("192.0.2.2:80", "198.51.100.1", "weight 6", "in service, weight 6")
		r.forget()
		if err := r.lvs.Change(context.Background(), cfg, Change{GivenBack: before}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.wantTable("1:2=7,3=3 2:1=6,2=9")
		r.wantLines("RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN")
		if len(saved) != 4 || !slices.Contains(saved, before[0]) {
			t.Errorf("saved %+v, before the trial %+v", saved, before)
		}
		r.reload(cfg) // the next one ends them
		r.wantTable("1:1=1,2=7,3=3 2:1=1,2=2")
		r.end()
	})
}

// With a successor of an lvs process that died in the trial it is the same, and what
// holds again is saved: nobody else knows it.
func TestSetHoldsAgainInASuccessor(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var saved []Setting
		cfg := configOf(virtual(1, 1, 2))
		r.start(cfg, keepsSettings(r, &saved))
		r.mustSet("192.0.2.1:80", "198.51.100.1:80", "disable", "out of service")
		r.mustSet("192.0.2.1:80", "198.51.100.2:80", "weight 7", "in service, weight 7")
		before := slices.Clone(saved)
		r.mustSet("192.0.2.1:80", "198.51.100.1:80", "enable", "in service, weight 1")
		r.mustSet("192.0.2.1:80", "198.51.100.2:80", "weight 8", "in service, weight 8")
		since := slices.Clone(saved)
		r.stop()
		<-r.done
		saved = since
		r.start(cfg, keepsSettings(r, &saved), func(d *Deps) { d.GivenBack = before })
		r.wantTable("1:2=8")
		if len(saved) != 2 || !slices.Contains(saved, before[0]) {
			t.Errorf("saved %+v, before the trial %+v", saved, before)
		}
		r.end()
	})
}

func TestDrain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		v.RealServers[0].Extras = &config.ServerExtras{Scripts: &config.ServerScripts{
			Up:   config.Command{Args: []string{"up"}},
			Down: config.Command{Args: []string{"down"}},
		}}
		r.start(configOf(v))
		r.pass(3 * time.Second)
		r.forget()
		server := ipvs.DestKey{Addr: v.RealServers[0].Addr, Port: 80}
		r.kernel.SetConnections(key(1), server, 2, 0)
		r.mustSet("192.0.2.1:80", "198.51.100.1", "drain", "drains")
		r.wantTable("1:1=0,2=2")
		r.wantLines("RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DRAIN")
		r.pass(10 * time.Second)
		r.wantTable("1:1=0,2=2")
		if st := r.status().Services[0].Servers[0]; st.State != "draining" || st.Up {
			t.Errorf("status %+v", st)
		}
		r.kernel.SetConnections(key(1), server, 0, 1)
		r.pass(10 * time.Second)
		r.wantTable("1:1=0,2=2")
		r.kernel.Ops()
		r.kernel.SetConnections(key(1), server, 0, 0)
		r.pass(3 * time.Second)
		r.wantTable("1:2=2")
		r.wantOps("-d")
		r.wantLines("RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN")
		if st := r.status().Services[0].Servers[0]; st.State != "drained" {
			t.Errorf("status %+v", st)
		}
		r.mustSet("192.0.2.1:80", "198.51.100.1", "enable", "in service, weight 1")
		r.wantTable("1:1=1,2=2")

		// With a deadline, connections or not; called off, it is told as up.
		r.forget()
		r.kernel.SetConnections(key(1), server, 5, 5)
		r.mustSet("192.0.2.1:80", "198.51.100.1", "drain 30", "drains")
		r.pass(20 * time.Second)
		r.mustSet("192.0.2.1:80", "198.51.100.1", "enable", "in service, weight 1")
		r.mustSet("192.0.2.1:80", "198.51.100.1", "drain 30s", "drains")
		r.pass(29 * time.Second)
		r.wantTable("1:1=0,2=2")
		r.pass(2 * time.Second)
		r.wantTable("1:2=2")
		const rs = "RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 "
		r.wantLines(rs+"DRAIN", rs+"UP", rs+"DRAIN", rs+"DOWN")
		if want := []string{"down", "up", "down"}; !slices.Equal(r.runs, want) {
			t.Errorf("ran %q, want %q", r.runs, want)
		}
		r.end()
	})
}

// A table that another program empties is back at once while a server drains,
// and the drain goes on.
// A server with inhibit_on_failure stays in the table when its checks fail, and
// drains on: one whose program was stopped before its last connection had ended never
// left the table, and clients with persistence went on to reach it.
func TestDrainOfAServerThatFails(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		v.RealServers[0].InhibitOnFailure = true
		r.start(configOf(v))
		r.pass(3 * time.Second)
		server := ipvs.DestKey{Addr: v.RealServers[0].Addr, Port: 80}
		r.kernel.SetConnections(key(1), server, 2, 0)
		r.mustSet("192.0.2.1:80", "198.51.100.1", "drain", "drains")
		r.fail("198.51.100.1:80")
		r.pass(5 * time.Second)
		r.wantTable("1:1=0,2=2")
		r.forget()
		r.kernel.SetConnections(key(1), server, 0, 0)
		r.pass(3 * time.Second)
		r.wantTable("1:2=2")
		r.wantLines() // it was told to be down
		if st := r.status().Services[0].Servers[0]; st.State != "drained" {
			t.Errorf("status %+v", st)
		}
		r.fail()
		r.pass(3 * time.Second)
		r.wantTable("1:2=2")
		r.wantLines()
		r.mustSet("192.0.2.1:80", "198.51.100.1", "enable", "in service, weight 1")
		r.end()
	})
}

func TestDrainOfClearedTable(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		r.start(configOf(v, virtual(2, 1)))
		r.kernel.SetConnections(key(1), ipvs.DestKey{Addr: v.RealServers[0].Addr, Port: 80}, 2, 0)
		r.mustSet("192.0.2.1:80", "198.51.100.1", "drain", "drains")
		r.pass(3 * time.Second)
		if err := r.kernel.Flush(); err != nil {
			t.Fatal(err)
		}
		r.pass(drainEvery + drainEvery/10)
		r.wantTable("1:1=0,2=2 2:1=1")
		if st := r.status(); st.Kernel.Repairs != 5 || st.Services[0].Servers[0].State != "draining" {
			t.Errorf("status %+v", st)
		}
		r.end()
	})
}

func TestSetService(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		v.SorryServer = &config.SorryServer{Addr: v.RealServers[0].Addr.Next().Next().Next(), Port: 80, Forward: v.Forward}
		r.start(configOf(v, virtual(2, 1)))
		r.pass(3 * time.Second)
		r.forget()
		r.kernel.SetConnections(key(1), ipvs.DestKey{Addr: v.RealServers[0].Addr, Port: 80}, 2, 0)
		r.mustSet("192.0.2.1:80", "", "drain", "0 of 2 real servers in service, the sorry server takes connections")
		r.wantTable("1:1=0,4=1 2:1=1") // server 2 has no connections to wait for
		const rs, to = "RS [198.51.100.", "]:tcp:80 [192.0.2.1]:tcp:80 "
		r.wantLines(rs+"1"+to+"DRAIN", rs+"2"+to+"DRAIN", "VS [192.0.2.1]:tcp:80 DOWN", rs+"2"+to+"DOWN")
		a, err := r.set("192.0.2.1:80", "198.51.100.2", "weight 9")
		if err != nil || len(a.Set) != 1 || a.Set[0].State != "drained, the sorry server takes connections" || a.Set[0].Still != "drained by the virtual server's setting" {
			t.Errorf("%+v, %v", a, err)
		}
		if st := r.status(); len(st.Services[0].Orders) != 1 || st.Services[0].Orders[0].From != "virtual_server" || len(st.Services[0].Servers[1].Orders) != 2 {
			t.Errorf("status %+v", st.Services[0])
		}
		r.mustSet("192.0.2.1:80", "", "enable", "2 of 2 real servers in service")
		r.wantTable("1:1=1,2=9 2:1=1")
		// What each server was told besides is named when the service is enabled,
		// and the sorry server when the last one goes.
		r.mustSet("192.0.2.1:80", "198.51.100.1", "disable", "out of service")
		r.mustSet("192.0.2.1:80", "198.51.100.2", "disable", "out of service, the sorry server takes connections")
		a, err = r.set("192.0.2.1:80", "", "enable")
		if err != nil || len(a.Set) != 1 || a.Set[0].State != "0 of 2 real servers in service, the sorry server takes connections" ||
			a.Set[0].Still != "disable of 198.51.100.1:80 by the operator, disable of 198.51.100.2:80 by the operator" {
			t.Errorf("%+v, %v", a, err)
		}
		r.mustSet("192.0.2.1:80", "198.51.100.1", "enable", "in service, weight 1")
		r.mustSet("192.0.2.1:80", "198.51.100.2", "weight 9", "in service, weight 9")
		r.mustSet("all", "198.51.100.1", "weight 0", "in service, weight 0; in service, weight 0, no server takes new connections")
		r.wantTable("1:1=0,2=9 2:1=0")
		r.end()
	})
}

// A server of a group drains from all its services.
func TestDrainOfGroup(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(grouped())
		r.pass(3 * time.Second)
		at := ipvs.DestKey{Addr: netip.MustParseAddr("198.51.100.1"), Port: 8080}
		r.kernel.SetConnections(key8080(2), at, 1, 0)
		r.mustSet("group:web:0", "198.51.100.1", "drain", "drains, no server takes new connections")
		r.wantTable("1:1=0 1:2=2 2:1=0 2:2=2 m7:1=0,2=2")
		r.pass(5 * time.Second)
		r.wantTable("1:1=0 1:2=2 2:1=0 2:2=2 m7:1=0,2=2")
		r.kernel.SetConnections(key8080(2), at, 0, 0)
		r.pass(2 * time.Second)
		r.wantTable("1: 1:2=2 2: 2:2=2 m7:2=2")
		r.mustSet("[web]:0", "198.51.100.1", "enable", "in service, weight 1")
		r.wantTable("1:1=1 1:2=2 2:1=1 2:2=2 m7:1=1,2=2")
		r.end()
	})
}

func key8080(n byte) ipvs.ServiceKey {
	k := key(n)
	k.Port = 8080
	return k
}

func TestSetErrorsNameWhatIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := virtual(1, 3)
		w.Port = 443
		mark := virtual(1, 1)
		mark.Addr, mark.Port, mark.Protocol, mark.FWMark = mark.Addr.Prev(), 0, 0, 9
		r.start(configOf(virtual(1, 1, 2), w, mark))
		for _, c := range [][4]string{
			{"192.0.2.7:80", "198.51.100.1:80", "disable", "there is no virtual_server 192.0.2.7:80, but 192.0.2.1:80/tcp, 192.0.2.1:443/tcp, fwmark:9"},
			{"192.0.2.1", "198.51.100.1:80", "disable", "virtual_server 192.0.2.1 may be 192.0.2.1:80/tcp, 192.0.2.1:443/tcp: say which"},
			{"192.0.2.1:80", "198.51.100.9:80", "disable", "there is no real_server 198.51.100.9:80 in virtual_server 192.0.2.1:80/tcp, but 198.51.100.1:80, 198.51.100.2:80"},
			{"fwmark:9", "198.51.100.2", "disable", "there is no real_server 198.51.100.2 in virtual_server fwmark:9, but 198.51.100.1:80"},
			{"all", "198.51.100.77", "disable", "there is no real_server 198.51.100.77 in any virtual_server, but 198.51.100.1:80, 198.51.100.2:80, 198.51.100.3:80"},
			{"nonsense", "198.51.100.1", "disable", `virtual_server: "nonsense" is no name of a server: ADDRESS:PORT, for services also fwmark:MARK and group:NAME; there is 192.0.2.1:80/tcp, 192.0.2.1:443/tcp, fwmark:9`},
			{"192.0.2.1:80", "fwmark:3", "disable", `real_server: "fwmark:3" is no name of a real server`},
			{"192.0.2.1:80", "198.51.100.1", "weight much", `weight "much": a number from 0 to 65535 is wanted`},
			{"192.0.2.1:80", "198.51.100.1", "drain never", `drain "never": a time up to 168h0m0s is wanted, as 90, 90s or 5m`},
			{"192.0.2.1:80", "198.51.100.1", "stop", `"stop" is not one of weight N, drain [TIME], disable and enable`},
		} {
			if _, err := r.set(c[0], c[1], c[2]); err == nil || err.Error() != c[3] {
				t.Errorf("%s %s %s: %v, want %s", c[0], c[1], c[2], err, c[3])
			}
		}
		for _, name := range []string{"192.0.2.1:80", "192.0.2.1:80/tcp", "[192.0.2.1]:tcp:80", "192.0.2.1 80", "tcp"} {
			_, err := r.set(name, "198.51.100.1", "weight 3")
			if (err == nil) != (name != "tcp") {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, name := range []string{"fwmark:9", "fwmark 9", "FWM 9", "fwmark:9/inet"} {
			if _, err := r.set(name, "[198.51.100.1]:80", "weight 3"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		r.end()
	})
}

// The names that an error lists are such that can be given.
func TestNamesThatAreListedFit(t *testing.T) {
	s := convert(&config.Config{
		VirtualServers: []config.VirtualServer{
			{Group: "a", Protocol: 6},
			{Group: "b", Protocol: 6},
			{Group: "b", Protocol: 17, Ordinal: 1},
			{FWMark: 3, Family: 4},
			{FWMark: 3, Family: 6},
			{FWMark: 4, Family: 4},
			virtual(1),
		},
		ServiceGroups: []config.VirtualServerGroup{{Name: "a"}, {Name: "b"}},
	})
	if got, want := strings.Join(s.names(), " "), "group:a group:b:0 group:b:1 fwmark:3/inet fwmark:3/inet6 fwmark:4 192.0.2.1:80/tcp"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for i, name := range s.names() {
		if keys, err := s.find(name); err != nil || len(keys) != 1 || keys[0] != s.order[i] {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
	}
	if _, err := s.find("192.0.2.9:80"); err == nil || !strings.Contains(err.Error(), "group:b:0, group:b:1, fwmark:3/inet, ") {
		t.Errorf("%v", err)
	}
}

// What came with a reload is as old as that, and not as the daemon.
func TestSinceOfWhatAReloadBrings(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(configOf(virtual(1, 1, 2)))
		start := time.Now()
		r.pass(time.Hour)
		cfg := configOf(virtual(1, 1, 3), virtual(2, 1))
		r.reload(cfg)
		came := time.Now()
		r.pass(time.Hour)
		r.reload(cfg)
		r.reload(configOf(virtual(1, 1, 3, 4), virtual(2, 1)))
		for _, s := range r.status().Services {
			for _, d := range s.Servers {
				want := came
				switch {
				case s.Addr == key(1).Addr && d.Addr.String() == "198.51.100.1":
					want = start
				case d.Addr.String() == "198.51.100.4":
					want = time.Now()
				}
				if !d.Since.Equal(want) {
					t.Errorf("%s %s: since %v, want %v", s.Name, d.Addr, d.Since, want)
				}
			}
		}
		r.end()
	})
}

// A slow start is told while it runs: of a server that failed in the middle of it none
// does, and the next one begins anew.
func TestSlowStartIsToldOfServersInService(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		v.RealServers[0].Weight = 10
		v.RealServers[0].Extras = &config.ServerExtras{SlowStart: 100 * time.Second}
		r.start(configOf(v))
		r.pass(3 * time.Second)
		r.mustSet("192.0.2.1:80", "198.51.100.1", "disable", "out of service")
		if _, err := r.set("192.0.2.1:80", "198.51.100.1", "enable"); err != nil {
			t.Fatal(err)
		}
		r.pass(25 * time.Second)
		told := func(want int) {
			t.Helper()
			if d := r.status().Services[0].Servers[0]; d.Ramp != want {
				t.Errorf("%s, slow start at %d %%, want %d", d.State, d.Ramp, want)
			}
		}
		told(30)
		r.fail("198.51.100.1:80")
		r.pass(10 * time.Second)
		told(0)
		r.fail()
		r.pass(3 * time.Second)
		told(10)
		r.end()
	})
}

func TestSetSaysWhatTheKernelRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(configOf(virtual(1, 1, 2)))
		r.refuse(func(op ipvs.Op) error {
			if op.Kind == ipvs.EditDest {
				return syscall.EINVAL
			}
			return nil
		})
		if _, err := r.set("192.0.2.1", "198.51.100.2", "weight 7"); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "192.0.2.1:80/tcp") {
			t.Errorf("%v", err)
		}
		r.refuse(nil)
		r.pass(time.Minute)
		r.wantTable("1:1=1,2=7") // it is tried again
		r.end()
	})
}

func TestSetSaysThatThereIsNoTable(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.noIPVS = syscall.ENOENT
		r.start(configOf(virtual(1, 1, 2)))
		if _, err := r.set("192.0.2.1", "198.51.100.2", "weight 7"); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("%v", err)
		}
		r.mu.Lock()
		r.noIPVS = nil
		r.mu.Unlock()
		r.pass(time.Minute)
		r.wantTable("1:1=1,2=7")
		r.end()
	})
}

// What status, plan, listings and errors call a virtual server is a name that set
// takes for that one, also where others share its group or mark.
func TestNamesOfServicesAreUnderstood(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := grouped()
		mark := func(n uint32, f config.Family) config.VirtualServer {
			v := virtual(1, 1)
			v.Addr, v.Port, v.Protocol, v.FWMark, v.Family = netip.Addr{}, 0, 0, n, f
			if f == 6 {
				v.RealServers[0].Addr = netip.MustParseAddr("2001:db8::1")
			}
			return v
		}
		cfg.VirtualServers = append(cfg.VirtualServers, virtual(9, 1), mark(3, 4), mark(3, 6), mark(4, 4), mark(5, 6))
		r.start(cfg)
		var names []string
		for _, s := range r.status().Services {
			names = append(names, s.ShortName)
			a, err := r.set(s.ShortName, "", "weight 5")
			if err != nil || len(a.Set) != 1 || a.Set[0].Service != s.ShortName {
				t.Errorf("%s: %v %v", s.ShortName, a, err)
			}
		}
		want := []string{"group:web:0", "group:web:1", "192.0.2.9:80/tcp", "fwmark:3/inet", "fwmark:3/inet6", "fwmark:4", "fwmark:5/inet6"}
		if !slices.Equal(names, want) {
			t.Errorf("the services are %v, want %v", names, want)
		}
		for text, want := range map[string]string{
			"group web":             "virtual_server group web may be group:web:0, group:web:1: say which",
			"fwmark:3":              "virtual_server fwmark:3 may be fwmark:3/inet, fwmark:3/inet6: say which",
			"fwmark 3 IPv4":         "fwmark:3/inet",
			"FWM 3 IPv6":            "fwmark:3/inet6",
			"TCP 192.0.2.9:80":      "192.0.2.9:80/tcp",
			"tcp [192.0.2.9]:80":    "192.0.2.9:80/tcp",
			"UDP 192.0.2.9:80":      "there is no virtual_server UDP 192.0.2.9:80, but ",
			"TCP 192.0.2.9:80/udp":  `virtual_server: "TCP 192.0.2.9:80/udp" is no name of a server`,
			"TCP":                   `virtual_server: "TCP" is no name of a server`,
			"TCP fwmark 3":          `virtual_server: "TCP fwmark 3" is no name of a server`,
			"fwmark 3 IPv4 and IPv": `virtual_server: "fwmark 3 IPv4 and IPv" is no name of a server`,
		} {
			a, err := r.set(text, "", "weight 5")
			got := fmt.Sprint(err)
			if err == nil {
				got = a.Set[0].Service
			}
			if err == nil && got != want || !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s, want %s", text, got, want)
			}
		}
		r.end()
	})
}

// To find a server or a service among thousands takes no name of each: an operator's
// word holds the whole process up.
func TestFindingTakesNoNames(t *testing.T) {
	var all []ipvs.ServiceKey
	servers := map[ipvs.ServiceKey][]ipvs.DestKey{}
	for n := range 1000 {
		k := ipvs.MarkKey(ipvs.INET, uint32(n+1))
		all = append(all, k)
		servers[k] = []ipvs.DestKey{{Addr: netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), Port: 80}}
	}
	of := func(k ipvs.ServiceKey) []ipvs.DestKey { return servers[k] }
	for what, find := range map[string]func() (int, error){
		"server":  func() (int, error) { list, err := findServers("198.51.3.1", all, of); return len(list), err },
		"service": func() (int, error) { list, err := (&services{order: all}).find("fwmark:900"); return len(list), err },
	} {
		n, err := find()
		if n != 1 || err != nil {
			t.Errorf("%s: %d, %v", what, n, err)
		}
		if n := testing.AllocsPerRun(10, func() { find() }); n > 50 {
			t.Errorf("%s: found with %v allocations", what, n)
		}
	}
	_, err := findServers("198.51.99.99", append(all, all...), of)
	if want := "there is no real_server 198.51.99.99 in any virtual_server, but 198.51.0.0:80, "; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), " and 992 more") {
		t.Error(err)
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"192.0.2.1:80/tcp", "[2001:db8::1]:udp:53", "fwmark:3/inet6", "FWM 3", "group:web:1", "[web]:0", "2001:db8::1", "a:b:c", "TCP 192.0.2.1:80", "fwmark 3 IPv6", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseName(s)
		if err == nil && n.mark == 0 && n.group == "" && !n.addr.IsValid() {
			t.Fatalf("%q is neither an address nor a mark nor a group", s)
		}
	})
}
