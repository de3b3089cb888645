package encode

import (
	"strconv"
	"time"

	"holdfast/internal/config"
)

// processes adds what global_defs says of the processes.
func (e *encoder) processes(g *config.GlobalDefs) {
	e.flag("process_names", g.ProcessNames)
	e.text("process_name", g.ProcessName, "")
	e.settings("vrrp", &g.VRRPProcess)
	e.settings("checker", &g.LVSProcess)
	e.number("vrrp_rt_priority", g.VRRPProcess.RTPriority, 0)
	e.number("vrrp_rlimit_rttime", int(g.VRRPProcess.RTTime/time.Microsecond), 0)
	e.number("max_auto_priority", g.AutoPriority.Max, 0)
	e.number("min_auto_priority_delay", int(g.AutoPriority.Delay/time.Microsecond), 1000000)
	e.flag("fifo_write_vrrp_states_on_reload", g.FIFOStatesOnReload)
	e.flag("log_unknown_vrids", g.LogUnknownVRIDs)
	switch g.RxBufs.Policy {
	case config.RxMTU:
		e.put("vrrp_rx_bufs_policy", "MTU")
	case config.RxAdvert:
		e.put("vrrp_rx_bufs_policy", "ADVERT")
	case config.RxBytes:
		e.put("vrrp_rx_bufs_policy", strconv.Itoa(g.RxBufs.Bytes))
	}
	e.number("vrrp_rx_bufs_multiplier", g.RxBufs.Multiplier, 3)
	b := &g.NetlinkBufs
	e.number("vrrp_netlink_cmd_rcv_bufs", b.Cmd, 0)
	e.boolean("vrrp_netlink_cmd_rcv_bufs_force", b.CmdForce, false)
	e.number("vrrp_netlink_monitor_rcv_bufs", b.Monitor, 0)
	e.boolean("vrrp_netlink_monitor_rcv_bufs_force", b.MonitorForce, false)
}

func (e *encoder) settings(prefix string, p *config.ProcessSettings) {
	e.text(prefix+"_process_name", p.Name, "")
	e.number(prefix+"_priority", p.Nice, 0)
	e.flag(prefix+"_no_swap", p.NoSwap)
	if len(p.CPUs) > 0 {
		words := []string{prefix + "_cpu_affinity"}
		for _, c := range p.CPUs {
			words = append(words, strconv.Itoa(c))
		}
		e.put(words...)
	}
}
