package config

import (
	"math"
	"strconv"
)

// Flags of a service for its scheduler (IP_VS_SVC_F_SCHED1..3 of linux/ip_vs.h).
const (
	sched1 = 0x08
	sched2 = 0x10
	sched3 = 0x20
)

// schedulers are the names of lb_algo.
var schedulers = []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "fo", "ovf", "sed", "nq", "twos"}

var methodArgs = []Arg{
	{Name: "method"},
	{Name: "type", Key: "type", Optional: true},
	{Name: "port", Key: "port", Kind: KindInt, Optional: true},
	{Name: "nocsum", Key: "nocsum", Kind: KindFlag, Optional: true},
	{Name: "csum", Key: "csum", Kind: KindFlag, Optional: true},
	{Name: "remcsum", Key: "remcsum", Kind: KindFlag, Optional: true},
}

// transports are those of protocol.
var transports = []string{"TCP", "UDP", "SCTP"}

// methods are the words that a forwarding method begins with.
var methods = []string{"NAT", "DR", "TUN"}

const methodSyntax = "NAT|DR|TUN [type ipip|gue port <port>|gre] [nocsum|csum|remcsum]"

func serviceRows() []Keyword {
	return []Keyword{
		row("lb_algo", core, custom("rr|wrr|lc|wlc|lblc|lblcr|sh|mh|dh|fo|ovf|sed|nq|twos", []Arg{{Name: "scheduler"}}, lbAlgo), "wlc, with a complaint", "scheduler").alias("lvs_sched").words(),
		row("lb_kind", core, custom(methodSyntax, methodArgs, func(d *decoder, s *service, n *Node) {
			if f, ok := d.method(n); ok {
				s.Forward, s.methodSet = f, true
			}
		}), "NAT, with a complaint", "how packets reach the real servers").alias("lvs_method").words(methods...),
		row("protocol", core, custom("TCP|UDP|SCTP", []Arg{{Name: "protocol"}, {Name: "second", Optional: true, Words: transports, Fold: true}, {Name: "third", Optional: true, Words: transports, Fold: true}}, protocol), "UDP, with a complaint", "protocol of the service; ignored with fwmark. In TOML an array makes one service for each").fold(),
		row("persistence_timeout", core, custom("[<1..2678400 s>]", []Arg{{Name: "seconds", Kind: KindSeconds, Optional: true}}, persistenceTimeout), "off; 360 without a number", "a client stays on its server this long"),
		row("persistence_granularity", common, custom("<netmask>|<prefix length>", []Arg{{Name: "mask"}}, granularity), "32, or 128", "clients of one network count as one"),
		row("persistence_engine", rare, text("name", func(s *service, v string) { s.PersistenceEngine = v }), "", "persistence engine of the kernel (sip)"),
		row("ops", rare, flag(func(s *service) { s.OnePacket = true }), "off", "schedule every packet by itself, UDP only"),
		schedFlag("flag-1", sched1, ""), schedFlag("flag-2", sched2, ""), schedFlag("flag-3", sched3, ""),
		fallbackFlag("sh"), schedFlag("sh-port", sched2, "sh"),
		fallbackFlag("mh"), schedFlag("mh-port", sched2, "mh"),
		row("hashed", "obsolete", value{set: func(d *decoder, _ any, n *Node) {
			d.report(n.Pos, Warning, ClassGeneral, "no-effect", "hashed has no effect")
		}}, "", "no effect"),
		row("ip_family", rare, custom("inet|inet6", []Arg{{Name: "family"}}, ipFamily), "from the addresses, else inet", "family of an fwmark service").words(),
		row("virtualhost", common, text("host", func(s *service, v string) { s.VirtualHost = v }), "", "Host header of HTTP checks"),
		row("alpha", common, flag(func(s *service) { s.Alpha = true; s.check.alpha = ptr(true) }), "off", "servers are down until a check has succeeded"),
		row("omega", common, flag(func(s *service) { s.Omega = true }), "off", "run notify_down and quorum_down at stop"),
		row("ha_suspend", common, flag(func(s *service) { s.HASuspend = true }), "off", "check only while the address is on this machine; no effect with fwmark"),
		row("quorum", common, atMost(integer("weight", 1, math.MaxInt32, func(s *service, v int) { s.Quorum = v }), strconv.Itoa(math.MaxInt32), math.MaxUint32), "1", "least sum of weights of live servers"),
		row("hysteresis", common, atMost(integer("weight", 0, math.MaxInt32, func(s *service, v int) { s.Hysteresis = v }), strconv.Itoa(math.MaxInt32), math.MaxUint32), "0", "margin around quorum"),
		row("quorum_up", common, once(checkScript(func(s *service) *Command { return &s.scripts().Up })), "", "run when quorum is gained"),
		row("quorum_down", common, once(checkScript(func(s *service) *Command { return &s.scripts().Down })), "", "run when quorum is lost"),
		row("weight", common, leadingDigits(integer("weight", 1, math.MaxInt32, func(s *service, v int) { s.weight = int32(v) })), "1", "weight of real servers that have none"),
		row("inhibit_on_failure", common, flag(func(s *service) { s.inhibit = true }), "off", "give failed servers weight 0 in place of removing them"),
		row("sorry_server", core, custom("<address> [<port>]", []Arg{{Name: "ip", Kind: KindAddr}, {Name: "port", Kind: KindInt, Optional: true}}, sorryServer), "", "server used when quorum is lost"),
		row("sorry_server_inhibit", rare, custom("", nil, func(d *decoder, s *service, n *Node) {
			if s.SorryServer == nil {
				d.bad(n, 0, ClassGeneral, "no sorry_server above, ignored")
				return
			}
			s.SorryServer.Inhibit = true
		}), "off", "keep the sorry server in the table with weight 0"),
		row("sorry_server_lvs_method", rare, custom(methodSyntax, methodArgs, func(d *decoder, s *service, n *Node) {
			if s.SorryServer == nil {
				d.bad(n, 0, ClassGeneral, "no sorry_server above, ignored")
				return
			}
			if f, ok := d.method(n); ok {
				s.SorryServer.Forward, s.sorryMethod = f, true
			}
		}), "lb_kind", "how packets reach the sorry server").words(methods...),
		row("snmp_name", "obsolete", oneWord("name", func(s *service, v string) { s.SNMPName = v }), "", "text for SNMP").parsedOnly(),
		mailRow(row("smtp_alert", common, optBool(func(s *service, v bool) { s.smtpAlert = &v }), "off", "mail when quorum is gained or lost")),
		blockRow("real_server", core, block([]Arg{{Name: "ip", Kind: KindAddr}, {Name: "port", Kind: KindInt, Optional: true}}, "<address> [<port>] ", openReal), "one server").repeat(),
	}
}

// serviceDefaultRows are the timers that a service hands down to its servers.
func serviceDefaultRows() []Keyword {
	of := func(s *service) *checkDefaults { return &s.check }
	return append(defaultsRows(of, "none", 1), connectTimeout(of, "none"))
}

const ofService = "the virtual server's"

func realRows() []Keyword {
	return []Keyword{
		row("weight", core, leadingDigits(integer("weight", 0, math.MaxInt32, func(r *realServer, v int) { r.Weight, r.weightSet = int32(v), true })), "1, or "+ofService, "share of the connections"),
		row("lvs_method", rare, custom(methodSyntax, methodArgs, func(d *decoder, r *realServer, n *Node) {
			if f, ok := d.method(n); ok {
				r.Forward, r.methodSet = f, true
			}
		}), "lb_kind", "how packets reach this server").words(methods...),
		row("inhibit_on_failure", core, optBool(func(r *realServer, v bool) { r.InhibitOnFailure, r.inhibitSet = v, true }), ofService, "weight 0 in place of removal"),
		row("uthreshold", common, leadingDigits(integer("connections", 0, math.MaxUint32, threshold(func(x *ServerExtras) *uint32 { return &x.UpperThreshold }))), "0", "no new connections above this many; 0: no limit"),
		row("lthreshold", rare, leadingDigits(integer("connections", 0, math.MaxUint32, threshold(func(x *ServerExtras) *uint32 { return &x.LowerThreshold }))), "0", "connections are taken again below this many"),
		row("alpha", rare, optBool(func(r *realServer, v bool) { r.check.alpha = &v }), ofService, "down until a check has succeeded"),
		row("notify_up", core, once(checkScript(func(r *realServer) *Command { return &r.scripts().Up })), "", "run when the server becomes alive"),
		row("notify_down", core, once(checkScript(func(r *realServer) *Command { return &r.scripts().Down })), "", "run when the server becomes dead"),
		row("virtualhost", common, text("host", func(r *realServer, v string) { r.extras().VirtualHost = v }), ofService, "Host header of HTTP checks"),
		mailRow(row("smtp_alert", common, optBool(func(r *realServer, v bool) { r.SMTPAlert, r.alertSet = v, true }), "on", "mail when the server fails or recovers")),
		row("snmp_name", "obsolete", oneWord("name", func(r *realServer, v string) { r.extras().SNMPName = v }), "", "text for SNMP").parsedOnly(),
	}
}

// threshold sets one that is not 0: most servers have none.
func threshold(of func(*ServerExtras) *uint32) func(*realServer, int) {
	return func(r *realServer, v int) {
		if v != 0 || r.Extras != nil {
			*of(r.extras()) = uint32(v)
		}
	}
}

// realDefaultRows are the timers that a server hands down to its checkers.
func realDefaultRows() []Keyword {
	of := func(r *realServer) *checkDefaults { return &r.check }
	return append(defaultsRows(of, ofService, 1), connectTimeout(of, ofService))
}

// checkScript is a command of a virtual or real server.
func checkScript[T any](get func(t *T) *Command) value {
	return script(func(d *decoder, t *T, c Command, n *Node) {
		if d.usable(&c, n) {
			*get(t) = c
		}
	})
}

// schedFlag is a scheduler flag; only is the scheduler it belongs to, which
// must stand above.
func schedFlag(name string, bit uint32, only string) Keyword {
	doc := "flag of the scheduler"
	if only != "" {
		doc += " " + only + ", below lb_algo"
	}
	return row(name, rare, custom("", nil, func(d *decoder, s *service, n *Node) {
		if d.ofScheduler(s, n, only) {
			s.SchedFlags |= bit
		}
	}), "off", doc)
}

// fallbackFlag is the flag with which a hash skips servers that take no new
// connections. It is on in TOML, where it can be turned off.
func fallbackFlag(only string) Keyword {
	return row(only+"-fallback", rare, custom("", []Arg{{Name: "value", Kind: KindBool, Optional: true}}, func(d *decoder, s *service, n *Node) {
		if !d.ofScheduler(s, n, only) {
			return
		}
		v, isBool := true, true
		if len(n.Words) > 1 {
			v, isBool = parseBool(n.Words[1].Text)
		}
		if !d.toml() && isBool && !v {
			d.report(n.ArgPos(0), Warning, ClassNone, "flag-argument", n.Keyword()+" takes no argument: '"+clip(n.Words[1].Text)+"' does not turn it off")
		}
		s.fallbackSet = true
		if v || !d.toml() {
			s.SchedFlags |= sched1
		}
	}), "off; on in TOML", "flag of the scheduler "+only+", below lb_algo: what hashes to a server with weight 0, or a full one, goes to another")
}

// ofScheduler reports whether the service has the scheduler that a flag
// belongs to; empty: it belongs to all.
func (d *decoder) ofScheduler(s *service, n *Node, only string) bool {
	if only == "" || s.LBAlgo == only {
		return true
	}
	class := ClassGeneral
	if s.LBAlgo == "sh" || s.LBAlgo == "mh" {
		class = d.quietClass() // keepalived ignores the one's with the other without a word
	}
	above := ", given above it"
	if d.toml() {
		above = "" // where the order means nothing
	}
	d.bad(n, 0, class, "goes with the scheduler %s only%s: ignored", only, above)
	return false
}
