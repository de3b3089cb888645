package integration

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"time"

	"holdfast/internal/config"
)

// ourLVS tells the side of services and checks.
func ourLVS(c *config.Config) dumped {
	d := dumped{}
	count := map[string]int{}
	for i := range c.VirtualServers {
		v := &c.VirtualServers[i]
		head, name := serviceNames(v)
		f := d.in(head)
		ourService(f, v)
		for k := range v.RealServers {
			r := &v.RealServers[k]
			ourServer(d.in(fmt.Sprintf("%s -> %v, %d", head, r.Addr, r.Port)), r)
			for n := range r.Checkers() {
				c := &r.Checkers()[n]
				at := name + " -> " + serverName(v, r.Addr, r.Port)
				if c.Kind == config.MiscCheck && !found(c.MiscPath) {
					continue // keepalived leaves it out (docs/differences.md)
				}
				count[at+string(c.Kind)]++
				ourCheck(d.in(fmt.Sprintf("%s %s %d", at, c.Kind, count[at+string(c.Kind)])), c, r)
			}
		}
	}
	return d
}

// serviceNames are what a service is called in its own line and in others.
func serviceNames(v *config.VirtualServer) (head, name string) {
	switch {
	case v.Group != "":
		name = fmt.Sprintf("[%s]:%d", v.Group, v.Port)
		return "VS GROUP = " + name, name
	case v.FWMark != 0:
		return fmt.Sprintf("VS FWMARK = %d", v.FWMark), fmt.Sprintf("FWM %d", v.FWMark)
	}
	return fmt.Sprintf("VS %v, %d", v.Addr, v.Port), serverName(v, v.Addr, v.Port)
}

var protocols = map[uint8]string{0: "none", 6: "tcp", 17: "udp", 132: "sctp"}

func serverName(v *config.VirtualServer, a netip.Addr, port uint16) string {
	return fmt.Sprintf("[%v]:%s:%d", a, protocols[v.Protocol], port)
}

func ourService(f fieldsOf, v *config.VirtualServer) {
	f.set("VirtualHost", v.VirtualHost != "", v.VirtualHost)
	f.set("SNMP name", v.SNMPName != "", "'"+v.SNMPName+"'")
	f.set("Address family", true, word(v.Family == 6, "inet6", "inet"))
	f.set("delay_loop", true, decimal(v.DelayLoop))
	f.set("lvs_sched", true, v.LBAlgo)
	flags := [3]string{"flag-1", "flag-2", "flag-3"}
	if v.LBAlgo == "sh" || v.LBAlgo == "mh" {
		flags = [3]string{v.LBAlgo + "-fallback", v.LBAlgo + "-port"}
	}
	for i, name := range flags {
		f.set(name, name != "", word(v.SchedFlags&(8<<i) != 0, "enabled", "disabled"))
	}
	f.set("One packet scheduling", true, word(v.OnePacket, "enabled", "disabled"))
	f.set("persistence timeout", v.PersistenceTimeout > 0, secs(v.PersistenceTimeout))
	full := 32
	if v.Family == 6 {
		full = 128
	}
	mask := strconv.Itoa(v.PersistenceGranularity)
	if v.Family == 4 {
		m := bits.Reverse32(uint32(1<<v.PersistenceGranularity - 1))
		mask = netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
	}
	f.set("persistence granularity", v.PersistenceGranularity != full && v.Group == "", mask)
	f.set("protocol", true, map[uint8]string{0: "none", 6: "TCP", 17: "UDP", 132: "SCTP"}[v.Protocol])
	f.set("alpha", true, onOff(v.Alpha))
	f.set("omega", true, onOff(v.Omega))
	f.set("quorum", true, fmt.Sprintf("%d, hysteresis = %d", v.Quorum, v.Hysteresis))
	f.script("Quorum up notify script", v.QuorumUp())
	f.script("Quorum down notify script", v.QuorumDown())
	f.set("Using HA suspend", v.HASuspend, "")
	f.set("Using smtp notification", true, yesNo(v.SMTPAlert))
	f.set("default forwarding method", v.Forward.TunType == 0, forwarding(v.Forward))
	s := v.SorryServer
	f.set("sorry server", s != nil)
	if s != nil {
		f["sorry server"] = nil
		lines := []string{serverName(v, s.Addr, s.Port)}
		if s.Forward.TunType == 0 { // of others it tells the method in another place
			lines = append(lines, "forwarding method = "+forwarding(s.Forward), "Inhibit on failure is "+onOff(s.Inhibit))
		}
		f.add("sorry server", lines...)
	}
}

func onOff(v bool) string { return word(v, "ON", "OFF") }

func decimal(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

func forwarding(m config.Forward) string {
	out := [...]string{"NAT", "DR", "TUN"}[m.Method]
	if m.Method != config.TUN {
		return out
	}
	out += ", type = " + [...]string{"IPIP", "GUE", "GRE"}[m.TunType]
	if m.TunPort != 0 {
		out += fmt.Sprintf(", port = %d", m.TunPort)
	}
	if m.TunType != 0 {
		out += [...]string{", no checksum", ", checksum", ", remote checksum"}[m.TunCsum]
	}
	return out
}

func ourServer(f fieldsOf, r *config.RealServer) {
	f.set("forwarding method", true, forwarding(r.Forward))
	f.set("connection limit range", true, r.Extra().LowerThreshold, "->", r.Extra().UpperThreshold)
	f.set("Inhibit on failure", true, onOff(r.InhibitOnFailure))
	f.set("SNMP name", r.Extra().SNMPName != "", r.Extra().SNMPName)
	f.set("Using smtp notification", true, yesNo(r.SMTPAlert))
	f.script("RS up notify script", r.NotifyUp())
	f.script("RS down notify script", r.NotifyDown())
	f.set("initial weight", true, r.Weight)
	var files, bfds []string
	for i := range r.Checkers() {
		switch c := &r.Checkers()[i]; c.Kind {
		case config.FileCheck:
			files = append(files, c.TrackFile+", weight "+weight(c.Weight, c.Reverse))
		case config.BFDCheck:
			bfds = append(bfds, c.BFD)
		}
	}
	f.list("Tracked Files", files)
	f.list("Tracked BFDs", bfds)
}

func ourCheck(f fieldsOf, c *config.Checker, r *config.RealServer) {
	if c.Kind == config.FileCheck {
		return // its file is told with the server
	}
	f.set("Alpha", c.Kind != config.BFDCheck, yesNo(c.Alpha))
	if c.Kind == config.BFDCheck {
		f.set("Name", true, c.BFD)
		return
	}
	f.set("Log all failures", true, yesNo(c.LogAllFailures))
	us := func(key string, d time.Duration) { f.set(key, true, d.Microseconds(), "us") }
	us("Delay loop", c.DelayLoop)
	us("Warmup", c.Warmup)
	f.set("Retries", true, c.Retry)
	if c.Kind != config.MiscCheck && c.Retry > 0 {
		us("Delay before retry", c.DelayBeforeRetry)
	}
	if c.Kind.Connects() {
		f.list("Connection", connection(c))
	}
	switch c.Kind {
	case config.HTTPGet, config.SSLGet:
		ourPages(f, c, r)
	case config.MiscCheck:
		f.script("script", c.MiscPath)
		f.set("dynamic", true, word(c.MiscDynamic, "YES", "NO"))
		f.set("timeout", true, secs(c.MiscTimeout))
	case config.SMTPCheck:
		f.set("helo", true, c.HeloName)
	case config.DNSCheck:
		f.set("Type", true, c.DNSType)
		f.set("Name", true, word(c.DNSName == ".", "", c.DNSName))
	case config.UDPCheck:
		f.set("Payload specified", len(c.Payload) == 0, "no")
		f.set("Payload len", len(c.Payload) > 0, len(c.Payload))
		reply := []string{yesNo(c.RequireReply)}
		if c.RequireReply {
			reply = append(reply, fmt.Sprintf("Min reply length = %d", c.MinReplyLength), fmt.Sprintf("Max reply length = %d", c.MaxReplyLength),
				fmt.Sprintf("Reply data len = %d", len(c.Reply)))
			if len(c.Reply) > 0 {
				reply = append(reply, "Reply data mask = "+yesNo(len(c.ReplyMask) > 0))
			}
		}
		f.list("Require reply", reply)
	}
}

// connection is what stands below the line Connection.
func connection(c *config.Checker) []string {
	out := []string{fmt.Sprintf("Dest = [%v]:%d", c.ConnectIP, c.ConnectPort)}
	if c.BindTo.IsValid() {
		out = append(out, fmt.Sprintf("Bind to = [%v]:%d", c.BindTo, c.BindPort))
	}
	if c.BindIf != "" {
		out = append(out, "Bind i/f = "+c.BindIf)
	}
	if c.FWMark != 0 {
		out = append(out, fmt.Sprintf("Mark = %d", c.FWMark))
	}
	return append(out, "Timeout = "+decimal(c.ConnectTimeout))
}

func ourPages(f fieldsOf, c *config.Checker, r *config.RealServer) {
	f.set("protocol", true, "http protocol", c.HTTPProtocol)
	f.set("Enable SNI "+word(c.EnableSNI, "set", "unset"), true, "")
	f.set("Fast recovery "+word(c.FastRecovery, "set", "unset"), true, "")
	f["Checked url"] = nil
	for i := range c.URLs {
		u := &c.URLs[i]
		lines := []string{u.Path}
		if u.Digest != "" {
			lines = append(lines, "digest = "+u.Digest)
		}
		lines = append(lines, "HTTP Status Code(s)")
		for _, s := range u.StatusCodes {
			code := strconv.Itoa(s.Low)
			if s.High != s.Low {
				code += "-" + strconv.Itoa(s.High)
			}
			lines = append(lines, code)
		}
		if u.VirtualHost != "" {
			lines = append(lines, "Virtual host = "+u.VirtualHost)
		}
		if x := &u.Regex; x.Pattern != "" {
			lines = append(lines, fmt.Sprintf("Regex = %q", x.Pattern))
			if x.NoMatch {
				lines = append(lines, "Regex no match")
			}
			if x.MinOffset != 0 || x.MaxOffset != 0 {
				lines = append(lines, fmt.Sprintf("Regex min offset = %d, max_offset = %d", x.MinOffset, x.MaxOffset))
			}
		}
		f.add("Checked url", lines...)
	}
}
