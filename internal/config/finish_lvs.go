package config

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
)

// aboutService reports a finding on a whole virtual server.
func (d *decoder) aboutService(s *service, sev Severity, c Class, id, format string, args ...any) {
	d.report(d.pos(s.pos), sev, c, id, "virtual_server "+s.describe()+": "+fmt.Sprintf(format, args...))
}

// finishService resolves what depends on several keywords and appends the
// service, unless it is ignored.
func (d *decoder) finishService(s *service) {
	if len(s.reals) == 0 {
		d.aboutService(s, Warning, ClassGeneral, "no-real-servers", "no real_server: the service is ignored")
		return
	}
	if s.Group != "" && !d.inServiceGroup(s) {
		return
	}
	d.serviceDefaults(s)
	d.persistence(s)
	if s.SorryServer != nil {
		d.sorry(s)
	}
	seen := d.state.seen // where each began
	clear(seen)
	servers := s.RealServers
	s.RealServers = servers[:0]
	for i := range servers {
		r, pending := &servers[i], &s.reals[i]
		written := netip.AddrPortFrom(r.Addr, r.Port)
		if !d.finishReal(s, r, pending) {
			continue
		}
		key := netip.AddrPortFrom(r.Addr, r.Port)
		if _, is := seen[written]; is {
			key = written // which is what keepalived compares
		}
		if first, is := seen[key]; is {
			at := d.pos(pending.begin)
			d.report(at, Warning, ClassGeneral, "duplicate-server", "real_server "+key.String()+" is given twice, first "+d.pos(first).from(at)+": this one is ignored")
			continue
		}
		seen[key], seen[written] = pending.begin, pending.begin
		s.RealServers = append(s.RealServers, *r)
	}
	s.reals = nil // they are many, and in RealServers
	if len(s.RealServers) == 0 {
		d.aboutService(s, Warning, ClassGeneral, "no-real-servers", "no real_server: the service is ignored")
		return
	}
	d.quorum(s)
	s.SMTPAlert = d.alert(s.smtpAlert, d.state.global.smtpAlertChecker, false)
	d.cfg.VirtualServers = append(d.cfg.VirtualServers, s.VirtualServer)
	d.state.kept = append(d.state.kept, s)
}

// serviceDefaults fills protocol, scheduler, method and delay_loop.
func (d *decoder) serviceDefaults(s *service) {
	d.haSuspend(s)
	marks := s.FWMark != 0
	if s.Group != "" {
		addresses, _ := s.entries.addresses()
		marks = !addresses
	}
	if marks {
		switch {
		case !s.protocolSet:
		case d.toml():
			d.reportHint(d.pos(s.protocolPos), Error, ClassGeneral, "protocol", "virtual_server "+s.describe()+": a firewall mark stands for every protocol, and protocol has no effect", "leave protocol out")
		default:
			d.aboutService(s, Warning, ClassGeneral, "protocol", "fwmark: protocol is ignored")
		}
		s.Protocol = 0
		if s.FWMark != 0 && s.Family == 0 {
			s.Family = s.markFamily()
		}
	} else if s.Protocol == 0 {
		s.Protocol = protoUDP
		if !d.toml() || !s.refused && s.protocolPos.line == 0 {
			d.aboutService(s, Warning, ClassGeneral, "protocol", "protocol is missing: UDP is used")
		}
	}
	if s.OnePacket && !marks && s.Protocol != protoUDP {
		d.aboutService(s, Warning, ClassGeneral, "ops", "ops goes with UDP only: it is ignored")
		s.OnePacket = false
	}
	if s.LBAlgo == "" {
		s.LBAlgo = "wlc"
		d.aboutService(s, Warning, ClassGeneral, "scheduler", "lb_algo is missing: wlc is used")
	}
	if d.toml() && !s.fallbackSet && (s.LBAlgo == "sh" || s.LBAlgo == "mh") {
		s.SchedFlags |= sched1
	}
	if !s.methodSet {
		d.aboutService(s, Warning, ClassGeneral, "method", "lb_kind is missing: NAT is used")
	}
	s.DelayLoop = s.check.delayLoop
	if s.DelayLoop == unset {
		s.DelayLoop = DefaultDelayLoop
	}
}

// haSuspend says where ha_suspend has no effect. Of a group that has a mark
// keepalived ignores it; here the checks follow the group's addresses.
func (d *decoder) haSuspend(s *service) {
	if !s.HASuspend {
		return
	}
	some, mark := false, s.FWMark != 0
	if s.Group != "" {
		some, _ = s.entries.addresses()
		mark = slices.ContainsFunc(s.entries.Entries, func(e GroupEntry) bool { return e.FWMark != 0 })
	}
	switch {
	case mark && !some:
		d.aboutService(s, Warning, ClassGeneral, "no-effect", "ha_suspend has no effect with fwmark")
	case mark && !d.toml():
		d.aboutService(s, Info, ClassGeneral, "no-effect", "keepalived ignores ha_suspend, as its group has a mark")
	}
}

func (d *decoder) sorry(s *service) {
	r := s.SorryServer
	if !s.sorryMethod {
		r.Forward = s.Forward
	}
	if s.Family != 0 && s.Family != familyOf(r.Addr) && r.Forward.Method != TUN {
		d.report(d.pos(s.end), Warning, ClassGeneral, "wrong-family", fmt.Sprintf("virtual_server %s: sorry_server %v is of another family, which only TUN can reach: it is ignored", s.describe(), r.Addr))
		s.SorryServer = nil
		return
	}
	if s.sorryEarly && !s.sorryMethod && s.Family != 0 && s.Family != familyOf(r.Addr) {
		d.tunnelTooLate(s, d.pos(s.end), "sorry_server", r.Addr)
	}
	d.serverPort(s, r.Forward, &r.Port, d.pos(s.pos), "sorry_server", r.Addr)
}

// tunnelTooLate says of a server that is here that keepalived leaves it out.
func (d *decoder) tunnelTooLate(s *service, pos Pos, what string, addr netip.Addr) {
	d.report(pos, Warning, ClassGeneral, "tunnel-below", fmt.Sprintf(
		"virtual_server %s: %s %v is of another family, and lb_kind TUN stands below it: keepalived leaves it out, here it counts (put lb_kind above it)", s.describe(), what, addr))
}

// serverPort forces the port of a server that gets packets unchanged.
func (d *decoder) serverPort(s *service, f Forward, port *uint16, pos Pos, what string, addr netip.Addr) {
	if s.Group != "" {
		d.groupPorts(s, f, *port, pos, what, addr)
		return
	}
	if s.FWMark != 0 {
		if f.Method != NAT && *port != 0 {
			d.report(pos, Warning, ClassGeneral, "port-ignored", fmt.Sprintf("virtual_server %s: %s %v: with %s packets keep their port: %d is ignored",
				s.describe(), what, addr, methodName(f.Method), *port))
			*port = 0
		}
		return
	}
	if *port == 0 {
		*port = s.Port
		return
	}
	if f.Method != NAT && *port != s.Port {
		d.report(pos, Warning, ClassGeneral, "port-mismatch", fmt.Sprintf(
			"virtual_server %s: %s %v: port %d cannot differ from the service's with %s: %d is used", s.describe(), what, addr, *port, methodName(f.Method), s.Port))
		*port = s.Port
	}
}

func methodName(m Method) string { return [...]string{"NAT", "DR", "TUN"}[m] }

// sameFamily reports whether a server whose method is known can be reached.
func (d *decoder) sameFamily(s *service, r *RealServer, p *pendingReal) bool {
	if s.Family == 0 || s.Family == familyOf(r.Addr) || r.Forward.Method == TUN {
		return true
	}
	d.report(d.pos(p.end), Warning, ClassGeneral, "wrong-family", fmt.Sprintf(
		"virtual_server %s: real_server %v %s is of another family, which only TUN can reach: it is ignored", s.describe(), r.Addr, d.pos(p.begin).from(d.pos(p.end))))
	return false
}

// finishReal completes one real server; false leaves it out.
func (d *decoder) finishReal(s *service, r *RealServer, p *pendingReal) bool {
	if !p.methodSet {
		r.Forward = s.Forward
	}
	if !d.sameFamily(s, r, p) {
		return false
	}
	if p.early && r.Forward.Method == TUN {
		d.tunnelTooLate(s, d.pos(p.end), "real_server", r.Addr)
	}
	if s.prefixFirst && !d.toml() && familyOf(r.Addr) == 4 && r.Forward.Method != TUN {
		d.report(d.pos(p.end), Info, ClassGeneral, "granularity-family", fmt.Sprintf(
			"virtual_server %s: real_server %v: by the number of persistence_granularity keepalived 2.2.7 takes the service for one of IPv6, and leaves this server out", s.describe(), r.Addr))
	}
	written := r.Port
	d.serverPort(s, r.Forward, &r.Port, d.pos(p.begin), "real_server", r.Addr)
	if written == 0 {
		written = r.Port
	}
	if x := r.Extra(); x.LowerThreshold > x.UpperThreshold && x.UpperThreshold != 0 {
		d.report(d.pos(p.begin), Warning, d.quietClass(), "threshold", fmt.Sprintf("real_server %v: lthreshold is above uthreshold", r.Addr))
	}
	d.finishPool(s, r, p)
	if !p.alertSet {
		r.SMTPAlert = d.alert(nil, d.state.global.smtpAlertChecker, true)
	}
	// A check connects to the server's port as written, also where packets then
	// go to the service's (keepalived 2.2.7, measured): people check a server on
	// another port that way.
	for i := range r.Checkers() {
		if c := &r.Checkers()[i]; c.Kind.Connects() && c.ConnectPort == 0 {
			c.ConnectPort = written
		}
	}
	d.notRun(r, d.pos(p.begin))
	return true
}

// notRun reports the checks of a server that are not made yet.
func (d *decoder) notRun(r *RealServer, pos Pos) {
	var kinds []string
	for i := range r.Checkers() {
		if k := r.Checkers()[i].Kind; !k.Active() && !slices.Contains(kinds, string(k)) {
			kinds = append(kinds, string(k))
		}
	}
	if len(kinds) == 0 {
		return
	}
	text := fmt.Sprintf("real_server %v: %s is not active yet", r.Addr, strings.Join(kinds, ", "))
	if !r.Checked() {
		text += ": the server is in service unchecked"
	}
	d.report(pos, Warning, ClassNone, NotActiveKept, text)
}

// quorum bounds quorum and hysteresis by what the servers can reach.
func (d *decoder) quorum(s *service) {
	total := 0
	for _, r := range s.RealServers {
		total += int(r.Weight)
	}
	if total == 0 && len(s.RealServers) > 0 && !d.toml() {
		d.aboutService(s, Warning, ClassGeneral, "quorum", "the weight of all servers is 0: quorum %d is out of reach", s.Quorum)
	}
	if total > 0 && s.Quorum > total {
		d.aboutService(s, Warning, ClassGeneral, "quorum", "quorum %d exceeds the weight of all servers: %d is used", s.Quorum, total)
		s.Quorum = total
	}
	if s.Hysteresis >= s.Quorum {
		if s.Hysteresis > 0 {
			d.aboutService(s, Warning, ClassGeneral, "hysteresis", "hysteresis %d is not below quorum: %d is used", s.Hysteresis, s.Quorum-1)
		}
		s.Hysteresis = s.Quorum - 1
	}
}

// serviceID is what IPVS tells services by.
type serviceID struct {
	addr     netip.AddrPort
	protocol uint8
	mark     uint32
	family   Family
	group    string
	ordinal  int
}

func (v *VirtualServer) id() serviceID {
	return serviceID{netip.AddrPortFrom(v.Addr, v.Port), v.Protocol, v.FWMark, v.Family, v.Group, v.Ordinal}
}

// duplicateServices reports services that IPVS cannot tell apart. They are found by
// sorted hashes: a map of thousands takes ten times the memory.
func (d *decoder) duplicateServices() {
	list := d.cfg.VirtualServers
	type hashed struct {
		hash uint64
		n    int
	}
	sorted, seed := make([]hashed, len(list)), maphash.MakeSeed()
	for n := range list {
		sorted[n] = hashed{maphash.Comparable(seed, list[n].id()), n}
	}
	slices.SortFunc(sorted, func(a, b hashed) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.n, b.n)) })
	firsts := map[int]int{} // of those that stand there before, the first
	run := 0                // where those of this hash begin
	for i, h := range sorted {
		if h.hash != sorted[run].hash {
			run = i
		}
		for _, o := range sorted[run:i] {
			if list[o.n].id() == list[h.n].id() {
				firsts[h.n] = o.n
				break
			}
		}
	}
	if len(firsts) == 0 {
		return
	}
	out := list[:0]
	for n := range list {
		if first, twice := firsts[n]; twice {
			at := d.pos(d.state.kept[n].pos)
			d.aboutService(d.state.kept[n], Warning, ClassNone, "duplicate-service", "it is given twice: the one %s counts", d.pos(d.state.kept[first].pos).from(at))
			continue
		}
		out = append(out, list[n])
	}
	d.cfg.VirtualServers = out
}

// finishSync checks lvs_sync_daemon against instances and lvs_follow_vrrp.
func (d *decoder) finishSync() {
	g := &d.cfg.Global
	s := g.LVSSyncDaemon
	if s == nil {
		return
	}
	d.interfaceOf(s.Interface, d.state.global.syncPos, "interface of lvs_sync_daemon", ClassNone) // keepalived says so when it runs
	if s.Instance != "" {
		i, ok := d.state.byName[s.Instance]
		if !ok {
			d.reportHint(d.state.global.syncPos, Warning, d.quietClass(), "unknown-instance",
				"lvs_sync_daemon: there is no vrrp_instance "+clip(s.Instance)+": it is ignored", d.didYouMean(s.Instance, d.instanceNames))
			g.LVSSyncDaemon = nil
			return
		}
		if s.ID == unset {
			s.ID = int(i.VirtualRouterID)
		}
	}
	if s.ID == unset {
		s.ID = 0
	}
	if last := cmp.Or(int(s.Port), 8848) + max(s.SyncPorts, 1) - 1; last > 65535 {
		d.report(d.state.global.syncPos, Error, ClassGeneral, "bad-value",
			fmt.Sprintf("lvs_sync_daemon: the last of %d sync_ports would be %d, and there is none above 65535", s.SyncPorts, last))
	}
	if g.LVSFollowVRRP == FollowAlways {
		d.report(d.state.global.followPos, Error, ClassGeneral, "follow-with-sync",
			"lvs_follow_vrrp true does not go with lvs_sync_daemon: a standby without the services drops the connections that it receives (use auto or never)")
	}
}
