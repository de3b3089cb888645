package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// daemonRows are the rows of the top level about the processes.
func daemonRows() []Keyword {
	return []Keyword{
		row("instance", rare, once(text("name", func(p *Daemon, v string) { p.Instance = v })), "", "name of this daemon among several: its pid files are in /run/keepalived and have the name in theirs"),
		row("net_namespace", rare, once(custom("<name>", nameArg, netNamespace)), "that of the caller", "network namespace to run in; -s comes before it"),
		row("net_namespace_ipvs", rare, once(custom("[<name>]", []Arg{{Name: "name", Optional: true}}, func(_ *decoder, p *Daemon, n *Node) {
			p.IPVSNamespace, p.IPVSNamespaceSet = n.Arg(0), true
		})), "net_namespace", "network namespace of the IPVS table; without a name that of the caller. A daemon that would have to use another one than its own does not start").parsedOnly(),
		row("namespace_with_ipsets", "obsolete", flag(func(*Daemon) {}), "off", "no effect: there are no ipsets"),
		row("use_pid_dir", rare, flag(func(p *Daemon) { p.UsePIDDir = true }), "off; on with instance or net_namespace", "pid files in /run/keepalived"),
		row("child_wait_time", rare, seconds("seconds", 0, math.MaxUint32, func(p *Daemon, v time.Duration) { p.ChildWait = v }), "5", "time that the child processes have to stop before they are killed"),
	}
}

// fileRows are the rows of global_defs about files of the daemon itself.
func fileRows() []Keyword {
	name := func(set func(f *DaemonFiles, v string)) value {
		return text("path", func(g *globals, v string) { set(&g.DaemonFiles, v) })
	}
	return []Keyword{
		row("umask", rare, custom("<mask> | <bit> [| <bit>] …", []Arg{{Name: "mask", Rest: true}}, umask), "0177 (keepalived's command line), else the caller's", "file creation mask of the daemon and its programs: a number, or of IRUSR IWUSR IXUSR IRGRP IWGRP IXGRP IROTH IWOTH IXOTH; -u comes before it"),
		row("random_seed", rare, number("seed", KindInt, 0, math.MaxUint32, func(_ *decoder, g *globals, v int, _ *Node) {
			g.RandomSeed, g.RandomSeedSet = uint32(v), true
		}), "at random", "the numbers of ${_RANDOM} are the same each time"),
		row("include_check", rare, custom("[[+|-]read|match|wildcard_match|brace_match …]", []Arg{{Name: "checks", Optional: true, Rest: true}}, includeCheck), "none; all without an argument", "which kinds of missing includes are complaints, from here on; with + and - added to or taken from what holds"),

		row("reload_time_file", rare, custom("<path>", []Arg{{Name: "path"}}, func(d *decoder, g *globals, n *Node) {
			if len(n.Words) > 2 {
				d.bad(n, 1, ClassGeneral, "more than one path, ignored")
				return
			}
			if s, ok := arg1(d, n); ok {
				g.ReloadTimeFile = s
			}
		}), "", "file with the time of a reload: HH:MM:SS or [YY]YY-MM-DD HH:MM:SS, with Z for UTC; it is removed once that is done"),
		row("reload_repeat", rare, flag(func(g *globals) { g.ReloadRepeat = true }), "off", "leave that file, so that a time without a date means every day"),
		row("reload_file", rare, custom("[<path>]", []Arg{{Name: "path", Optional: true}}, func(_ *decoder, g *globals, n *Node) {
			g.ReloadFile, g.ReloadFilePath = true, n.Arg(0)
		}), "off; beside the pid file without a path", "empty file that is there, and locked, while the configuration is read"),

		row("config_save_dir", rare, custom("<path>", []Arg{{Name: "path"}}, configSaveDir), "", "folder for a copy of every configuration taken, and of the state before and after"),
		row("tmp_config_directory", "obsolete", once(custom("<path>", []Arg{{Name: "path"}}, func(d *decoder, g *globals, n *Node) {
			if s, ok := arg1(d, n); ok {
				g.TmpConfigDirectory = s
			}
		})), "in memory", "folder for the nameless file that hands the configuration to the child processes"),
		row("iproute_etc_dir", rare, name(func(f *DaemonFiles, v string) { f.IPRouteEtcDir = v }), "/etc/iproute2", "the administrator's names of tables, protocols and scopes").since("2.3.2"),
		row("iproute_usr_dir", rare, name(func(f *DaemonFiles, v string) { f.IPRouteUsrDir = v }), "/usr/share/iproute2, /usr/lib/iproute2", "the distribution's names").since("2.3.2"),
		row("use_symlink_paths", rare, optBool(func(_ *globals, _ bool) {}), "always on in holdfast", "programs run by the path that is given").since("2.3.0"),
		row("set_supplementary_groups", rare, flag(func(*globals) {}), "always on in holdfast", "programs have all groups of their user").since("git after 2.4.3"),

		row("checker_log_all_failures", rare, optBool(func(g *globals, v bool) { g.logAllFailures = v }), "off", "default of log_all_failures in checkers"),

		row("data_use_instance", rare, optBool(func(g *globals, v bool) { g.DataUseInstance = v }), "off", "the names of dump files have the instance and the namespace in them").parsedOnly(),
		row("state_dump_file", rare, name(func(f *DaemonFiles, v string) { f.StateDumpFile = v }), "/tmp/keepalived.data", "where SIGUSR1 writes").alias("state_file_location").since("2.3.3").parsedOnly(),
		row("stats_dump_file", rare, name(func(f *DaemonFiles, v string) { f.StatsDumpFile = v }), "/tmp/keepalived.stats", "where SIGUSR2 writes").alias("stats_file_location").since("2.3.3").parsedOnly(),
		row("json_dump_file", rare, name(func(f *DaemonFiles, v string) { f.JSONDumpFile = v }), "/tmp/keepalived.json", "where the signal JSON writes").alias("json_file_location").since("2.3.3").parsedOnly(),
		row("json_version", rare, integer("version", 1, 2, func(g *globals, v int) { g.JSONVersion = v }), "1", "layout of that file").since("2.2.8").parsedOnly(),
	}
}

// outletRows are the rows of global_defs about SNMP, D-Bus and the firewall
// marks of groups.
func outletRows() []Keyword {
	on := func(set func(s *SNMP)) value { return flag(func(g *globals) { set(&g.SNMP) }) }
	interval := func(set func(s *SNMP, v time.Duration)) value {
		return timer("seconds", time.Millisecond, 30*time.Second, func(g *globals, v time.Duration) { set(&g.SNMP, v) })
	}
	rows := []Keyword{
		row("snmp_socket", "obsolete", custom("<address>", []Arg{{Name: "address"}}, snmpSocket), "unix:/var/agentx/master", "the master agent"),
		row("enable_traps", "obsolete", on(func(s *SNMP) { s.Traps = true }), "off", "send traps"),
		row("enable_snmp_vrrp", "obsolete", on(func(s *SNMP) { s.VRRP = true }), "off", "serve the part of keepalived's MIB about VRRP").alias("enable_snmp_keepalived"),
		row("enable_snmp_checker", "obsolete", on(func(s *SNMP) { s.Checker = true }), "off", "serve the part about checkers"),
		row("enable_snmp_rfc", "obsolete", on(func(s *SNMP) { s.RFCv2, s.RFCv3 = true, true }), "off", "serve the MIBs of both RFCs"),
		row("enable_snmp_rfcv2", "obsolete", on(func(s *SNMP) { s.RFCv2 = true }), "off", "serve the MIB of RFC 2787"),
		row("enable_snmp_rfcv3", "obsolete", on(func(s *SNMP) { s.RFCv3 = true }), "off", "serve the MIB of RFC 6527"),
		row("snmp_vs_stats_update_interval", "obsolete", interval(func(s *SNMP, v time.Duration) { s.VSInterval = v }), "5", "least age of the counters of virtual servers").since("2.3.0"),
		row("snmp_rs_stats_update_interval", "obsolete", interval(func(s *SNMP, v time.Duration) { s.RSInterval = v }), "0", "least age of the counters of real servers").since("2.3.0"),
		row("enable_dbus", "obsolete", flag(func(g *globals) { g.DBus.Enabled = true }), "off", "the D-Bus interface"),
		row("dbus_service_name", "obsolete", text("name", func(g *globals, v string) { g.DBus.ServiceName = v }), "org.keepalived.Vrrp1", "its name"),
		row("dbus_no_interface_name", "obsolete", text("name", func(g *globals, v string) { g.DBus.NoInterface = v }), "none", "part of the path of instances without an interface").since("2.3.0"),
		row("nftables_ipvs", rare, once(custom("[<table>]", []Arg{{Name: "table", Optional: true}}, marksTable)), "off; keepalived_ipvs without a name", "one service by firewall mark for each virtual_server_group; nftables marks the packets"),
		row("nftables_ipvs_priority", rare, integer("priority", math.MinInt32, math.MaxInt32, func(g *globals, v int) { g.IPVSMarks.Priority = v }), "-1", "priority of the chains of that table"),
		row("nftables_ipvs_start_fwmark", rare, integer("mark", 1, math.MaxUint32, func(g *globals, v int) { g.IPVSMarks.Start = uint32(v) }), "1000", "first mark that is given to a group"),
	}
	for i := range rows {
		rows[i] = rows[i].parsedOnly()
	}
	return rows
}

func netNamespace(d *decoder, p *Daemon, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	if strings.Contains(s, "/") || s == "." || s == ".." {
		d.report(n.ArgPos(0), Error, ClassNone, "bad-value", "net_namespace: '"+clip(s)+"' is not the name of a network namespace")
		return
	}
	p.NetNamespace = s
	if d.opts.InterfacesIn == nil {
		return
	}
	have, err := d.opts.InterfacesIn(s)
	if err != nil {
		d.report(n.ArgPos(0), Warning, ClassNone, "no-such-namespace", err.Error()+": the interfaces are not looked at")
	}
	d.opts.Interfaces = func() map[string]bool { return have }
}

// umaskBits are the names of keepalived 2.2.7, which does not know those for
// three bits together.
var umaskBits = named[uint16]{
	{"IRUSR", 0o400},
	{"IWUSR", 0o200},
	{"IXUSR", 0o100},
	{"IRGRP", 0o040},
	{"IWGRP", 0o020},
	{"IXGRP", 0o010},
	{"IROTH", 0o004},
	{"IWOTH", 0o002},
	{"IXOTH", 0o001},
}

func umask(d *decoder, g *globals, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	set := func(v uint16) { g.Umask, g.UmaskSet = v, true }
	if s != "" && '0' <= s[0] && s[0] <= '9' {
		v, err := strconv.ParseUint(s, 0, 64)
		switch {
		case err != nil || v > 0o777 || strings.ContainsAny(s, "_bBoO"):
			d.bad(n, 0, ClassGeneral, "'%s' is not a mask from 0 to 0777, ignored", clip(s))
		case len(n.Words) > 2:
			d.bad(n, 1, ClassGeneral, "more than one mask: %s is ignored", clip(n.Arg(1)))
			set(uint16(v))
		default:
			set(uint16(v))
		}
		return
	}
	var mask uint16
	text := strings.Join(texts(n.Args()), " ")
	for _, name := range strings.Split(text, "|") {
		bit, ok := umaskBits.find(strings.TrimSpace(name))
		if !ok {
			d.bad(n, 0, ClassGeneral, "'%s' is not the name of a bit, as IWGRP is: ignored", clip(strings.TrimSpace(name)))
			return
		}
		mask |= bit
	}
	set(mask)
}

// includeCheck takes the words of include_check: keepalived accepts one plain
// word, or any number of words with + or -.
func includeCheck(d *decoder, g *globals, n *Node) {
	checks, bad := ParseIncludeCheck(g.IncludeCheck, texts(n.Args()))
	g.IncludeCheck = checks
	if bad >= 0 {
		d.bad(n, bad, ClassGeneral, "'%s' is not one more of read match wildcard_match brace_match, ignored", clip(n.Arg(bad)))
	}
}

// ParseIncludeCheck applies the words of include_check to the checks that hold.
// bad is the place of the first word that it does not take, or -1.
func ParseIncludeCheck(have IncludeCheck, words []string) (checks IncludeCheck, bad int) {
	bad = -1
	if len(words) == 0 {
		return CheckAll, bad
	}
	first := true
	for i, w := range words {
		sign := byte(0)
		if w != "" && (w[0] == '+' || w[0] == '-') {
			sign, w = w[0], w[1:]
		}
		bit := IncludeCheck(0)
		for k, name := range IncludeChecks {
			if w == name {
				bit = 1 << k
			}
		}
		switch {
		case bit == 0, sign == 0 && !first:
			if bad < 0 {
				bad = i
			}
		case sign == '-':
			have &^= bit
		case sign == '+':
			have |= bit
		default:
			have = bit
		}
		first = false
	}
	return have, bad
}

func configSaveDir(d *decoder, g *globals, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	if d.opts.FolderPossible != nil && !d.opts.FolderPossible(s) {
		d.bad(n, 0, ClassGeneral, "'%s' cannot be made, ignored", clip(s))
		return
	}
	g.ConfigSaveDir = s
}

func snmpSocket(d *decoder, g *globals, n *Node) {
	s, ok := arg1(d, n)
	switch {
	case !ok:
	case len(n.Words) > 2:
		d.bad(n, 1, ClassGeneral, "more than one address, ignored")
	case g.SNMP.Socket != "":
		d.bad(n, 0, ClassGeneral, "already given, ignored")
	default:
		g.SNMP.Socket = s
	}
}

func marksTable(d *decoder, g *globals, n *Node) {
	if name := n.Arg(0); len(name) > maxTableName {
		d.bad(n, 0, ClassGeneral, "the name of a table has %d characters at most: %s is used", maxTableName, g.IPVSMarks.Table)
	} else if name != "" {
		g.IPVSMarks.Table = name
	}
	g.IPVSMarks.Enabled = true
}
