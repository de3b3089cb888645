package config

import (
	"math"
	"net/netip"
	"time"
)

const (
	pathService = "virtual_server"
	pathReal    = "virtual_server/real_server"
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

const methodSyntax = "NAT|DR|TUN [type ipip|gue port <port>|gre] [nocsum|csum|remcsum]"

func lvsTables() [][]Keyword {
	out := [][]Keyword{
		table(pathService, serviceRows()...),
		table(pathReal, realRows()...),
		table(pathReal+"/TCP_CHECK", connectRows("real server's")...),
		table(pathReal+"/MISC_CHECK", miscRows()...),
	}
	for _, kind := range []string{"HTTP_GET", "SSL_GET"} {
		out = append(out,
			table(pathReal+"/"+kind, httpRows()...),
			table(pathReal+"/"+kind+"/url", urlRows()...))
	}
	return out
}

// defaultsRows are the timers that servers hand down to their checkers.
func defaultsRows[T any](get func(t *T) *checkDefaults, outer string, low int) []Keyword {
	return []Keyword{
		row("delay_loop", core, timer("seconds", time.Microsecond, maxTimer, func(t *T, v time.Duration) { get(t).delayLoop = v }), outer+", else 60", "time between two checks"),
		row("connect_timeout", common, timer("seconds", time.Microsecond, 4294967295*time.Microsecond, func(t *T, v time.Duration) { get(t).connectTimeout = v }), outer+", else 5", "limit for connecting and for an answer"),
		row("retry", common, integer("count", low, math.MaxInt32, func(t *T, v int) { get(t).retry = v }), outer+", else 1 (MISC_CHECK: 0)", "further tries before a live server is failed"),
		row("delay_before_retry", common, timer("seconds", 0, maxTimer, func(t *T, v time.Duration) { get(t).delayBeforeRetry = v }), outer+", else 1 (HTTP_GET: 3)", "wait before such a try"),
		row("warmup", common, timer("seconds", 0, maxTimer, func(t *T, v time.Duration) { get(t).warmup = v }), outer+", else delay_loop", "the first check comes at a random time within this; 0: at once"),
	}
}

func serviceRows() []Keyword {
	rows := []Keyword{
		row("lb_algo", core, custom("rr|wrr|lc|wlc|lblc|lblcr|sh|mh|dh|fo|ovf|sed|nq|twos", []Arg{{Name: "scheduler"}}, lbAlgo), "wlc, with a complaint", "scheduler").alias("lvs_sched"),
		row("lb_kind", core, custom(methodSyntax, methodArgs, func(d *decoder, s *service, n *Node) {
			if f, ok := d.method(n); ok {
				s.Forward, s.methodSet = f, true
			}
		}), "NAT, with a complaint", "how packets reach the real servers").alias("lvs_method"),
		row("protocol", core, custom("TCP|UDP|SCTP", []Arg{{Name: "protocol"}}, protocol), "UDP, with a complaint", "protocol of the service; ignored with fwmark"),
		row("persistence_timeout", core, custom("[<1..2678400 s>]", []Arg{{Name: "seconds", Kind: KindSeconds, Optional: true}}, persistenceTimeout), "off; 360 without a number", "a client stays on its server this long"),
		row("persistence_granularity", common, custom("<netmask>|<prefix length>", []Arg{{Name: "mask"}}, granularity), "32, or 128", "clients of one network count as one"),
		row("persistence_engine", rare, text("name", func(s *service, v string) { s.PersistenceEngine = v }), "", "persistence engine of the kernel (sip)"),
		row("ops", rare, flag(func(s *service) { s.OnePacket = true }), "off", "schedule every packet by itself, UDP only"),
		schedFlag("flag-1", sched1, ""), schedFlag("flag-2", sched2, ""), schedFlag("flag-3", sched3, ""),
		schedFlag("sh-fallback", sched1, "sh"), schedFlag("sh-port", sched2, "sh"),
		schedFlag("mh-fallback", sched1, "mh"), schedFlag("mh-port", sched2, "mh"),
		row("hashed", "obsolete", value{set: func(d *decoder, _ any, n *Node) {
			d.report(n.Pos, Warning, ClassGeneral, "no-effect", "hashed has no effect")
		}}, "", "no effect"),
		row("ip_family", rare, custom("inet|inet6", []Arg{{Name: "family"}}, ipFamily), "from the addresses, else inet", "family of an fwmark service"),
		row("virtualhost", common, text("host", func(s *service, v string) { s.VirtualHost = v }), "", "Host header of HTTP checks"),
		row("alpha", common, flag(func(s *service) { s.Alpha = true; s.check.alpha = ptr(true) }), "off", "servers are down until a check has succeeded"),
		row("omega", common, flag(func(s *service) { s.Omega = true }), "off", "run notify_down and quorum_down at stop").parsedOnly(),
		row("ha_suspend", common, flag(func(s *service) { s.HASuspend = true }), "off", "check only while the address is on this machine").parsedOnly(),
		row("quorum", common, integer("weight", 1, math.MaxInt32, func(s *service, v int) { s.Quorum = v }), "1", "least sum of weights of live servers"),
		row("hysteresis", common, integer("weight", 0, math.MaxInt32, func(s *service, v int) { s.Hysteresis = v }), "0", "margin around quorum"),
		row("quorum_up", common, once(checkScript(func(s *service) *Command { return &s.QuorumUp })), "", "run when quorum is gained"),
		row("quorum_down", common, once(checkScript(func(s *service) *Command { return &s.QuorumDown })), "", "run when quorum is lost"),
		row("weight", common, integer("weight", 1, math.MaxInt32, func(s *service, v int) { s.weight = v }), "1", "weight of real servers that have none"),
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
			f, ok := d.method(n)
			if s.SorryServer == nil {
				d.bad(n, 0, ClassGeneral, "no sorry_server above, ignored")
				return
			}
			if ok {
				s.SorryServer.Forward, s.sorryMethod = f, true
			}
		}), "lb_kind", "how packets reach the sorry server"),
		mailRow(row("smtp_alert", common, optBool(func(s *service, v bool) { s.smtpAlert = &v }), "off", "mail when quorum is gained or lost")),
		blockRow("real_server", core, block([]Arg{{Name: "ip", Kind: KindAddr}, {Name: "port", Kind: KindInt, Optional: true}}, "<address> [<port>] ", openReal), "one server").repeat(),
	}
	return append(rows, defaultsRows(func(s *service) *checkDefaults { return &s.check }, "none", 1)...)
}

func realRows() []Keyword {
	const vs = "the virtual server's"
	rows := []Keyword{
		row("weight", core, integer("weight", 0, math.MaxInt32, func(r *realServer, v int) { r.Weight = v }), "1, or "+vs, "share of the connections"),
		row("lvs_method", rare, custom(methodSyntax, methodArgs, func(d *decoder, r *realServer, n *Node) {
			if f, ok := d.method(n); ok {
				r.Forward, r.methodSet = f, true
			}
		}), "lb_kind", "how packets reach this server"),
		row("inhibit_on_failure", core, optBool(func(r *realServer, v bool) { r.InhibitOnFailure = v }), vs, "weight 0 in place of removal"),
		row("uthreshold", common, integer("connections", 0, math.MaxUint32, func(r *realServer, v int) { r.UpperThreshold = uint32(v) }), "0", "no new connections above this many; 0: no limit"),
		row("lthreshold", rare, integer("connections", 0, math.MaxUint32, func(r *realServer, v int) { r.LowerThreshold = uint32(v) }), "0", "connections are taken again below this many"),
		row("alpha", rare, optBool(func(r *realServer, v bool) { r.check.alpha = &v }), vs, "down until a check has succeeded"),
		row("notify_up", core, once(checkScript(func(r *realServer) *Command { return &r.NotifyUp })), "", "run when the server becomes alive"),
		row("notify_down", core, once(checkScript(func(r *realServer) *Command { return &r.NotifyDown })), "", "run when the server becomes dead"),
		row("virtualhost", common, text("host", func(r *realServer, v string) { r.VirtualHost = v }), vs, "Host header of HTTP checks"),
		mailRow(row("smtp_alert", common, optBool(func(r *realServer, v bool) { r.smtpAlert = &v }), "on", "mail when the server fails or recovers")),
		blockRow("TCP_CHECK", core, block(nil, "", openChecker(TCPCheck)), "connect to a port").repeat(),
		blockRow("HTTP_GET", core, block(nil, "", openChecker(HTTPGet)), "fetch pages").repeat(),
		blockRow("SSL_GET", core, block(nil, "", openChecker(SSLGet)), "fetch pages over TLS").repeat(),
		blockRow("MISC_CHECK", core, block(nil, "", openChecker(MiscCheck)), "run a program").repeat(),
	}
	for i := range rows {
		if rows[i].Name == "SSL_GET" {
			rows[i].Status = ParsedNotActive
		}
	}
	for _, kind := range []string{"SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "PING_CHECK", "BFD_CHECK", "FILE_CHECK"} {
		k := blockRow(kind, common, value{syntax: "{ … }", set: laterChecker}, "check of another kind")
		k.Status, k.Repeat = NotYet, true
		rows = append(rows, k)
	}
	return append(rows, defaultsRows(func(r *realServer) *checkDefaults { return &r.check }, vs, 1)...)
}

// checkScript is a command of a virtual or real server.
func checkScript[T any](get func(t *T) *Command) value {
	return script(func(d *decoder, t *T, c Command, n *Node) {
		if d.usable(&c, n) {
			*get(t) = c
		}
	})
}

// connectRows are the keywords of every checker that connects.
func connectRows(outer string) []Keyword {
	rows := []Keyword{
		row("connect_ip", core, address("address", func(_ *decoder, c *checker, a netip.Addr, _ *Node) { c.ConnectIP = a }), "the real server's address", "address to connect to"),
		row("connect_port", core, integer("port", 1, 65535, func(c *checker, v int) { c.ConnectPort = uint16(v) }), "the real server's port", "port to connect to"),
		row("bindto", common, address("address", func(_ *decoder, c *checker, a netip.Addr, _ *Node) { c.BindTo = a }), "", "source address"),
		row("bind_port", rare, integer("port", 1, 65535, func(c *checker, v int) { c.BindPort = uint16(v) }), "", "source port"),
		row("fwmark", rare, integer("mark", 0, math.MaxUint32, func(c *checker, v int) { c.FWMark = uint32(v) }), "0", "mark on the packets of the check"),
	}
	return append(rows, commonCheckRows(outer)...)
}

// commonCheckRows are the keywords of every checker.
func commonCheckRows(outer string) []Keyword {
	rows := []Keyword{
		row("alpha", rare, optBool(func(c *checker, v bool) { c.check.alpha = &v }), outer, "down until the check has succeeded"),
	}
	return append(rows, defaultsRows(func(c *checker) *checkDefaults { return &c.check }, outer, 0)...)
}

func httpRows() []Keyword {
	rows := []Keyword{
		blockRow("url", core, block(nil, "", openURL), "one page to fetch; all must succeed").repeat(),
		row("nb_get_retry", "obsolete", number("count", KindInt, 0, math.MaxInt32, func(d *decoder, c *checker, v int, n *Node) {
			d.report(n.Pos, Warning, ClassDeprecated, "deprecated", "nb_get_retry is an old spelling of retry")
			c.check.retry = v
		}), "", "old spelling of retry"),
		row("virtualhost", common, text("host", func(c *checker, v string) { c.host = v }), "the real server's, the virtual server's, else address:port", "Host header"),
		row("http_protocol", rare, custom("1.0|1.0C|1.1", []Arg{{Name: "version"}}, httpProtocol), "1.0", "version of HTTP; 1.0C adds Connection: close"),
		row("fast_recovery", rare, optBool(func(c *checker, v bool) { c.FastRecovery = v }), "off", "fetch all pages at once at start and on recovery"),
		row("enable_sni", rare, optBool(func(c *checker, v bool) { c.EnableSNI = v }), "off", "send the host name in the TLS handshake"),
	}
	return append(rows, connectRows("real server's")...)
}

func urlRows() []Keyword {
	return []Keyword{
		row("path", core, text("path", func(u *url, v string) { u.Path = v }), "/ in TOML; required", "path to ask for"),
		row("digest", core, custom("<MD5>", []Arg{{Name: "md5"}}, digest), "", "MD5 of the body, 32 hexadecimal digits"),
		row("status_code", core, custom("<code>|<code>-<code> …", []Arg{{Name: "code", Rest: true}}, statusCode), "200-299", "accepted status codes"),
		row("virtualhost", common, text("host", func(u *url, v string) { u.VirtualHost = v }), "the checker's", "Host header"),
	}
}

func miscRows() []Keyword {
	rows := []Keyword{
		row("misc_path", core, value{args: []Arg{{Name: "command", Kind: KindCommand}}, syntax: "<command>", set: miscPath}, "required", "command line in quotes; status 0 is success"),
		row("misc_timeout", core, timer("seconds", time.Microsecond, maxTimer, func(c *checker, v time.Duration) { c.MiscTimeout = v }), "delay_loop", "running longer is failure, and ends it"),
		row("misc_dynamic", common, flag(func(c *checker) { c.MiscDynamic = true }), "off", "status 2..255 is success and sets the weight to status - 2"),
		row("user", common, custom("<user> [[:]<group>]", []Arg{{Name: "user"}, {Name: "group", Optional: true}}, func(d *decoder, c *checker, n *Node) {
			if _, ok := arg1(d, n); ok {
				d.scriptUser(&c.MiscPath, texts(n.Args()), n)
			}
		}), "script_user", "user that it runs as"),
	}
	return append(rows, commonCheckRows("real server's")...)
}

// schedFlag is a scheduler flag; only is the scheduler it belongs to, which
// must stand above.
func schedFlag(name string, bit uint32, only string) Keyword {
	doc := "flag of the scheduler"
	if only != "" {
		doc += " " + only + ", below lb_algo"
	}
	return row(name, rare, custom("", nil, func(d *decoder, s *service, n *Node) {
		if only != "" && s.LBAlgo != only {
			d.bad(n, 0, ClassGeneral, "goes with the scheduler %s only, given above it: ignored", only)
			return
		}
		s.SchedFlags |= bit
	}), "off", doc)
}
