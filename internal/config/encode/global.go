package encode

import (
	"net/netip"
	"strconv"
	"time"

	"holdfast/internal/config"
)

func (e *encoder) global(g *config.GlobalDefs) {
	e.block(false, func() {
		e.text("router_id", g.RouterID, "")
		e.mail(g)
		if g.VRRPVersion != 2 {
			e.put("vrrp_version", strconv.Itoa(int(g.VRRPVersion)))
		}
		e.addr("vrrp_mcast_group4", g.VRRPMcastGroup4, netip.AddrFrom4([4]byte{224, 0, 0, 18}))
		e.addr("vrrp_mcast_group6", g.VRRPMcastGroup6, netip.MustParseAddr("ff02::12"))
		e.boolean("vrrp_skip_check_adv_addr", g.VRRPSkipCheckAdvAddr, false)
		e.boolean("vrrp_strict", g.VRRPStrict, false)
		e.time("vrrp_startup_delay", g.VRRPStartupDelay, 0)
		e.time("vrrp_delay_after_boot", g.VRRPDelayAfterBoot, 0)
		e.flag("vrrp_check_unicast_src", g.VRRPCheckUnicastSrc)
		e.globalGARP(g)
		e.boolean("vrrp_lower_prio_no_advert", g.LowerPrioNoAdvert, false)
		e.boolean("vrrp_higher_prio_send_advert", g.HigherPrioSendAdvert, e.toml)
		e.boolean("vrrp_notify_priority_changes", g.NotifyPriorityChange, false)
		e.flag("dynamic_interfaces", g.DynamicInterfaces)
		e.number("process_monitor_rcv_bufs", g.ProcessMonitorRcvBufs, 0)
		e.globalVMAC(g)
		e.firewall(&g.NFTables)
		if g.ScriptUser != "" {
			e.put(append([]string{"script_user"}, user(config.Command{User: g.ScriptUser, Group: g.ScriptGroup})...)...)
		}
		e.flag("enable_script_security", g.EnableScriptSecurity)
		e.flag("reload_check_config", g.ReloadCheckConfig)
		e.command("startup_script", g.StartupScript)
		e.time("startup_script_timeout", g.StartupScriptTimeout, 10*time.Second)
		e.command("shutdown_script", g.ShutdownScript)
		e.time("shutdown_script_timeout", g.ShutdownScriptTimeout, 10*time.Second)
		e.fifo("notify_fifo", &g.NotifyFIFO)
		e.fifo("vrrp_notify_fifo", &g.VRRPNotifyFIFO)
		e.fifo("lvs_notify_fifo", &g.LVSNotifyFIFO)
		e.globalLVS(g)
		e.processes(g)
		e.files(&g.DaemonFiles)
		e.outlets(g)
	}, "global_defs")
}

func (e *encoder) globalVMAC(g *config.GlobalDefs) {
	e.text("vmac_prefix", g.VMACPrefix, "vrrp")
	e.text("vmac_addr_prefix", g.VMACAddrPrefix, g.VMACPrefix)
	e.flag("disable_local_igmp", g.DisableLocalIGMP)
}

func (e *encoder) firewall(n *config.NFTables) {
	e.text("nftables", n.Table, "keepalived")
	e.number("nftables_priority", n.Priority, -1)
	e.flag("nftables_counters", n.Counters)
}

func (e *encoder) mail(g *config.GlobalDefs) {
	if len(g.NotificationEmail) > 0 {
		e.block(false, func() {
			for _, a := range g.NotificationEmail {
				e.put(a)
			}
		}, "notification_email")
	}
	e.text("notification_email_from", g.NotificationEmailFrom, "")
	switch {
	case g.SMTPServer != "" && g.SMTPPort != 25:
		e.put("smtp_server", g.SMTPServer, strconv.Itoa(int(g.SMTPPort)))
	case g.SMTPServer != "":
		e.put("smtp_server", g.SMTPServer)
	}
	e.time("smtp_connect_timeout", g.SMTPConnectTimeout, 30*time.Second)
	e.text("smtp_helo_name", g.SMTPHeloName, "")
	e.flag("no_email_faults", g.NoEmailFaults)
	e.boolean("no_checker_emails", g.NoCheckerEmails, false)
}

// garp adds what differs from def; prefix is that of the global keywords.
func (e *encoder) garp(prefix string, g, def config.GARP) {
	name := func(global, local string) string {
		if prefix == "garp_" {
			return local
		}
		return global
	}
	e.time(name("vrrp_garp_master_delay", "garp_master_delay"), g.Delay, def.Delay)
	e.number(name("vrrp_garp_master_repeat", "garp_master_repeat"), g.Repeat, def.Repeat)
	e.time(name("vrrp_garp_master_refresh", "garp_master_refresh"), g.Refresh, def.Refresh)
	e.number(name("vrrp_garp_master_refresh_repeat", "garp_master_refresh_repeat"), g.RefreshRepeat, def.RefreshRepeat)
	e.time(name("vrrp_garp_lower_prio_delay", "garp_lower_prio_delay"), g.LowerPrioDelay, def.LowerPrioDelay)
	e.number(name("vrrp_garp_lower_prio_repeat", "garp_lower_prio_repeat"), g.LowerPrioRep, def.LowerPrioRep)
	if g.ExtraIf != def.ExtraIf || g.ExtraIfAll != def.ExtraIfAll {
		words := []string{name("vrrp_garp_extra_if", "garp_extra_if")}
		if g.ExtraIfAll {
			words = append(words, "all")
		}
		e.put(append(words, seconds(g.ExtraIf))...)
	}
}

// globalGARP adds the global defaults; TOML refreshes every minute unless told
// otherwise.
func (e *encoder) globalGARP(g *config.GlobalDefs) {
	def := config.GARP{
		Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1,
		LowerPrioDelay: g.GARP.Delay, LowerPrioRep: g.GARP.Repeat,
	}
	if e.toml {
		def.Refresh = time.Minute
	}
	if g.GARP.RefreshRepeat == 0 { // no number says that
		e.flag("vrrp_min_garp", true)
		def.Repeat, def.Delay, def.Refresh, def.RefreshRepeat = 1, 0, 0, 0
	}
	e.garp("vrrp_garp_", g.GARP, def)
	e.time("vrrp_garp_interval", g.GARPInterval, 0)
	e.time("vrrp_gna_interval", g.GNAInterval, 0)
}

func (e *encoder) garpGroup(g *config.GARPGroup) {
	e.block(true, func() {
		e.time("garp_interval", g.Interval, 0)
		e.time("gna_interval", g.GNA, 0)
		e.block(false, func() {
			for _, name := range g.Interfaces {
				e.put(name)
			}
		}, "interfaces")
	}, "garp_group")
}

func (e *encoder) fifo(name string, f *config.FIFO) {
	if f.Path != "" {
		e.put(append([]string{name, f.Path}, user(config.Command{User: f.User, Group: f.Group})...)...)
	}
	e.command(name+"_script", f.Script)
}

func (e *encoder) globalLVS(g *config.GlobalDefs) {
	e.flag("lvs_flush", g.LVSFlush)
	switch g.LVSFlushOnStop {
	case config.FlushAll:
		e.put("lvs_flush_on_stop")
	case config.FlushServices:
		e.put("lvs_flush_on_stop", "VS")
	}
	timeouts := []string{"lvs_timeouts"}
	for _, t := range []struct {
		name string
		v    time.Duration
	}{{"tcp", g.LVSTimeouts.TCP}, {"tcpfin", g.LVSTimeouts.TCPFin}, {"udp", g.LVSTimeouts.UDP}} {
		if t.v > 0 {
			timeouts = append(timeouts, t.name, seconds(t.v))
		}
	}
	if len(timeouts) > 1 {
		e.put(timeouts...)
	}
	if len(g.LVSProfile) > 0 {
		e.put(append([]string{"lvs_profile"}, g.LVSProfile...)...)
	}
	e.syncDaemon(g.LVSSyncDaemon)
	follow := config.FollowNever
	if e.toml {
		follow = config.FollowAuto
	}
	if g.LVSFollowVRRP != follow {
		e.put("lvs_follow_vrrp", [...]string{"never", "auto", "true"}[g.LVSFollowVRRP])
	}
	e.boolean("standby_checks", g.StandbyChecks, true)
	e.flag("rs_init_notifies", g.RSInitNotifies)
	e.text("maintenance_file", g.MaintenanceFile, "")
}

func (e *encoder) syncDaemon(s *config.LVSSyncDaemon) {
	if s == nil {
		return
	}
	words := []string{"lvs_sync_daemon", s.Interface}
	add := func(key, value string, set bool) {
		if set {
			words = append(words, key, value)
		}
	}
	add("inst", s.Instance, s.Instance != "")
	add("id", strconv.Itoa(s.ID), s.ID >= 0)
	add("maxlen", strconv.Itoa(int(s.MaxLen)), s.MaxLen > 0)
	add("port", strconv.Itoa(int(s.Port)), s.Port > 0)
	add("ttl", strconv.Itoa(int(s.TTL)), s.TTL > 0)
	add("group", s.Group.String(), s.Group.IsValid())
	add("roles", "both", s.Both)
	add("sync_ports", strconv.Itoa(s.SyncPorts), s.SyncPorts > 0)
	e.put(words...)
}

func (e *encoder) script(s *config.VRRPScript) {
	e.block(true, func() {
		e.put("script", line(s.Command))
		if s.Command.User != "" {
			e.put(append([]string{"user"}, user(s.Command)...)...)
		}
		e.time("interval", s.Interval, time.Second)
		e.time("timeout", s.Timeout, s.Interval)
		if s.Weight != 0 || s.Reverse {
			w := []string{"weight", strconv.Itoa(s.Weight)}
			if s.Reverse {
				w = append(w, "reverse")
			}
			e.put(w...)
		}
		e.number("rise", s.Rise, 1)
		e.number("fall", s.Fall, 1)
		e.flag("init_fail", s.InitFail)
	}, "vrrp_script", s.Name)
}
