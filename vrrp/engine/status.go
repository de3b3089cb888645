package engine

import (
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// Status is a copy of the engine's state.
type Status struct {
	Time     time.Time
	Wakeups  uint64
	Lateness Lateness
	Routers  []RouterStatus
	Groups   []vrrp.GroupStatus
	Static   []StaticStatus
	Ports    []PortStatus
}

// Lateness is how much later than asked for the engine woke up.
type Lateness struct {
	Count    uint64
	Max, P99 time.Duration // P99 to a quarter of its value
	// Overslept counts wake-ups later than some router's peers wait, Yielded
	// the masters that found another one then, and Suspended the sleeps of the
	// whole machine that were as long.
	Overslept, Yielded, Suspended uint64
}

// RouterStatus is one virtual router.
type RouterStatus struct {
	Interface string
	Ifindex   int
	Waiting   bool // the interface does not exist
	NoSource  bool // the interface is up but has no address to send from
	// Duplicate says why it has none, where another host has it; empty: it is not
	// known.
	Duplicate string
	LinkUp    bool   // there, up, listening and with an address to send from
	Up        bool   // the interface itself is
	Device    string // name of its virtual interface; empty: none, or not there
	PortError string
	Source    netip.Addr

	vrrp.Status
	// GroupFaults say, for people, what holds other members of the sync group in
	// FAULT, and this one with them, besides what it has for itself; nil: it is not
	// known.
	GroupFaults []string
	Advertised  uint8       // priority on the wire as master: more than the effective one if sticky
	Policy      vrrp.Config // as configured
	Mute        time.Time   // after a sleep of the machine: says nothing until then
	VIPs        []VIPStatus
	Objects     []ObjectStatus
	NoAccept    bool           // packets to the addresses are dropped
	Wanted      link.Wanted    // nothing unless master
	Live        []link.Address // known to be in the kernel
	ApplyError  string
	TableWait   bool // waits for TableReady

	Peers      []Peer       // heard, unordered
	Paths      []PathStatus // nil without further paths
	Copies     uint64       // adverts that had come on another path before
	Refusals   []Refusal
	Claim      link.Claim // the last announcement of an address by another machine; its time is ClaimAt
	ClaimAt    time.Time  // zero: never
	Mismatch   Mismatch   // the last router that advertised our addresses by another VRID
	SendErrors uint64
	SendError  string // of the last attempt; empty: it succeeded
	LastSent   time.Time
}

// VIPStatus is one address of a virtual router.
type VIPStatus struct {
	Prefix   netip.Prefix
	Excluded bool
	Wanted   bool
	Applied  bool // the kernel has it, as far as the applier told
}

// PortStatus is one place where adverts come in.
type PortStatus struct {
	Ifindex       int
	Interface     string
	Group, Source netip.Addr
	Packets       uint64
	Short         uint64 // too short to hold a VRID
	UnknownVRID   uint64
	AH            uint64 // with an authentication header
}

func (e *Engine) status(now time.Time) Status {
	s := Status{Time: now, Wakeups: e.turn, Lateness: e.late.status(), Groups: e.dir.GroupStatus(), Static: e.staticStatus()}
	causes := map[string][]memberFault{} // by sync group
	for _, r := range e.routers {
		if r != nil {
			rs := r.status(now)
			e.deviceStatus(r, &rs)
			e.lookStatus(r, &rs)
			if slices.Contains(rs.Faults, "sync group") {
				all, known := causes[rs.Group]
				if !known {
					all = e.groupFaults(rs.Group)
					causes[rs.Group] = all
				}
				if len(all) > 0 {
					rs.GroupFaults = e.others(r, all)
				}
			}
			i := e.byIndex[r.ifindex]
			rs.Up = i != nil && i.Up
			s.Routers = append(s.Routers, rs)
		}
	}
	for _, p := range sorted(e.ports) {
		c := e.ports[p]
		ps := PortStatus{
			Ifindex: p.Ifindex, Group: p.Group, Source: p.Source,
			Packets: c.packets, Short: c.short, UnknownVRID: c.unknown, AH: c.ah,
		}
		if i := e.byIndex[p.Ifindex]; i != nil {
			ps.Interface = i.Name
		}
		s.Ports = append(s.Ports, ps)
	}
	return s
}

func (r *router) status(now time.Time) RouterStatus {
	s := RouterStatus{
		Interface: r.cfg.Interface, Ifindex: r.ifindex,
		Waiting: r.ifindex == 0, NoSource: r.sourceless, Duplicate: duplicateText(r.duplicate), LinkUp: r.linkUp, Source: r.src,
		Status: r.core.Status(), Advertised: r.core.Advertised(now), Policy: r.cfg.Config, Mute: r.mute,
		TableWait: !r.gate.IsZero(),
		Paths:     r.pathStatus(), Copies: r.copies, Refusals: r.refusalStatus(),
		Claim: r.claim, ClaimAt: r.claimAt, Mismatch: r.mismatch,
		SendErrors: r.sendErrs, LastSent: r.lastSent,
		Wanted: r.kernel(), Live: slices.Clone(r.live),
	}
	for _, err := range []struct {
		to  *string
		err error
	}{{&s.PortError, r.portErr}, {&s.ApplyError, r.applyErr}, {&s.SendError, r.lastErr}} {
		if err.err != nil {
			*err.to = err.err.Error()
		}
	}
	live := make(map[netip.Prefix]bool, len(r.live))
	for _, a := range r.live {
		live[a.Prefix] = true
	}
	s.VIPs = make([]VIPStatus, 0, len(r.cfg.VIPs))
	for _, v := range r.cfg.VIPs {
		s.NoAccept = s.NoAccept || v.Drop != ""
		s.VIPs = append(s.VIPs, VIPStatus{Prefix: v.Prefix, Excluded: v.Excluded, Wanted: r.wanted, Applied: live[v.Prefix]})
	}
	s.Objects = objectStatus(r.cfg.Routes, r.cfg.Rules, r.objs)
	for _, p := range r.heard {
		if p.Addr.IsValid() {
			s.Peers = append(s.Peers, p)
		}
	}
	return s
}

// lateness is a histogram with four buckets for every power of two of
// nanoseconds.
type lateness struct {
	n       uint64
	max     time.Duration
	buckets [4 * 64]uint64

	overslept, yielded, suspended uint64
}

func (l *lateness) add(d time.Duration) {
	if d < 0 {
		return
	}
	l.n++
	l.max = max(l.max, d)
	l.buckets[bucket(d)]++
}

func bucket(d time.Duration) int {
	if d < 4 {
		return int(d)
	}
	n := bits.Len64(uint64(d))
	return 4*(n-2) + int(d>>(n-3)&3)
}

// upper is the largest value of a bucket.
func upper(b int) time.Duration {
	if b < 4 {
		return time.Duration(b)
	}
	n := b/4 + 2
	return time.Duration(4+b%4+1)<<(n-3) - 1
}

func (l *lateness) status() Lateness {
	s := Lateness{Count: l.n, Max: l.max, Overslept: l.overslept, Yielded: l.yielded, Suspended: l.suspended}
	var seen uint64
	for b, n := range l.buckets {
		if seen += n; n > 0 && seen*100 >= l.n*99 {
			s.P99 = min(upper(b), l.max)
			break
		}
	}
	return s
}
