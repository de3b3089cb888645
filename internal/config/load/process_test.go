package load_test

import (
	"slices"
	"testing"
	"time"

	"holdfast/internal/config"
)

// TestProcessKeywords: the exit codes are those of keepalived 2.2.7 -t.
func TestProcessKeywords(t *testing.T) {
	get := func(g *config.GlobalDefs) *config.ProcessSettings { return &g.VRRPProcess }
	for line, c := range map[string]struct {
		exit int
		as   func(g *config.GlobalDefs) bool
	}{
		"vrrp_priority -20":                   {0, func(g *config.GlobalDefs) bool { return get(g).Nice == -20 }},
		"vrrp_priority 20":                    {5, func(g *config.GlobalDefs) bool { return get(g).Nice == 0 }},
		"vrrp_rt_priority 0":                  {5, func(g *config.GlobalDefs) bool { return get(g).RTPriority == 1 }},
		"vrrp_rt_priority 100":                {5, func(g *config.GlobalDefs) bool { return get(g).RTPriority == 99 }},
		"vrrp_rt_priority":                    {5, func(g *config.GlobalDefs) bool { return get(g).RTPriority == 0 }},
		"vrrp_cpu_affinity 1 0 1":             {0, func(g *config.GlobalDefs) bool { return slices.Equal(get(g).CPUs, []int{0, 1}) }},
		"vrrp_cpu_affinity 0 a":               {5, func(g *config.GlobalDefs) bool { return get(g).CPUs == nil }},
		"vrrp_cpu_affinity 99999":             {5, func(g *config.GlobalDefs) bool { return get(g).CPUs == nil }},
		"vrrp_rlimit_rttime 0":                {5, func(g *config.GlobalDefs) bool { return get(g).RTTime == 0 }},
		"vrrp_rlimit_rtime 20000":             {0, func(g *config.GlobalDefs) bool { return get(g).RTTime == 20*time.Millisecond }},
		"vrrp_no_swap":                        {0, func(g *config.GlobalDefs) bool { return get(g).NoSwap }},
		"vrrp_process_name sixteen-lettersX":  {5, func(g *config.GlobalDefs) bool { return get(g).Name == "sixteen-letters" }},
		"vrrp_process_name":                   {2, nil},
		"process_name":                        {2, nil},
		"process_names":                       {0, func(g *config.GlobalDefs) bool { return g.ProcessNames }},
		"checker_priority 3":                  {0, func(g *config.GlobalDefs) bool { return g.LVSProcess.Nice == 3 && get(g).Nice == 0 }},
		"lvs_process_name x":                  {0, func(g *config.GlobalDefs) bool { return g.LVSProcess.Name == "x" }},
		"bfd_priority 5":                      {0, func(g *config.GlobalDefs) bool { return get(g).Nice == 0 }},
		"max_auto_priority":                   {0, func(g *config.GlobalDefs) bool { return g.AutoPriority.Max == 99 }},
		"max_auto_priority -1":                {0, func(g *config.GlobalDefs) bool { return g.AutoPriority.Max == -1 }},
		"max_auto_priority 100":               {5, func(g *config.GlobalDefs) bool { return g.AutoPriority.Max == 0 }},
		"min_auto_priority_delay 0":           {5, func(g *config.GlobalDefs) bool { return g.AutoPriority.Delay == time.Second }},
		"min_auto_priority_delay 500":         {0, func(g *config.GlobalDefs) bool { return g.AutoPriority.Delay == 500*time.Microsecond }},
		"vrrp_rx_bufs_policy MTU":             {0, func(g *config.GlobalDefs) bool { return g.RxBufs == config.RxBufs{Policy: config.RxMTU, Multiplier: 3} }},
		"vrrp_rx_bufs_policy 65536":           {0, func(g *config.GlobalDefs) bool { return g.RxBufs.Policy == config.RxBytes && g.RxBufs.Bytes == 65536 }},
		"vrrp_rx_bufs_policy foo":             {5, func(g *config.GlobalDefs) bool { return g.RxBufs.Policy == config.RxDefault }},
		"vrrp_rx_bufs_policy":                 {5, func(g *config.GlobalDefs) bool { return g.RxBufs.Policy == config.RxDefault }},
		"vrrp_rx_bufs_multiplier 0":           {5, func(g *config.GlobalDefs) bool { return g.RxBufs.Multiplier == 3 }},
		"vrrp_netlink_cmd_rcv_bufs 65536":     {0, func(g *config.GlobalDefs) bool { return g.NetlinkBufs.Cmd == 65536 }},
		"vrrp_netlink_monitor_rcv_bufs a":     {5, func(g *config.GlobalDefs) bool { return g.NetlinkBufs.Monitor == 0 }},
		"vrrp_netlink_cmd_rcv_bufs_force foo": {5, func(g *config.GlobalDefs) bool { return !g.NetlinkBufs.CmdForce }},
		"log_unknown_vrids":                   {0, func(g *config.GlobalDefs) bool { return g.LogUnknownVRIDs }},
		"fifo_write_vrrp_states_on_reload":    {0, func(g *config.GlobalDefs) bool { return g.FIFOStatesOnReload }},
	} {
		cfg, diags := conf("global_defs {\n " + line + "\n}\n" + instance(""))
		if got := config.TestExit(diags); got != c.exit {
			t.Errorf("%s: exit code %d, keepalived gives %d: %v", line, got, c.exit, diags)
		}
		if c.as != nil && (cfg == nil || !c.as(&cfg.Global)) {
			t.Errorf("%s: %v", line, diags)
		}
	}
}

// A group's notify_priority_changes is its members', unless they say otherwise.
func TestGroupPriorityChanges(t *testing.T) {
	for group, want := range map[string][2]bool{
		"": {false, true}, " notify_priority_changes": {true, true}, " notify_priority_changes false": {false, true},
	} {
		own := "vrrp_instance B {\n interface eth0\n virtual_router_id 2\n virtual_ipaddress {\n 10.0.0.2\n }\n notify_priority_changes\n track_src_ip\n kernel_rx_buf_size 5000\n}\n"
		cfg, diags := conf(instance("") + own + "vrrp_sync_group G {\n group {\n A\n B\n }\n" + group + "\n}\n")
		if cfg == nil || len(diags) > 0 {
			t.Fatal(diags)
		}
		if got := [2]bool{cfg.Instances[0].NotifyPriorityChanges, cfg.Instances[1].NotifyPriorityChanges}; got != want {
			t.Errorf("%q: %v, want %v", group, got, want)
		}
		if b := &cfg.Instances[1]; !b.TrackSrcIP || b.KernelRxBufSize != 5000 {
			t.Errorf("%+v", b)
		}
	}
}
