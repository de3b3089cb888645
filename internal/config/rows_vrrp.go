package config

import (
	"math"
	"net/netip"
	"strings"
	"time"
)

// trackLine describes a line of track_script and track_interface.
func trackLine(what string) []Arg {
	return []Arg{
		{Name: what},
		{Name: "weight", Key: "weight", Kind: KindInt, Optional: true},
		{Name: "reverse", Key: "reverse", Kind: KindFlag, Optional: true},
		{Name: "noreverse", Key: "noreverse", Kind: KindFlag, Optional: true},
	}
}

// vipArgs describes a line of virtual_ipaddress.
var vipArgs = []Arg{
	{Name: "ip", Kind: KindPrefix},
	{Name: "dev", Key: "dev", Optional: true},
	{Name: "scope", Key: "scope", Optional: true},
	{Name: "label", Key: "label", Optional: true},
	{Name: "brd", Key: "brd", Kind: KindAddr, Optional: true},
	{Name: "peer", Key: "peer", Kind: KindPrefix, Optional: true},
	{Name: "preferred_lft", Key: "preferred_lft", Optional: true},
	{Name: "no_track", Key: "no_track", Kind: KindFlag, Optional: true},
	{Name: "use_vmac", Key: "use_vmac", Kind: KindFlag, Optional: true},
	{Name: "home", Key: "home", Kind: KindFlag, Optional: true},
	{Name: "nodad", Key: "-nodad", Kind: KindFlag, Optional: true},
	{Name: "mngtmpaddr", Key: "mngtmpaddr", Kind: KindFlag, Optional: true},
	{Name: "noprefixroute", Key: "noprefixroute", Kind: KindFlag, Optional: true},
	{Name: "autojoin", Key: "autojoin", Kind: KindFlag, Optional: true},
}

const (
	weightSyntax = "[weight -253..253 [reverse|noreverse]]"
	vipSyntax    = "<address>[/<length>] [dev <interface>] [scope <scope>] [label <label>] [brd <address>|+|-] [peer <address>[/<length>]] [preferred_lft <seconds>|forever] [home] [-nodad] [mngtmpaddr] [noprefixroute] [autojoin] [no_track]"
)

func rootRows() []Keyword {
	named := func(k Keyword) Keyword { k.Named, k.Repeat = true, true; return k }
	return []Keyword{
		blockRow("global_defs", core, block(nil, "", func(d *decoder, _ any, _ *Node) { d.within(&d.state.global, nil) }), "settings of the whole machine, and defaults"),
		named(blockRow("vrrp_script", core, block(nameArg, "<name> ", openScript), "program run periodically; its result moves a priority or causes FAULT")),
		named(blockRow("vrrp_sync_group", core, block(nameArg, "<name> ", openGroup), "instances that change state together")),
		named(blockRow("vrrp_instance", core, block(nameArg, "<name> ", openInstance), "one virtual router")),
		blockRow("garp_group", rare, block(nil, "", openGARPGroup), "interfaces that share gaps between announcements").repeat(),
		serviceGroupRow(),
		dormantRow(blockRow("SSL", rare, block(nil, "", openSSL), "what TLS checks present and trust")),
		blockRow("virtual_server", core, block([]Arg{
			{Name: "ip", Kind: KindAddr, Optional: true},
			{Name: "port", Kind: KindInt, Optional: true},
			{Name: "fwmark", Key: "fwmark", Kind: KindInt, Optional: true},
			{Name: "group", Key: "group", Optional: true},
		}, "<address> [<port>] | fwmark <mark> | group <name> ", openService), "one IPVS service with its real servers").repeat(),
	}
}

func authenticationRows() []Keyword {
	return []Keyword{
		row("auth_type", core, custom("PASS|AH", []Arg{{Name: "type"}}, authType), "", "plain password, or a digest in an IPsec authentication header with a count against replays (IPv4)").words("PASS", "pass", "AH", "ah"),
		row("auth_pass", core, custom("<password>", []Arg{{Name: "password"}}, authPass), "", "password; eight bytes count"),
	}
}

func scriptRows() []Keyword {
	return []Keyword{
		row("script", core, value{args: []Arg{{Name: "command", Kind: KindCommand}}, syntax: "<command>", set: scriptCommand}, "required", "command line in quotes; status 0 is success"),
		row("interval", core, scriptTimer(func(s *VRRPScript, v time.Duration) { s.Interval = v }), "1", "time between two starts"),
		row("timeout", core, scriptTimer(func(s *VRRPScript, v time.Duration) { s.Timeout = v }), "interval", "running longer is failure, and ends it"),
		row("weight", core, custom("-253..253 [reverse]", []Arg{{Name: "weight", Kind: KindInt}, {Name: "reverse", Key: "reverse", Kind: KindFlag, Optional: true}}, scriptWeight), "0", "added to the priority while up (positive) or down (negative); 0: down means FAULT"),
		row("rise", core, integer("count", 1, math.MaxInt32, func(s *VRRPScript, v int) { s.Rise = v }), "1", "successes in a row to be up"),
		row("fall", core, integer("count", 1, math.MaxInt32, func(s *VRRPScript, v int) { s.Fall = v }), "1", "failures in a row to be down"),
		row("user", core, custom("<user> [[:]<group>]", []Arg{{Name: "user"}, {Name: "group", Optional: true}}, func(d *decoder, s *VRRPScript, n *Node) {
			if _, ok := arg1(d, n); ok {
				d.scriptUser(&s.Command, texts(n.Args()), n)
			}
		}), "script_user", "user that it runs as"),
		row("init_fail", common, flag(func(s *VRRPScript) { s.InitFail = true }), "off", "down until it has succeeded"),
	}
}

func groupRows() []Keyword {
	rows := []Keyword{
		linesRow("group", core, value{syntax: "{ <vrrp_instance> … }", set: groupMembers}, []Arg{{Name: "name", Rest: true}}, "the members"),
		linesRow("track_interface", common, lineBlock("<interface> "+weightSyntax, func(d *decoder, g *group, n *Node) {
			d.trackInterface(&g.TrackInterfaces, n)
		}), trackLine("name"), "interfaces tracked for every member"),
		linesRow("track_script", core, lineBlock("<vrrp_script> "+weightSyntax, func(d *decoder, g *group, n *Node) {
			d.trackScript(&g.TrackScripts, g.Name, n)
		}), trackLine("name"), "scripts tracked for every member"),
		row("notify_priority_changes", rare, optBool(func(g *group, v bool) { g.priorityNote = &v }), "the global value", "write changes of the members' priorities to the FIFOs; a member's own value comes first"),
		mailRow(row("smtp_alert", common, optBool(func(g *group, v bool) { g.smtpAlert = &v }), "off", "mail on changes of the group")),
		row("sync_group_tracking_weight", common, flag(func(g *group) { g.TrackingWeight = true }), "off", "trackers of members keep their weights"),
		row("global_tracking", "obsolete", value{set: func(d *decoder, _ any, n *Node) {
			d.report(n.Pos, Warning, ClassDeprecated, "deprecated", "global_tracking has no effect: use track_interface or track_script of the group")
		}}, "off", "no effect; replaced by the trackers of the group"),
	}
	rows = append(rows, trackRows(func(g *group) *trackLists { return &trackLists{g.Name, &g.TrackFiles, &g.TrackProcesses, &g.TrackBFDs} })...)
	return append(rows, notifyRows(func(t *group) *NotifySet { return &t.Notify })...)
}

// groupMembers reads the members of a group. A second list in the same group is
// ignored, and its closing brace closes the group: keepalived does the same.
func groupMembers(d *decoder, target any, n *Node) {
	g := target.(*group)
	if g.listed {
		d.report(n.Pos, Warning, ClassGeneral, "second-group", "vrrp_sync_group "+g.Name+": its members are given already: those of this list are ignored")
		d.top().skip = true
		d.top().close = d.pop
		return
	}
	g.listed = true
	d.top().close = func() {
		if len(g.Members) == 0 {
			g.emptyAt = d.closing(n)
		}
	}
	d.lines(func(n *Node) {
		for _, w := range n.Words {
			g.Members = append(g.Members, w.Text)
			g.memberPos = append(g.memberPos, w.Pos)
		}
	})
}

// notifyRows are the notify keywords that groups and instances share.
func notifyRows[T any](get func(t *T) *NotifySet) []Keyword {
	one := func(name, doc string, field func(s *NotifySet) *Command) Keyword {
		return row(name, core, script(func(d *decoder, t *T, c Command, n *Node) {
			f := field(get(t))
			if f.Set() {
				d.bad(n, 0, ClassGeneral, "already given: the first one counts")
				return
			}
			if d.usable(&c, n) {
				*f = c
			}
		}), "", doc)
	}
	return []Keyword{
		one("notify_master", "run on becoming master", func(s *NotifySet) *Command { return &s.Master }),
		one("notify_backup", "run on becoming backup", func(s *NotifySet) *Command { return &s.Backup }),
		one("notify_fault", "run on becoming fault", func(s *NotifySet) *Command { return &s.Fault }),
		one("notify_stop", "run when holdfast stops", func(s *NotifySet) *Command { return &s.Stop }),
		one("notify", "run on every change with INSTANCE or GROUP, name, state and priority appended", func(s *NotifySet) *Command { return &s.Any }),
	}
}

func instanceRows() []Keyword {
	const g = "the global value"
	whole := func(set func(i *instance, v time.Duration)) value {
		return seconds("seconds", 0, math.MaxUint32, set)
	}
	rows := []Keyword{
		row("state", core, custom("MASTER|BACKUP", []Arg{{Name: "state"}}, instanceState), "MASTER if priority is 255, else BACKUP", "wanted state at start; only the owner (255) skips the wait").words(),
		row("interface", core, custom("<interface>", []Arg{{Name: "name"}}, instanceInterface), "default_interface", "interface that adverts are sent and heard on"),
		vrfRow(),
		row("virtual_router_id", core, number("id", KindInt, 1, 255, func(_ *decoder, i *instance, v int, _ *Node) { i.VirtualRouterID, i.vridSet = uint8(v), true }), "required", "number of the virtual router on its link"),
		row("priority", core, custom("<1..255>", []Arg{{Name: "priority", Kind: KindInt, Range: Range{1, 255}}}, instancePriority), "100; 255 with state MASTER", "base priority; 255 owns the addresses"),
		row("advert_int", core, timer("seconds", 10*time.Millisecond, 255*time.Second, func(i *instance, v time.Duration) { i.AdvertInt = v }), "1", "time between adverts; whole seconds in version 2, hundredths up to 40.95 in version 3"),
		row("version", core, number("version", KindInt, 2, 3, versionOnce), "vrrp_version", "version of the protocol"),
		row("nopreempt", core, flag(func(i *instance) { i.NoPreempt = true }), "off", "do not take over from a live master of lower priority"),
		row("preempt", common, flag(func(i *instance) { i.NoPreempt = false }), "on", "take over from a master of lower priority"),
		row("preempt_delay", core, timer("seconds", 0, 1000*time.Second, func(i *instance, v time.Duration) { i.PreemptDelay = v }), "0", "wait before that"),
		linesRow("virtual_ipaddress", core, lineBlock(vipSyntax, func(d *decoder, i *instance, n *Node) { d.vip(i, n, false) }), vipArgs, "addresses that the master holds and advertises"),
		linesRow("virtual_ipaddress_excluded", core, lineBlock(vipSyntax, func(d *decoder, i *instance, n *Node) { d.vip(i, n, true) }), vipArgs, "addresses that the master holds without advertising them"),
		row("no_virtual_ipaddress", rare, flag(func(i *instance) { i.noVIPs = true }), "off", "the instance has no addresses on purpose").since("2.2.8"),
		blockRow("authentication", core, block(nil, "", func(*decoder, any, *Node) {}), "authentication of RFC 2338, version 2 only"),
		row("mcast_src_ip", common, address("address", func(d *decoder, i *instance, a netip.Addr, n *Node) { d.source(i, a, n, &i.McastSrcIP) }), "first address of the interface", "source of multicast adverts"),
		row("mcast_dst_ip", rare, address("address", mcastDst), "vrrp_mcast_group4", "where this instance's adverts are sent to"),
		row("unicast_src_ip", core, address("address", func(d *decoder, i *instance, a netip.Addr, n *Node) {
			i.unicast, i.unicastPos = true, n.Pos
			d.source(i, a, n, &i.UnicastSrcIP)
		}), "first address of the interface", "source of unicast adverts"),
		linesRow("unicast_peer", core, value{syntax: "{ <address> [min_ttl 0..255] [max_ttl 0..255] … }", set: func(d *decoder, target any, n *Node) {
			i := target.(*instance)
			i.unicast, i.unicastPos = true, n.Pos
			d.lines(func(n *Node) { d.peer(i, n) })
		}}, []Arg{
			{Name: "ip", Kind: KindAddr},
			{Name: "min_ttl", Key: "min_ttl", Kind: KindInt, Optional: true},
			{Name: "max_ttl", Key: "max_ttl", Kind: KindInt, Optional: true},
		}, "routers that adverts go to in place of the multicast group"),
		row("unicast_fault_no_peer", rare, flag(func(i *instance) { i.FaultNoPeer = true }), "off", "without peers the instance stays in FAULT instead of falling back to multicast; without this keyword TOML refuses unicast without peers"),
		row("check_unicast_src", common, unicastFlag(func(i *instance) { i.CheckUnicastSrc = true }), g, "accept adverts from the peers only"),
		linesRow("track_interface", core, lineBlock("<interface> "+weightSyntax, func(d *decoder, i *instance, n *Node) { d.trackInterface(&i.TrackInterfaces, n) }), trackLine("name"), "other interfaces: down means FAULT, or moves the priority"),
		linesRow("track_script", core, lineBlock("<vrrp_script> "+weightSyntax, func(d *decoder, i *instance, n *Node) { d.trackScript(&i.TrackScripts, i.Name, n) }), trackLine("name"), "scripts: failure means FAULT, or moves the priority"),
		row("dont_track_primary", common, flag(func(i *instance) { i.DontTrackPrimary = true }), "off", "the own interface being down is no FAULT"),
		row("accept", rare, flag(func(i *instance) { i.accept = ptr(true) }), "on; off in strict mode, but for priority 255", "accept packets to the addresses while master"),
		row("no_accept", rare, flag(func(i *instance) { i.accept = ptr(false) }), "off", "drop packets to the addresses, and from them (nftables)"),
		row("skip_check_adv_addr", common, optBool(func(i *instance, v bool) { i.SkipCheckAdvAddr = v }), g, "as the global keyword"),
		row("strict_mode", common, optBool(func(i *instance, v bool) { i.strict = &v }), "vrrp_strict", "keep to the RFC"),
		row("garp_master_delay", core, microSeconds(func(i *instance, v time.Duration) { i.GARP.Delay = v }), g, "time between the first and the second set of gratuitous ARP; 0: no second set"),
		row("garp_master_repeat", common, garpCount(func(i *instance, v int) { i.GARP.Repeat = v }), g, "frames an address in a set"),
		row("garp_master_refresh", common, whole(func(i *instance, v time.Duration) { i.GARP.Refresh = v }), g, "time between further sets while master; 0: none"),
		row("garp_master_refresh_repeat", common, garpCount(func(i *instance, v int) { i.GARP.RefreshRepeat = v }), g, "frames an address in such a set"),
		row("garp_lower_prio_delay", common, microSeconds(func(i *instance, v time.Duration) { i.GARP.LowerPrioDelay = v }), g, "second set after an advert of lower priority"),
		row("garp_lower_prio_repeat", common, integer("count", 0, math.MaxInt32, func(i *instance, v int) { i.GARP.LowerPrioRep, i.garpLower = v, v > 0 }), g, "frames an address after an advert of lower priority; 0: none"),
		row("down_timer_adverts", common, integer("count", 1, 100, func(i *instance, v int) { i.DownTimerAdverts = v }), g, "adverts missed before a backup takes over"),
		row("lower_prio_no_advert", common, optBool(func(i *instance, v bool) { i.lowerPrio = &v }), g, "do not answer an advert of lower priority"),
		row("higher_prio_send_advert", common, optBool(func(i *instance, v bool) { i.higherPrio = &v }), g, "send one more advert before yielding"),
		row("track_src_ip", common, flag(func(i *instance) { i.TrackSrcIP = true }), "off", "FAULT while no interface has the configured source address"),
		row("kernel_rx_buf_size", rare, alone(integer("bytes", 0, math.MaxInt32, func(i *instance, v int) { i.KernelRxBufSize = v })), "vrrp_rx_bufs_policy", "what the instance adds to the receive buffer for adverts; 0: that of vrrp_rx_bufs_policy"),
		row("notify_priority_changes", common, optBool(func(i *instance, v bool) { i.priorityNote = &v }), g, "write changes of priority to the FIFOs"),
		mailRow(row("smtp_alert", core, optBool(func(i *instance, v bool) { i.smtpAlert = &v }), g+", else off", "mail on changes of state")),
		row("lvs_sync_daemon_interface", "obsolete", custom("<interface>", []Arg{{Name: "interface"}}, instanceSyncDaemon), "", "old form of lvs_sync_daemon, with id 0"),
		row("debug", "obsolete", integer("level", 0, 4, func(*instance, int) {}), "", "no effect"),
		row("notify_deleted", common, once(value{
			args: []Arg{{Name: "command", Kind: KindCommand, Optional: true}, {Name: "user", Optional: true}, {Name: "group", Optional: true}}, syntax: "[<command> [<user> [[:]<group>]]]",
			set: func(d *decoder, target any, n *Node) {
				i := target.(*instance)
				i.Notify.NotifyDeleted = true
				if len(n.Words) > 1 {
					script(func(d *decoder, i *instance, c Command, n *Node) {
						if d.usable(&c, n) {
							i.Notify.Deleted = c
						}
					}).set(d, i, n)
				}
			},
		}), "FAULT is reported", "report DELETED when a reload removes the instance"),
		row("notify_master_rx_lower_pri", common, script(func(d *decoder, i *instance, c Command, n *Node) {
			if d.usable(&c, n) {
				i.Notify.MasterRxLower = c
			}
		}), "", "run when a master hears an advert of lower priority"),
	}
	rows = append(rows, objectRows()...)
	rows = append(rows, trackRows(func(i *instance) *trackLists {
		return &trackLists{i.Name, &i.TrackFiles, &i.TrackProcesses, &i.TrackBFDs}
	})...)
	rows = append(rows, notifyRows(func(t *instance) *NotifySet { return &t.Notify })...)
	rows = append(rows, vmacInstanceRows()...)
	rows = append(rows, ipv6InstanceRows()...)
	rows = append(rows, garpInstanceRows()...)
	return append(rows, authInstanceRows()...)
}

// texts are the words as text; nil for none, as it arrives when it has
// travelled between processes.
func texts(words []Word) []string {
	if len(words) == 0 {
		return nil
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.Text
	}
	return out
}

func scriptCommand(d *decoder, target any, n *Node) {
	s := target.(*VRRPScript)
	c, rest, err := command(n)
	if err != nil {
		d.report(n.Pos, Warning, ClassUnmatchedQuote, "unmatched-quote", "script: unmatched quote, ignored")
		return
	}
	if _, ok := arg1(d, n); !ok {
		return
	}
	if len(rest) > 0 {
		d.report(n.Pos, Warning, ClassNone, "unquoted-arguments",
			"script: '"+clip(strings.Join(rest, " "))+"' is not passed on: put the command and its arguments in one pair of quotes")
	}
	c.User, c.Group = s.Command.User, s.Command.Group
	s.Command = c
}

func scriptWeight(d *decoder, s *VRRPScript, n *Node) {
	if _, ok := arg1(d, n); !ok {
		return
	}
	v, err := parseInt(n.Arg(0), -253, 253)
	if err != nil {
		d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
		return
	}
	s.Weight = v
	switch a := n.Arg(1); a {
	case "":
	case "reverse":
		s.Reverse = true
	default:
		d.bad(n, 1, ClassGeneral, "unknown option '%s', ignored", clip(a))
	}
}
