package config

import (
	"math"
	"strconv"
	"time"
)

// outerReal is where a checker has a value from that it is not given itself.
const outerReal = "real server's"

func tcpRows() []Keyword { return connectRows(outerReal) }

func sslGetRows() []Keyword { return dormant(append(httpRows(), tlsRows()...)) }

func sslURLRows() []Keyword {
	return dormant(append(urlRows(), tlsCompliant("the checker's", func(u *url, v bool) { u.tls = &v })))
}

func smtpHostRows() []Keyword { return dormant(connectRows("the checker's")) }

func pingRows() []Keyword { return dormant(connectRows(outerReal)) }

// checkerRows are the blocks of checkers in a real_server.
func checkerRows() []Keyword {
	var rows []Keyword
	for _, c := range []struct {
		kind CheckKind
		tier string
		doc  string
	}{
		{TCPCheck, core, "connect to a port"},
		{HTTPGet, core, "fetch pages"},
		{SSLGet, core, "fetch pages over TLS"},
		{MiscCheck, core, "run a program"},
		{SMTPCheck, common, "greet a mail server"},
		{DNSCheck, common, "ask a name server"},
		{UDPCheck, common, "send a datagram; without require_reply silence is success"},
		{PingCheck, common, "send an ICMP echo request"},
		{FileCheck, rare, "follow a track_file: its number is added to the weight"},
		{BFDCheck, rare, "follow a bfd_instance"},
	} {
		k := blockRow(string(c.kind), c.tier, block(nil, "", openChecker(c.kind)), c.doc).repeat()
		if !c.kind.Active() {
			k.Status = ParsedNotActive // reported for the server as a whole
		}
		rows = append(rows, k)
	}
	return rows
}

// dormant marks the rows of a block that has no effect yet and is reported as
// a whole.
func dormant(rows []Keyword) []Keyword {
	for i := range rows {
		rows[i].Status = ParsedNotActive
	}
	return rows
}

func sslRows() []Keyword {
	return dormant([]Keyword{
		row("ca", rare, replaced("file", func(s *SSL) *string { return &s.CA }), "", "certificates that are trusted"),
		row("certificate", rare, replaced("file", func(s *SSL) *string { return &s.Certificate }), "", "certificate to present"),
		row("key", rare, replaced("file", func(s *SSL) *string { return &s.Key }), "", "key of the certificate"),
		row("password", rare, replaced("password", func(s *SSL) *string { return &s.Password }), "", "opens the key"),
	})
}

// defaultsRows are the timers that servers hand down to their checkers.
func defaultsRows[T any](get func(t *T) *checkDefaults, outer string, low int) []Keyword {
	// keepalived has 64 bits of microseconds.
	longest := func(v value) value { return atMost(v, "4294967", math.MaxUint64/1e6) }
	return []Keyword{
		row("delay_loop", core, longest(timer("seconds", time.Microsecond, maxTimer, func(t *T, v time.Duration) { get(t).delayLoop = v })), outer+", else 60", "time between two checks"),
		row("retry", common, atMost(integer("count", low, math.MaxInt32, func(t *T, v int) { get(t).retry = v }), strconv.Itoa(math.MaxInt32), math.MaxUint32), outer+", else 1 (MISC_CHECK: 0, DNS_CHECK: 3)", "further tries before a live server is failed"),
		row("delay_before_retry", common, longest(timer("seconds", 0, maxTimer, func(t *T, v time.Duration) { get(t).delayBeforeRetry = v })), outer+", else 1 (HTTP_GET: 3, DNS_CHECK: delay_loop)", "wait before such a try"),
		row("warmup", common, longest(timer("seconds", 0, maxTimer, func(t *T, v time.Duration) { get(t).warmup = v })), outer+", else delay_loop", "the first check comes at a random time within this; 0: at once"),
	}
}

// connectTimeout is the limit of what connects, and what is handed down to it.
func connectTimeout[T any](get func(t *T) *checkDefaults, outer string) Keyword {
	return row("connect_timeout", common, timer("seconds", time.Microsecond, 4294967295*time.Microsecond, func(t *T, v time.Duration) { get(t).connectTimeout = v }), outer+", else 5", "limit for connecting and for an answer")
}

// connectRows are the keywords of every checker that connects.
func connectRows(outer string) []Keyword {
	rows := []Keyword{
		row("connect_ip", core, address("address", connectIP), "the real server's address", "address to connect to"),
		row("connect_port", core, integer("port", 1, 65535, func(c *checker, v int) { c.ConnectPort = uint16(v) }), "the real server's port", "port to connect to"),
		row("bindto", common, address("address", bindTo), "", "source address, of the family of the address connected to"),
		row("bind_port", rare, integer("port", 1, 65535, func(c *checker, v int) { c.BindPort = uint16(v) }), "", "source port"),
		row("bind_if", rare, custom("<interface>", []Arg{{Name: "interface"}}, bindIf), "", "interface to send on; link-local addresses need it").parsedOnly(),
		row("fwmark", rare, integer("mark", 0, math.MaxUint32, func(c *checker, v int) { c.FWMark = uint32(v) }), "0", "mark on the packets of the check"),
	}
	rows = append(rows, connectTimeout(func(c *checker) *checkDefaults { return &c.check }, outer))
	return append(rows, commonCheckRows(outer)...)
}

// commonCheckRows are the keywords of every checker.
func commonCheckRows(outer string) []Keyword {
	rows := []Keyword{
		row("alpha", rare, optBool(func(c *checker, v bool) { c.check.alpha = &v }), outer, "down until the check has succeeded"),
		row("log_all_failures", rare, optBool(func(c *checker, v bool) { c.logAll = &v }), "off", "log every failure, not only the last of the retries").parsedOnly(),
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
		row("http_protocol", rare, custom("1.0|1.0C|1.1", []Arg{{Name: "version"}}, httpProtocol), DefaultHTTPProtocol, "version of HTTP; 1.0C adds Connection: close").fold(),
		row("fast_recovery", rare, optBool(func(c *checker, v bool) { c.FastRecovery = v }), "off", "fetch all pages at once at start and on recovery"),
		row("enable_sni", rare, optBool(func(c *checker, v bool) { c.EnableSNI = v }), "off", "send the host name in the TLS handshake"),
		row("sni_name", rare, text("name", func(c *checker, v string) { c.SNIName, c.EnableSNI = v, true }), "the host", "name to send in the TLS handshake; turns enable_sni on").since("2.4.4"),
	}
	return append(rows, connectRows(outerReal)...)
}

func urlRows() []Keyword {
	offset := func(set func(r *Regex, v int)) value {
		return quiet(integer("bytes", 0, math.MaxInt32, func(u *url, v int) { set(&u.Regex, v) }))
	}
	return []Keyword{
		row("path", core, custom("<path>", []Arg{{Name: "path"}}, urlPath), "/ in TOML; required", "path to ask for"),
		row("digest", core, once(custom("<MD5>", []Arg{{Name: "md5"}}, digest)), "", "MD5 of the body, 32 hexadecimal digits"),
		row("status_code", core, custom("<code>|<code>-<code> …", []Arg{{Name: "code", Rest: true}}, statusCode), "200-299", "accepted status codes"),
		row("virtualhost", common, text("host", func(u *url, v string) { u.VirtualHost = v }), "the checker's", "Host header"),
		row("regex", rare, quiet(text("pattern", func(u *url, v string) { u.Regex.Pattern = v })), "", "pattern (PCRE2) that the body must match").parsedOnly(),
		dormantRow(row("regex_no_match", rare, flag(func(u *url) { u.Regex.NoMatch = true }), "off", "the body must not match")),
		dormantRow(row("regex_options", rare, quiet(custom("<option> …", []Arg{{Name: "option", Rest: true}}, setRegexOptions)), "", "options of the pattern: caseless, dotall, multiline and further ones of PCRE2")),
		dormantRow(row("regex_stack", rare, quiet(custom("<bytes> <bytes>", []Arg{{Name: "start", Kind: KindInt}, {Name: "max", Kind: KindInt}}, regexStack)), "PCRE2's", "stack of the matcher, at first and at most")),
		dormantRow(row("regex_min_offset", rare, offset(func(r *Regex, v int) { r.MinOffset = v }), "0", "bytes of the body to leave out")),
		dormantRow(row("regex_max_offset", rare, offset(func(r *Regex, v int) { r.MaxOffset = v }), "", "the match has to start before this byte")),
	}
}

func dormantRow(k Keyword) Keyword { k.Status = ParsedNotActive; return k }

// tlsRows are the keywords of SSL_GET that HTTP_GET has not.
func tlsRows() []Keyword {
	return []Keyword{
		tlsCompliant("off", func(c *checker, v bool) { c.TLSCompliant = v }),
		row("verify", own, optBool(func(c *checker, v bool) { c.VerifyTLS = v }), "off; TOML: on", "a certificate that is not trusted is a failure"),
	}
}

func tlsCompliant[T any](def string, set func(t *T, v bool)) Keyword {
	return row("tls_compliant", rare, optBool(set), def, "end the TLS session with close_notify").since("2.2.8")
}

func miscRows() []Keyword {
	rows := []Keyword{
		row("misc_path", core, value{args: []Arg{{Name: "command", Kind: KindCommand}}, syntax: "<command>", set: miscPath}, "required", "command line in quotes; status 0 is success"),
		row("misc_timeout", core, wholeSeconds(microTimer(0, maxWhole*time.Second, func(c *checker, v time.Duration) { c.MiscTimeout = v })), "delay_loop", "running longer is failure; it counts when the program has ended, by SIGTERM or 2 s later by SIGKILL"),
		row("misc_dynamic", common, flag(func(c *checker) { c.MiscDynamic = true }), "off", "status 2..255 is success and sets the weight to status - 2"),
		row("user", common, custom("<user> [[:]<group>]", []Arg{{Name: "user"}, {Name: "group", Optional: true}}, func(d *decoder, c *checker, n *Node) {
			if _, ok := arg1(d, n); ok {
				d.scriptUser(&c.MiscPath, texts(n.Args()), n)
			}
		}), "script_user", "user that it runs as"),
	}
	return append(rows, commonCheckRows(outerReal)...)
}

func smtpRows() []Keyword {
	host := blockRow("host", "obsolete", block(nil, "", openHost), "old form: one more mail server to ask").repeat()
	rows := []Keyword{
		row("helo_name", common, text("name", func(c *checker, v string) { c.HeloName = v }), DefaultHeloName, "name to greet with"),
		host,
	}
	return dormant(append(rows, connectRows(outerReal)...))
}

func dnsRows() []Keyword {
	rows := []Keyword{
		row("type", common, custom("A|NS|CNAME|SOA|MX|TXT|AAAA|RRSIG|DNSKEY", []Arg{{Name: "type"}}, dnsType), DefaultDNSType, "type of the query").fold(),
		row("name", common, once(custom("<name>", []Arg{{Name: "name"}}, dnsName)), DefaultDNSName, "name to ask for, with or without a dot at its end"),
	}
	return dormant(append(rows, connectRows(outerReal)...))
}

func udpRows() []Keyword {
	hexArgs := func(optional bool) []Arg { return []Arg{{Name: "hex", Rest: true, Optional: optional}} }
	length := func(set func(c *checker, v int)) value { return integer("bytes", 0, 65535, set) }
	rows := []Keyword{
		row("payload", rare, custom("<hex>", hexArgs(false), udpPayload), "random bytes", "what to send, in hexadecimal"),
		row("require_reply", common, custom("[<hex>]", hexArgs(true), requireReply), "off", "a reply is needed: any one, or this one, in which X stands for any digit"),
		row("min_reply_length", rare, length(func(c *checker, v int) { c.MinReplyLength = v }), "0", "shortest reply in bytes"),
		row("max_reply_length", rare, length(func(c *checker, v int) { c.MaxReplyLength = v }), "255", "longest reply in bytes"),
	}
	return dormant(append(rows, connectRows(outerReal)...))
}

// maxWeight bounds what a number of a track_file is multiplied by.
const maxWeight = math.MaxInt32

func fileCheckRows() []Keyword {
	args := append(weightArgs(), Arg{Name: "noreverse", Key: "noreverse", Kind: KindFlag, Optional: true})
	return dormant([]Keyword{
		row("track_file", rare, custom("<name>", []Arg{{Name: "name"}}, fileCheckFile), "required", "the track_file"),
		row("weight", rare, custom("<number> [reverse|noreverse]", args, fileCheckWeight), "the track_file's", "its number times this is added to the weight of the server"),
		{Name: "dynamic", Tier: "obsolete", Doc: "in the manual of keepalived only: it has no such keyword", set: func(d *decoder, _ any, n *Node) {
			d.report(n.Pos, Warning, ClassUnknownKeyword, "unknown-keyword", "dynamic is no keyword: only the manual of keepalived has it")
		}},
	})
}

func bfdCheckRows() []Keyword {
	return dormant([]Keyword{
		row("name", rare, custom("<name>", []Arg{{Name: "name"}}, bfdCheckName), "required", "the bfd_instance, one that is not for vrrp only"),
		row("alpha", rare, optBool(func(c *checker, v bool) { c.check.alpha = &v }), "real server's", "down until the session is up"),
	})
}
