package config

import (
	"net/netip"
	"time"
)

// TrackFile holds one track_file: a file with a whole number that moves a
// priority.
type TrackFile struct {
	Name    string
	Path    string // file; absolute
	Weight  int    // -254..254, multiplies the number; default 1
	Reverse bool

	InitFile  bool // init_file: make the file at start
	InitValue int  // with this number; default 0
	Overwrite bool // even if it exists
}

// ProcessMatch says how the arguments of a vrrp_track_process are compared.
type ProcessMatch uint8

// The values of param_match.
const (
	MatchAny     ProcessMatch = iota // arguments do not matter
	MatchExact                       // the same arguments
	MatchPartial                     // param_match partial: more may follow
	MatchInitial                     // param_match initial: the last one may be longer
)

// TrackProcess holds one vrrp_track_process: a program of which so many
// instances have to run.
type TrackProcess struct {
	Name        string
	Process     string   // comm, at most 15 bytes count; with FullCommand argv[0]
	Args        []string // arguments after the name
	Match       ProcessMatch
	FullCommand bool
	Weight      int // -254..254, 0: quorum lost means FAULT
	Reverse     bool

	Quorum    int // 1..65535, default 1
	QuorumMax int // 0..65535; -1: no limit

	ForkDelay      time.Duration // 0..3600 s before up is believed
	TerminateDelay time.Duration // 0..3600 s before down is believed
}

// BFDInstance holds one bfd_instance: a BFD session (RFC 5880).
type BFDInstance struct {
	Name       string // at most 31 bytes
	Neighbor   netip.Addr
	Source     netip.Addr    // source_ip; invalid: what the kernel chooses
	MinRX      time.Duration // required minimum receive interval, default 10 ms
	MinTX      time.Duration // desired minimum transmit interval, default 10 ms
	IdleTX     time.Duration // transmit interval while not up, default 1 s
	Multiplier uint8         // packets missed before down, default 5
	Passive    bool          // wait for the peer to speak first
	TTL        uint8         // of packets sent: ttl, hoplimit; default 255 (IPv6: 64)
	MaxHops    int           // hops a received packet may have made; -1 and 255: any
	Multihop   bool          // port 4784
	Weight     int           // -253..253, 0: down means FAULT
	Reverse    bool
	VRRP       bool // events go to vrrp
	Checker    bool // events go to the checkers
}

// PollKind says how linkbeat polls an interface.
type PollKind string

// The kinds of polling; empty: the first of them that the driver answers.
const (
	PollMII     PollKind = "MII"
	PollEthtool PollKind = "ETHTOOL"
	PollIOCTL   PollKind = "IOCTL"
)

// Links holds what the file says about how the state of links is found.
type Links struct {
	PollAll bool        // linkbeat_use_polling
	Polls   []LinkPoll  // linkbeat_interfaces
	Delays  []LinkDelay // interface_up_down_delays
}

// LinkPoll is one line of linkbeat_interfaces.
type LinkPoll struct {
	Interface string
	Kind      PollKind
}

// LinkDelay is one line of interface_up_down_delays.
type LinkDelay struct {
	Interface string
	Down, Up  time.Duration // 0..255 s
}
