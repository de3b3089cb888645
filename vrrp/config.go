package vrrp

import (
	"net/netip"
	"time"
)

// Config describes one virtual router. All fields are explicit: the zero
// value of a field means what its comment says, not a keyword's default.
type Config struct {
	Name     string // for status and transcripts; identity is the ID given by Director.Add
	VRID     uint8  // 1..255
	Version  uint8  // 2 or 3
	Priority uint8  // base priority 1..255; 255 is the address owner
	// StartMaster is keepalived's `state MASTER`: only an owner becomes
	// master at once, everyone else still waits the master-down interval.
	StartMaster bool

	AdvertInt        time.Duration // v2: whole seconds 1..255; v3: 10 ms..40.95 s in steps of 10 ms
	DownTimerAdverts int           // adverts missed before takeover, usually 3
	NoPreempt        bool
	PreemptDelay     time.Duration // 0..1000 s
	// Sticky: whoever is master stays it while it lives, see sticky.go;
	// HoldOff is how much longer it listens before its first takeover.
	Sticky       bool
	HoldOff      time.Duration
	StartupDelay time.Duration // vrrp_startup_delay: adverts ignored and timers held for so long after EventStart

	// Addresses are the advertised addresses in their order on the wire.
	Addresses        []netip.Addr
	SkipCheckAdvAddr bool
	// StrictAddresses drops adverts whose address list differs from ours
	// (keepalived up to 2.3.2); otherwise the difference is only counted.
	StrictAddresses bool

	AuthPass [8]byte // v2: password or key, zero padded
	AuthType uint8   // v2: AuthNone, AuthPassword or AuthHeader (IPv4 only)
	HMAC     HMAC    // auth_hmac; not together with AuthType
	Checksum ChecksumChoice

	Unicast    bool // adverts come and go by unicast
	Peers      []netip.Addr
	CheckPeers bool       // check_unicast_src: adverts of the peers only
	PeerTTLs   []TTLRange // with CheckPeers: for each of Peers; empty: all TTLs
	UnicastTTL uint8      // unicast_ttl; 0: 255

	GARP                 GARP
	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	OwnerIgnoreAdverts   bool // as owner: take no adverts of others (owner_ignore_adverts)

	Tracks []Track
	// DontTrackPrimary keeps the router up while its own interface is down.
	DontTrackPrimary bool
}

// GARP holds the schedule of gratuitous ARP sets.
type GARP struct {
	Repeat         int           // frames per address at promotion
	Delay          time.Duration // second set so long after the first; 0: none
	Refresh        time.Duration // further sets every so often; 0: none
	RefreshRepeat  int           // frames per address in one of those; 0: none is sent
	LowerPrioRep   int           // set on hearing a lower-priority advert as master
	LowerPrioDelay time.Duration
	// Extra is how often one address is announced on each interface besides the
	// router's own (garp_extra_if); 0: never.
	Extra time.Duration
}

// Track is one tracked thing and what it does to the priority. Weight 0 makes
// it a cause of FAULT while down (while up, with Reverse).
type Track struct {
	Key     string // unique within the router, for example "script chk_nginx", "interface eth1"
	Weight  int    // -254..254
	Reverse bool
	// Scaled is a track whose result is a number that Weight multiplies
	// (track_file), see Event.Value. With weight 0 another number than 0 is a
	// cause of FAULT (with Reverse 0 is), with other weights a product of -254
	// or less is; a product above 253 counts as 253.
	Scaled bool
	// Pending is set while no result is known: an unweighted track then
	// holds the router in a hidden fault (no event is reported for it).
	Pending bool
	Up      bool // the state at start when Pending is false
}
