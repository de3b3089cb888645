package config

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/ipvs/profile"
)

// Tiers of keywords: how common they are in configurations seen in the wild.
const (
	core   = "core"
	common = "common"
	rare   = "rare"
	own    = "own" // holdfast's own keyword
)

// block is a value whose statements are decoded by other rows.
func block(args []Arg, syntax string, open func(d *decoder, target any, n *Node)) value {
	return value{args: args, syntax: syntax + "{ … }", set: open}
}

func blockRow(name, tier string, v value, doc string) Keyword {
	k := row(name, tier, v, "", doc)
	k.Shape = ShapeBlock
	return k
}

func linesRow(name, tier string, v value, lines []Arg, doc string) Keyword {
	k := row(name, tier, v, "", doc)
	k.Shape, k.Lines = ShapeLines, lines
	return k
}

// lineBlock is a value that takes lines of data.
func lineBlock[T any](syntax string, take func(d *decoder, t *T, n *Node)) value {
	return value{syntax: "{ " + syntax + " … }", set: func(d *decoder, target any, _ *Node) {
		d.lines(func(n *Node) { take(d, target.(*T), n) })
	}}
}

var nameArg = []Arg{{Name: "name"}}

// noMail says once that mail is not sent yet.
func (d *decoder) noMail(pos Pos) {
	if !d.state.mail {
		d.state.mail = true
		d.report(pos, Warning, ClassNone, NotActiveKept, "mail is not active yet: no mail is sent ("+d.kw.Name+" is read and kept)")
	}
}

// mailRow marks a row about mail.
func mailRow(k Keyword) Keyword {
	k.Status = ParsedNotActive
	set := k.set
	k.set = func(d *decoder, target any, n *Node) {
		d.noMail(n.Pos)
		set(d, target, n)
	}
	return k
}

// mailRows are the name of this machine, and mail.
func mailRows() []Keyword {
	return []Keyword{
		row("router_id", core, text("name", func(g *globals, v string) { g.RouterID = v }), "host name", "name of this machine in messages"),
		mailRow(linesRow("notification_email", core, value{syntax: "{ <address> … }", set: mailReceivers}, []Arg{{Name: "address", Rest: true}}, "receivers of mail")),
		mailRow(row("notification_email_from", core, text("address", func(g *globals, v string) { g.NotificationEmailFrom = v }), "", "sender of mail")),
		mailRow(row("smtp_server", core, custom("<host> [<port>]", []Arg{{Name: "host"}, {Name: "port", Kind: KindInt, Optional: true}}, smtpServer), "port 25", "mail relay")),
		mailRow(row("smtp_connect_timeout", core, atLeastOne(microSeconds(func(g *globals, v time.Duration) { g.SMTPConnectTimeout = v })), "30", "limit for each step of sending mail")),
		mailRow(row("smtp_helo_name", rare, custom("[<name>]", []Arg{{Name: "name", Optional: true}}, func(_ *decoder, g *globals, n *Node) { g.SMTPHeloName = n.Arg(0) }), "host name", "name that this machine gives the relay")),
		mailRow(row("no_email_faults", rare, flag(func(g *globals) { g.NoEmailFaults = true }), "off", "no mail about FAULT")),
		mailRow(row("no_checker_emails", rare, optBool(func(g *globals, v bool) { g.NoCheckerEmails = v }), "off", "mail about servers only when they fail or recover, none about single checks")),
		mailRow(row("smtp_alert", common, optBool(func(g *globals, v bool) { g.smtpAlert = &v }), "unset", "default of every smtp_alert")),
		mailRow(row("smtp_alert_vrrp", common, optBool(func(g *globals, v bool) { g.smtpAlertVRRP = &v }), "unset", "default of smtp_alert in instances and groups")),
		mailRow(row("smtp_alert_checker", common, optBool(func(g *globals, v bool) { g.smtpAlertChecker = &v }), "unset", "default of smtp_alert in virtual and real servers")),
	}
}

// vrrpGlobalRows are what instances have in common.
func vrrpGlobalRows() []Keyword {
	return []Keyword{
		row("default_interface", common, text("interface", func(g *globals, v string) { g.defaultInterface = v }), "", "interface of instances that name none"),
		row("vrrp_version", common, integer("version", 2, 3, func(g *globals, v int) { g.VRRPVersion = uint8(v) }), "2", "version of instances that name none"),
		row("vrrp_mcast_group4", common, address("address", mcastGroup4), "224.0.0.18", "where IPv4 adverts are sent to"),
		row("vrrp_skip_check_adv_addr", core, ignoresValue(func(g *globals, v bool) { g.VRRPSkipCheckAdvAddr = v }), "off", "compare the address list of an advert only when the sender changes"),
		row("vrrp_strict", core, ignoresValue(func(g *globals, v bool) { g.VRRPStrict = v }), "off", "keep to the RFC: no authentication, no preempt delay, MASTER only with priority 255"),
		row("vrrp_startup_delay", common, microTimer(time.Millisecond, maxMicros, func(g *globals, v time.Duration) { g.VRRPStartupDelay = v }), "0", "ignore adverts and hold timers this long after start"),
		row("vrrp_delay_after_boot", rare, timer("seconds", time.Millisecond, maxTimer, func(g *globals, v time.Duration) { g.VRRPDelayAfterBoot = v }), "0", "as vrrp_startup_delay, measured from the boot of the machine; the longer one counts").since("2.4.0"),
		row("vrrp_check_unicast_src", common, flag(func(g *globals) { g.VRRPCheckUnicastSrc = true }), "off", "accept unicast adverts from configured peers only"),
		row("vrrp_down_timer_adverts", common, integer("count", 1, 100, func(g *globals, v int) { g.downTimerAdverts = v }), "3", "adverts missed before a backup takes over"),
		row("vrrp_owner_ignore_adverts", rare, optBool(func(g *globals, v bool) { g.ownerIgnore = &v }), "off", "instances with priority 255 take no adverts of others; on in strict mode").since("2.3.3"),
		row("vrrp_lower_prio_no_advert", common, optBool(func(g *globals, v bool) { g.lowerPrioNoAdvert = &v }), "off", "do not answer an advert of lower priority"),
		row("vrrp_higher_prio_send_advert", common, optBool(func(g *globals, v bool) { g.HigherPrioSendAdvert, g.higherSaid = v, true }), "off; on in TOML", "send one more advert before yielding to a higher priority: the other master then announces the addresses again"),
		row("vrrp_notify_priority_changes", common, optBool(func(g *globals, v bool) { g.NotifyPriorityChange = v }), "off", "write changes of priority to the FIFOs"),
		row("dynamic_interfaces", common, custom("[allow_if_changes]", []Arg{{Name: "mode", Optional: true}}, func(d *decoder, g *globals, n *Node) {
			g.DynamicInterfaces = true
			if a := n.Arg(0); len(n.Words) > 1 && a != "allow_if_changes" {
				d.bad(n, 0, ClassGeneral, "unknown option '%s', ignored", clip(a))
			}
		}), "off", "interfaces may be missing at start (holdfast always waits for them)"),

		minGARPRow(),
		row("vrrp_garp_master_delay", common, microSeconds(func(g *globals, v time.Duration) { g.GARP.Delay = v }), "5", "time between the first and the second set of gratuitous ARP; 0: no second set"),
		row("vrrp_garp_master_repeat", common, garpCount(func(g *globals, v int) { g.GARP.Repeat = v }), "5", "frames an address in a set"),
		row("vrrp_garp_master_refresh", common, seconds("seconds", 0, math.MaxUint32, func(g *globals, v time.Duration) { g.GARP.Refresh = v }), "0; 60 in TOML", "time between further sets while master; 0: none"),
		row("vrrp_garp_master_refresh_repeat", common, garpCount(func(g *globals, v int) { g.GARP.RefreshRepeat = v }), "1", "frames an address in such a set"),
		row("vrrp_garp_lower_prio_delay", common, microSeconds(func(g *globals, v time.Duration) { g.GARP.LowerPrioDelay = v }), "vrrp_garp_master_delay", "second set after an advert of lower priority"),
		row("vrrp_garp_lower_prio_repeat", common, integer("count", 0, math.MaxInt32, func(g *globals, v int) { g.GARP.LowerPrioRep = v }), "vrrp_garp_master_repeat", "frames an address after an advert of lower priority; 0: none"),
	}
}

// programGlobalRows are what scripts have in common, and the pipes that hear of changes.
func programGlobalRows() []Keyword {
	return []Keyword{
		row("script_user", core, custom("<user> [[:]<group>]", []Arg{{Name: "user"}, {Name: "group", Optional: true}}, scriptUser), "keepalived_script if there is such a user, else root", "user that scripts run as"),
		row("enable_script_security", core, flag(func(g *globals) { g.EnableScriptSecurity = true }), "off", "refuse scripts run as root whose path others can write to"),
		row("reload_check_config", common, custom("[<log file>]", []Arg{{Name: "log_file", Optional: true}}, reloadCheck), "always on in holdfast", "check the new configuration before a reload"),

		row("notify_fifo", common, fifo(func(g *globals) *FIFO { return &g.NotifyFIFO }), "", "named pipe for all state changes"),
		row("notify_fifo_script", common, fifoScript(func(g *globals) *FIFO { return &g.NotifyFIFO }), "", "program that reads notify_fifo"),
		row("vrrp_notify_fifo", common, fifo(func(g *globals) *FIFO { return &g.VRRPNotifyFIFO }), "", "named pipe for VRRP state changes"),
		row("vrrp_notify_fifo_script", common, fifoScript(func(g *globals) *FIFO { return &g.VRRPNotifyFIFO }), "", "program that reads vrrp_notify_fifo"),
		row("lvs_notify_fifo", rare, fifo(func(g *globals) *FIFO { return &g.LVSNotifyFIFO }), "", "named pipe for changes of virtual and real servers"),
		row("lvs_notify_fifo_script", rare, fifoScript(func(g *globals) *FIFO { return &g.LVSNotifyFIFO }), "", "program that reads lvs_notify_fifo"),
	}
}

// lvsGlobalRows are about the IPVS table as a whole.
func lvsGlobalRows() []Keyword {
	return []Keyword{
		forServices(row("lvs_flush", common, flag(func(g *globals) { g.LVSFlush = true }), "off", "empty the IPVS table at start; nothing without a virtual_server")),
		forServices(row("lvs_flush_on_stop", common, custom("[VS]", []Arg{{Name: "what", Optional: true}}, flushOnStop), "remove own services and servers", "empty the IPVS table at stop; VS: remove own services only; nothing without a virtual_server").alias("lvs_flush_onstop")),
		forServices(row("lvs_timeouts", common, custom("[tcp <seconds>] [tcpfin <seconds>] [udp <seconds>]", []Arg{
			{Name: "tcp", Key: "tcp", Kind: KindSeconds, Optional: true},
			{Name: "tcpfin", Key: "tcpfin", Kind: KindSeconds, Optional: true},
			{Name: "udp", Key: "udp", Kind: KindSeconds, Optional: true},
		}, lvsTimeouts), "the kernel's", "IPVS connection timeouts, 0..2678400 s each; nothing without a virtual_server")),
		row("lvs_sync_daemon", common, custom("<interface> [[inst] <vrrp_instance>] [id 0..255] [maxlen 1..65507] [port <port>] [ttl 1..255] [group <address>] [roles follow|both] [sync_ports 1..64]", []Arg{
			{Name: "interface"},
			{Name: "instance", Key: "inst", Optional: true},
			{Name: "id", Key: "id", Kind: KindInt, Optional: true},
			{Name: "maxlen", Key: "maxlen", Kind: KindInt, Optional: true},
			{Name: "port", Key: "port", Kind: KindInt, Optional: true},
			{Name: "ttl", Key: "ttl", Kind: KindInt, Optional: true},
			{Name: "group", Key: "group", Kind: KindAddr, Optional: true},
			{Name: "roles", Key: "roles", Optional: true},
			{Name: "sync_ports", Key: "sync_ports", Kind: KindInt, Optional: true},
		}, lvsSyncDaemon), "off", "IPVS connection synchronisation; with an instance its role follows mastership, or both run all the time (roles both); sync_ports: threads of each role, a power of two, alike on all directors"),
		row("lvs_profile", own, custom("director|sync|tunnel|nat …", []Arg{{Name: "name", Rest: true}}, lvsProfile), "none: nothing is changed", "sets of settings of IPVS (net.ipv4.vs), set back at stop: see operations.md").words("director", "sync", "tunnel", "nat"),
		row("lvs_follow_vrrp", own, custom("never|auto|true", []Arg{{Name: "when", Kind: KindBool}}, followVRRP), "never; auto in TOML", "install a service only while a virtual router that holds its address is master (auto: not where a sync daemon runs)").words("never", "auto", "always", "true", "on", "yes", "false", "off", "no"),
		row("standby_checks", own, optBool(func(g *globals, v bool) { g.StandbyChecks = v }), "on", "run health checks of services whose virtual router is not master"),
	}
}

func mailReceivers(d *decoder, target any, n *Node) {
	g := target.(*globals)
	before := len(g.NotificationEmail)
	d.lines(func(n *Node) {
		for _, w := range n.Words {
			g.NotificationEmail = append(g.NotificationEmail, w.Text)
		}
	})
	d.top().close = func() {
		if len(g.NotificationEmail) == before && !d.toml() {
			d.report(d.closing(n), Warning, ClassGeneral, "no-receiver", "notification_email names nobody")
		}
	}
}

func smtpServer(d *decoder, g *globals, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	_, err := netip.ParseAddr(s)
	if err != nil && (strings.Contains(s, ":") || strings.Trim(s, "0123456789.") == "" && !oldAddress(s)) || strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".:-_", r))
	}) {
		d.bad(n, 0, ClassGeneral, "'%s' is neither a host name nor an address, ignored", clip(s))
		return
	}
	if len(n.Words) > 2 {
		p, err := parseInt(n.Arg(1), 1, 65535)
		if err != nil {
			d.bad(n, 1, ClassInvalidNumber, "port %v: the server is ignored", err)
			return
		}
		g.SMTPPort = uint16(p)
	}
	g.SMTPServer = s
}

// oldAddress says whether the resolver takes s for an IPv4 address of fewer
// than four numbers, the last of which stands for the rest (inet_aton).
func oldAddress(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return false
	}
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		if _, err := strconv.ParseUint(part, 0, bits); err != nil {
			return false
		}
	}
	return true
}

func mcastGroup4(d *decoder, g *globals, a netip.Addr, n *Node) {
	if !a.Is4() || !a.IsMulticast() {
		d.bad(n, 0, ClassGeneral, "%v is not an IPv4 multicast address, ignored", a)
		return
	}
	g.VRRPMcastGroup4 = a
}

// garpCount is a number of frames: 0 is turned into 1.
func garpCount[T any](set func(t *T, v int)) value {
	return number("count", KindInt, 0, math.MaxInt32, func(d *decoder, t *T, v int, n *Node) {
		if v == 0 {
			d.bad(n, 0, ClassInvalidNumber, "0 is not possible: 1 is used")
			v = 1
		}
		set(t, v)
	})
}

func reloadCheck(d *decoder, g *globals, n *Node) {
	g.ReloadCheckConfig = true
	if len(n.Args()) > 0 && !d.toml() {
		d.report(n.ArgPos(0), Warning, ClassNone, "no-effect", "reload_check_config: no file is written: what is found goes to the log")
	}
}

func scriptUser(d *decoder, g *globals, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	if d.opts.UserExists != nil && !d.opts.UserExists(s) {
		d.bad(n, 0, ClassGeneral, "user '%s' does not exist, ignored", clip(s))
		return
	}
	if !d.groupKnown(n.Arg(1), n, 1) {
		return
	}
	g.ScriptUser, g.ScriptGroup = s, n.Arg(1)
}

func fifo(get func(g *globals) *FIFO) value {
	return custom("<path> [<user> [<group>]]", []Arg{{Name: "path"}, {Name: "user", Optional: true}, {Name: "group", Optional: true}}, func(d *decoder, g *globals, n *Node) {
		s, ok := arg1(d, n)
		if !ok {
			return
		}
		f := get(g)
		if f.Path != "" {
			d.bad(n, 0, ClassGeneral, "already given, ignored")
			return
		}
		if !strings.HasPrefix(s, "/") && d.toml() {
			d.bad(n, 0, ClassGeneral, "'%s' is not an absolute path", clip(s))
			return
		}
		f.Path, f.User, f.Group = s, n.Arg(1), n.Arg(2)
	})
}

func fifoScript(get func(g *globals) *FIFO) value {
	return script(func(d *decoder, g *globals, c Command, n *Node) {
		f := get(g)
		if f.Script.Set() {
			d.bad(n, 0, ClassGeneral, "already given, ignored")
			return
		}
		if d.usable(&c, n) {
			f.Script = c
		}
	})
}

// forServices is a row of which nothing comes where there is no virtual_server.
func forServices(k Keyword) Keyword {
	set := k.set
	k.set = func(d *decoder, target any, n *Node) {
		d.state.forServices = append(d.state.forServices, mention{pos: n.Pos, keyword: n.Keyword()})
		set(d, target, n)
	}
	return k
}

// noServices tells of keywords that wait for a virtual_server in vain.
func (d *decoder) noServices() {
	if len(d.cfg.VirtualServers) > 0 {
		return
	}
	for _, m := range d.state.forServices {
		d.reportHint(m.pos, Info, ClassNone, "no-effect", m.keyword+" has no effect: there is no virtual_server, and the IPVS table is left as it is", "leave it out")
	}
}

func flushOnStop(d *decoder, g *globals, n *Node) {
	if strings.HasSuffix(n.Keyword(), "_onstop") {
		d.report(n.Pos, Warning, ClassNone, "deprecated", n.Keyword()+" is an old spelling of "+d.kw.Name)
	}
	if len(n.Words) < 2 {
		g.LVSFlushOnStop = FlushAll
		return
	}
	switch a := n.Arg(0); a {
	case "VS":
		g.LVSFlushOnStop = FlushServices
	default:
		d.bad(n, 0, ClassGeneral, "unknown option '%s', ignored", clip(a))
	}
}

func lvsTimeouts(d *decoder, g *globals, n *Node) {
	if _, ok := arg1(d, n); !ok {
		return
	}
	for i := 0; i < len(n.Args()); i += 2 {
		var to *time.Duration
		switch n.Arg(i) {
		case "tcp":
			to = &g.LVSTimeouts.TCP
		case "tcpfin":
			to = &g.LVSTimeouts.TCPFin
		case "udp":
			to = &g.LVSTimeouts.UDP
		default:
			d.bad(n, i, ClassGeneral, "unknown option '%s', ignored", clip(n.Arg(i)))
			i--
			continue
		}
		if i+1 >= len(n.Args()) {
			d.bad(n, i, ClassGeneral, "no value for %s, ignored", n.Arg(i))
			return
		}
		v, err := parseInt(n.Arg(i+1), 0, 31*86400)
		if err != nil {
			d.bad(n, i+1, ClassInvalidNumber, "%s: %v, ignored", n.Arg(i), err)
			continue
		}
		*to = time.Duration(v) * time.Second
	}
}

// syncOptions are those of lvs_sync_daemon; the last two are ours.
var syncOptions = []string{"inst", "id", "maxlen", "port", "ttl", "group", "roles", "sync_ports"}

func lvsSyncDaemon(d *decoder, g *globals, n *Node) {
	name, ok := arg1(d, n)
	if !ok {
		return
	}
	if g.LVSSyncDaemon != nil {
		d.bad(n, 0, ClassGeneral, "already given for interface %s, ignored", g.LVSSyncDaemon.Interface)
		return
	}
	s := &LVSSyncDaemon{Interface: name, ID: unset}
	g.syncPos = n.Pos
	for i := 1; i < len(n.Args()); i++ {
		key := n.Arg(i)
		if !slices.Contains(syncOptions, key) {
			if i == 1 {
				s.Instance = key // the old form: interface and instance
			} else {
				d.bad(n, i, ClassGeneral, "unknown option '%s', ignored", clip(key))
			}
			continue
		}
		if i++; i >= len(n.Args()) {
			if key == "inst" && s.Instance == "" {
				// Of these options keepalived stops at this one only.
				d.report(n.Pos, Error, ClassMissingParameter, "missing-parameter", "lvs_sync_daemon: instance is missing")
				return
			}
			d.bad(n, i-1, ClassGeneral, "no value for %s, ignored", key)
			break
		}
		d.syncOption(s, key, n, i)
	}
	g.LVSSyncDaemon = s
}

func (d *decoder) syncOption(s *LVSSyncDaemon, key string, n *Node, i int) {
	num := func(low, high int) int {
		v, err := parseInt(n.Arg(i), low, high)
		if err != nil {
			d.bad(n, i, ClassInvalidNumber, "%s: %v, ignored", key, err)
			return unset
		}
		return v
	}
	switch key {
	case "inst":
		s.Instance = n.Arg(i)
	case "id":
		s.ID = num(0, 255)
	case "maxlen":
		if v := num(1, 65507); v != unset {
			s.MaxLen = uint16(v)
			d.lintSyncLength(n.ArgPos(i), v)
		}
	case "port":
		if v := num(1, 65535); v != unset {
			s.Port = uint16(v)
		}
	case "ttl":
		if v := num(1, 255); v != unset {
			s.TTL = uint8(v)
		}
	case "roles":
		switch v := n.Arg(i); v {
		case "follow", "both":
			s.Both = v == "both"
		default:
			d.bad(n, i, ClassGeneral, "roles '%s' is neither follow nor both, ignored", clip(v))
		}
	case "sync_ports":
		v := num(1, 64)
		if v != unset && v&(v-1) != 0 {
			d.bad(n, i, ClassInvalidNumber, "sync_ports: %d is not a power of two, ignored", v)
			v = unset
		}
		s.SyncPorts = max(v, 0)
	case "group":
		a, err := parseAddr(n.Arg(i))
		if err != nil || !a.IsMulticast() {
			d.bad(n, i, ClassGeneral, "group '%s' is not a multicast address, ignored", clip(n.Arg(i)))
			return
		}
		s.Group = a
	}
}

func followVRRP(d *decoder, g *globals, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	g.followPos = n.Pos
	switch s {
	case "never", "false", "off", "no":
		g.LVSFollowVRRP = FollowNever
	case "auto":
		g.LVSFollowVRRP = FollowAuto
	case "always", "true", "on", "yes":
		g.LVSFollowVRRP = FollowAlways
	default:
		d.bad(n, 0, ClassGeneral, "'%s' is not one of never auto true, ignored", clip(s))
	}
}

func lvsProfile(d *decoder, g *globals, n *Node) {
	if _, ok := arg1(d, n); !ok {
		return
	}
	g.LVSProfile = nil
	for k, w := range n.Args() {
		_, ok := profile.Named(w.Text)
		switch {
		case !ok:
			d.reportHint(n.ArgPos(k), Warning, ClassGeneral, "bad-value", "lvs_profile: there is no profile '"+clip(w.Text)+"', ignored", d.didYouMean(w.Text, profile.Names))
		case !slices.Contains(g.LVSProfile, w.Text):
			g.LVSProfile = append(g.LVSProfile, w.Text)
		}
	}
}
