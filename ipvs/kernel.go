package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrNoIPVS is wrapped by errors of [Open] and of a [Kernel] when the running
// kernel has no IPVS and could not load it.
var ErrNoIPVS = errors.New("the kernel has no IPVS (module ip_vs)")

// Kernel is the IPVS of one network namespace. Its methods may be called from
// several goroutines; they are done one at a time.
type Kernel interface {
	// Info asks for the version and the size of the connection table.
	Info() (Info, error)
	// Table reads all services and destinations, in canonical order.
	Table() (Table, error)
	// Stats reads the table with its counters, in canonical order.
	Stats() ([]ServiceStats, error)
	// Dests reads the destinations of one service with their counters; of a
	// service that does not exist there are none.
	Dests(ServiceKey) ([]DestStats, error)
	// Apply does the operations in order and goes on after a failure. Its
	// error joins one *OpError for each operation that failed. What is
	// already as an operation wants it is no failure: an addition of
	// something that exists becomes a change, a change of a missing
	// destination an addition, and a deletion of something missing is done.
	// Where a service that was to be added exists, the error joins [ErrFound].
	// The list is the caller's again when it returns.
	Apply(ops []Op) error
	// Flush deletes every service.
	Flush() error
	// Zero sets the counters of a service and its destinations to 0, or with
	// the zero key those of all services.
	Zero(ServiceKey) error
	// Timeouts reads the timeouts of connections.
	Timeouts() (Timeouts, error)
	// SetTimeouts changes those that are not 0.
	SetTimeouts(Timeouts) error
	// Daemons lists the running connection-sync daemons.
	Daemons() ([]Daemon, error)
	// StartDaemon starts one; the error wraps EEXIST if its role is running,
	// ENODEV if the interface is missing, EINVAL while a destination is of
	// another family than its service.
	StartDaemon(Daemon) error
	// StopDaemon stops one; the error wraps ESRCH if its role is not running.
	StopDaemon(SyncRole) error
	// Close ends the connection to the kernel and changes nothing there.
	Close() error
}

// ErrFound says that a service that was to be added was there already. It is as
// wanted now, but may have destinations that whoever planned did not know of.
var ErrFound = errors.New("a service that was to be added was there already")

// OpError is the failure of one operation.
type OpError struct {
	Op  Op
	Err error // a syscall.Errno where the kernel refused
	// HasScheduler and HasEngine: that one the kernel has, so that ENOENT is about
	// the other one. It says the same of both.
	HasScheduler, HasEngine bool
}

// Error names the operation and the cause; what the kernel lacks is named with
// its module.
func (e *OpError) Error() string {
	if (e.Op.Kind == AddService || e.Op.Kind == EditService) && errors.Is(e.Err, syscall.ENOENT) {
		s := &e.Op.Service
		var lacks []string
		if s.PE == "" || !e.HasScheduler {
			lacks = append(lacks, fmt.Sprintf("no scheduler %s (module ip_vs_%[1]s)", s.Scheduler))
		}
		if s.PE != "" && !e.HasEngine {
			lacks = append(lacks, fmt.Sprintf("no persistence engine %s (module ip_vs_pe_%[1]s)", s.PE))
		}
		return fmt.Sprintf("%s: the kernel has %s", e.Op, strings.Join(lacks, ", or "))
	}
	return e.Op.String() + ": " + e.Err.Error()
}

// FollowsFrom reports whether e is only because of o: a server whose service
// could not be added.
func (e *OpError) FollowsFrom(o *OpError) bool {
	return e.Op.Kind > DelService && o.Op.Kind == AddService && e.Op.Service.ServiceKey == o.Op.Service.ServiceKey && errors.Is(e.Err, syscall.ESRCH)
}

func (e *OpError) Unwrap() error { return e.Err }

// ServiceStats is a service with its counters and destinations.
type ServiceStats struct {
	Service
	Stats Stats
	Dests []DestStats
}

// DestStats is a destination with its counters.
type DestStats struct {
	Destination
	Active     uint32 // connections that are established
	Inactive   uint32 // connections in any other state
	Persistent uint32 // persistence templates
	Stats      Stats
}

// Timeouts are how long idle connections are kept, in whole seconds.
type Timeouts struct {
	TCP    time.Duration // established
	TCPFin time.Duration // after a FIN
	UDP    time.Duration
}

// SyncRole is one of the two roles of connection sync; both may run at once.
type SyncRole uint32

// The roles.
const (
	SyncMaster SyncRole = 1 // sends
	SyncBackup SyncRole = 2 // receives
)

// String is "master" or "backup".
func (r SyncRole) String() string {
	switch r {
	case SyncMaster:
		return "master"
	case SyncBackup:
		return "backup"
	}
	return "unknown"
}

// Daemon is a connection-sync daemon of the kernel. Zero values of the last
// four fields ask for the kernel's default; what [Kernel.Daemons] returns is
// filled in by the kernel.
type Daemon struct {
	Role      SyncRole
	Interface string
	SyncID    uint32     // 0..255; a backup with 0 accepts every id
	MaxLen    uint16     // bytes of a message
	Group     netip.Addr // multicast group, default 224.0.0.81
	Port      uint16     // default 8848
	TTL       uint8      // default 1
}

// Addressed fills in what the kernel takes for a group, a port and a TTL that
// are not given.
func (d Daemon) Addressed() Daemon {
	if !d.Group.IsValid() {
		d.Group = netip.AddrFrom4([4]byte{224, 0, 0, 81})
	}
	if d.Port == 0 {
		d.Port = 8848
	}
	if d.TTL == 0 {
		d.TTL = 1
	}
	return d
}

// withDefaults fills in what the kernel takes for zero values on an interface
// with an MTU of 1500.
func (d Daemon) withDefaults() Daemon {
	d = d.Addressed()
	if d.MaxLen == 0 {
		d.MaxLen = 1500 - 20 - 8
		if d.Group.Is6() {
			d.MaxLen = 1500 - 40 - 8
		}
	}
	return d
}

// leastBackupLen is the least length of messages that a backup accepts; the
// kernel takes it for anything below.
const leastBackupLen = 1024

// Serves reports whether a daemon that runs is as wanted. What want leaves to
// the kernel is not compared.
func (d Daemon) Serves(want Daemon) bool {
	maxLen := want.MaxLen
	if maxLen != 0 && want.Role == SyncBackup {
		maxLen = max(maxLen, leastBackupLen)
	}
	return d.Role == want.Role && d.Interface == want.Interface && d.SyncID == want.SyncID &&
		(maxLen == 0 || d.MaxLen == maxLen) &&
		(!want.Group.IsValid() || d.Group == want.Group) &&
		(want.Port == 0 || d.Port == want.Port) &&
		(want.TTL == 0 || d.TTL == want.TTL)
}

// sortStats puts what was read in canonical order, each service once: the first
// of several.
func sortStats(all []ServiceStats) []ServiceStats {
	slices.SortStableFunc(all, func(a, b ServiceStats) int { return a.Compare(b.ServiceKey) })
	all = slices.CompactFunc(all, func(a, b ServiceStats) bool { return a.ServiceKey == b.ServiceKey })
	for i := range all {
		slices.SortFunc(all[i].Dests, func(a, b DestStats) int { return a.DestKey.Compare(b.DestKey) })
	}
	return all
}
