package vrrp

import (
	"net/netip"
	"time"
)

// Counters count since the router was made.
type Counters struct {
	Transitions     uint64 // states told by ActionChanged
	BecameMaster    uint64
	ReleasedMaster  uint64
	Sent            uint64 // adverts, without those of priority 0
	ZeroSent        uint64 // adverts of priority 0
	Received        uint64 // accepted adverts, those of priority 0 included
	ZeroReceived    uint64
	AddressMismatch uint64 // adverts with another address list than ours
	AddressesLost   uint64 // incidents in which a stranger removed addresses
	SecondMaster    uint64 // incidents in which a master heard a second one
	Claims          uint64 // as master: times that another machine announced an address
	SameAddress     uint64 // as master: equal priority from our own address
	Checksums       [NumChecksumForms]uint64
}

// Contribution is what one tracked thing does to the priority.
type Contribution struct {
	Key     string
	Weight  int
	Reverse bool
	Value   int // added to the priority now
	Up      bool
	Pending bool // no result yet
	Fault   bool // holds the router in FAULT
	Scaled  bool // Content is what Weight multiplies
	Content int
}

// Status is a copy of everything worth showing of one router.
type Status struct {
	ID      ID
	Name    string
	Group   string // sync group; empty: none
	Version uint8
	VRID    uint8

	State  State
	Told   State // as told by the last ActionChanged; lags State while addresses are applied
	Since  time.Time
	Reason Reason
	Peer   netip.Addr // whose advert caused State, if one did
	// Member is who of the sync group caused State, with ReasonGroup, and
	// MemberReason why that one changed; empty: not known.
	Member       string
	MemberReason Reason

	BasePriority      uint8
	EffectivePriority uint8
	Contributions     []Contribution
	Faults            []string // "interface", "sync group", or the key of a track; "pending: KEY"
	WantMaster        bool     // waits for its sync group

	AdvertInt       time.Duration
	LearnedInterval time.Duration
	Skew            time.Duration
	MasterDown      time.Duration
	PreemptAt       time.Time // end of preempt_delay; zero: not running
	StartupUntil    time.Time // end of the start-up delay
	HoldUntil       time.Time // end of a sticky router's hold-off; zero: not running
	Deadline        time.Time

	// Master, MasterPriority: the sender of the last advert accepted as
	// backup; LastHeard: any accepted advert.
	Master         netip.Addr
	MasterPriority uint8
	LastHeard      time.Time
	Rival          Rival // the last second master heard, as master

	Gen       uint64 // of the wanted addresses
	Applied   bool   // Gen is in the kernel
	Agreement bool   // the last advert checked had our address list

	Counters
	Drops [NumDropReasons]uint64
}

// Status returns a copy of the router's state. It allocates.
func (r *Router) Status() Status {
	s := Status{
		ID: r.id, Name: r.cfg.Name, Version: r.cfg.Version, VRID: r.cfg.VRID,
		State: r.state, Told: r.told, Since: r.since, Reason: r.reason, Peer: r.peer, Member: r.member, MemberReason: r.memberReason,
		BasePriority: r.cfg.Priority, EffectivePriority: r.effective, WantMaster: r.wantMaster,
		AdvertInt: r.cfg.AdvertInt, LearnedInterval: r.learned, Skew: r.skew(), MasterDown: r.masterDown(),
		PreemptAt: r.preemptAt, StartupUntil: r.startupUntil, HoldUntil: r.holdUntil, Rival: r.rival, Deadline: r.Deadline(),
		Master: r.master, MasterPriority: r.masterPriority, LastHeard: r.lastHeard,
		Gen: r.gen, Applied: r.applied, Agreement: !r.disagree,
		Counters: r.count, Drops: r.drops,
	}
	if r.group != nil {
		s.Group = r.group.name
	}
	if r.linkDown && !r.cfg.DontTrackPrimary {
		s.Faults = append(s.Faults, "interface")
	}
	if r.groupFault {
		s.Faults = append(s.Faults, "sync group")
	}
	for i := range r.tracks {
		t := &r.tracks[i]
		c := Contribution{
			Key: t.Key, Weight: t.Weight, Reverse: t.Reverse, Up: t.up(), Pending: t.Pending, Fault: t.fault(),
			Scaled: t.Scaled, Content: t.value,
		}
		if r.cfg.Priority != ownerPriority {
			c.Value = t.contribution()
		}
		s.Contributions = append(s.Contributions, c)
		switch {
		case c.Fault:
			s.Faults = append(s.Faults, t.Key)
		case t.Weight == 0 && !t.known():
			s.Faults = append(s.Faults, "pending: "+t.Key)
		}
	}
	return s
}
