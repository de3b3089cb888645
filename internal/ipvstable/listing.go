package ipvstable

import (
	"fmt"
	"net/netip"
	"time"

	"holdfast/ipvs"
	"holdfast/ipvs/rules"
)

// Listing is the kernel's IPVS as it is. Its JSON is the output of
// `holdfast ipvs list --json` and `stats --json`.
type Listing struct {
	Version   string    `json:"version"`
	TableSize uint32    `json:"connection_table_size"`
	Timeouts  Timeouts  `json:"timeouts"`
	Daemons   []Daemon  `json:"sync_daemons"`
	Services  []Service `json:"services"`
}

// Timeouts of idle connections, in seconds.
type Timeouts struct {
	TCP    int `json:"tcp"`
	TCPFin int `json:"tcpfin"`
	UDP    int `json:"udp"`
}

// Daemon is a running connection-sync daemon.
type Daemon struct {
	Role      string     `json:"role"`
	Interface string     `json:"interface"`
	SyncID    uint32     `json:"syncid"`
	MaxLen    uint16     `json:"maxlen"`
	Group     netip.Addr `json:"group"`
	Port      uint16     `json:"port"`
	TTL       uint8      `json:"ttl"`
}

// Service is a virtual service.
type Service struct {
	Key        ipvs.ServiceKey `json:"-"`
	Name       string          `json:"name"`     // 192.0.2.1:80, or the mark
	Protocol   string          `json:"protocol"` // TCP, UDP, SCTP, FWM
	IPv6       bool            `json:"ipv6,omitempty"`
	Scheduler  string          `json:"scheduler"`
	SchedFlags string          `json:"scheduler_flags,omitempty"` // with commas between
	Persistent uint32          `json:"persistence_timeout,omitempty"`
	Netmask    string          `json:"persistence_netmask,omitempty"` // if not every client counts apart
	PE         string          `json:"persistence_engine,omitempty"`
	OnePacket  bool            `json:"one_packet,omitempty"`
	Owned      bool            `json:"holdfast"` // a daemon of ours keeps it as configured
	Counters
	Servers []Server `json:"servers"`
}

// Server is a destination of a service.
type Server struct {
	Key        ipvs.DestKey `json:"-"`
	Name       string       `json:"name"`
	Forward    string       `json:"forward"`          // Route, Tunnel, Masq, Local, Bypass
	Tunnel     string       `json:"tunnel,omitempty"` // ipip, gue:6080:csum, gre:nocsum
	Weight     uint32       `json:"weight"`
	Active     uint32       `json:"active_connections"`
	Inactive   uint32       `json:"inactive_connections"`
	Persistent uint32       `json:"persistent_connections"`
	Upper      uint32       `json:"upper_threshold,omitempty"`
	Lower      uint32       `json:"lower_threshold,omitempty"`
	Counters
}

// Counters are totals since the service was made or zeroed, and rates a
// second.
type Counters struct {
	Connections uint64 `json:"connections"`
	InPackets   uint64 `json:"in_packets"`
	OutPackets  uint64 `json:"out_packets"`
	InBytes     uint64 `json:"in_bytes"`
	OutBytes    uint64 `json:"out_bytes"`
	Rates       Rates  `json:"rates"`
}

// Rates are a second: the kernel's estimate over the last seconds, or what was
// counted between two looks.
type Rates struct {
	Connections uint64 `json:"connections"`
	InPackets   uint64 `json:"in_packets"`
	OutPackets  uint64 `json:"out_packets"`
	InBytes     uint64 `json:"in_bytes"`
	OutBytes    uint64 `json:"out_bytes"`
}

// List reads the kernel. owned says which services a daemon keeps; only, if
// not empty, which are listed.
func List(k ipvs.Kernel, owned func(ipvs.ServiceKey) bool, only []ipvs.ServiceKey) (*Listing, error) {
	info, err := k.Info()
	if err != nil {
		return nil, err
	}
	timeouts, err := k.Timeouts()
	if err != nil {
		return nil, err
	}
	daemons, err := k.Daemons()
	if err != nil {
		return nil, err
	}
	stats, err := k.Stats()
	if err != nil {
		return nil, err
	}
	l := &Listing{
		Version:   fmt.Sprintf("%d.%d.%d", info.Version[0], info.Version[1], info.Version[2]),
		TableSize: info.ConnectionTableSize,
		Timeouts:  Timeouts{int(timeouts.TCP / time.Second), int(timeouts.TCPFin / time.Second), int(timeouts.UDP / time.Second)},
		Daemons:   []Daemon{}, Services: []Service{},
	}
	for _, d := range daemons {
		l.Daemons = append(l.Daemons, Daemon{d.Role.String(), d.Interface, d.SyncID, d.MaxLen, d.Group, d.Port, d.TTL})
	}
	found := map[ipvs.ServiceKey]bool{}
	for _, k := range only {
		found[k] = false
	}
	for i := range stats {
		key := stats[i].ServiceKey
		if _, wanted := found[key]; len(only) > 0 && !wanted {
			continue
		}
		found[key] = true
		s := service(&stats[i])
		s.Owned = owned(key)
		l.Services = append(l.Services, s)
	}
	for _, k := range only {
		if !found[k] {
			return nil, fmt.Errorf("there is no service %s", rules.ServiceName(k))
		}
	}
	return l, nil
}

func service(st *ipvs.ServiceStats) Service {
	s := settings(&st.Service)
	s.Counters = counters(&st.Stats)
	for i := range st.Dests {
		d := &st.Dests[i]
		s.Servers = append(s.Servers, Server{
			Key: d.DestKey, Name: rules.Address(d.Addr, d.Port), Forward: forward(d.Method), Tunnel: d.Destination.Encapsulation(),
			Weight: d.Weight, Active: d.Active, Inactive: d.Inactive, Persistent: d.Persistent,
			Upper: d.Upper, Lower: d.Lower, Counters: counters(&d.Stats),
		})
	}
	return s
}

// settings is a service without its servers and counters.
func settings(v *ipvs.Service) Service {
	s := Service{
		Key: v.ServiceKey, Scheduler: v.Scheduler, SchedFlags: v.SchedFlags(),
		PE: v.PE, OnePacket: v.Flags&ipvs.OnePacket != 0, Servers: []Server{},
	}
	switch {
	case v.FWMark != 0:
		s.Protocol, s.Name, s.IPv6 = "FWM", fmt.Sprint(v.FWMark), v.Family == ipvs.INET6
	default:
		s.Name = rules.Address(v.Addr, v.Port)
		s.Protocol = map[ipvs.Protocol]string{ipvs.TCP: "TCP", ipvs.UDP: "UDP", ipvs.SCTP: "SCTP"}[v.Protocol]
	}
	if v.Flags&ipvs.Persistent != 0 {
		s.Persistent = v.Timeout
	}
	if v.Netmask != ipvs.FullMask(v.Family) {
		s.Netmask = v.Netmask.String()
	}
	return s
}

func counters(s *ipvs.Stats) Counters {
	return Counters{
		s.Connections, s.IncomingPackets, s.OutgoingPackets, s.IncomingBytes, s.OutgoingBytes,
		Rates{s.ConnectionRate, s.IncomingPacketRate, s.OutgoingPacketRate, s.IncomingByteRate, s.OutgoingByteRate},
	}
}

// forward is ipvsadm's word.
func forward(m ipvs.Method) string {
	switch m {
	case ipvs.Masquerade:
		return "Masq"
	case ipvs.Tunnel:
		return "Tunnel"
	case ipvs.Local:
		return "Local"
	case ipvs.Bypass:
		return "Bypass"
	}
	return "Route"
}
