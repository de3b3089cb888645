package encode

import (
	"math/bits"
	"slices"
	"strconv"

	"holdfast/internal/config"
)

const (
	sched1 = 0x08
	sched2 = 0x10
	sched3 = 0x20
)

func (e *encoder) serviceGroup(g *config.VirtualServerGroup) {
	e.block(true, func() {
		for _, entry := range g.Entries {
			e.put(entry.Words()...)
		}
	}, "virtual_server_group", g.Name)
}

func (e *encoder) service(s *config.VirtualServer) {
	head := []string{"virtual_server"}
	if s.Group != "" {
		head = append(head, "group", s.Group)
	} else if s.FWMark != 0 {
		head = append(head, "fwmark", strconv.FormatUint(uint64(s.FWMark), 10))
	} else {
		head = append(head, s.Addr.String(), strconv.Itoa(int(s.Port)))
	}
	e.block(true, func() {
		e.scheduling(s)
		e.persistence(s)
		e.command("quorum_up", s.QuorumUp())
		e.command("quorum_down", s.QuorumDown())
		e.number("quorum", s.Quorum, 1)
		e.number("hysteresis", s.Hysteresis, 0)
		e.flag("alpha", s.Alpha)
		e.flag("omega", s.Omega)
		e.flag("ha_suspend", s.HASuspend)
		e.boolean("smtp_alert", s.SMTPAlert, false)
		e.time("delay_loop", s.DelayLoop, config.DefaultDelayLoop)
		e.text("virtualhost", s.VirtualHost, "")
		e.text("snmp_name", s.SNMPName, "")
		if r := s.SorryServer; r != nil {
			e.put("sorry_server", r.Addr.String(), strconv.Itoa(int(r.Port)))
			if r.Forward != s.Forward {
				e.put(append([]string{"sorry_server_lvs_method"}, r.Forward.Words()...)...)
			}
			e.flag("sorry_server_inhibit", r.Inhibit)
		}
		for i := range s.RealServers {
			e.realServer(s, &s.RealServers[i])
		}
	}, head...)
}

func (e *encoder) scheduling(s *config.VirtualServer) {
	e.put("lb_algo", s.LBAlgo)
	e.put(append([]string{"lb_kind"}, s.Forward.Words()...)...)
	if s.Protocol != 0 {
		e.put("protocol", map[uint8]string{6: "TCP", 17: "UDP", 132: "SCTP"}[s.Protocol])
	}
	untold := s.Group != "" && s.Family != 0 && !slices.ContainsFunc(s.RealServers, func(r config.RealServer) bool { return r.Forward.Method != config.TUN })
	if s.FWMark != 0 || untold {
		family := "inet"
		if s.Family == 6 {
			family = "inet6"
		}
		e.put("ip_family", family)
	}
	e.flag("ops", s.OnePacket)
	names := [3]string{"flag-1", "flag-2", "flag-3"}
	if s.LBAlgo == "sh" || s.LBAlgo == "mh" {
		names[0], names[1] = s.LBAlgo+"-fallback", s.LBAlgo+"-port"
		if e.toml && s.SchedFlags&sched1 == 0 {
			e.put(names[0], "false") // on otherwise
		}
	}
	for i, bit := range []uint32{sched1, sched2, sched3} {
		e.flag(names[i], s.SchedFlags&bit != 0)
	}
}

func (e *encoder) persistence(s *config.VirtualServer) {
	if s.PersistenceTimeout > 0 {
		e.put("persistence_timeout", seconds(s.PersistenceTimeout))
	}
	full := 32
	if s.Family == 6 {
		full = 128
	}
	if s.PersistenceGranularity != full && s.PersistenceGranularity > 0 {
		value := strconv.Itoa(s.PersistenceGranularity)
		if s.Family == 4 {
			value = netmask(s.PersistenceGranularity)
		}
		e.put("persistence_granularity", value)
	}
	e.text("persistence_engine", s.PersistenceEngine, "")
}

// netmask writes a prefix length as a mask.
func netmask(n int) string {
	m := bits.Reverse32(uint32(1<<n - 1))
	return strconv.Itoa(int(m>>24)) + "." + strconv.Itoa(int(m>>16&255)) + "." + strconv.Itoa(int(m>>8&255)) + "." + strconv.Itoa(int(m&255))
}

func (e *encoder) realServer(s *config.VirtualServer, r *config.RealServer) {
	x := r.Extra()
	e.block(true, func() {
		e.number("weight", int(r.Weight), 1)
		if r.Forward != s.Forward {
			e.put(append([]string{"lvs_method"}, r.Forward.Words()...)...)
		}
		e.boolean("inhibit_on_failure", r.InhibitOnFailure, false)
		e.time("slow_start", x.SlowStart, 0)
		switch {
		case x.DrainLimit > 0:
			e.time("drain", x.DrainLimit, 0)
		default:
			e.flag("drain", r.Drain)
		}
		e.text("maintenance_file", x.MaintenanceFile, "")
		e.number("uthreshold", int(x.UpperThreshold), 0)
		e.number("lthreshold", int(x.LowerThreshold), 0)
		e.command("notify_up", r.NotifyUp())
		e.command("notify_down", r.NotifyDown())
		e.boolean("smtp_alert", r.SMTPAlert, true)
		e.text("virtualhost", x.VirtualHost, s.VirtualHost)
		e.text("snmp_name", x.SNMPName, "")
		for i := range r.Checkers() {
			e.checker(s, r, &r.Checkers()[i])
		}
	}, "real_server", r.Addr.String(), strconv.Itoa(int(r.Port)))
}
