package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// IP protocol numbers of services.
const (
	protoTCP  = 6
	protoUDP  = 17
	protoSCTP = 132
)

func openService(d *decoder, _ any, n *Node) {
	s := &service{pos: d.place(n.Pos), refused: n.Refused, weight: 1, check: noDefaults()}
	s.Quorum = 1
	clear(d.state.reals)
	d.state.reals = d.state.reals[:0]
	ok := d.serviceAddress(s, n)
	d.within(s, func() {
		s.end = d.place(d.closing(n))
		if ok {
			s.handDown(d.state.reals, d.state.global.logAllFailures)
			d.state.services = append(d.state.services, s)
		}
	})
}

// handDown gives the servers and their checks what they inherit of the service,
// which is known when its block ends; logAll is checker_log_all_failures.
func (s *service) handDown(open []realServer, logAll bool) {
	s.RealServers, s.reals = make([]RealServer, len(open)), make([]pendingReal, len(open))
	for i := range open {
		r := &open[i]
		s.RealServers[i], s.reals[i] = r.RealServer, r.pendingReal
		if s.VirtualHost != "" && r.Extra().VirtualHost == "" {
			s.RealServers[i].extras().VirtualHost = s.VirtualHost
		}
		if !r.weightSet {
			s.RealServers[i].Weight = s.weight
		}
		if !r.inhibitSet {
			s.RealServers[i].InhibitOnFailure = s.inhibit
		}
		slow := s.slowStart
		if r.slowStart != nil {
			slow = *r.slowStart
		}
		if slow != 0 {
			s.RealServers[i].extras().SlowStart = slow
		}
		outer := r.check.under(s.check)
		for k := range r.checkers {
			r.checkers[k].complete(&r.Checkers()[k], &s.RealServers[i], outer, logAll)
		}
	}
}

// serviceAddress reads what follows virtual_server.
func (d *decoder) serviceAddress(s *service, n *Node) bool {
	first, ok := arg1(d, n)
	if !ok {
		return false
	}
	switch first {
	case "fwmark":
		if len(n.Words) < 3 {
			d.missing(n, 2)
			return false
		}
		v, err := d.leadingInt(n, 1, 1, math.MaxUint32)
		if err != nil {
			d.bad(n, 1, ClassInvalidNumber, "fwmark %v: the service is ignored", err)
			return false
		}
		s.FWMark = uint32(v)
		return true
	case "group":
		if len(n.Words) < 3 {
			d.missing(n, 3)
			return false
		}
		s.Group = n.Arg(1)
		return true
	}
	a, err := d.addressIn(first, n, 0)
	port, perr := 0, error(nil)
	if len(n.Words) > 2 {
		port, perr = d.leadingInt(n, 1, 0, 65535)
	}
	const then = ": the service is ignored"
	switch {
	case err != nil:
		d.badAddress(n, then)
	case perr != nil:
		d.badPort(n, then)
	default:
		s.Addr, s.Port, s.Family = a, uint16(port), familyOf(a)
		return true
	}
	d.top().skip = !d.toml()
	return false
}

// endpoint reads the address a of a server, and its port, 0 if there is none. It
// reports which of them is wrong; then is what comes of that.
func (d *decoder) endpoint(a string, n *Node, then string) (addr netip.Addr, port uint16, ok bool) {
	addr, err := d.addressIn(a, n, 0)
	if err != nil {
		d.badAddress(n, then)
		return netip.Addr{}, 0, false
	}
	if len(n.Words) > 2 {
		v, err := d.leadingInt(n, 1, 0, 65535)
		if err != nil {
			d.badPort(n, then)
			return netip.Addr{}, 0, false
		}
		port = uint16(v)
	}
	return addr, port, true
}

func (d *decoder) badAddress(n *Node, then string) {
	d.bad(n, 0, ClassGeneral, "'%s' is no address%s", clip(n.Arg(0)), then)
}

func (d *decoder) badPort(n *Node, then string) {
	d.bad(n, 1, ClassGeneral, "port '%s' is not a number from 0 to 65535%s", clip(n.Arg(1)), then)
}

func lbAlgo(d *decoder, s *service, n *Node) {
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	if !slices.Contains(schedulers, a) {
		d.reportHint(n.ArgPos(0), Warning, ClassGeneral, "bad-value", d.kw.Name+": there is no scheduler '"+clip(a)+"', ignored", d.didYouMean(a, func() []string { return schedulers }))
		if d.toml() {
			s.LBAlgo = a // the file is refused, and it is not missing
		}
		return
	}
	s.LBAlgo = a
}

// method reads a forwarding method with its tunnel options.
func (d *decoder) method(n *Node) (Forward, bool) {
	a, ok := arg1(d, n)
	if !ok {
		return Forward{}, false
	}
	var f Forward
	switch a {
	case "NAT":
		f.Method = NAT
	case "DR":
		f.Method = DR
	case "TUN":
		f.Method = TUN
	default:
		d.reportHint(n.ArgPos(0), Warning, ClassGeneral, "bad-value", d.kw.Name+": '"+clip(a)+"' is not one of NAT DR TUN, ignored", d.didYouMean(a, func() []string { return []string{"NAT", "DR", "TUN"} }))
		return f, false
	}
	for k := 1; k < len(n.Args()); k++ {
		opt := n.Arg(k)
		switch opt {
		case "type":
			k++
			switch n.Arg(k) {
			case "ipip":
				f.TunType = 0
			case "gue":
				f.TunType = 1
			case "gre":
				f.TunType = 2
			default:
				d.bad(n, k, ClassGeneral, "tunnel type '%s' is not one of ipip gue gre, ignored", clip(n.Arg(k)))
			}
		case "port":
			k++
			v, err := parseInt(n.Arg(k), 1, 65535)
			if err != nil {
				d.bad(n, k, ClassInvalidNumber, "port %v, ignored", err)
				continue
			}
			f.TunPort = uint16(v)
		case "nocsum", "csum", "remcsum":
			f.TunCsum = uint16(slices.Index([]string{"nocsum", "csum", "remcsum"}, opt))
		default:
			d.bad(n, k, ClassGeneral, "unknown option '%s', ignored", clip(opt))
		}
	}
	if !d.tunnel(f, n) {
		return Forward{Method: f.Method}, true
	}
	if f.Method != TUN && len(n.Args()) > 1 {
		d.bad(n, 1, d.quietClass(), "options go with TUN only: they are ignored") // keepalived looks at them all the same
		f = Forward{Method: f.Method}
	}
	return f, true
}

// tunnel checks the options of a tunnel against each other. Where they do not
// go together none of them counts, and it is a tunnel all the same (keepalived
// 2.2.7, measured).
func (d *decoder) tunnel(f Forward, n *Node) bool {
	complaint := ""
	switch {
	case f.TunType == 1 && f.TunPort == 0:
		complaint = "type gue needs a port"
	case f.TunType != 1 && f.TunPort != 0:
		complaint = "a port goes with type gue only"
	case f.TunType == 0 && f.TunCsum != 0:
		complaint = "type ipip has no checksum option"
	case f.TunType == 2 && f.TunCsum == 2:
		complaint = "type gre has no remcsum"
	}
	if complaint != "" {
		d.bad(n, 0, ClassGeneral, "%s: the options are ignored", complaint)
	}
	return complaint == ""
}

// protocols are the names that protocol takes.
var protocols = named[uint8]{{"TCP", protoTCP}, {"UDP", protoUDP}, {"SCTP", protoSCTP}}

func protocol(d *decoder, s *service, n *Node) {
	if _, ok := arg1(d, n); !ok {
		return
	}
	s.protocolPos = d.place(n.Pos)
	var list []uint8
	for k, w := range n.Args() {
		p, ok := protocols.find(strings.ToUpper(w.Text))
		if !ok {
			d.reportHint(n.ArgPos(k), Warning, ClassGeneral, "bad-value", d.kw.Name+": '"+clip(w.Text)+"' is not one of TCP UDP SCTP, ignored",
				d.didYouMean(w.Text, func() []string { return []string{"TCP", "UDP", "SCTP"} }))
			return
		}
		if slices.Contains(list, p) {
			d.bad(n, k, ClassGeneral, "'%s' is given twice, ignored", clip(w.Text))
			return
		}
		list = append(list, p)
		if !d.toml() {
			break // keepalived looks at the first one only
		}
	}
	s.Protocol, s.more, s.protocolSet = list[0], list[1:], true
}

// each is the service once for each of its protocols. The one-packet flag goes
// to UDP alone where there are several.
func (s *service) each() []*service {
	if len(s.more) == 0 {
		return []*service{s}
	}
	var out []*service
	for _, p := range append([]uint8{s.Protocol}, s.more...) {
		c := *s
		c.Protocol, c.more = p, nil
		c.OnePacket = s.OnePacket && p == protoUDP
		if s.SorryServer != nil {
			sorry := *s.SorryServer
			c.SorryServer = &sorry
		}
		if s.Scripts != nil {
			c.Scripts = ptr(*s.Scripts)
		}
		c.RealServers = slices.Clone(s.RealServers)
		for i := range c.RealServers {
			r := &c.RealServers[i]
			r.SetCheckers(slices.Clone(r.Checkers()))
			if r.Extras != nil {
				r.Extras = ptr(*r.Extras)
				if r.Extras.Scripts != nil {
					r.Extras.Scripts = ptr(*r.Extras.Scripts)
				}
			}
		}
		out = append(out, &c)
	}
	return out
}

// alsoFamily takes the family from a keyword that only it can have, where the
// service has no address that says it (keepalived 2.2.7, measured).
func (s *service) alsoFamily(f Family) {
	if s.Family == 0 {
		s.Family = f
	}
}

func ipFamily(d *decoder, s *service, n *Node) {
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	f := Family(0)
	switch a {
	case "inet":
		f = 4
	case "inet6":
		f = 6
	}
	if f == 0 || s.Addr.IsValid() && s.Family != f {
		d.bad(n, 0, ClassGeneral, "'%s' does not fit, ignored", clip(a))
		return
	}
	s.Family, s.familySet = f, true
}

func sorryServer(d *decoder, s *service, n *Node) {
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	addr, port, ok := d.endpoint(a, n, ", ignored")
	if !ok {
		return
	}
	if s.SorryServer != nil {
		d.bad(n, 0, d.quietClass(), "already given, the last one counts")
	}
	s.SorryServer = &SorryServer{Addr: addr, Port: port}
	s.sorryPortSet = len(n.Words) > 2
	s.sorryEarly = !d.toml() && !s.tunnelled()
}

// tunnelled reports whether the lines so far say that servers are tunnelled.
func (s *service) tunnelled() bool { return s.methodSet && s.Forward.Method == TUN }

// tunnelBelow reports whether r, whose block ends, is of another family than the
// service and only tunnelled if a line that follows says so: then keepalived has
// left it out already. A service without a family has that of its first server.
func (s *service) tunnelBelow(r *realServer) bool {
	if r.methodSet && r.Forward.Method == TUN || !r.methodSet && s.tunnelled() {
		return false
	}
	if s.firstFamily == 0 {
		if s.firstFamily = s.Family; s.Family == 0 {
			s.firstFamily = familyOf(r.Addr)
		}
	}
	return s.firstFamily != familyOf(r.Addr)
}

func openReal(d *decoder, _ any, n *Node) {
	r := d.state.real.take()
	r.begin, r.check = d.place(n.Pos), noDefaults()
	d.within(r, nil)
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	if r.Addr, r.Port, ok = d.endpoint(a, n, ": the server is ignored"); !ok {
		d.top().skip = !d.toml()
		return
	}
	d.top().closed = closeReal
}

func closeReal(d *decoder, target any, n *Node) {
	r, s := target.(*realServer), d.top().target.(*service)
	r.end = d.place(d.closing(n))
	r.early = !d.toml() && s.tunnelBelow(r)
	d.state.reals = append(d.state.reals, *r)
	d.state.real.give(r, r.known)
}

// describe names a service as keepalived does: [192.0.2.1]:tcp:80 or FWM 7.
func (s *service) describe() string {
	if s.Group != "" {
		return "group " + s.Group
	}
	if s.FWMark != 0 {
		return fmt.Sprintf("FWM %d", s.FWMark)
	}
	p := "none"
	switch s.Protocol {
	case protoTCP:
		p = "tcp"
	case protoUDP:
		p = "udp"
	case protoSCTP:
		p = "sctp"
	}
	return fmt.Sprintf("[%v]:%s:%d", s.Addr, p, s.Port)
}
