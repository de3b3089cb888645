package config

import (
	"net/netip"
	"strconv"
	"time"
)

// VirtualServer holds one virtual_server.
type VirtualServer struct {
	Addr     netip.Addr // invalid with FWMark or Group
	Port     uint16
	Family   Family // of a fwmark service; of a group the servers' (0: all are tunnelled); else Addr's
	Protocol uint8  // IPPROTO_TCP 6, UDP 17, SCTP 132; of fwmark 0
	FWMark   uint32
	Group    string // virtual_server_group: it stands for all services of that
	Ordinal  int    // among the virtual servers of its group, from 0

	LBAlgo                 string        // scheduler
	PersistenceTimeout     time.Duration // 0: off
	PersistenceGranularity int           // prefix length; default 32 or 128; of a group 0
	PersistenceEngine      string
	SchedFlags             uint32 // IP_VS_SVC_F_SCHED1..3
	Forward                Forward

	OnePacket    bool // ops
	Alpha, Omega bool
	HASuspend    bool
	SMTPAlert    bool // smtp_alert, as inherited

	DelayLoop   time.Duration
	SorryServer *SorryServer
	VirtualHost string
	Quorum      int
	Hysteresis  int
	Scripts     *QuorumScripts // nil: none
	SNMPName    string         // snmp_name

	RealServers []RealServer
}

// QuorumScripts holds what is run for a virtual server.
type QuorumScripts struct {
	Up   Command // quorum_up
	Down Command // quorum_down
}

// QuorumUp is the command of quorum_up; it may be unset.
func (v *VirtualServer) QuorumUp() Command {
	if v.Scripts == nil {
		return Command{}
	}
	return v.Scripts.Up
}

// QuorumDown is the command of quorum_down; it may be unset.
func (v *VirtualServer) QuorumDown() Command {
	if v.Scripts == nil {
		return Command{}
	}
	return v.Scripts.Down
}

// Method is an IPVS forwarding method.
type Method uint8

// The methods of lb_kind.
const (
	NAT Method = iota
	DR
	TUN
)

// Forward is lb_kind with its tunnel options.
type Forward struct {
	Method  Method
	TunType uint8 // 0 ipip, 1 gue, 2 gre
	TunPort uint16
	TunCsum uint16 // 0 nocsum, 1 csum, 2 remcsum
}

// Words are the arguments of lb_kind, without those that are the default.
func (f Forward) Words() []string {
	out := []string{methodName(f.Method)}
	if f.TunType != 0 {
		out = append(out, "type", [...]string{"ipip", "gue", "gre"}[f.TunType])
	}
	if f.TunPort != 0 {
		out = append(out, "port", strconv.Itoa(int(f.TunPort)))
	}
	if f.TunCsum != 0 {
		out = append(out, [...]string{"nocsum", "csum", "remcsum"}[f.TunCsum])
	}
	return out
}

// SorryServer holds sorry_server.
type SorryServer struct {
	Addr    netip.Addr
	Port    uint16
	Forward Forward // default: the virtual server's
	Inhibit bool    // sorry_server_inhibit
}

// RealServer holds one real_server. There may be tens of thousands, so it is kept
// small: ten of them have a size that memory is given out in.
type RealServer struct {
	Addr             netip.Addr
	Port             uint16
	Forward          Forward // default: the virtual server's
	InhibitOnFailure bool
	SMTPAlert        bool // smtp_alert, as inherited
	Drain            bool // drain (holdfast's own)
	Weight           int32
	Extras           *ServerExtras // nil: none
	Checks           *Checks       // nil: none
}

// Checks holds the checkers of a real server.
type Checks struct{ List []Checker }

// Checkers are the server's. They may be changed in their place.
func (r *RealServer) Checkers() []Checker {
	if r.Checks == nil {
		return nil
	}
	return r.Checks.List
}

// SetCheckers gives the server these checkers.
func (r *RealServer) SetCheckers(list []Checker) {
	if r.Checks = nil; len(list) > 0 {
		r.Checks = &Checks{list}
	}
}

// ServerExtras holds what most real servers have not.
type ServerExtras struct {
	UpperThreshold  uint32         // uthreshold
	LowerThreshold  uint32         // lthreshold
	Scripts         *ServerScripts // nil: none
	SlowStart       time.Duration  // slow_start (holdfast's own); 0: none
	DrainLimit      time.Duration  // the deadline of drain; 0: none
	MaintenanceFile string         // maintenance_file (holdfast's own)
	VirtualHost     string
	SNMPName        string // snmp_name
}

// Extra is what the server has of Extras.
func (r *RealServer) Extra() ServerExtras {
	if r.Extras == nil {
		return ServerExtras{}
	}
	return *r.Extras
}

// ServerScripts holds what is run for a real server.
type ServerScripts struct {
	Up   Command // notify_up
	Down Command // notify_down
}

// NotifyUp is the command of notify_up; it may be unset.
func (r *RealServer) NotifyUp() Command {
	if r.Extras == nil || r.Extras.Scripts == nil {
		return Command{}
	}
	return r.Extras.Scripts.Up
}

// NotifyDown is the command of notify_down; it may be unset.
func (r *RealServer) NotifyDown() Command {
	if r.Extras == nil || r.Extras.Scripts == nil {
		return Command{}
	}
	return r.Extras.Scripts.Down
}
