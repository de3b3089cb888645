package rules

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cloudflare/ipvs/netmask"

	"holdfast/ipvs"
)

// DefaultPersistence is what a bare -p comes to, in seconds. The manual of
// ipvsadm says 300; its code and keepalived take 360.
const DefaultPersistence = 360

// protocols are the options that name a service by address.
var protocols = []struct {
	option, network string
	protocol        ipvs.Protocol
}{
	{"tcp-service", "tcp", ipvs.TCP},
	{"udp-service", "udp", ipvs.UDP},
	{"sctp-service", "sctp", ipvs.SCTP},
}

// key is the service that a command is about.
func (r *reader) key(c *command) (k ipvs.ServiceKey, err error) {
	said := 0
	for _, p := range protocols {
		if !c.has(p.option) {
			continue
		}
		said++
		addr, port, err := r.names.address(p.network, c.options[p.option], 0)
		if err != nil {
			return k, fmt.Errorf("virtual server %w", err)
		}
		if c.has("ipv6") && addr.Is4() {
			return k, fmt.Errorf("virtual server %s: IPv4, but --ipv6 is given", addr)
		}
		k = ipvs.AddrKey(p.protocol, addr, port)
	}
	if c.has("fwmark-service") {
		said++
		mark, err := strconv.ParseInt(c.options["fwmark-service"], 10, 64)
		if mark < 0 && mark >= math.MinInt32 {
			mark += 1 << 32 // ipvsadm -S writes marks from 2^31 on so, and does not read them
		}
		if err != nil || mark <= 0 || mark > math.MaxUint32 {
			return k, fmt.Errorf("firewall mark %q: a number from 1 is wanted", c.options["fwmark-service"])
		}
		k = ipvs.MarkKey(ipvs.INET, uint32(mark))
		if c.has("ipv6") {
			k.Family = ipvs.INET6
		}
	}
	switch said {
	case 0:
		return k, errors.New("no virtual server: one of -t -u --sctp-service -f is wanted")
	case 1:
		return k, nil
	}
	return k, errors.New("more than one virtual server")
}

// service is the whole of a service with ipvsadm's defaults.
func (c *command) service(k ipvs.ServiceKey) (ipvs.Service, error) {
	s := ipvs.Service{ServiceKey: k, Scheduler: "wlc", Netmask: ipvs.FullMask(k.Family), PE: c.options["pe"]}
	if c.has("scheduler") {
		s.Scheduler = c.options["scheduler"]
	}
	if s.Scheduler == "" || len(s.Scheduler) > 15 || strings.ContainsAny(s.Scheduler, " \t'\"\\#") {
		return s, fmt.Errorf("scheduler %q: a name of 1 to 15 characters is wanted", s.Scheduler)
	}
	if c.has("pe") && (s.PE == "" || len(s.PE) > 15 || strings.ContainsAny(s.PE, " \t'\"\\#")) {
		return s, fmt.Errorf("persistence engine %q: a name of 1 to 15 characters is wanted", s.PE)
	}
	if c.has("persistent") {
		s.Flags |= ipvs.Persistent
		s.Timeout = DefaultPersistence
		if v := c.options["persistent"]; v != "" {
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil || n == 0 {
				return s, fmt.Errorf("persistence %q: a number of seconds is wanted", v)
			}
			s.Timeout = uint32(n)
		}
	}
	if k.FWMark == 0 && k.Port == 0 && s.Flags&ipvs.Persistent == 0 {
		return s, fmt.Errorf("service %s: port 0 (any port) needs persistence (-p)", k)
	}
	if c.has("netmask") {
		m, err := mask(k.Family, c.options["netmask"])
		if err != nil {
			return s, err
		}
		s.Netmask = m
	}
	if c.has("ops") {
		if k.FWMark == 0 && k.Protocol != ipvs.UDP {
			return s, errors.New("one-packet scheduling (-o) is for UDP only")
		}
		s.Flags |= ipvs.OnePacket
	}
	if c.has("sched-flags") {
		for name := range strings.SplitSeq(c.options["sched-flags"], ",") {
			f, err := schedFlag(s.Scheduler, name)
			if err != nil {
				return s, err
			}
			s.Flags |= f
		}
	}
	return s, nil
}

// mask reads a persistence netmask: dotted for IPv4, a number of bits for IPv6.
func mask(f ipvs.Family, text string) (ipvs.Mask, error) {
	if f == ipvs.INET6 {
		n, err := strconv.ParseUint(text, 10, 8)
		if err != nil || n < 1 || n > 128 {
			return ipvs.Mask{}, fmt.Errorf("netmask %q: a prefix length from 1 to 128 is wanted", text)
		}
		return ipvs.PrefixMask(f, int(n)), nil
	}
	a, err := netip.ParseAddr(text)
	if err == nil && a.Is4() {
		return netmask.MaskFrom4(a.As4()), nil
	}
	if n, err := strconv.ParseUint(text, 10, 8); err == nil && n <= 32 {
		return ipvs.Mask{}, fmt.Errorf("netmask %s: ipvsadm takes that for 0.0.0.%s; for a prefix length write %s", text, text, ipvs.PrefixMask(f, int(n)))
	}
	return ipvs.Mask{}, fmt.Errorf("netmask %q: four numbers with dots are wanted", text)
}

// schedFlag is the bit of a name; every scheduler knows flag-1 to flag-3.
func schedFlag(scheduler, name string) (ipvs.Flags, error) {
	for i, n := range ipvs.SchedNames(scheduler) {
		if name == n || name == fmt.Sprintf("flag-%d", i+1) {
			return ipvs.SchedBits[i], nil
		}
	}
	return 0, fmt.Errorf("scheduler flag %q is not one of scheduler %s", name, scheduler)
}

// Service reads options that name a service: -t 192.0.2.1:80, -f 3 -6.
func Service(words []string, names Names) (ipvs.ServiceKey, error) {
	c, err := parse(append([]string{"--delete-service"}, words...))
	if err != nil {
		return ipvs.ServiceKey{}, err
	}
	r := reader{names: names}
	return r.key(c)
}
