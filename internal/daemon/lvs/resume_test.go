package lvs

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// succeed is a process that takes the place of one that was killed: the table
// and what is remembered are as they were.
func (r *rig) succeed(cfg *config.Config, changes ...func(*Deps)) {
	r.t.Helper()
	table, err := r.kernel.Table()
	if err != nil {
		r.t.Fatal(err)
	}
	saved := r.saved
	r.end()
	if err := r.kernel.Change(ipvs.Plan(nil, table, nil)...); err != nil {
		r.t.Fatal(err)
	}
	r.saved = saved
	r.kernel.Ops()
	r.forget()
	r.start(cfg, append(changes, func(d *Deps) { d.Restarted = true })...)
}

// sortLines is for events of checks that run beside each other.
func (r *rig) sortLines() {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.lines)
}

func TestSuccessorKnowsWhoIsInService(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2, 3)
		for i := range v.RealServers {
			v.RealServers[i].Checkers()[0].Alpha = i != 1
			v.RealServers[i].Checkers()[0].Retry = 1
			v.RealServers[i].Checkers()[0].DelayBeforeRetry = time.Second
		}
		v.RealServers[2].InhibitOnFailure = true
		cfg := configOf(v)
		r.fail("198.51.100.2:80", "198.51.100.3:80")
		r.start(cfg)
		r.pass(5 * time.Second)
		r.wantTable("1:1=1,3=0")

		// Neither is the dead one put into service nor is alpha taken out.
		r.succeed(cfg)
		r.wantTable("1:1=1,3=0")
		r.wantLines("VS [192.0.2.1]:tcp:80 UP")
		r.fail("198.51.100.1:80", "198.51.100.2:80", "198.51.100.3:80") // one failure is none yet
		r.pass(1500 * time.Millisecond)
		r.wantTable("1:1=1,3=0")
		r.wantOps("")
		r.sortLines()
		// Whether that was told before the death is not known.
		r.wantLines("RS [198.51.100.2]:tcp:80 [192.0.2.1]:tcp:80 DOWN", "RS [198.51.100.3]:tcp:80 [192.0.2.1]:tcp:80 DOWN")
		r.fail("198.51.100.2:80")
		r.pass(2 * time.Second)
		r.wantTable("1:1=1,3=3")
		r.wantLines("RS [198.51.100.3]:tcp:80 [192.0.2.1]:tcp:80 UP")
		r.fail("198.51.100.1:80")
		r.pass(5 * time.Second)
		r.wantTable("1:2=2,3=3")
		r.end()
	})
}

// Servers that were all dead do not come into service before their checks
// succeed, and nobody is told that the service is up.
func TestSuccessorOfAllDead(t *testing.T) {
	for name, sorry := range map[string]bool{"alone": false, "with a new sorry server": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				v := virtual(1, 1, 2)
				r.fail("198.51.100.1:80", "198.51.100.2:80")
				r.start(configOf(v, virtual(2)))
				r.pass(5 * time.Second)
				r.wantTable("1: 2:")
				want := "1: 2:"
				if sorry {
					v.SorryServer = &config.SorryServer{Addr: netip.MustParseAddr("198.51.100.9"), Port: 80, Forward: v.Forward}
					want = "1:9=1 2:"
				}
				r.succeed(configOf(v, virtual(2)))
				r.wantTable(want)
				r.wantLines("VS [192.0.2.1]:tcp:80 DOWN")
				r.fail("198.51.100.1:80")
				r.pass(3 * time.Second)
				r.wantTable("1:2=2 2:")
				r.sortLines()
				r.wantLines("RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN", "RS [198.51.100.2]:tcp:80 [192.0.2.1]:tcp:80 UP", "VS [192.0.2.1]:tcp:80 UP")
				r.end()
			})
		})
	}
}

// A weight that an operator gives hides nothing; that a server is to be out does.
func TestSuccessorWithOrders(t *testing.T) {
	order := func(n byte, o ipvs.Order) Setting {
		return Setting{Service: key(1), Server: ipvs.DestKey{Addr: netip.AddrFrom4([4]byte{198, 51, 100, n}), Port: 80}, Order: o, Keep: true}
	}
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2, 3, 4)
		v.RealServers[2].InhibitOnFailure = true
		v.RealServers[3].Checkers()[0].Alpha = true
		cfg := configOf(v)
		set := func(d *Deps) {
			d.Settings = []Setting{
				{Service: key(1), Order: ipvs.Order{Action: ipvs.Weigh, Weight: 7}, Keep: true},
				order(1, ipvs.Order{Action: ipvs.Weigh}),
				order(4, ipvs.Order{Action: ipvs.Disable}),
			}
		}
		r.fail("198.51.100.2:80", "198.51.100.3:80")
		r.start(cfg, set)
		r.pass(5 * time.Second)
		r.wantTable("1:1=0,3=0")
		r.succeed(cfg, set)
		r.wantTable("1:1=0,3=0")
		r.mustSet("192.0.2.1", "198.51.100.4", "enable", "out of service: its checks fail, no server takes new connections") // alpha, not looked at yet
		r.pass(3 * time.Second)
		r.wantTable("1:1=0,3=0,4=7")
		r.end()
	})
	var v ipvs.VirtualServer
	for v = range convert(configOf(virtual(1, 1))).forPool(nil, time.Now(), nil, nil) {
	}
	v.Servers[0].Inhibit = true
	have := []ipvs.Destination{v.Servers[0].Destination}
	have[0].Weight = 0
	ordered := map[subject]ipvs.Order{{v.ServiceKey, v.Servers[0].DestKey}: {Action: ipvs.Weigh}}
	if past := pastOf(&v, v.ServiceKey, have, ordered, nil); past == nil || len(past.Servers) != 0 {
		t.Errorf("weight 0 by order or for a failure cannot be told apart: %+v", past)
	}
}

// A server that nobody was told of is told as down with its first check.
func TestSuccessorTellsWhoIsDown(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		v.RealServers[1].Checkers()[0].Alpha = true
		r.start(configOf(virtual(1, 1)))
		r.pass(3 * time.Second)
		r.fail("198.51.100.2:80")
		r.succeed(configOf(v))
		r.pass(10 * time.Second)
		r.wantTable("1:1=1")
		r.wantLines("VS [192.0.2.1]:tcp:80 UP", "RS [198.51.100.2]:tcp:80 [192.0.2.1]:tcp:80 DOWN")
		r.end()
	})
}

// A slow start goes on where it was, and begins for a server that was down.
func TestSuccessorInSlowStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2)
		for i := range v.RealServers {
			v.RealServers[i].Weight, v.RealServers[i].Extras = 100, &config.ServerExtras{SlowStart: 100 * time.Second}
		}
		cfg := configOf(v)
		r.fail("198.51.100.1:80", "198.51.100.2:80")
		r.start(cfg)
		r.pass(3 * time.Second)
		r.fail("198.51.100.2:80")
		r.pass(23 * time.Second)
		r.wantTable("1:1=30")
		r.succeed(cfg)
		r.wantTable("1:1=30")
		r.pass(8 * time.Second)
		r.wantTable("1:1=30")
		r.fail()
		r.pass(3 * time.Second)
		r.wantTable("1:1=40,2=10")
		r.pass(55 * time.Second)
		r.wantTable("1:1=90,2=60")
		r.pass(60 * time.Second)
		r.wantTable("1:1=100,2=100")
		r.succeed(cfg)
		r.wantTable("1:1=100,2=100")
		r.end()
	})
}

// While the sorry server is in, it stays in; a quorum that is kept by the
// hysteresis is kept.
func TestSuccessorKnowsTheQuorum(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := virtual(1, 1, 2, 3)
		v.Quorum, v.Hysteresis = 4, 2
		v.SorryServer = &config.SorryServer{Addr: netip.MustParseAddr("198.51.100.9"), Port: 80, Forward: v.Forward}
		cfg := configOf(v)
		r.start(cfg)
		r.fail("198.51.100.3:80")
		r.pass(3 * time.Second)
		r.wantTable("1:1=1,2=2") // 3 is not below 4-2
		r.succeed(cfg)
		r.wantTable("1:1=1,2=2")
		r.pass(3 * time.Second)
		r.wantTable("1:1=1,2=2")
		r.wantOps("")
		r.fail("198.51.100.2:80", "198.51.100.3:80")
		r.pass(3 * time.Second)
		r.wantTable("1:9=1")
		r.succeed(cfg)
		r.wantTable("1:9=1")
		r.wantOps("")
		r.fail()
		r.pass(3 * time.Second)
		r.wantTable("1:1=1,2=2,3=3")
		r.end()
	})
}

// A table that has none of the configured servers says nothing of them.
func TestSuccessorOfAnotherConfiguration(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.start(configOf(virtual(1, 1)))
		r.pass(3 * time.Second)
		r.succeed(configOf(virtual(1, 2)))
		r.wantTable("1:2=2")
		// Of what it has some of, a server that is new waits for its check.
		r.pass(3 * time.Second)
		r.succeed(configOf(virtual(1, 2, 3)))
		r.wantTable("1:2=2")
		r.pass(3 * time.Second)
		r.wantTable("1:2=2,3=3")
		r.end()
	})
}

// Weights that a program gives its server (misc_dynamic) stay until it says
// otherwise.
func TestPastWeight(t *testing.T) {
	v := ipvs.VirtualServer{Service: ipvs.Service{ServiceKey: key(1)}, Servers: []ipvs.RealServer{{
		Destination: ipvs.Destination{DestKey: ipvs.DestKey{Addr: netip.MustParseAddr("198.51.100.1"), Port: 80}, Weight: 10},
		Checks:      []ipvs.Check{{ID: "a"}, {ID: "b"}},
	}}}
	have := []ipvs.Destination{v.Servers[0].Destination}
	have[0].Weight = 3
	dynamic := map[checkRef]bool{{v.ServiceKey, v.Servers[0].DestKey, "b"}: true}
	pool, _ := ipvs.ResumePool(1, slices.Values([]ipvs.VirtualServer{v}), func(v *ipvs.VirtualServer) *ipvs.Past {
		return pastOf(v, v.ServiceKey, have, nil, dynamic)
	})
	if e, _ := pool.Entry(v.ServiceKey); len(e.Dests) != 1 || e.Dests[0].Weight != 3 {
		t.Errorf("entry %v", e)
	}
	pool.Verdict(ipvs.Verdict{Service: v.ServiceKey, Server: v.Servers[0].DestKey, Check: "b", Up: true, Weight: -1})
	if e, _ := pool.Entry(v.ServiceKey); e.Dests[0].Weight != 10 {
		t.Errorf("entry %v", e)
	}
}
