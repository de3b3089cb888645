package config

import (
	"net/netip"
	"time"
)

const (
	scaledSyntax = "[weight -254..254 [reverse|noreverse]]"
	// maxDelay bounds the delays of vrrp_track_process.
	maxDelay = time.Hour
)

// trackRootRows are the blocks of what is tracked, and the links that are polled.
func trackRootRows() []Keyword {
	named := func(k Keyword) Keyword { k.Named, k.Repeat = true, true; return k }
	return []Keyword{
		named(blockRow("track_file", common, block(nameArg, "<name> ", openTrackFile), "file whose number, times a weight, is added to priorities").alias("vrrp_track_file")),
		named(blockRow("vrrp_track_process", common, block(nameArg, "<name> ", openTrackProcess), "program that has to run; the kernel tells when one starts or ends")),
		named(blockRow("bfd_instance", rare, block(nameArg, "<name> ", openBFD), "BFD session with a neighbour; it may be tracked")),
		linesRow("linkbeat_interfaces", rare, value{syntax: "{ <interface> [MII|ETHTOOL|IOCTL] … }", set: func(d *decoder, _ any, _ *Node) { d.lines(d.linkPoll) }},
			[]Arg{{Name: "name"}, {Name: "kind", Optional: true}}, "interfaces whose link is asked for once a second in place of trusting the kernel's messages"),
		row("linkbeat_use_polling", rare, value{set: func(d *decoder, _ any, _ *Node) { d.cfg.Links.PollAll = true }}, "off", "the same for all interfaces that virtual routers use or track"),
		linesRow("interface_up_down_delays", rare, value{syntax: "{ <interface> <0..255 s> [<0..255 s>] … }", set: func(d *decoder, _ any, _ *Node) { d.lines(d.linkDelay) }},
			[]Arg{{Name: "name"}, {Name: "down", Kind: KindTimer}, {Name: "up", Kind: KindTimer, Optional: true}}, "an interface has to be down, and up again, for so long before that counts; without the second time up counts at once"),
	}
}

// trackGlobalRows are the rows of global_defs.
func trackGlobalRows() []Keyword {
	return []Keyword{
		row("process_monitor_rcv_bufs", rare, integer("bytes", 0, 1<<30, func(g *globals, v int) { g.ProcessMonitorRcvBufs = v }), "1048576", "room for process events that wait to be read"),
		row("process_monitor_rcv_bufs_force", rare, optBool(func(*globals, bool) {}), "always on", "the room may be above net.core.rmem_max"),
	}
}

// linkbeatRows are the old form in an instance.
func linkbeatRows() []Keyword {
	return []Keyword{
		row("linkbeat_use_polling", "obsolete", custom("", nil, func(d *decoder, i *instance, n *Node) {
			d.report(n.Pos, Warning, ClassDeprecated, "deprecated", "linkbeat_use_polling of an instance is deprecated: use linkbeat_interfaces")
			i.polled = true
		}), "off", "poll the link of the instance's interface"),
	}
}

func trackFileRows() []Keyword {
	return []Keyword{
		row("file", common, custom("<path>", []Arg{{Name: "path"}}, func(d *decoder, f *TrackFile, n *Node) {
			if s, ok := arg1(d, n); ok && !d.already(n, f.Path) {
				f.Path = s
			}
		}), "required", "file with a whole number; a missing or empty one counts as 0"),
		row("weight", common, once(custom("-254..254 [reverse]", weightArgs(), func(d *decoder, f *TrackFile, n *Node) {
			d.blockWeight(n, 254, &f.Weight, &f.Reverse)
		})), "1", "multiplies the number; 0: another number than 0 means FAULT; a product of -254 or less means FAULT"),
		row("init_file", common, custom("[<number>] [overwrite]", []Arg{{Name: "value", Kind: KindInt, Optional: true}, {Name: "overwrite", Key: "overwrite", Kind: KindFlag, Optional: true}}, initFile), "off", "make the file at start if there is none, with overwrite in any case"),
	}
}

func trackProcessRows() []Keyword {
	delay := func(set func(p *TrackProcess, v time.Duration)) value {
		return zeroOff(timer("seconds", 0, maxDelay, set))
	}
	return []Keyword{
		row("process", common, custom("<name> [<argument> …]", []Arg{{Name: "command", Rest: true}}, processCommand), "required", "name of the program, and its arguments if they matter"),
		row("param_match", rare, custom("initial|partial", []Arg{{Name: "how"}}, paramMatch), "the same arguments", "partial: further arguments may follow; initial: the last one may be longer; without arguments: the program has none").words(),
		row("weight", common, once(custom("-254..254 [reverse]", weightArgs(), func(d *decoder, p *TrackProcess, n *Node) {
			d.blockWeight(n, 254, &p.Weight, &p.Reverse)
		})), "0", "added to the priority while the quorum is there (positive) or lost (negative); 0: lost means FAULT"),
		row("quorum", common, integer("count", 1, 65535, func(p *TrackProcess, v int) { p.Quorum = v }), "1", "least number of processes"),
		row("quorum_max", common, integer("count", 0, 65535, func(p *TrackProcess, v int) { p.QuorumMax = v }), "no limit", "largest number of processes; 0: it must not run"),
		row("fork_delay", rare, delay(func(p *TrackProcess, v time.Duration) { p.ForkDelay = v }), "0", "wait before a gained quorum counts"),
		row("terminate_delay", rare, delay(func(p *TrackProcess, v time.Duration) { p.TerminateDelay = v }), "0", "wait before a lost quorum counts"),
		row("delay", common, delay(func(p *TrackProcess, v time.Duration) { p.ForkDelay, p.TerminateDelay = v, v }), "0", "both"),
		row("full_command", common, flag(func(p *TrackProcess) { p.FullCommand = true }), "off", "compare the first word of the command line in place of the process name"),
	}
}

func bfdRows() []Keyword {
	interval := func(low time.Duration, set func(b *BFDInstance, v time.Duration)) value {
		return value{args: []Arg{{Name: "ms", Kind: KindMillis}}, syntax: "<" + bfdRange(low) + ">", set: func(d *decoder, target any, n *Node) {
			if v, ok := d.millis(n, low); ok {
				set(target.(*BFDInstance), v)
			}
		}}
	}
	return []Keyword{
		row("neighbor_ip", rare, custom("<address>[%<interface>]", []Arg{{Name: "address"}}, bfdNeighbor), "required", "the other end; a link-local address has its interface behind it").alias("neighbour_ip"),
		row("source_ip", rare, address("address", func(_ *decoder, b *BFDInstance, a netip.Addr, _ *Node) { b.Source = a }), "the kernel's choice", "own address"),
		row("min_rx", rare, interval(time.Millisecond, func(b *BFDInstance, v time.Duration) { b.MinRX = v }), "10", "shortest interval at which packets are taken, in ms"),
		row("min_tx", rare, interval(time.Millisecond, func(b *BFDInstance, v time.Duration) { b.MinTX = v }), "10", "shortest interval at which packets are sent, in ms"),
		row("idle_tx", rare, interval(time.Second, func(b *BFDInstance, v time.Duration) { b.IdleTX = v }), "1000", "interval while the session is not up, in ms"),
		row("multiplier", rare, integer("count", 1, 255, func(b *BFDInstance, v int) { b.Multiplier = uint8(v) }), "5", "intervals without a packet before the session is down"),
		row("passive", rare, flag(func(b *BFDInstance) { b.Passive = true }), "off", "say nothing before the neighbour does"),
		row("ttl", rare, integer("ttl", 1, 255, func(b *BFDInstance, v int) { b.TTL = uint8(v) }), "255", "TTL of packets sent").alias("hoplimit"),
		row("max_hops", rare, integer("count", -1, 255, func(b *BFDInstance, v int) { b.MaxHops = v }), "0", "routers a packet may have passed; -1 or 255: any number"),
		row("multihop", rare, optBool(func(b *BFDInstance, v bool) { b.Multihop = v }), "off", "port 4784 of RFC 5883").since("2.2.8"),
		row("weight", rare, custom("-253..253 [reverse]", weightArgs(), func(d *decoder, b *BFDInstance, n *Node) {
			d.blockWeight(n, 253, &b.Weight, &b.Reverse)
		}), "0", "added to the priority while up (positive) or down (negative); 0: down means FAULT"),
		row("vrrp", rare, flag(func(b *BFDInstance) { b.VRRP = true }), "both", "only virtual routers follow it"),
		row("checker", rare, flag(func(b *BFDInstance) { b.Checker = true }), "both", "only checkers follow it"),
	}
}

func weightArgs() []Arg {
	return []Arg{{Name: "weight", Kind: KindInt}, {Name: "reverse", Key: "reverse", Kind: KindFlag, Optional: true}}
}

// trackLists are the lists of tracked things that instances and groups share.
type trackLists struct {
	owner                  string
	files, processes, bfds *[]Track
}

func trackRows[T any](get func(t *T) *trackLists) []Keyword {
	one := func(name, what, tier, syntax, doc string, take func(d *decoder, l *trackLists, n *Node)) Keyword {
		return linesRow(name, tier, lineBlock("<"+what+"> "+syntax, func(d *decoder, t *T, n *Node) { take(d, get(t), n) }), trackLine("name"), doc)
	}
	return []Keyword{
		one("track_file", "track_file", common, scaledSyntax, "files: their number times the weight is added to the priority", func(d *decoder, l *trackLists, n *Node) {
			f, ok := d.state.files[n.Words[0].Text]
			if !ok {
				unknownTrack(d, l.owner, "track_file", n, d.state.files)
				return
			}
			d.trackThing(l.files, n, f.Weight, f.Reverse, 254)
		}),
		one("track_process", "vrrp_track_process", common, scaledSyntax, "programs that have to run", func(d *decoder, l *trackLists, n *Node) {
			p, ok := d.state.processes[n.Words[0].Text]
			if !ok {
				unknownTrack(d, l.owner, "track_process", n, d.state.processes)
				return
			}
			d.trackThing(l.processes, n, p.Weight, p.Reverse, 254)
		}),
		one("track_bfd", "bfd_instance", rare, "[weight -253..253 [reverse|noreverse]]", "BFD sessions", func(d *decoder, l *trackLists, n *Node) {
			b, ok := d.state.bfds[n.Words[0].Text]
			if !ok {
				unknownTrack(d, l.owner, "track_bfd", n, d.state.bfds)
				return
			}
			if !b.VRRP {
				d.report(n.Pos, Warning, ClassGeneral, "not-for-vrrp", l.owner+": track_bfd "+clip(b.Name)+" is for checkers only (keyword checker): it is ignored")
				return
			}
			d.trackThing(l.bfds, n, b.Weight, b.Reverse, 253)
		}),
	}
}
