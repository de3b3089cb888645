package config

import "time"

// Daemon holds the keywords of the top level about the processes as a whole.
// They are fixed while the daemon runs.
type Daemon struct {
	Instance         string        // instance: told apart by pid files
	NetNamespace     string        // net_namespace
	IPVSNamespace    string        // net_namespace_ipvs
	IPVSNamespaceSet bool          // net_namespace_ipvs is given; without a name: that of the caller
	UsePIDDir        bool          // use_pid_dir
	ChildWait        time.Duration // child_wait_time, default 5 s
}

// DaemonFiles holds the keywords of global_defs about files of the daemon
// itself.
type DaemonFiles struct {
	Umask    uint16 // umask, where UmaskSet
	UmaskSet bool

	RandomSeed    uint32 // random_seed, where RandomSeedSet
	RandomSeedSet bool
	IncludeCheck  IncludeCheck // include_check

	ReloadTimeFile string // reload_time_file
	ReloadRepeat   bool   // reload_repeat
	ReloadFile     bool   // reload_file
	ReloadFilePath string // its path; empty: beside the pid file

	ConfigSaveDir      string // config_save_dir
	TmpConfigDirectory string // tmp_config_directory
	IPRouteEtcDir      string // iproute_etc_dir
	IPRouteUsrDir      string // iproute_usr_dir

	DataUseInstance bool   // data_use_instance
	StateDumpFile   string // state_dump_file
	StatsDumpFile   string // stats_dump_file
	JSONDumpFile    string // json_dump_file
	JSONVersion     int    // json_version, default 1
}

// IncludeCheck says which kinds of missing includes are errors.
type IncludeCheck uint8

// The kinds of include_check.
const (
	CheckRead     IncludeCheck = 1 << iota // a file that cannot be read
	CheckMatch                             // a name that no file has
	CheckWildcard                          // a pattern that no file matches
	CheckBrace                             // an alternative in braces that no file matches
	CheckAll      = CheckRead | CheckMatch | CheckWildcard | CheckBrace
)

// IncludeChecks are the words of include_check, in the order of their bits.
var IncludeChecks = [...]string{"read", "match", "wildcard_match", "brace_match"}

// SNMP holds the keywords of global_defs about SNMP.
type SNMP struct {
	Socket     string        // snmp_socket
	Traps      bool          // enable_traps
	VRRP       bool          // enable_snmp_vrrp
	Checker    bool          // enable_snmp_checker
	RFCv2      bool          // enable_snmp_rfcv2, enable_snmp_rfc
	RFCv3      bool          // enable_snmp_rfcv3, enable_snmp_rfc
	VSInterval time.Duration // snmp_vs_stats_update_interval, default 5 s
	RSInterval time.Duration // snmp_rs_stats_update_interval, default 0
}

// DBus holds the keywords of global_defs about D-Bus.
type DBus struct {
	Enabled     bool   // enable_dbus
	ServiceName string // dbus_service_name, default org.keepalived.Vrrp1
	NoInterface string // dbus_no_interface_name
}

// IPVSMarks holds nftables_ipvs: services of a group by one firewall mark.
type IPVSMarks struct {
	Enabled  bool   // nftables_ipvs
	Table    string // default keepalived_ipvs
	Priority int    // nftables_ipvs_priority, default -1
	Start    uint32 // nftables_ipvs_start_fwmark, default 1000
}
