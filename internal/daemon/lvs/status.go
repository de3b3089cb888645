package lvs

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"holdfast/healthcheck"
	"holdfast/ipvs"
)

// Status is everything there is to show of the lvs process, as JSON.
type Status struct {
	Services []ServiceStatus `json:"services"`
	// Foreign names services of the kernel that are neither configured nor ours.
	Foreign []string       `json:"foreign,omitempty"`
	Daemons []DaemonStatus `json:"sync_daemons,omitempty"`
	Sync    *SyncStatus    `json:"connection_sync,omitempty"` // if it is configured
	// Timeouts are those of lvs_timeouts; nil: none are configured.
	Timeouts *TimeoutStatus `json:"timeouts,omitempty"`
	Kernel   KernelStatus   `json:"kernel"`
}

// KernelStatus says how things stand with the kernel's table.
type KernelStatus struct {
	IPVS    string    `json:"ipvs,omitempty"`  // version
	Error   string    `json:"error,omitempty"` // what it refuses, until it no longer does
	Since   time.Time `json:"error_since,omitzero"`
	Retry   time.Time `json:"next_retry,omitzero"`
	Read    time.Time `json:"last_read,omitzero"`
	Repairs uint64    `json:"repairs"` // changes by others that were undone
	// Settings of IPVS that lvs_profile asks for and the kernel has.
	Profile []ProfileStatus `json:"profile,omitempty"`
}

// troubled adds what went wrong, with the earlier of both times.
func (s *KernelStatus) troubled(t *tries) {
	switch {
	case t.err == nil:
		return
	case s.Error == "":
		s.Error, s.Since, s.Retry = t.err.Error(), t.since, t.at
		return
	}
	s.Error += "\n" + t.err.Error()
	if t.since.Before(s.Since) {
		s.Since = t.since
	}
	if t.at.Before(s.Retry) {
		s.Retry = t.at
	}
}

// ProfileStatus is a setting of IPVS that lvs_profile asks for.
type ProfileStatus struct {
	Name   string `json:"name"`
	Value  string `json:"value"`  // asked for
	Before string `json:"before"` // what a stop restores
	// Missing: the running kernel does not have it, and it is left out.
	Missing bool   `json:"missing,omitempty"`
	Error   string `json:"error,omitempty"`
}

// ServiceStatus is a virtual server.
type ServiceStatus struct {
	Name       string         `json:"name"`       // "[192.0.2.1]:tcp:80" or "FWM 1"
	ShortName  string         `json:"short_name"` // as set takes it: "192.0.2.1:80/tcp", "fwmark:1"
	Family     int            `json:"family"`
	Addr       netip.Addr     `json:"addr,omitzero"`
	Port       uint16         `json:"port,omitempty"`
	Protocol   string         `json:"protocol,omitempty"`
	FWMark     uint32         `json:"fwmark,omitempty"`
	Scheduler  string         `json:"scheduler"`
	Persistent uint32         `json:"persistence_timeout,omitempty"` // seconds
	Up         bool           `json:"up"`
	Since      time.Time      `json:"since"`
	Installed  bool           `json:"installed"`          // it is in the kernel
	Wanted     bool           `json:"wanted"`             // it should be: see Follows
	Follows    []string       `json:"follows,omitempty"`  // virtual routers
	Weight     uint64         `json:"weight"`             // sum of servers that are up
	Quorum     uint64         `json:"quorum"`             // in force
	Hysteresis uint64         `json:"hysteresis"`         // in force
	Sorry      bool           `json:"sorry"`              // the sorry server is in service
	Stats      *Counters      `json:"counters,omitempty"` // of the kernel
	Servers    []ServerStatus `json:"real_servers"`       // as configured
	Others     []ServerStatus `json:"others,omitempty"`   // the sorry server, and what else the kernel has
	SorryName  string         `json:"sorry_server,omitempty"`
	Members    []MemberStatus `json:"services,omitempty"` // of a group: what it stands for
	// Orders are those that hold for every real server.
	Orders []OrderStatus `json:"orders,omitempty"`
}

// MemberStatus is one service of the kernel that a virtual server of a group
// stands for.
type MemberStatus struct {
	Name      string    `json:"name"`
	Wanted    bool      `json:"wanted"`
	Installed bool      `json:"installed"`
	Stats     *Counters `json:"counters,omitempty"`
}

// ServerStatus is a real server.
type ServerStatus struct {
	Addr      netip.Addr    `json:"addr"`
	Port      uint16        `json:"port"`
	Method    string        `json:"method"`
	Tunnel    string        `json:"tunnel,omitempty"` // with TUN: "ipip", "gue:6080:csum", "gre:nocsum"
	Up        bool          `json:"up"`               // takes connections; a server may have weight 0
	State     string        `json:"state"`            // "up", "down", "draining", "drained", "disabled"
	Since     time.Time     `json:"since,omitzero"`
	Weight    uint32        `json:"weight"`                       // that it should have in the table now
	Ramp      int           `json:"slow_start_percent,omitempty"` // of its weight, while that grows
	Orders    []OrderStatus `json:"orders,omitempty"`             // beside the checks; of these the strongest counts
	InKernel  bool          `json:"in_kernel"`                    // it is in the kernel's table
	Kernel    uint32        `json:"kernel_weight"`                // if it is
	Active    uint32        `json:"active_connections"`           // established
	Inactive  uint32        `json:"inactive_connections"`         // in any other state
	Templates uint32        `json:"persistent_templates"`         // persistence
	Stats     *Counters     `json:"counters,omitempty"`           // of the kernel
	Checks    []CheckStatus `json:"checks"`
}

// CheckStatus is a health check.
type CheckStatus struct {
	Kind     string        `json:"kind"`
	Target   string        `json:"target"`
	State    string        `json:"state"` // "unknown", "up", "down", "paused"
	Up       bool          `json:"up"`    // what it counts as
	Since    time.Time     `json:"since,omitzero"`
	Last     time.Time     `json:"last,omitzero"` // end of the last look
	Text     string        `json:"text,omitempty"`
	Latency  time.Duration `json:"latency_ns,omitempty"`
	Runs     uint64        `json:"runs"`
	Failures uint64        `json:"failures"`
}

// Counters are the kernel's 64-bit counters and rates a second.
type Counters struct {
	Connections uint64 `json:"connections"`
	InPackets   uint64 `json:"in_packets"`
	OutPackets  uint64 `json:"out_packets"`
	InBytes     uint64 `json:"in_bytes"`
	OutBytes    uint64 `json:"out_bytes"`
	CPS         uint64 `json:"connections_per_second"`
	InPPS       uint64 `json:"in_packets_per_second"`
	OutPPS      uint64 `json:"out_packets_per_second"`
	InBPS       uint64 `json:"in_bytes_per_second"`
	OutBPS      uint64 `json:"out_bytes_per_second"`
}

func counters(s ipvs.Stats) *Counters {
	return &Counters{
		Connections: s.Connections, InPackets: s.IncomingPackets, OutPackets: s.OutgoingPackets,
		InBytes: s.IncomingBytes, OutBytes: s.OutgoingBytes, CPS: s.ConnectionRate,
		InPPS: s.IncomingPacketRate, OutPPS: s.OutgoingPacketRate, InBPS: s.IncomingByteRate, OutBPS: s.OutgoingByteRate,
	}
}

// stats is the connection to the kernel that questions use, so that a long
// answer holds up no change of the table.
type stats struct {
	mu      sync.Mutex
	kernel  ipvs.Kernel
	closed  bool
	reading busy // on its way to all figures
}

func (s *stats) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.kernel != nil {
		_ = s.kernel.Close()
		s.kernel = nil
	}
}

// connect opens the connection if need be; s.mu is held.
func (s *stats) connect(open func() (ipvs.Kernel, error)) bool {
	if s.kernel == nil && !s.closed {
		k, err := open()
		if err != nil {
			return false
		}
		s.kernel = k
	}
	return s.kernel != nil
}

// read asks the kernel for everything; what fails is left out.
func (s *stats) read(open func() (ipvs.Kernel, error)) (all []ipvs.ServiceStats, d []ipvs.Daemon, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading.begin(busyTable)
	defer s.reading.end()
	if !s.connect(open) {
		return nil, nil, ""
	}
	info, err := s.kernel.Info()
	if err == nil {
		version = fmt.Sprintf("%d.%d.%d", info.Version[0], info.Version[1], info.Version[2])
	}
	if all, err = s.kernel.Stats(); err != nil {
		all = nil
	}
	if d, err = s.kernel.Daemons(); err != nil {
		d = nil
	}
	return all, d, version
}

// Status returns what there is to show, or the error of ctx.
func (l *LVS) Status(ctx context.Context) (Status, error) {
	type answer struct {
		st     Status
		keys   [][]ipvs.ServiceKey
		kernel bool
	}
	done := make(chan answer, 1)
	l.inbox.post(func() {
		var a answer
		a.st, a.keys = l.status()
		a.kernel = l.table.kernel != nil
		done <- a
	})
	var a answer
	select {
	case a = <-done:
	case <-l.ended:
		return Status{}, fmt.Errorf("lvs: not running")
	case <-ctx.Done():
		return Status{}, fmt.Errorf("lvs: status: %w", ctx.Err())
	}
	if a.kernel {
		all, daemons, version := l.stats.read(l.deps.Open)
		a.st.Kernel.IPVS = version
		l.deps.Sync.merge(&a.st, daemons)
		merge(&a.st, a.keys, all)
	}
	return a.st, nil
}

// status is the part that the owner knows. keys are those that the kernel has
// for each service.
func (l *LVS) status() (Status, [][]ipvs.ServiceKey) {
	t := &l.table
	st := Status{Services: []ServiceStatus{}, Kernel: KernelStatus{Read: t.read, Repairs: t.repairs, Profile: slices.Clone(l.profile)}}
	st.Sync, st.Timeouts = l.syncStatus(), l.timeoutStatus()
	st.Kernel.troubled(&t.tries)
	st.Kernel.troubled(&l.daemons.tries)
	for _, k := range t.foreign {
		if !t.known {
			break // the kernel did not answer since: they may be gone
		}
		st.Foreign = append(st.Foreign, k.String())
	}
	checks := map[string]healthcheck.Status{}
	for _, c := range l.runner.Status() {
		checks[c.Key] = c
	}
	var keys [][]ipvs.ServiceKey
	for _, k := range l.services.order {
		state, ok := l.pool.State(k)
		if !ok {
			continue
		}
		keys = append(keys, l.services.of(k))
		st.Services = append(st.Services, l.serviceStatus(l.pool.Service(k), state, checks))
	}
	return st, keys
}

func (l *LVS) serviceStatus(vs *ipvs.VirtualServer, state ipvs.ServiceState, checks map[string]healthcheck.Status) ServiceStatus {
	k := vs.ServiceKey
	s := ServiceStatus{
		Name: k.String(), ShortName: l.services.nameOf(k), Family: int(l.services.virtual(k).Family), Addr: k.Addr, Port: k.Port, FWMark: k.FWMark,
		Scheduler: vs.Scheduler, Persistent: vs.Timeout,
		Up: state.Up, Since: l.since.of(subject{service: k}), Sorry: state.Sorry,
		Weight: state.Sum, Quorum: state.Quorum, Hysteresis: state.Hysteresis,
		Servers: []ServerStatus{},
	}
	if p := l.services.virtual(k).Protocol; p != 0 { // the name of one of a group has none
		s.Protocol = ipvs.ProtocolName(ipvs.Protocol(p))
	}
	if vs.Sorry != nil {
		s.SorryName = fmt.Sprintf("[%s]:%d", vs.Sorry.Addr, vs.Sorry.Port)
	}
	if l.follow.follows() {
		s.Follows = slices.Clone(l.follow.holders(k))
		slices.Sort(s.Follows)
	}
	if set, ok := l.settings[subject{service: k}]; ok {
		s.Orders = []OrderStatus{set.status()}
	}
	l.wantedMembers(&s, k)
	e, _ := l.pool.Entry(k)
	for _, r := range state.Servers {
		ss := ServerStatus{
			Addr: r.Key.Addr, Port: r.Key.Port, Method: ipvs.MethodName(r.Method), Tunnel: r.Tunnel,
			Up: r.Up, State: stateName(r), Since: l.since.of(subject{k, r.Key}), Checks: []CheckStatus{},
			Orders: l.orders(subject{k, r.Key}),
		}
		if r.Ramp < 100 && r.Up { // what is down begins anew
			ss.Ramp = r.Ramp
		}
		for _, d := range e.Dests {
			if d.DestKey == r.Key {
				ss.Weight = d.Weight
			}
		}
		for _, c := range r.Checks {
			key := checkKey(k, r.Key, c.ID)
			ss.Checks = append(ss.Checks, checkStatus(c, checks[key], l.since.checks[key].at))
		}
		s.Servers = append(s.Servers, ss)
	}
	return s
}

func checkStatus(c ipvs.CheckState, h healthcheck.Status, at time.Time) CheckStatus {
	out := CheckStatus{
		Kind: string(h.Kind), Target: h.Target, State: "unknown", Up: c.Up, Since: at,
		Last: h.Last, Text: h.Text, Latency: h.Latency, Runs: h.Runs, Failures: h.Failures,
	}
	switch {
	case h.Key == "":
		out.Text = "this check cannot be run"
	case h.Paused:
		out.State = "paused"
	case c.Known && c.Up:
		out.State = "up"
	case c.Known:
		out.State = "down"
	}
	return out
}
