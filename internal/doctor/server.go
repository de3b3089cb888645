package doctor

import (
	"fmt"
	"time"

	"holdfast/internal/host"
	"holdfast/internal/realserver"
	"holdfast/ipvs"
)

// realServer is what realserver checks, for each address that is served.
func realServer(s *Snapshot) []host.Finding {
	if !s.RealServer {
		return nil
	}
	var all []host.Finding
	for _, v := range s.Served {
		found, err := realserver.Check(s.Snapshot, v.Addr, v.Spec)
		if err != nil {
			all = append(all, one(host.Error, "vip-unusable", err.Error(), "it cannot be served"))
		}
		for _, f := range found {
			if f.ID == "vip-device" && s.Director {
				continue // as master it is to be there
			}
			all = append(all, f)
		}
	}
	return all
}

// segmentSize: tunnel-mss. A client sends segments as large as this host asks
// for; in the tunnel they are larger.
func segmentSize(s *Snapshot) []host.Finding {
	if !s.RealServer {
		return nil
	}
	types := map[string]ipvs.TunnelType{"ipip": ipvs.IPIP, "gue": ipvs.GUE, "gre": ipvs.GRE}
	var all []host.Finding
	for _, v := range s.Served {
		if v.Spec.Tunnel == "" {
			continue
		}
		family, headers, option := 4, 20+20, ""
		if v.Addr.Is6() {
			family, headers, option = 6, 40+20, "-6 "
		}
		for _, r := range s.Routes {
			l := s.Link(r.Device)
			if l == nil || r.Family != family || l.Silent() {
				continue
			}
			mtu := l.MTU
			if r.MTU > 0 {
				mtu = r.MTU
			}
			more := overhead(types[v.Spec.Tunnel], v.Addr.Is6())
			want := mtu - more - headers
			if mtu >= ethernetMTU+more || r.AdvMSS > 0 && r.AdvMSS <= want {
				continue
			}
			command := fmt.Sprintf("ip %sroute change default", option)
			if r.Gateway.IsValid() {
				command += " via " + r.Gateway.String()
			}
			command += " dev " + r.Device
			if r.Metric > 0 && (family == 4 || r.Metric != 1024) {
				command += fmt.Sprintf(" metric %d", r.Metric)
			}
			all = append(all, one(host.Warning, "tunnel-mss", fmt.Sprintf("clients are told of segments that fill %d bytes, and the tunnel of %s leaves room for less", mtu, v.Addr),
				"unless the network between director and real server carries larger frames, uploads depend on ICMP that is often filtered",
				fmt.Sprintf("%s advmss %d", command, want)))
		}
	}
	return all
}

// duplicateAddress: dad-failed.
func duplicateAddress(s *Snapshot) []host.Finding {
	var all []host.Finding
	for _, a := range s.Addrs {
		if a.DADFailed {
			all = append(all, one(host.Error, "dad-failed", fmt.Sprintf("%s on %s is not used: another host has it", a.Prefix.Addr(), a.Device),
				"IPv6 looked for the address on the segment, and somebody answered; once that host is found, the address is added again",
				fmt.Sprintf("ip addr del %s dev %s && ip addr add %s dev %s nodad", a.Prefix, a.Device, a.Prefix, a.Device)))
		}
	}
	return all
}

// maxStep is how far a clock that is well may move against the monotonic one
// while adverts are listened to.
const maxStep = 100 * time.Millisecond

// clock: clock-unsynchronised and clock-step.
func clock(s *Snapshot) []host.Finding {
	var all []host.Finding
	if s.Clock.Known && !s.Clock.Synchronised {
		all = append(all, one(host.Warning, "clock-unsynchronised", "the clock is not synchronised",
			"adverts and elections do not depend on it, but logs of two directors cannot be laid side by side, and certificates and replay protection do",
			"timedatectl set-ntp true"))
	}
	if s.Clock.Step.Abs() > maxStep {
		all = append(all, one(host.Warning, "clock-step", fmt.Sprintf("the clock jumped by %v within %v", s.Clock.Step.Round(time.Millisecond), s.Listened.Round(time.Second)),
			"something sets it again and again: two programs may both be setting it", "timedatectl timesync-status"))
	}
	return all
}
