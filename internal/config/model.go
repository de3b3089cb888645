package config

import (
	"net/netip"
	"time"

	"holdfast/vrrp/route"
)

// Config is one whole configuration, checked and with every default made
// explicit. Both languages decode into it; nothing outside internal/ sees it.
//
// It travels between processes, for which package role names its fields.
type Config struct {
	// Files lists every file read, in the order of reading.
	Files []string

	Daemon         Daemon
	Global         GlobalDefs
	Scripts        []VRRPScript
	TrackFiles     []TrackFile
	TrackProcesses []TrackProcess
	BFDInstances   []BFDInstance
	Links          Links
	SyncGroups     []SyncGroup
	TrackGroups    []TrackGroup
	Instances      []VRRPInstance
	GARPGroups     []GARPGroup
	ServiceGroups  []VirtualServerGroup // virtual_server_group
	VirtualServers []VirtualServer
	SSL            SSL

	StaticAddresses []VIP         // static_ipaddress
	StaticRoutes    []route.Route // static_routes
	StaticRules     []route.Rule  // static_rules
}

// HasVRRP reports whether there is a virtual router to run.
func (c *Config) HasVRRP() bool { return len(c.Instances) > 0 }

// HasLVS reports whether there is anything to do for IPVS.
func (c *Config) HasLVS() bool {
	return c.balances() || len(c.Global.LVSProfile) > 0
}

// Flushes reports whether the IPVS table is emptied at the start: of
// lvs_flush nothing comes without a virtual_server, as in keepalived.
func (c *Config) Flushes() bool { return c.Global.LVSFlush && len(c.VirtualServers) > 0 }

// Timeouts is what is to be set of lvs_timeouts: nothing without a
// virtual_server, as in keepalived.
func (c *Config) Timeouts() LVSTimeouts {
	if len(c.VirtualServers) == 0 {
		return LVSTimeouts{}
	}
	return c.Global.LVSTimeouts
}

func (c *Config) balances() bool { return len(c.VirtualServers) > 0 || c.Global.LVSSyncDaemon != nil }

// Empty reports whether there is nothing to run. Settings of the kernel alone
// are no reason to: the file is most likely half written.
func (c *Config) Empty() bool { return !c.HasVRRP() && !c.balances() }

// TrackGroup holds one track_group: instances that are in FAULT while something
// static that names the group is missing.
type TrackGroup struct {
	Name    string
	Members []string // names of vrrp_instances
}

// Language says which of the two configuration languages a file is in.
type Language uint8

// The languages.
const (
	Keepalived Language = iota // keepalived.conf
	TOML
)

// FollowVRRP says when the IPVS table is installed (lvs_follow_vrrp).
type FollowVRRP uint8

// The values of lvs_follow_vrrp. keepalived.conf defaults to FollowNever, as
// keepalived does; TOML defaults to FollowAuto.
const (
	// FollowNever installs every service always.
	FollowNever FollowVRRP = iota
	// FollowAuto installs a service while a virtual router that holds its
	// address is master; always when there is no such router or a sync
	// daemon is configured.
	FollowAuto
	// FollowAlways is FollowAuto without the exception for the sync daemon.
	FollowAlways
)

// Command is a program with its arguments and the user it runs as, as
// written after script-like keywords.
type Command struct {
	Args []string // program and arguments; empty: not set
	// Shell is set when the text is not an executable by itself and is run
	// with /bin/sh -c; Args is then the one text.
	Shell bool
	User  string // empty: the default script user
	Group string // empty: the user's
}

// Set reports whether the command was given.
func (c Command) Set() bool { return len(c.Args) > 0 }

// GlobalDefs holds global_defs.
type GlobalDefs struct {
	RouterID              string        // router_id; default: host name
	NotificationEmail     []string      // notification_email
	NotificationEmailFrom string        // notification_email_from
	SMTPServer            string        // smtp_server HOST
	SMTPPort              uint16        // smtp_server port, default 25
	SMTPConnectTimeout    time.Duration // smtp_connect_timeout, default 30 s
	SMTPHeloName          string        // smtp_helo_name; empty: the host name
	NoEmailFaults         bool          // no_email_faults
	NoCheckerEmails       bool          // no_checker_emails

	ProcessMonitorRcvBufs int // process_monitor_rcv_bufs, bytes; 0: our default

	VRRPVersion          uint8         // vrrp_version, default 2
	VRRPSkipCheckAdvAddr bool          // vrrp_skip_check_adv_addr
	VRRPStrict           bool          // vrrp_strict
	VRRPMcastGroup4      netip.Addr    // vrrp_mcast_group4, default 224.0.0.18
	VRRPMcastGroup6      netip.Addr    // vrrp_mcast_group6, default ff02::12
	VMACPrefix           string        // vmac_prefix, default "vrrp"
	DisableLocalIGMP     bool          // disable_local_igmp
	VMACAddrPrefix       string        // vmac_addr_prefix, default VMACPrefix
	VRRPStartupDelay     time.Duration // vrrp_startup_delay
	VRRPDelayAfterBoot   time.Duration // vrrp_delay_after_boot
	VRRPCheckUnicastSrc  bool          // vrrp_check_unicast_src
	GARP                 GARP          // vrrp_garp_*: defaults for instances
	GARPInterval         time.Duration // vrrp_garp_interval, default 0: no gap
	GNAInterval          time.Duration // vrrp_gna_interval, default 0: no gap
	LowerPrioNoAdvert    bool          // vrrp_lower_prio_no_advert
	HigherPrioSendAdvert bool          // vrrp_higher_prio_send_advert
	DynamicInterfaces    bool          // dynamic_interfaces
	NotifyPriorityChange bool          // notify_priority_changes
	LogUnknownVRIDs      bool          // log_unknown_vrids
	RxBufs               RxBufs        // vrrp_rx_bufs_*
	NetlinkBufs          NetlinkBufs   // vrrp_netlink_*_rcv_bufs*

	ProcessNames bool            // process_names
	ProcessName  string          // process_name
	VRRPProcess  ProcessSettings // vrrp_*
	LVSProcess   ProcessSettings // checker_*
	AutoPriority AutoPriority    // max_auto_priority, min_auto_priority_delay

	ScriptUser           string // script_user
	ScriptGroup          string
	EnableScriptSecurity bool // enable_script_security
	ReloadCheckConfig    bool // reload_check_config

	StartupScript         Command       // startup_script
	StartupScriptTimeout  time.Duration // startup_script_timeout, default 10 s
	ShutdownScript        Command       // shutdown_script
	ShutdownScriptTimeout time.Duration // shutdown_script_timeout, default 10 s

	FIFOStatesOnReload bool // fifo_write_vrrp_states_on_reload

	NotifyFIFO     FIFO // notify_fifo, notify_fifo_script
	VRRPNotifyFIFO FIFO // vrrp_notify_fifo, vrrp_notify_fifo_script
	LVSNotifyFIFO  FIFO // lvs_notify_fifo, lvs_notify_fifo_script

	NFTables  NFTables  // nftables*: rules for no_accept
	IPVSMarks IPVSMarks // nftables_ipvs*

	DaemonFiles
	SNMP SNMP
	DBus DBus

	LVSFollowVRRP  FollowVRRP // lvs_follow_vrrp (holdfast's own)
	StandbyChecks  bool       // standby_checks (holdfast's own), default true
	RSInitNotifies bool       // rs_init_notifies
	// MaintenanceFile is a list of servers, or a folder (holdfast's own).
	MaintenanceFile string
	LVSFlush        bool           // lvs_flush
	LVSFlushOnStop  LVSFlushOnStop // lvs_flush_on_stop [VS]
	LVSTimeouts     LVSTimeouts    // lvs_timeouts
	LVSProfile      []string       // lvs_profile (holdfast's own): names of ipvs/profile
	LVSSyncDaemon   *LVSSyncDaemon // lvs_sync_daemon
}

// LVSFlushOnStop says what is removed from the IPVS table at stop.
type LVSFlushOnStop uint8

// The values of lvs_flush_on_stop.
const (
	FlushOwn      LVSFlushOnStop = iota // remove what we installed (default)
	FlushAll                            // lvs_flush_on_stop: empty the whole table
	FlushServices                       // lvs_flush_on_stop VS: services only, the kernel drops their servers
)

// FIFO is a named pipe that gets notify lines and the program that reads it.
type FIFO struct {
	Path   string
	User   string
	Group  string
	Script Command
}

// LVSTimeouts holds lvs_timeouts; 0 leaves the kernel's value.
type LVSTimeouts struct {
	TCP    time.Duration
	TCPFin time.Duration
	UDP    time.Duration
}

// LVSSyncDaemon holds lvs_sync_daemon.
type LVSSyncDaemon struct {
	Interface string
	Instance  string     // vrrp_instance it follows; empty: both roles always
	ID        int        // 0..255; -1: the instance's VRID, or 0
	MaxLen    uint16     // 0: kernel default
	Port      uint16     // 0: kernel default
	TTL       uint8      // 0: kernel default
	Group     netip.Addr // invalid: kernel default
	Both      bool       // roles both: both roles at once although it follows an instance
	SyncPorts int        // sync_ports: threads of each role, a power of two up to 64; 0: as the kernel is set
}

// GARP holds the counts and delays of gratuitous ARP.
type GARP struct {
	Repeat         int           // garp_master_repeat, default 5
	Delay          time.Duration // garp_master_delay, default 5 s; 0: no second set
	Refresh        time.Duration // garp_master_refresh, default 0 (off)
	RefreshRepeat  int           // garp_master_refresh_repeat, default 1; 0 (vrrp_min_garp): no set is sent
	LowerPrioDelay time.Duration // garp_lower_prio_delay, default: the global one, which is the global Delay
	LowerPrioRep   int           // garp_lower_prio_repeat, default: the global one, which is the global Repeat
	ExtraIf        time.Duration // garp_extra_if, default 0 (off)
	ExtraIfAll     bool          // garp_extra_if all: not only on VMACs
}

// Family is an address family: 4 or 6.
type Family uint8

// VRRPScript holds one vrrp_script.
type VRRPScript struct {
	Name     string
	Command  Command
	Interval time.Duration // default 1 s
	Timeout  time.Duration // default Interval
	Weight   int           // -253..253, 0: failure means FAULT
	Reverse  bool
	Rise     int // default 1
	Fall     int // default 1
	InitFail bool
}

// Track is a reference to a tracked thing with the weight in force there.
type Track struct {
	Name    string
	Weight  int
	Reverse bool
}

// NotifySet holds the notify_* commands of an instance or a group.
type NotifySet struct {
	Master        Command
	Backup        Command
	Fault         Command
	Stop          Command
	Deleted       Command
	MasterRxLower Command // notify_master_rx_lower_pri
	Any           Command // notify
	NotifyDeleted bool    // notify_deleted without argument: FIFO says DELETED
}

// SyncGroup holds one vrrp_sync_group.
type SyncGroup struct {
	Name            string
	Members         []string // names of vrrp_instances
	TrackScripts    []Track
	TrackInterfaces []Track
	TrackFiles      []Track
	TrackProcesses  []Track
	TrackBFDs       []Track
	TrackingWeight  bool // sync_group_tracking_weight
	Notify          NotifySet
	SMTPAlert       bool // smtp_alert, as inherited
}

// AuthType is RFC 2338's authentication type.
type AuthType uint8

// The authentication types.
const (
	AuthNone AuthType = 0
	AuthPass AuthType = 1
	AuthAH   AuthType = 2
)

// VRRPInstance holds one vrrp_instance.
type VRRPInstance struct {
	Name            string
	StateMaster     bool // state MASTER
	Interface       string
	VRF             string // vrf; Interface is the same device then
	VirtualRouterID uint8
	Priority        uint8 // base, 1..255
	Version         uint8 // 2 or 3
	Family          Family
	AdvertInt       time.Duration
	NoPreempt       bool
	PreemptDelay    time.Duration
	StickyMaster    bool          // sticky_master (holdfast's own)
	StickyHoldOff   time.Duration // sticky_hold_off (holdfast's own)

	VirtualIPAddress         []VIP
	VirtualIPAddressExcluded []VIP
	VirtualRoutes            []route.Route
	VirtualRules             []route.Rule
	PromoteSecondaries       bool // promote_secondaries

	AuthType AuthType
	AuthPass []byte // at most 8 bytes
	AuthHMAC AuthHMAC
	Checksum ChecksumForm // v3_checksum, v3_checksum_as_v2, old_unicast_checksum
	// DropAddrMismatch drops adverts whose address list differs.
	DropAddrMismatch bool
	AdvertPaths      []string // advert_paths: interfaces besides Interface
	UnicastTTL       uint8    // 0: 255

	UnicastSrcIP    netip.Addr
	UnicastPeer     []UnicastPeer // empty: multicast
	FaultNoPeer     bool          // unicast_fault_no_peer without peers: never leaves FAULT
	McastSrcIP      netip.Addr
	McastDstIP      netip.Addr // mcast_dst_ip; default vrrp_mcast_group4
	CheckUnicastSrc bool

	TrackInterfaces  []Track
	TrackScripts     []Track
	TrackFiles       []Track
	TrackProcesses   []Track
	TrackBFDs        []Track
	DontTrackPrimary bool

	Accept               bool // false: no_accept or strict
	StrictMode           bool
	SkipCheckAdvAddr     bool
	GARP                 GARP
	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	OwnerIgnoreAdverts   bool // owner_ignore_adverts, as inherited
	DownTimerAdverts     int  // down_timer_adverts, default 3

	NotifyPriorityChanges bool // notify_priority_changes
	TrackSrcIP            bool // track_src_ip
	KernelRxBufSize       int  // kernel_rx_buf_size in bytes; 0: vrrp_rx_bufs_policy

	VMAC VMAC // use_vmac, use_ipvlan

	Notify    NotifySet
	SMTPAlert bool // smtp_alert, as inherited

	// Ignored says which keywords have no effect because of others.
	Ignored []string
}

// UnicastPeer is one line of unicast_peer.
type UnicastPeer struct {
	Addr           netip.Addr
	MinTTL, MaxTTL int // -1: not given
}

// VIP is one line of virtual_ipaddress.
type VIP struct {
	Prefix    netip.Prefix
	Dev       string // empty: the instance's interface
	Label     string
	Scope     uint8      // RT_SCOPE_*, default 0 (global)
	Broadcast netip.Addr // brd; invalid: none
	NoTrack   bool
	UseVMAC   bool // use_vmac: on a VMAC above its interface

	Peer         netip.Addr // peer; its length is the one of Prefix
	Flags        uint32     // IFA_F_* of home, mngtmpaddr, noprefixroute and autojoin
	DAD          bool       // -nodad
	Preferred    uint32     // preferred_lft in seconds, where PreferredSet
	PreferredSet bool
	Group        string // track_group, of static_ipaddress
}
