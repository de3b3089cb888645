package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// ipvsGen writes configurations of services with everything that the kernel
// and both daemons have. One seed always gives the same ones.
type ipvsGen struct {
	*rand.Rand
	services []*genService
	next     int // names of services never come back
	health   genHealth
	sync     bool     // lvs_sync_daemon, with which no service may have servers of both families
	global   []string // lines that a reload leaves as they are
	size     int      // how many services
	checks   bool     // servers are checked, and everything that follows from that
	programs bool     // some by programs
	scripts  int      // how many: an IPVS kernel starts few in a second
	wide     *wide
	rare     *rare
	instance bool // the sync daemon follows an instance
}

// genService is a virtual_server; head says which, and stays.
type genService struct {
	head     string // "192.0.2.1 80", "fwmark 7", "group G1"
	groups   string // the group, as a block
	port     int    // 0: each server has none
	v6       bool
	mark     bool
	protocol string
	tunnels  bool // all servers are tunnelled, and may be of both families
	algo     string
	flags    []string
	lines    []string // persistence, ops, sorry server
	fixed    []string // a reload leaves them as they are
	kind     string
	servers  []genServer

	words      map[string]string // other words for lb_algo, lb_kind and the line protocol; "": none
	flagsFirst bool              // above lb_algo
	below      bool              // lines stand below the servers
	gone       []genServer       // removed by a reload
	shared     bool              // the mark is that of another service, of the other family
	mixed      bool              // a server is of the other family
	built      bool              // what comes to it comes by a reload
}

type genServer struct {
	addr  string
	port  int
	lines []string
	fixed []string // a reload leaves them as they are
	check string   // blocks
	plain string   // those without what rare has drawn
	nat   bool     // whatever its lines say
}

// newIPVSGen makes the first configuration of a seed, with so many services;
// checks says whether the servers are checked, by programs too.
func newIPVSGen(seed uint64, size int, checks, programs bool) *ipvsGen {
	g := &ipvsGen{Rand: rand.New(rand.NewPCG(seed, 1)), size: size, checks: checks, programs: programs}
	g.sync = g.chance(40)
	for _, l := range []string{"lvs_flush", "lvs_flush_on_stop", "lvs_flush_on_stop VS"} {
		if g.chance(15) {
			g.global = append(g.global, l)
		}
	}
	g.health.draw(g)
	if programs {
		g.wide, g.rare = newWide(seed), newRare(seed)
		g.health.drawWeb(seed)
		g.wide.health.web = g.health.web
		g.wide.plain = seed%8 == 0
		g.instance = g.sync && g.wide.chance(30)
		g.wide.old, g.wide.sync = g.wide.chance(25), g.sync
		g.global = append(g.wide.globals(g.global), g.rare.globals()...)
	}
	for range g.size {
		g.add()
	}
	return g
}

// add adds a service, and of a group sometimes one of another protocol.
func (g *ipvsGen) add() {
	s := g.service()
	g.services = append(g.services, s)
	g.whole(s)
	g.rare.service(s)
	if t := g.wide.twin(g, s); t != nil {
		g.services = append(g.services, t)
		g.whole(t)
		g.rare.service(t)
	}
}

// whole has no server of a group's service be away where there is
// lvs_flush_on_stop VS: keepalived 2.2.7 then leaves the services in the kernel
// when it stops or a reload removes them (docs/differences.md).
func (g *ipvsGen) whole(s *genService) {
	if !s.grouped() || !g.flushes("VS") {
		return
	}
	s.lines = slices.DeleteFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, "sorry_server") })
	for i := range s.servers {
		s.servers[i].check = ""
	}
}

// grouped reports whether the service is one of a group.
func (s *genService) grouped() bool { return strings.HasPrefix(s.head, "group ") }

func oneOf[T any](g *ipvsGen, list ...T) T { return list[g.IntN(len(list))] }

// flushes reports whether there is lvs_flush_on_stop with the argument given; the
// last one counts.
func (g *ipvsGen) flushes(arg string) bool {
	last := "none"
	for _, l := range g.global {
		if word, rest, _ := strings.Cut(l, " "); word == "lvs_flush_on_stop" || word == "lvs_flush_onstop" {
			last = rest
		}
	}
	return last == arg
}

// chance is true in so many of a hundred cases.
func (g *ipvsGen) chance(percent int) bool { return g.IntN(100) < percent }

func (g *ipvsGen) service() *genService {
	g.next++
	n := g.next
	s := &genService{protocol: oneOf(g, "TCP", "UDP", "SCTP"), v6: g.chance(35), tunnels: g.chance(20)}
	s.port = oneOf(g, 80, 443, 53, 65535)
	switch g.IntN(6) {
	case 0:
		s.head, s.mark, s.port = fmt.Sprintf("fwmark %d", 1000+n), true, 0
		if g.chance(20) {
			s.head = fmt.Sprintf("fwmark %d", uint32(4294967295)-uint32(n))
		}
	case 1:
		s.head = fmt.Sprintf("group G%d", n)
		s.groups = g.wide.group(s, g.group(s, n))
	case 2:
		s.port = 0
		s.head = g.addr(s, n) + oneOf(g, " 0", "")
	default:
		s.head = fmt.Sprintf("%s %d", g.addr(s, n), s.port)
	}
	g.wide.head(s, n, g.services)
	g.scheduling(s)
	for i := range 1 + g.IntN(5) {
		s.servers = append(s.servers, g.server(s, i))
	}
	if g.wide.chance(3) {
		s.servers = nil
	}
	s.built = true
	return s
}

// pool draws what makes of the servers' health what is in the kernel.
func (g *ipvsGen) pool(s *genService) {
	for _, l := range []string{"alpha", "omega", "inhibit_on_failure", fmt.Sprintf("weight %d", 1+g.IntN(99))} {
		if g.chance(12) {
			s.lines = append(s.lines, l)
		}
	}
	if g.chance(35) {
		s.lines = append(s.lines, fmt.Sprintf("quorum %d", oneOf(g, 1, 2, 3, 100, 1000)))
	}
	if g.chance(20) {
		s.lines = append(s.lines, fmt.Sprintf("hysteresis %d", oneOf(g, 0, 1, 2, 50)))
	}
	// The check of an address that is nowhere never runs.
	if !s.grouped() && g.chance(8) {
		s.lines = append(s.lines, "ha_suspend")
	}
}

func (g *ipvsGen) addr(s *genService, n int) string {
	if s.v6 {
		return fmt.Sprintf("2001:db8:%x::%x", n, 1+g.IntN(1000))
	}
	return fmt.Sprintf("10.%d.%d.%d", n>>8, n&255, 1+g.IntN(250))
}

// group is the block of a group; a mark in it has the servers' family. No range
// goes beyond the last byte: keepalived 2.2.7 never ends with one.
func (g *ipvsGen) group(s *genService, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "virtual_server_group G%d {\n", n)
	for i := range 1 + g.IntN(4) {
		port := oneOf(g, 80, 81, s.port)
		net4, net6 := fmt.Sprintf("10.%d.%d", 100+i, n), fmt.Sprintf("2001:db8:%d:%x:", 100+i, n)
		switch {
		case g.chance(25):
			fmt.Fprintf(&b, "  fwmark %d\n", 20000+10*n+i)
		case s.v6:
			fmt.Fprintf(&b, "  %s %d\n", oneOf(g, net6+":9", net6+":9-f", net6+":1-"+net6+":3", net6+":10/126"), port)
		default:
			fmt.Fprintf(&b, "  %s %d\n", oneOf(g, net4+".9", net4+".9-14", net4+".240-"+net4+".254", net4+".16/30"), port)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// scheduling draws what a reload may change.
func (g *ipvsGen) scheduling(s *genService) {
	s.algo = oneOf(g, strings.Fields("rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf")...)
	s.flags = nil
	for _, f := range map[string][]string{"sh": {"sh-port", "sh-fallback", "flag-3"}, "mh": {"mh-port", "mh-fallback", "flag-3"}}[s.algo] {
		if g.chance(50) {
			s.flags = append(s.flags, f)
		}
	}
	if g.chance(10) {
		s.flags = append(s.flags, oneOf(g, "flag-1", "flag-2", "flag-3"))
	}
	s.kind = g.method(s)
	s.lines = nil
	if s.protocol == "UDP" && !s.mark && g.chance(30) {
		s.lines = append(s.lines, "ops")
	}
	if s.port == 0 || g.chance(30) {
		s.lines = append(s.lines, oneOf(g, "persistence_timeout", "persistence_timeout 1", "persistence_timeout 2678400", "persistence_timeout 77"))
		switch {
		case s.grouped():
		case s.v6 && g.chance(50):
			s.lines = append(s.lines, "persistence_granularity "+oneOf(g, "1", "64", "127"))
		case !s.v6 && g.chance(50):
			s.lines = append(s.lines, "persistence_granularity "+oneOf(g, "255.255.255.0", "128.0.0.0", "255.255.255.254"))
		}
		if s.protocol == "UDP" && !s.mark && g.chance(40) {
			s.lines = append(s.lines, "persistence_engine sip")
		}
	}
	if s.mark && s.v6 {
		s.lines = append(s.lines, "ip_family inet6")
	}
	if g.chance(20) {
		addr := fmt.Sprintf("203.0.113.%d", 1+g.IntN(250))
		if s.v6 {
			addr = fmt.Sprintf("2001:db8:ffff::%x", 1+g.IntN(250))
		}
		if s.port != 0 {
			addr += fmt.Sprintf(" %d", s.port)
		}
		s.lines = append(s.lines, "sorry_server "+addr)
		if g.chance(60) {
			s.lines = append(s.lines, "sorry_server_inhibit")
		}
		if g.chance(30) {
			s.lines = append(s.lines, "sorry_server_lvs_method "+g.method(s))
		}
	}
	g.pool(s)
	g.wide.lines(s)
}

const tunnelGUE = "TUN type gue port "

func (g *ipvsGen) method(s *genService) string {
	tunnel := oneOf(g, "TUN", "TUN type ipip", tunnelGUE+"6080", tunnelGUE+"1 nocsum", tunnelGUE+"65535 csum", tunnelGUE+"6080 remcsum",
		"TUN type gre", "TUN type gre nocsum", "TUN type gre csum")
	if s.tunnels {
		return tunnel
	}
	return oneOf(g, "NAT", "DR", tunnel)
}

func (g *ipvsGen) server(s *genService, i int) genServer {
	r := genServer{port: s.port}
	v6 := s.v6
	if s.tunnels && !g.sync && g.chance(40) {
		v6 = !v6
	}
	r.addr = fmt.Sprintf("198.51.100.%d", 1+i*40+g.IntN(40))
	if v6 {
		r.addr = fmt.Sprintf("2001:db8:eeee::%x", 1+i*40+g.IntN(40))
	}
	switch {
	case !g.checks:
	case g.chance(40):
		r.check = g.health.check(g.IntN(genTargets))
	case g.programs && g.scripts < 2 && g.chance(20) && !slices.Contains(s.lines, "ha_suspend"):
		g.scripts++
		r.check = miscCheck(g.IntN(genPrograms))
	}
	g.change(s, &r)
	g.wide.server(s, &r, i)
	return r
}

// change draws what a reload may change of a server.
func (g *ipvsGen) change(s *genService, r *genServer) {
	r.lines = nil
	if g.chance(70) {
		r.lines = append(r.lines, fmt.Sprintf("weight %d", oneOf(g, 0, 1, 2, 100, 65535, 65536, 1000000)))
	}
	if g.chance(30) {
		r.lines = append(r.lines, "lvs_method "+g.method(s))
	}
	if g.chance(25) {
		u := 1 + g.IntN(100000)
		r.lines = append(r.lines, fmt.Sprintf("uthreshold %d", u))
		if g.chance(60) {
			r.lines = append(r.lines, fmt.Sprintf("lthreshold %d", g.IntN(u)))
		}
	}
	if g.chance(20) {
		r.lines = append(r.lines, "inhibit_on_failure")
	}
	g.wide.change(s, r)
}

// conf is the configuration as keepalived.conf.
func (g *ipvsGen) conf() string {
	var b strings.Builder
	b.WriteString("global_defs {\n  router_id lab\n  script_user root\n")
	for _, l := range append(append([]string{}, g.global...), g.timeouts(), g.daemon()) {
		fmt.Fprintf(&b, "  %s\n", l)
	}
	b.WriteString("}\n")
	if g.checks {
		b.WriteString(g.health.markers(g.programs))
	}
	if g.instance {
		b.WriteString(g.wide.instance())
	}
	for _, s := range g.services {
		b.WriteString(s.groups)
	}
	for _, s := range g.services {
		fmt.Fprintf(&b, "virtual_server %s {\n  delay_loop 2\n  warmup 0\n", s.head)
		lines := s.above()
		if !s.below {
			b.WriteString(lines)
		}
		for _, r := range s.servers {
			port := ""
			if r.port != 0 {
				port = fmt.Sprintf(" %d", r.port)
			}
			fmt.Fprintf(&b, "  real_server %s%s {\n", r.addr, port)
			for _, l := range slices.Concat(r.fixed, r.lines) {
				fmt.Fprintf(&b, "    %s\n", l)
			}
			if r.nat {
				b.WriteString("    lvs_method NAT\n")
			}
			b.WriteString(r.check + "  }\n")
		}
		if s.below {
			b.WriteString(lines)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// above are the lines of the service that are no block.
func (s *genService) above() string {
	word := func(name, value string) []string {
		switch other, ok := s.words[name]; {
		case !ok:
			return []string{name + " " + value}
		case other == "":
			return nil
		case name == "protocol":
			return []string{other}
		default:
			return []string{other + " " + value}
		}
	}
	var lines []string
	if s.flagsFirst {
		lines = append(lines, s.flags...)
	}
	lines = append(lines, word("lb_algo", s.algo)...)
	lines = append(lines, word("lb_kind", s.kind)...)
	if _, ok := s.words["protocol"]; ok || !s.mark {
		lines = append(lines, word("protocol", s.protocol)...)
	}
	if !s.flagsFirst {
		lines = append(lines, s.flags...)
	}
	return "  " + strings.Join(slices.Concat(lines, s.fixed, s.lines), "\n  ") + "\n"
}
