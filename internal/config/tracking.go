package config

import (
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// closeNamed enters a block under its name unless that is taken.
func closeNamed[T any](d *decoder, n *Node, class Class, name string, v *T, have map[string]*T, list *[]T) {
	if _, taken := have[name]; taken {
		d.report(n.Pos, Warning, class, "duplicate-name", n.Keyword()+" "+clip(name)+" is already defined: this one is ignored")
		return
	}
	have[name] = v
	*list = append(*list, *v)
}

func openTrackFile(d *decoder, _ any, n *Node) {
	f := &TrackFile{Weight: 1}
	name, ok := arg1(d, n)
	f.Name = name
	d.within(f, func() {
		switch {
		case !ok:
			return
		case f.Path == "":
			d.report(d.closing(n), Warning, ClassGeneral, "no-file", n.Keyword()+" "+clip(name)+" has no file: it is ignored")
			return
		case !filepath.IsAbs(f.Path):
			// The daemon's own directory is no place that anybody thinks of.
			d.report(n.Pos, Warning, ClassNone, "relative-file", n.Keyword()+" "+clip(name)+": file "+clip(f.Path)+" is relative: it is looked for below /")
			f.Path = "/" + f.Path
		}
		f.Path = filepath.Clean(f.Path)
		closeNamed(d, n, ClassNone, name, f, d.state.files, &d.cfg.TrackFiles)
	})
}

func initFile(d *decoder, f *TrackFile, n *Node) {
	f.InitFile = true
	for k, w := range n.Args() {
		if w.Text == "overwrite" {
			f.Overwrite = true
			continue
		}
		v, err := parseInt(w.Text, -1<<31, 1<<31-1)
		if err != nil {
			d.bad(n, k, ClassInvalidNumber, "%v, ignored", err)
			continue
		}
		if v < -254 || v > 254 {
			d.report(n.ArgPos(k), Info, ClassGeneral, "newer-value", "init_file: keepalived complains about values outside -254..254, and writes them")
		}
		f.InitValue = v
	}
}

func openTrackProcess(d *decoder, _ any, n *Node) {
	p := &TrackProcess{Quorum: 1, QuorumMax: unset}
	name, ok := arg1(d, n)
	p.Name = name
	d.within(p, func() {
		switch {
		case !ok:
			return
		case p.Process == "":
			d.report(d.closing(n), Warning, ClassGeneral, "no-process", "vrrp_track_process "+clip(name)+" has no process: it is ignored")
			return
		case p.QuorumMax > 0 && p.QuorumMax < p.Quorum:
			d.report(n.Pos, Warning, ClassGeneral, "quorum", "vrrp_track_process "+clip(name)+": quorum_max is less than quorum: it is ignored")
			return
		}
		if len(p.Args) > 0 && p.Match == MatchAny {
			p.Match = MatchExact
		}
		closeNamed(d, n, ClassNone, name, p, d.state.processes, &d.cfg.TrackProcesses)
	})
}

// processCommand takes the words as they are. One text with blanks is a
// name with blanks in keepalived, which hardly anybody means; in TOML it is a
// command line.
func processCommand(d *decoder, p *TrackProcess, n *Node) {
	first, ok := arg1(d, n)
	if !ok || d.already(n, p.Process) {
		return
	}
	p.Process, p.Args = first, texts(n.Args()[1:])
	if len(p.Args) > 0 || !strings.ContainsAny(first, " \t") {
		return
	}
	if d.toml() {
		words, err := splitCommand(first)
		if err != nil || len(words) == 0 {
			d.bad(n, 0, ClassUnmatchedQuote, "unmatched quote")
			return
		}
		p.Process, p.Args = words[0], words[1:]
		return
	}
	d.report(n.ArgPos(0), Warning, ClassNone, "unlikely-name",
		"process: '"+clip(first)+"' is taken as one name with blanks: quote the arguments one by one")
}

func paramMatch(d *decoder, p *TrackProcess, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	switch s {
	case "initial":
		p.Match = MatchInitial
	case "partial":
		p.Match = MatchPartial
	default:
		d.bad(n, 0, ClassGeneral, "'%s' is neither initial nor partial, ignored", clip(s))
	}
}

// maxBFDName is the longest name of a bfd_instance.
const maxBFDName = 31

// bfdNeighbor reads an address which, if it is link-local, means nothing without
// an interface: fe80::1%eth0. (keepalived 2.2.7 takes it without, and cannot send.)
func bfdNeighbor(d *decoder, b *BFDInstance, n *Node) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() != "" && a.IsLinkLocalUnicast() && len(a.Zone()) <= maxIfName {
		b.Neighbor = a
		d.interfaceExists(a.Zone(), n.ArgPos(0), "neighbor_ip")
		return
	}
	a, err := d.addressIn(s, n, 0)
	if err != nil {
		d.bad(n, 0, ClassGeneral, "'%s' is not an IP address, ignored", clip(s))
		return
	}
	if a.Is6() && a.IsLinkLocalUnicast() {
		d.bad(n, 0, ClassNone, "%v is link-local: packets cannot be sent without an interface behind it, %v%%eth0", a, a)
	}
	b.Neighbor = a
}

func openBFD(d *decoder, _ any, n *Node) {
	b := &BFDInstance{
		MinRX: 10 * time.Millisecond, MinTX: 10 * time.Millisecond, IdleTX: time.Second, Multiplier: 5,
	}
	name, ok := arg1(d, n)
	b.Name = name
	d.within(b, func() {
		ignored := func(why string) {
			d.report(d.closing(n), Warning, ClassGeneral, "bad-bfd", "bfd_instance "+clip(name)+": "+why+": it is ignored")
		}
		switch {
		case !ok:
			return
		case len(name) > maxBFDName:
			ignored("the name is longer than " + strconv.Itoa(maxBFDName) + " characters")
			return
		case !b.Neighbor.IsValid():
			ignored("neighbor_ip is missing")
			return
		case b.Source.IsValid() && familyOf(b.Source) != familyOf(b.Neighbor):
			ignored("neighbor_ip and source_ip are of different families")
			return
		}
		if b.TTL == 0 {
			b.TTL = 255
			if familyOf(b.Neighbor) == 6 && !d.toml() {
				b.TTL = 64
			}
		}
		if b.TTL < 255 && !b.Multihop {
			d.report(n.Pos, Warning, ClassNone, "bfd-ttl", "bfd_instance "+clip(name)+": packets leave with TTL "+strconv.Itoa(int(b.TTL))+": a neighbour that expects 255, as RFC 5881 asks, drops them")
		}
		if !b.VRRP && !b.Checker {
			b.VRRP, b.Checker = true, true
		}
		closeNamed(d, n, ClassGeneral, name, b, d.state.bfds, &d.cfg.BFDInstances)
	})
}

func bfdRange(low time.Duration) string {
	return strconv.FormatInt(low.Milliseconds(), 10) + " ms or more"
}

// maxBFDInterval is what 32 bits of microseconds hold.
const maxBFDInterval = (1<<32 - 1) * time.Microsecond

// millis reads a decimal number of milliseconds.
func (d *decoder) millis(n *Node, low time.Duration) (time.Duration, bool) {
	s, ok := arg1(d, n)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	v := time.Duration(f * float64(time.Millisecond)).Round(time.Microsecond)
	if err != nil || strings.Trim(s, "0123456789.") != "" || f > float64(maxBFDInterval/time.Millisecond) || v < low {
		d.bad(n, 0, ClassInvalidNumber, "'%s' is not a number of milliseconds from %d up, ignored", clip(s), low.Milliseconds())
		return 0, false
	}
	return v, true
}

// blockWeight reads "N [reverse]" of a block that may be tracked.
func (d *decoder) blockWeight(n *Node, limit int, weight *int, reverse *bool) {
	s, ok := arg1(d, n)
	if !ok {
		return
	}
	v, err := parseInt(d.digits(s, n.ArgPos(0)), -limit, limit)
	if err != nil {
		d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
		return
	}
	*weight = v
	switch a := n.Arg(1); a {
	case "":
	case "reverse":
		*reverse = true
	default:
		d.bad(n, 1, ClassGeneral, "unknown option '%s', ignored", clip(a))
	}
}

func unknownTrack[T any](d *decoder, owner, what string, n *Node, have map[string]T) {
	name := n.Words[0].Text
	d.reportHint(n.Pos, Warning, ClassGeneral, "unknown-"+what,
		owner+": "+what+" "+clip(name)+" is not defined"+map[bool]string{false: " above"}[d.toml()]+": it is ignored",
		d.didYouMean(name, func() []string { return slices.Sorted(maps.Keys(have)) }))
}

// trackThing reads one line of track_file, track_process or track_bfd.
func (d *decoder) trackThing(to *[]Track, n *Node, weight int, reverse bool, limit int) {
	t := d.track(n, weight, reverse, limit)
	if d.taken(to, t.Name) {
		d.report(n.Pos, Warning, ClassGeneral, "duplicate-name", d.kw.Name+": "+t.Name+" is already tracked: this line is ignored")
		return
	}
	*to = append(*to, t)
}

// linkPoll reads one line of linkbeat_interfaces.
func (d *decoder) linkPoll(n *Node) {
	p := LinkPoll{Interface: n.Words[0].Text}
	there := d.interfaceOf(p.Interface, n.Pos, "linkbeat_interfaces", ClassBadInterface)
	if s := n.Arg(0); s != "" {
		switch k := PollKind(strings.ToUpper(s)); k {
		case PollMII, PollEthtool, PollIOCTL:
			p.Kind = k
		default:
			d.report(n.ArgPos(0), Warning, unlessMissing(there, ClassGeneral), "bad-value", "linkbeat_interfaces: '"+clip(s)+"' is not one of MII ETHTOOL IOCTL, ignored")
		}
	}
	d.cfg.Links.Polls = append(d.cfg.Links.Polls, p)
}

// maxLinkDelay bounds interface_up_down_delays.
const maxLinkDelay = 255 * time.Second

// unlessMissing is the class of a complaint about the rest of a line, which
// keepalived does not look at when its interface is missing.
func unlessMissing(there bool, c Class) Class {
	if there {
		return c
	}
	return ClassNone
}

// linkDelay reads one line of interface_up_down_delays.
func (d *decoder) linkDelay(n *Node) {
	l := LinkDelay{Interface: n.Words[0].Text}
	there := d.interfaceOf(l.Interface, n.Pos, "interface_up_down_delays", ClassBadInterface)
	if len(n.Words) < 2 {
		d.report(n.Pos, Warning, ClassNone, "bad-value", "interface_up_down_delays: no delay for "+clip(l.Interface)+", ignored")
		return
	}
	for k, to := range []*time.Duration{&l.Down, &l.Up} {
		if k+1 >= len(n.Words) {
			break
		}
		v, _, err := parseTimer(n.Words[k+1].Text, 0, maxLinkDelay)
		if err != nil {
			d.report(n.Words[k+1].Pos, Warning, unlessMissing(there, ClassInvalidNumber), "bad-value", "interface_up_down_delays: "+err.Error()+": the line is ignored")
			return
		}
		*to = v
	}
	d.cfg.Links.Delays = append(d.cfg.Links.Delays, l)
}

// memberTracking removes the weights of a group member's files and BFD
// sessions, as groupTracking does for interfaces and scripts: a file with its
// default weight counts as one without weight, all others that have a weight
// are not tracked. Processes keep theirs, as in keepalived.
func (d *decoder) memberTracking(i *instance) {
	for _, l := range []struct {
		list   *[]Track
		what   string
		isFile bool
	}{{&i.TrackFiles, "track_file", true}, {&i.TrackBFDs, "track_bfd", false}} {
		var kept []Track
		for _, t := range *l.list {
			switch {
			case t.Weight == 0:
			case l.isFile && t.Weight == 1:
				d.about(i, Warning, ClassGeneral, "group-weight", "%s %s: a member of a sync group has no weights: another number than 0 means FAULT", l.what, t.Name)
				t.Weight, t.Reverse = 0, false
			default:
				d.about(i, Warning, ClassGeneral, "group-weight", "%s %s: a member of a sync group has no weights: it is not tracked", l.what, t.Name)
				continue
			}
			kept = append(kept, t)
		}
		*l.list = kept
	}
}

// instanceLinks adds the interfaces of instances with linkbeat_use_polling.
func (d *decoder) instanceLinks(i *instance) {
	if i.polled && i.Interface != "" {
		d.cfg.Links.Polls = append(d.cfg.Links.Polls, LinkPoll{Interface: i.Interface})
	}
}
