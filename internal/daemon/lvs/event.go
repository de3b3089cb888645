package lvs

import (
	"net/netip"

	"holdfast/internal/config"
	"holdfast/ipvs"
	"holdfast/notify"
)

// Event is news for notify FIFOs, scripts and the log.
type Event struct {
	// Line is the line for notify FIFOs, without newline:
	// "RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN".
	Line string
	// Target is the key of the queue in which its scripts run in order: the
	// virtual server.
	Target string
	// Command is notify_up, notify_down, quorum_up or quorum_down; may be unset.
	Command config.Command
	Real    bool // a real server; otherwise a virtual server
	Up      bool
	Drain   bool // it begins to drain, or (Up) goes on without having been taken out

	subject subject
}

// events turns what the pool tells into news. old is for what the new
// configuration no longer has; nil: there was none.
func events(list []ipvs.Event, now, old *services) []Event {
	out := make([]Event, 0, len(list))
	for _, e := range list {
		v := now.virtual(e.Service)
		if v == nil && old != nil {
			v = old.virtual(e.Service)
		}
		if v == nil {
			continue
		}
		ev := Event{Line: lineOf(e), Target: "VS " + checkTarget(e.Service), Real: e.Real, Up: e.Up, Drain: e.Drain, subject: subject{e.Service, e.Server}}
		switch {
		case e.Drain: // it is in service all the while: notify_down comes with its end
		case e.Real:
			r := realServer(v, e.Server)
			if r == nil && old != nil && old.virtual(e.Service) != nil {
				r = realServer(old.virtual(e.Service), e.Server)
			}
			if r != nil {
				ev.Command = choose(e.Up, r.NotifyUp(), r.NotifyDown())
			}
		default:
			ev.Command = choose(e.Up, v.QuorumUp(), v.QuorumDown())
		}
		out = append(out, ev)
	}
	return out
}

// lineOf is the line for notify FIFOs.
func lineOf(e ipvs.Event) string {
	s := notify.Service{
		Addr: e.Service.Addr, Port: e.Service.Port, Protocol: uint8(e.Service.Protocol), FWMark: e.Service.FWMark,
		Group: e.Service.Group, Ordinal: int(e.Service.Ordinal),
	}
	if server := netip.AddrPortFrom(e.Server.Addr, e.Server.Port); e.Drain && !e.Up {
		return notify.DrainLine(server, s)
	} else if e.Real {
		return notify.ServerLine(server, s, e.Up)
	}
	return notify.ServiceLine(s, e.Up)
}

// checkTarget tells the two families of a mark apart, which lines do not.
func checkTarget(k ipvs.ServiceKey) string {
	if k.FWMark != 0 && k.Family == ipvs.INET6 {
		return k.String() + " inet6"
	}
	return k.String()
}

func realServer(v *config.VirtualServer, k ipvs.DestKey) *config.RealServer {
	for i := range v.RealServers {
		if r := &v.RealServers[i]; r.Addr == k.Addr && r.Port == k.Port {
			return r
		}
	}
	return nil
}

func choose(up bool, yes, no config.Command) config.Command {
	if up {
		return yes
	}
	return no
}
