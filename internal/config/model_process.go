package config

import "time"

// ProcessSettings are what global_defs says of one of the daemon's processes:
// vrrp_* of the vrrp process, checker_* of the lvs process.
type ProcessSettings struct {
	Name       string        // *_process_name, at most 15 bytes; empty: none of its own
	Nice       int           // *_priority, -20..19
	NoSwap     bool          // *_no_swap
	RTPriority int           // vrrp_rt_priority, 1..99; 0: ours
	CPUs       []int         // *_cpu_affinity; empty: all
	RTTime     time.Duration // vrrp_rlimit_rttime; 0: ours
}

// AutoPriority holds max_auto_priority and min_auto_priority_delay.
type AutoPriority struct {
	Max   int           // 1..99; 0 and -1: off
	Delay time.Duration // a wake-up that is so late raises the priority; default 1 s
}

// RxBufs holds vrrp_rx_bufs_policy and vrrp_rx_bufs_multiplier.
type RxBufs struct {
	Policy     RxPolicy
	Bytes      int // with RxBytes
	Multiplier int // default 3
}

// RxPolicy says how the receive buffers for adverts are sized.
type RxPolicy uint8

// The policies.
const (
	RxDefault RxPolicy = iota // ours
	RxMTU                     // the interface's MTU times the multiplier, for each virtual router
	RxAdvert                  // an advert of the virtual router times the multiplier
	RxBytes                   // a number of bytes for each virtual router
)

// NetlinkBufs holds vrrp_netlink_cmd_rcv_bufs and vrrp_netlink_monitor_rcv_bufs
// with their _force; 0 bytes: ours.
type NetlinkBufs struct {
	Cmd, Monitor           int
	CmdForce, MonitorForce bool
}
