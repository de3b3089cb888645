package integration

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// kept is one kind of service in the survival of connections.
type kept struct {
	name       string
	port       uint16
	kind       string
	persistent bool
}

var keptKinds = []kept{
	{"NAT", 80, "NAT", false},
	{"NAT, persistent", 81, "NAT", true},
	{"DR", 82, "DR", false},
	{"DR, persistent", 83, "DR", true},
}

// survivalPlan is how much is done, and how long is waited.
type survivalPlan struct {
	daemons []lab.Daemon
	conns   int           // of each kind, half of them busy
	every   time.Duration // of a busy one's questions
	absence time.Duration // of the old master
	delay   int           // preempt_delay: how long it is a backup again, in seconds
	servers int           // of each kind of forwarding
	back    bool          // the old master returns
}

// survival has TCP connections through a failover to a standing backup, which
// must lose none. The full form (make survival) has the return of the old master
// as a machine that was started anew, and the failback to it, and has keepalived
// do the same work. It prints what lives after each step.
func survival(t testing.TB) {
	p := survivalPlan{daemons: []lab.Daemon{ours(t)}, conns: 25, every: 100 * time.Millisecond, servers: 1}
	if os.Getenv(envSurvival) != "" {
		p = survivalPlan{
			daemons: []lab.Daemon{theirs(t), ours(t)}, conns: 100, every: 150 * time.Millisecond,
			absence: 5 * time.Second, delay: 5, servers: 2, back: true,
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "\n%d connections of each kind, half busy, half idle; alive after\n%-12s %-18s %-6s %10s %10s %10s\n",
		p.conns, "", "", "", "failover", "return", "failback")
	for _, d := range p.daemons {
		began := time.Now()
		s := newSurvivors(t, d, p)
		t.Logf("%s: connected after %v", d.Name, time.Since(began).Round(time.Second))
		var alive [3]map[string]int
		steps := []func(){s.failover, s.comeback, s.failback}
		if !p.back {
			steps = steps[:1]
		}
		for i, step := range steps {
			step()
			alive[i] = s.alive()
			t.Logf("%s: step %d after %v", d.Name, i+1, time.Since(began).Round(time.Second))
		}
		for _, k := range keptKinds {
			for _, how := range []string{"busy", "idle"} {
				key := k.name + " " + how
				fmt.Fprintf(&table, "%-12s %-18s %-6s", d.Name, k.name, how)
				for i := range steps {
					fmt.Fprintf(&table, " %6d/%-3d", alive[i][key], s.count(key))
				}
				table.WriteByte('\n')
				if alive[0][key] != s.count(key) && d.Name == "holdfast" {
					t.Errorf("%s: %d of %d connections survive the failover to a standing backup", key, alive[0][key], s.count(key))
				}
			}
		}
		s.close()
	}
	t.Log(table.String())
}

// survivors are two directors with servers, and connections through them.
type survivors struct {
	t      testing.TB
	plan   survivalPlan
	daemon lab.Daemon
	lab    *lab.Lab
	front  *lab.Segment
	back   *lab.Segment
	a, b   *lab.Host
	procA  *lab.Process
	died   time.Time
	conns  []*survivor
}

// survivor is one connection.
type survivor struct {
	key  string
	conn net.Conn
	quit chan struct{} // of a busy one
	done chan struct{}

	mu   sync.Mutex
	dead error
}

// patience is how long a connection may take to answer: the client repeats
// what was lost less and less often.
const patience = 90 * time.Second

// ask sends a few bytes and waits for them to come back.
func (s *survivor) ask() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return false
	}
	b := []byte("are you there?")
	_ = s.conn.SetDeadline(time.Now().Add(patience))
	if _, s.dead = s.conn.Write(b); s.dead == nil {
		_, s.dead = io.ReadFull(s.conn, b)
	}
	return s.dead == nil
}

func (s *survivor) beBusy(every time.Duration) {
	defer close(s.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
			s.ask()
		}
	}
}

func newSurvivors(t testing.TB, d lab.Daemon, p survivalPlan) *survivors {
	t.Helper()
	s := &survivors{t: t, plan: p, daemon: d, lab: lab.Test(t, "sync")}
	s.front, s.back = s.segment("front"), s.segment("back")
	s.a = s.director("a", 1)
	s.b = s.director("b", 2)
	client := s.host("client", s.front, "02:00:00:00:00:99", "192.0.2.99/24")
	for i := 1; i <= p.servers; i++ {
		dr := s.host(fmt.Sprintf("dr%d", i), s.front, fmt.Sprintf("02:00:00:00:00:2%d", i), fmt.Sprintf("192.0.2.2%d/24", i))
		s.must(dr.Sysctl("net/ipv4/conf/all/arp_ignore", "1"))
		s.must(dr.Sysctl("net/ipv4/conf/all/arp_announce", "2"))
		s.must(dr.AddAddr("lo", vip.String()+"/32"))
		nat := s.host(fmt.Sprintf("nat%d", i), s.back, fmt.Sprintf("02:00:00:00:01:2%d", i), fmt.Sprintf("198.51.100.2%d/24", i))
		s.run(nat, "ip", "route", "add", "default", "via", "198.51.100.254")
		for _, k := range keptKinds {
			echo(t, map[string]*lab.Host{"DR": dr, "NAT": nat}[k.kind], "tcp4", fmt.Sprintf(":%d", k.port))
		}
	}
	s.procA = s.start(s.a, 150)
	s.holds(s.a)
	s.start(s.b, 100)
	// A backup that listens is one that hears of every connection.
	s.until("the backup's sync daemon", func() bool { return strings.Contains(s.run(s.b, "ipvsadm", "-l", "--daemon"), "backup") })

	for _, k := range keptKinds {
		for i := range p.conns {
			key := k.name + " idle"
			if i%2 == 0 {
				key = k.name + " busy"
			}
			x := &survivor{key: key, quit: make(chan struct{}), done: make(chan struct{})}
			s.must(client.Do(func() (err error) {
				x.conn, err = net.DialTimeout("tcp4", netip.AddrPortFrom(vip, k.port).String(), patience)
				return err
			}))
			for range 2 { // the kernel tells of it at the third packet
				if !x.ask() {
					t.Fatalf("%s: no answer: %v", key, x.dead)
				}
			}
			s.conns = append(s.conns, x)
		}
	}
	s.until("every connection on the backup", func() bool {
		return strings.Count(procNet(t, s.b, "ip_vs_conn_sync"), " ESTABLISHED SYNC ") >= len(s.conns)
	})
	for _, x := range s.conns {
		if strings.HasSuffix(x.key, "busy") {
			go x.beBusy(p.every)
		} else {
			close(x.done)
		}
	}
	return s
}

// failover is a crash of the master.
func (s *survivors) failover() {
	var err error
	s.died, err = s.procA.Crash()
	s.must(err)
	s.holds(s.b)
}

// comeback brings the old master back as what it is after a crash: a machine
// that knows nothing.
func (s *survivors) comeback() {
	time.Sleep(time.Until(s.died.Add(s.plan.absence)))
	s.a = s.director("again", 1)
	s.start(s.a, 150)
	s.until("the old master's sync daemon", func() bool { return strings.Contains(s.run(s.a, "ipvsadm", "-l", "--daemon"), "backup") })
}

// failback waits until it is master again.
func (s *survivors) failback() {
	s.holds(s.a)
	s.until("the other one's release", func() bool { return !s.has(s.b) })
}

// alive asks every connection and counts.
func (s *survivors) alive() map[string]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	n := map[string]int{}
	for _, x := range s.conns {
		all.Go(func() {
			if x.ask() {
				mu.Lock()
				n[x.key]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return n
}

func (s *survivors) count(key string) (n int) {
	for _, x := range s.conns {
		if x.key == key {
			n++
		}
	}
	return n
}

func (s *survivors) close() {
	for _, x := range s.conns {
		close(x.quit)
		_ = x.conn.Close()
		<-x.done
	}
	s.must(s.lab.Close())
}

func (s *survivors) start(h *lab.Host, priority int) *lab.Process {
	s.t.Helper()
	conf := "global_defs {\n router_id lab\n vrrp_version 3\n lvs_sync_daemon eth0 VI_1 id 7\n}\n"
	r := router{
		Version: 3, VRID: 51, Interval: 200 * time.Millisecond, Priority: priority,
		VIPs: []string{vip.String() + "/24", "198.51.100.254/24 dev eth1"}, Extra: fmt.Sprintf("  preempt_delay %d\n", s.plan.delay),
	}
	conf += r.instance("VI_1")
	for _, k := range keptKinds {
		conf += fmt.Sprintf("virtual_server %s %d {\n lb_algo rr\n lb_kind %s\n protocol TCP\n", vip, k.port, k.kind)
		if k.persistent {
			conf += " persistence_timeout 600\n"
		}
		net := map[string]string{"DR": "192.0.2", "NAT": "198.51.100"}[k.kind]
		for i := range s.plan.servers {
			conf += fmt.Sprintf(" real_server %s.2%d %d {\n }\n", net, i+1, k.port)
		}
		conf += "}\n"
	}
	p, err := h.StartDaemon(s.daemon, "keepalived.conf", conf)
	s.must(err)
	return p
}

// director is a host on both segments.
func (s *survivors) director(name string, n int) *lab.Host {
	s.t.Helper()
	h := s.host(name, s.front, fmt.Sprintf("02:00:00:00:00:0%d", n), fmt.Sprintf("192.0.2.%d/24", n))
	s.must(h.Plug(s.back, "eth1", fmt.Sprintf("02:00:00:00:01:0%d", n), fmt.Sprintf("198.51.100.%d/24", n)))
	s.must(h.Sysctl("net/ipv4/ip_forward", "1"))
	return h
}

func (s *survivors) host(name string, seg *lab.Segment, mac, addr string) *lab.Host {
	s.t.Helper()
	h, err := s.lab.Host(name)
	s.must(err)
	s.must(h.Plug(seg, "eth0", mac, addr))
	return h
}

func (s *survivors) segment(name string) *lab.Segment {
	s.t.Helper()
	seg, err := s.lab.Segment(name)
	s.must(err)
	return seg
}

func (s *survivors) has(h *lab.Host) bool {
	addrs, err := h.Addrs("eth0")
	return err == nil && slices.Contains(addrs, vip)
}

func (s *survivors) holds(h *lab.Host) {
	s.t.Helper()
	s.until(h.Name+" holds the address", func() bool { return s.has(h) })
}

func (s *survivors) until(what string, f func() bool) {
	s.t.Helper()
	if !lab.WaitFor(60*time.Second, func() bool {
		time.Sleep(20 * time.Millisecond)
		return f()
	}) {
		s.t.Fatalf("%s: not within a minute", what)
	}
}

func (s *survivors) run(h *lab.Host, args ...string) string {
	s.t.Helper()
	out, err := h.Output(s.t.Context(), args...)
	s.must(err)
	return out
}

func (s *survivors) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// echo answers everyone with what they say, until the test ends.
func echo(t testing.TB, h *lab.Host, network, addr string) {
	t.Helper()
	var l net.Listener
	if err := h.Do(func() (err error) {
		l, err = net.Listen(network, addr)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}
