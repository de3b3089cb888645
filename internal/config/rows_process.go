package config

import (
	"math"
	"slices"
	"strconv"
	"time"
)

const (
	// maxProcessName is how much of a name the kernel keeps.
	maxProcessName = 15
	// maxCPUs bounds the numbers of processors (CPU_SETSIZE).
	maxCPUs = 1024
)

// processRows are the rows of global_defs about the processes themselves.
func processRows() []Keyword {
	rows := []Keyword{
		row("process_names", rare, flag(func(g *globals) { g.ProcessNames = true }), "off", "name the processes keepalived, keepalived_vrrp and keepalived_lvs, where they have no other name"),
		row("process_name", rare, processName(func(g *globals, v string) { g.ProcessName = v }), "", "name of the parent, as ps -c shows it"),
		row("max_auto_priority", rare, custom("[<-1..99>]", []Arg{{Name: "priority", Kind: KindInt, Optional: true}}, maxAutoPriority), "0 (off); 99 without a value", "raise the real-time priority of the engine by one whenever it woke up too late, up to this"),
		row("min_auto_priority_delay", rare, number("microseconds", KindInt, 1, 10000000, func(_ *decoder, g *globals, v int, _ *Node) {
			g.AutoPriority.Delay = time.Duration(v) * time.Microsecond
		}), "1000000", "how late in microseconds that is"),
		row("fifo_write_vrrp_states_on_reload", rare, flag(func(g *globals) { g.FIFOStatesOnReload = true }), "off", "write the states of all instances and groups to the FIFOs after a reload"),
		row("log_unknown_vrids", rare, flag(func(g *globals) { g.LogUnknownVRIDs = true }), "off", "log adverts for virtual routers that are not configured, of each once a minute; all of them are then read"),
		row("vrrp_rx_bufs_policy", rare, custom("MTU|ADVERT|<bytes>", []Arg{{Name: "policy"}}, rxPolicy), "2 MiB for each socket", "receive buffer for adverts: for each virtual router on an interface so many bytes, or its MTU or an advert times vrrp_rx_bufs_multiplier"),
		row("vrrp_rx_bufs_multiplier", rare, number("factor", KindInt, 1, math.MaxUint32, func(_ *decoder, g *globals, v int, _ *Node) { g.RxBufs.Multiplier = v }), "3", "see vrrp_rx_bufs_policy"),
	}
	rows = append(rows, processOf("vrrp", "vrrp", func(g *globals) *ProcessSettings { return &g.VRRPProcess })...)
	rows = append(rows, processOf("checker", "lvs", func(g *globals) *ProcessSettings { return &g.LVSProcess })...)
	rows = append(rows, noProcess()...)
	return append(rows, netlinkRows()...)
}

// processOf are the rows about one process, which messages call by role.
func processOf(prefix, role string, get func(g *globals) *ProcessSettings) []Keyword {
	name := row(prefix+"_process_name", rare, processName(func(g *globals, v string) { get(g).Name = v }), "", "name of the "+role+" process, as ps -c shows it")
	if prefix == "checker" {
		name = name.alias("lvs_process_name")
	}
	limit := number("microseconds", KindInt, 1, math.MaxUint32, func(_ *decoder, g *globals, v int, _ *Node) {
		get(g).RTTime = time.Duration(v) * time.Microsecond
	})
	rows := []Keyword{
		name,
		row(prefix+"_priority", rare, integer("nice", -20, 19, func(g *globals, v int) { get(g).Nice = v }), "0", "nice value of the "+role+" process; programs that it starts have the daemon's"),
		row(prefix+"_no_swap", rare, flag(func(g *globals) { get(g).NoSwap = true }), "off", "lock the memory of the "+role+" process"),
		row(prefix+"_cpu_affinity", rare, custom("<cpu> …", []Arg{{Name: "cpu", Kind: KindInt, Rest: true}}, cpuAffinity(get)), "all", "processors that the "+role+" process may run on; programs that it starts may run on all"),
	}
	if prefix != "vrrp" {
		return rows
	}
	return append(rows,
		row("vrrp_rt_priority", rare, custom("<1..99>", []Arg{{Name: "priority", Kind: KindInt, Range: Range{1, 99}}}, rtPriority(get)), "1, where it is allowed", "real-time priority of the engine's thread, and of the one that sets addresses; without it the engine is ordinary where adverts are slow"),
		row("vrrp_rlimit_rttime", rare, limit, "500000", "how long these may run without a pause, in microseconds, before they are ordinary ones").alias("vrrp_rlimit_rtime"),
	)
}

// noProcess are rows about what holdfast has not: a bfd process of its own, and
// health checks with a real-time priority.
func noProcess() []Keyword {
	const (
		bfd   = "there is no bfd process, BFD sessions run in the vrrp process: vrrp_* is for that"
		check = "health checks are never real-time: they must not keep the rest of the machine waiting"
	)
	var rows []Keyword
	add := func(why string, v value, names ...string) {
		rows = append(rows, noEffect(row(names[0], rare, v, "", "").alias(names[1:]...), why))
	}
	var (
		nowhere = func(*globals) *ProcessSettings { return new(ProcessSettings) }
		limit   = integer("microseconds", 1, math.MaxUint32, func(*globals, int) {})
		rt      = custom("<1..99>", []Arg{{Name: "priority", Kind: KindInt, Range: Range{1, 99}}}, rtPriority(nowhere))
	)
	add(bfd, processName(func(*globals, string) {}), "bfd_process_name")
	add(bfd, integer("nice", -20, 19, func(*globals, int) {}), "bfd_priority")
	add(bfd, flag(func(*globals) {}), "bfd_no_swap")
	add(bfd, rt, "bfd_rt_priority")
	add(bfd, custom("<cpu> …", []Arg{{Name: "cpu", Kind: KindInt, Rest: true}}, cpuAffinity(nowhere)), "bfd_cpu_affinity")
	add(bfd, limit, "bfd_rlimit_rttime", "bfd_rlimit_rtime")
	add(check, rt, "checker_rt_priority")
	add(check, limit, "checker_rlimit_rttime", "checker_rlimit_rtime")
	return rows
}

func netlinkRows() []Keyword {
	bytes := func(set func(b *NetlinkBufs, v int)) value {
		return number("bytes", KindInt, 0, math.MaxInt32, func(_ *decoder, g *globals, v int, _ *Node) { set(&g.NetlinkBufs, v) })
	}
	force := func(set func(b *NetlinkBufs, v bool)) value {
		return optBool(func(g *globals, v bool) { set(&g.NetlinkBufs, v) })
	}
	const check = "receive buffers of the process of the checks are the kernel's"
	return []Keyword{
		row("vrrp_netlink_cmd_rcv_bufs", rare, bytes(func(b *NetlinkBufs, v int) { b.Cmd = v }), "1 MiB", "receive buffer of the socket that sets addresses, routes and rules"),
		row("vrrp_netlink_cmd_rcv_bufs_force", rare, force(func(b *NetlinkBufs, v bool) { b.CmdForce = v }), "off", "beyond net.core.rmem_max"),
		row("vrrp_netlink_monitor_rcv_bufs", rare, bytes(func(b *NetlinkBufs, v int) { b.Monitor = v }), "4 MiB", "receive buffer of the socket that hears of interfaces and addresses"),
		row("vrrp_netlink_monitor_rcv_bufs_force", rare, force(func(b *NetlinkBufs, v bool) { b.MonitorForce = v }), "off", "beyond net.core.rmem_max"),
		noEffect(row("lvs_netlink_cmd_rcv_bufs", rare, integer("bytes", 0, math.MaxUint32, func(*globals, int) {}), "the kernel's", ""), check),
		noEffect(row("lvs_netlink_cmd_rcv_bufs_force", rare, optBool(func(*globals, bool) {}), "off", ""), check),
		noEffect(row("lvs_netlink_monitor_rcv_bufs", rare, integer("bytes", 0, math.MaxUint32, func(*globals, int) {}), "the kernel's", ""), check),
		noEffect(row("lvs_netlink_monitor_rcv_bufs_force", rare, optBool(func(*globals, bool) {}), "off", ""), check),
	}
}

// noEffect is a row whose value is judged and then left alone.
func noEffect(k Keyword, why string) Keyword {
	k.Doc = "no effect: " + why
	set := k.set
	k.set = func(d *decoder, target any, n *Node) {
		d.report(n.Pos, Info, ClassNone, "no-effect", n.Keyword()+" has no effect: "+why)
		set(d, target, n)
	}
	return k
}

// processName is a name that is cut to what the kernel keeps.
func processName(set func(g *globals, v string)) value {
	return custom("<name>", nameArg, func(d *decoder, g *globals, n *Node) {
		s, ok := arg1(d, n)
		if !ok {
			return
		}
		if len(s) > maxProcessName {
			d.bad(n, 0, ClassGeneral, "'%s' has more than %d characters: the rest is cut off", clip(s), maxProcessName)
			s = s[:maxProcessName]
		}
		set(g, s)
	})
}

func rtPriority(get func(g *globals) *ProcessSettings) func(d *decoder, g *globals, n *Node) {
	return func(d *decoder, g *globals, n *Node) {
		s, ok := arg1(d, n)
		if !ok {
			return
		}
		v, err := parseInt(s, math.MinInt32, math.MaxInt32)
		if err != nil {
			d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
			return
		}
		if v < 1 || v > 99 {
			d.bad(n, 0, ClassGeneral, "%d is outside 1..99: the nearest one is used", v)
		}
		get(g).RTPriority = min(max(v, 1), 99)
	}
}

// cpuAffinity reads numbers of processors; keepalived takes none where one of
// them is wrong.
func cpuAffinity(get func(g *globals) *ProcessSettings) func(d *decoder, g *globals, n *Node) {
	return func(d *decoder, g *globals, n *Node) {
		if _, ok := arg1(d, n); !ok {
			return
		}
		var list []int
		for i := range n.Args() {
			v, err := parseInt(n.Arg(i), 0, maxCPUs-1)
			if err != nil {
				d.bad(n, i, ClassInvalidNumber, "%v, ignored", err)
				return
			}
			list = append(list, v)
		}
		slices.Sort(list)
		get(g).CPUs = slices.Compact(list)
	}
}

func maxAutoPriority(d *decoder, g *globals, n *Node) {
	v := 99
	if len(n.Words) > 1 {
		var err error
		if v, err = parseInt(n.Arg(0), -1, 99); err != nil {
			d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
			return
		}
	}
	g.AutoPriority.Max = v
}

func rxPolicy(d *decoder, g *globals, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	switch s {
	case "MTU":
		g.RxBufs.Policy, g.RxBufs.Bytes = RxMTU, 0
	case "ADVERT":
		g.RxBufs.Policy, g.RxBufs.Bytes = RxAdvert, 0
	default:
		v, err := parseInt(s, 1, math.MaxInt32)
		if wide, werr := parseInt(s, 0, math.MaxUint32); err != nil && werr == nil {
			d.bad(n, 0, d.quietClass(), "%d bytes are not possible, ignored", wide) // keepalived takes them
			return
		}
		if err != nil {
			d.bad(n, 0, ClassInvalidNumber, "%s is neither MTU nor ADVERT nor a number of bytes, ignored", strconv.Quote(clip(s)))
			return
		}
		g.RxBufs.Policy, g.RxBufs.Bytes = RxBytes, v
	}
}
