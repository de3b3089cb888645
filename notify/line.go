package notify

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Lines for notify FIFOs, without the newline that FIFO.Write adds.

// Line is the FIFO's line: INSTANCE "VI_1" MASTER 100.
func (t Transition) Line() string {
	return fmt.Sprintf("%s \"%s\" %s %d", t.kind(), t.Name, t.State, t.Priority)
}

// RxLowerLine says that a master heard an advert of lower priority.
func RxLowerLine(instance string, priority int) string {
	return Transition{Name: instance, State: "MASTER_RX_LOWER_PRI", Priority: priority}.Line()
}

// PriorityLine says that the effective priority changed in a state that stays
// (notify_priority_changes); state is MASTER or BACKUP.
func PriorityLine(instance, state string, priority int) string {
	return Transition{Name: instance, State: state + "_PRIORITY", Priority: priority}.Line()
}

// Service names a virtual server in a line. FWMark comes first, then Group,
// then the address.
type Service struct {
	Addr     netip.Addr
	Port     uint16
	Protocol uint8  // IPPROTO_*
	FWMark   uint32 // 0: an address service
	Group    string // virtual_server_group
	Ordinal  int    // among the virtual servers that use the group, from 0
}

// String is the service as lines name it: [192.0.2.1]:tcp:80, FWM 1, [GROUP]:0.
func (s Service) String() string {
	switch {
	case s.FWMark != 0:
		return "FWM " + strconv.FormatUint(uint64(s.FWMark), 10)
	case s.Group != "":
		return fmt.Sprintf("[%s]:%d", s.Group, s.Ordinal)
	}
	return endpoint(s.Addr, s.Protocol, s.Port)
}

// ServiceLine says that a virtual server gained or lost its quorum.
func ServiceLine(s Service, up bool) string { return "VS " + s.String() + " " + upDown(up) }

// ServerLine says that a real server of a virtual server came up or went down.
// A real server without a port of its own has that of the service.
func ServerLine(server netip.AddrPort, s Service, up bool) string {
	return "RS " + endpoint(server.Addr(), s.Protocol, server.Port()) + " " + s.String() + " " + upDown(up)
}

// DrainLine says that a real server takes no new connections until it is taken
// out; the line of that follows (holdfast's own).
func DrainLine(server netip.AddrPort, s Service) string {
	return "RS " + endpoint(server.Addr(), s.Protocol, server.Port()) + " " + s.String() + " DRAIN"
}

func endpoint(a netip.Addr, protocol uint8, port uint16) string {
	return fmt.Sprintf("[%s]:%s:%d", a, protocolName(protocol), port)
}

func protocolName(p uint8) string {
	switch p {
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 132:
		return "sctp"
	}
	return "none"
}

func upDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}
