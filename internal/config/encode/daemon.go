package encode

import (
	"fmt"
	"strconv"
	"time"

	"holdfast/internal/config"
)

// daemon adds the keywords of the top level about the processes.
func (e *encoder) daemon(p *config.Daemon) {
	e.text("instance", p.Instance, "")
	e.text("net_namespace", p.NetNamespace, "")
	e.optional("net_namespace_ipvs", p.IPVSNamespaceSet, p.IPVSNamespace, "")
	e.flag("use_pid_dir", p.UsePIDDir)
	e.time("child_wait_time", p.ChildWait, 5*time.Second)
}

// optional adds a keyword that is on by itself; a value that is not the default
// follows it.
func (e *encoder) optional(name string, on bool, v, def string) {
	switch {
	case !on:
	case v == def:
		e.put(name)
	default:
		e.put(name, v)
	}
}

// files adds the keywords of global_defs about files of the daemon.
func (e *encoder) files(f *config.DaemonFiles) {
	if f.UmaskSet {
		e.put("umask", fmt.Sprintf("%#03o", f.Umask))
	}
	if f.RandomSeedSet {
		e.put("random_seed", strconv.FormatUint(uint64(f.RandomSeed), 10))
	}
	e.includeCheck(f.IncludeCheck)
	e.text("reload_time_file", f.ReloadTimeFile, "")
	e.flag("reload_repeat", f.ReloadRepeat)
	e.optional("reload_file", f.ReloadFile, f.ReloadFilePath, "")
	e.text("config_save_dir", f.ConfigSaveDir, "")
	e.text("tmp_config_directory", f.TmpConfigDirectory, "")
	e.text("iproute_etc_dir", f.IPRouteEtcDir, "")
	e.text("iproute_usr_dir", f.IPRouteUsrDir, "")
	e.boolean("data_use_instance", f.DataUseInstance, false)
	e.text("state_dump_file", f.StateDumpFile, "")
	e.text("stats_dump_file", f.StatsDumpFile, "")
	e.text("json_dump_file", f.JSONDumpFile, "")
	e.number("json_version", f.JSONVersion, 1)
}

func (e *encoder) includeCheck(c config.IncludeCheck) {
	if c == 0 {
		return
	}
	words := []string{"include_check"}
	for k, name := range config.IncludeChecks {
		if c&(1<<k) != 0 && c != config.CheckAll {
			words = append(words, "+"+name)
		}
	}
	e.put(words...)
}

// outlets adds the keywords of global_defs about SNMP, D-Bus and firewall marks.
func (e *encoder) outlets(g *config.GlobalDefs) {
	e.text("snmp_socket", g.SNMP.Socket, "")
	e.flag("enable_traps", g.SNMP.Traps)
	e.flag("enable_snmp_vrrp", g.SNMP.VRRP)
	e.flag("enable_snmp_checker", g.SNMP.Checker)
	e.flag("enable_snmp_rfcv2", g.SNMP.RFCv2)
	e.flag("enable_snmp_rfcv3", g.SNMP.RFCv3)
	e.time("snmp_vs_stats_update_interval", g.SNMP.VSInterval, 5*time.Second)
	e.time("snmp_rs_stats_update_interval", g.SNMP.RSInterval, 0)
	e.flag("enable_dbus", g.DBus.Enabled)
	e.text("dbus_service_name", g.DBus.ServiceName, "org.keepalived.Vrrp1")
	e.text("dbus_no_interface_name", g.DBus.NoInterface, "")
	e.optional("nftables_ipvs", g.IPVSMarks.Enabled, g.IPVSMarks.Table, "keepalived_ipvs")
	e.number("nftables_ipvs_priority", g.IPVSMarks.Priority, -1)
	if g.IPVSMarks.Start != 1000 {
		e.put("nftables_ipvs_start_fwmark", strconv.FormatUint(uint64(g.IPVSMarks.Start), 10))
	}
}
