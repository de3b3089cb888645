package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// wide draws what few write: it has numbers of its own, so that what the
// generator draws besides is the same with and without it. Nil draws nothing.
type wide struct {
	ipvsGen
	gone  []*genService // removed by a reload
	ready bool          // a reload was
	old   bool          // the instance says lvs_sync_daemon_interface
	plain bool          // what the programs of servers end with is no weight
}

func newWide(seed uint64) *wide {
	return &wide{ipvsGen: ipvsGen{Rand: rand.New(rand.NewPCG(seed, 2))}}
}

// chance is true in so many of a hundred cases.
func (w *wide) chance(percent int) bool { return w != nil && w.ipvsGen.chance(percent) }

// globals draws lines of global_defs that a reload leaves as they are.
func (w *wide) globals(lines []string) []string {
	for i, l := range lines {
		if words := strings.Fields(l); words[0] == "lvs_flush_on_stop" && w.chance(30) {
			lines[i] = strings.Replace(l, words[0], "lvs_flush_onstop", 1)
		}
	}
	return lines
}

// head has the service be another one of an address or of a mark that is there
// already, last being the service before.
func (w *wide) head(s *genService, n int, last []*genService) {
	if len(last) == 0 || s.grouped() {
		return
	}
	o := last[len(last)-1]
	switch {
	case o.grouped():
	case s.mark && o.mark && s.v6 != o.v6 && !o.shared && w.chance(60):
		s.head, s.shared = o.head, true
	case !s.mark && !o.mark && s.v6 == o.v6 && w.chance(30):
		addr, _, _ := strings.Cut(o.head, " ")
		s.port = 10000 + n
		s.head = fmt.Sprintf("%s %d", addr, s.port)
	}
}

// lines changes and adds to the lines of a service.
func (w *wide) lines(s *genService) {
	add := func(percent int, line string) {
		if w.chance(percent) {
			s.lines = append(s.lines, line)
		}
	}
	if w == nil {
		return
	}
	address := !s.mark && !s.grouped()
	s.words = map[string]string{}
	if w.chance(15) {
		s.words["lb_algo"] = "lvs_sched"
	}
	if w.chance(15) {
		s.words["lb_kind"] = "lvs_method"
	}
	if s.algo == "wlc" && w.chance(30) {
		s.words["lb_algo"] = "" // what there is without one
	}
	if s.kind == "NAT" && w.chance(15) {
		s.words["lb_kind"] = ""
	}
	switch {
	case address && s.protocol == "UDP" && w.chance(15):
		s.words["protocol"] = ""
	case w.chance(10):
		s.words["protocol"] = "protocol " + strings.ToLower(s.protocol)
	case s.mark && w.chance(20):
		s.words["protocol"] = "protocol " + s.protocol
	}
	add(3, "hashed")
	if !s.persistent() {
		if !s.grouped() && w.chance(10) {
			mask := oneOf(&w.ipvsGen, "255.255.255.0", "255.255.255.255", "128.0.0.0")
			if s.v6 {
				mask = oneOf(&w.ipvsGen, "1", "64", "128")
			}
			s.lines = append(s.lines, "persistence_granularity "+mask)
		}
		add(3, "persistence_engine sip")
	} else if !slices.Contains(s.lines, "persistence_engine sip") {
		add(6, "persistence_engine sip")
	}
	if !slices.Contains(s.lines, "ops") {
		add(4, "ops")
	}
	if s.mark {
		switch {
		case !s.v6:
			add(30, "ip_family inet")
		case !s.tunnels && s.sorry() == "" && w.chance(40):
			s.lines = slices.DeleteFunc(s.lines, func(l string) bool { return l == "ip_family inet6" })
		}
	}
	if w.chance(5) {
		s.flags = append(s.flags, oneOf(&w.ipvsGen, "sh-port", "sh-fallback", "mh-port", "mh-fallback"))
	}
	s.flagsFirst = w.chance(4)
	// keepalived looks at families before it knows a method that comes below.
	s.below = w.chance(12) && !s.tunnels && !s.mixed
	for i, l := range s.lines {
		words := strings.Fields(l)
		if words[0] != "sorry_server" {
			continue
		}
		switch {
		case s.kind != "NAT" && !slices.Contains(s.lines, "sorry_server_lvs_method NAT") && w.chance(10):
			words = words[:2] // with NAT it is port 0, as the kernel sees it
		case w.chance(20):
			words = append(words[:2], fmt.Sprint(oneOf(&w.ipvsGen, 81, 9999)))
		}
		if s.tunnels && !w.sync && w.chance(25) {
			if words[1] = "2001:db8:ffff::77"; s.v6 {
				words[1] = "203.0.113.77"
			}
		}
		s.lines[i] = strings.Join(words, " ")
	}
}

// persistent reports whether the service has persistence_timeout.
func (s *genService) persistent() bool {
	return slices.ContainsFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, "persistence_timeout") })
}

// sorry is the line sorry_server; empty: there is none.
func (s *genService) sorry() string {
	for _, l := range s.lines {
		if strings.HasPrefix(l, "sorry_server ") {
			return l
		}
	}
	return ""
}

// server changes a server that is new, i being its number.
func (w *wide) server(s *genService, r *genServer, i int) {
	if w == nil {
		return
	}
	switch program := strings.Contains(r.check, "MISC_CHECK"); {
	case program && w.plain:
		r.check = strings.Replace(r.check, "      misc_dynamic\n", "", 1) // down, as no program ends with 0
	case r.check != "" && !program && w.chance(15):
		r.check += w.health.check(w.IntN(genTargets))
	}
	switch {
	case w.chance(12):
		r.port = oneOf(&w.ipvsGen, 1, 8080, 65535)
	case w.chance(6):
		r.port = 0
	}
	switch {
	case i > 0 && w.chance(4):
		*r = s.servers[i-1] // twice
	case i > 0 && !s.tunnels && !s.built && w.chance(6):
		// Where packets keep their port it would be one server. The other one is new
		// as well: it must not get another method by a reload.
		r.addr, r.port, r.nat, s.servers[i-1].nat = s.servers[i-1].addr, 8000+i, true, true
	case !s.mark && !s.grouped() && !s.tunnels && !s.below && !w.sync && w.chance(4):
		s.mixed = true
		r.check = "" // keepalived 2.2.7 was seen to fail the next server by it
		if r.addr = fmt.Sprintf("2001:db8:dddd::%x", 1+i); s.v6 {
			r.addr = fmt.Sprintf("198.51.100.%d", 240+i)
		}
	}
}

// lowerAlone is refused by the kernel where there is no uthreshold.
const lowerAlone = "lthreshold 5"

// change adds to the lines of a server that a reload may change.
func (w *wide) change(s *genService, r *genServer) {
	switch {
	case w.chance(3):
		r.lines = append(r.lines, "weight 2147483647")
	case w.chance(3):
		r.lines = append(r.lines, "uthreshold 7", "lthreshold 7")
	case w.chance(3) && !s.grouped(): // of a group keepalived 2.2.7 then leaves the services
		r.lines = append(r.lines, lowerAlone)
	}
	if w.chance(15) {
		r.lines = append(r.lines, oneOf(&w.ipvsGen, "inhibit_on_failure", "inhibit_on_failure true", "inhibit_on_failure false", "alpha", "alpha false"))
	}
	if r.check != "" && slices.Contains(r.lines, lowerAlone) && s.inhibits(r) {
		// When it fails keepalived 2.2.7 takes it for alive (docs/differences.md).
		r.lines = slices.DeleteFunc(r.lines, func(l string) bool { return l == lowerAlone })
	}
}

// inhibits reports whether the server stays in the table when it fails.
func (s *genService) inhibits(r *genServer) bool {
	is := slices.Contains(s.lines, "inhibit_on_failure")
	for _, l := range r.lines { // the last one counts
		if word, value, _ := strings.Cut(l, " "); word == "inhibit_on_failure" {
			is = value != "false"
		}
	}
	return is
}

// instance is what the sync daemon follows.
func (w *wide) instance() string {
	daemon := ""
	if w.old {
		daemon = "  lvs_sync_daemon_interface eth0\n"
	}
	return "vrrp_instance VI_1 {\n" + daemon + "  state MASTER\n  interface eth0\n  virtual_router_id 51\n  priority 200\n  advert_int 1\n  virtual_ipaddress {\n    192.0.2.100/24\n  }\n}\n"
}

// group changes the block of a group.
func (w *wide) group(s *genService, block string) string {
	if w == nil {
		return block
	}
	lines := strings.Split(strings.TrimSuffix(block, "}\n"), "\n")
	family := map[bool]string{false: " inet", true: " inet6"}
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "  fwmark"):
			switch {
			case w.sync, w.chance(30):
				// Without one it is IPv4's where all servers are tunnelled, and with a sync
				// daemon the kernel takes no servers of another family.
				lines[i] += family[s.v6]
			case s.tunnels && w.chance(25):
				lines[i] += family[!s.v6]
			}
		case strings.HasPrefix(l, "  ") && w.chance(6):
			lines[i] = l[:strings.LastIndexByte(l, ' ')]
		}
	}
	block = strings.Join(lines, "\n")
	if s.tunnels && !w.sync && w.chance(20) {
		if s.v6 {
			block += fmt.Sprintf("  10.99.%d.8/30 80\n", w.IntN(250))
		} else {
			block += fmt.Sprintf("  2001:db8:99:%x::8-a 80\n", w.IntN(65536))
		}
	}
	return block + "}\n"
}

// twin is sometimes another service of the group of s, nil otherwise.
func (w *wide) twin(g *ipvsGen, s *genService) *genService {
	if s.groups == "" || strings.Contains(s.groups, "fwmark") || !w.chance(25) { // a mark would be of both
		return nil
	}
	t := &genService{head: s.head, protocol: "TCP", v6: s.v6, tunnels: s.tunnels, port: s.port}
	if s.protocol == "TCP" {
		t.protocol = "UDP"
	}
	g.scheduling(t)
	for i := range 1 + g.IntN(3) {
		t.servers = append(t.servers, g.server(t, i))
	}
	return t
}

// remove notes a service that a reload removes, and back has some of those of
// former reloads come again.
func (w *wide) remove(s *genService) {
	if w != nil && !s.grouped() {
		w.gone = append(w.gone, s)
	}
}

func (w *wide) back() []*genService {
	if w == nil {
		return nil
	}
	var out []*genService
	w.gone = slices.DeleteFunc(w.gone, func(s *genService) bool {
		again := w.ready && w.chance(40)
		if again {
			out = append(out, s)
		}
		return again
	})
	w.ready = true // those of this reload are gone in the next one
	return out
}

// again has a service that is not checked get a server back or another
// protocol.
func (w *wide) again(s *genService) {
	switch {
	case s.checked() || s.grouped() || s.sorry() != "" && s.starved():
	case len(s.gone) > 0 && w.chance(50):
		s.servers = append(s.servers, s.gone...)
		s.gone = nil
	case !s.mark && w.chance(50):
		s.protocol = oneOf(&w.ipvsGen, "TCP", "UDP", "SCTP")
		delete(s.words, "protocol")
	}
}
