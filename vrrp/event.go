package vrrp

import "net/netip"

// State is the state of a virtual router. The numbers are those that
// keepalived prints in its JSON.
type State uint8

// The states of RFC 5798 section 6.4 and keepalived's FAULT.
const (
	Init State = iota
	Backup
	Master
	Fault
)

func (s State) String() string { return [...]string{"INIT", "BACKUP", "MASTER", "FAULT"}[s] }

// ID numbers the virtual routers of one Director, from 0; numbers of removed
// routers are used again.
type ID int

// EventKind says what happened.
type EventKind uint8

// The events that a virtual router takes.
const (
	// EventStart: interface known, left-over addresses removed; leaves INIT.
	EventStart EventKind = iota + 1
	// EventAdvert: Advert from Src passed all receive checks.
	EventAdvert
	// EventLink: the router's own interface is Up or not (missing counts as not).
	EventLink
	// EventTrack: the tracked thing Key is Up or not, or, for a scaled track,
	// has the number Value.
	EventTrack
	// EventApplied: generation Gen of the wanted addresses is in the kernel
	// (Up false: some could not be set; the announcements go out all the same
	// for those that are there).
	EventApplied
	// EventAddressLost: a stranger removed one of our addresses.
	EventAddressLost
	// EventResume: a replaced process takes over mastership that its
	// predecessor held and that no peer can have claimed yet. A router that
	// cannot be master starts as with EventStart: the caller removes what the
	// predecessor left.
	EventResume
	// EventShutdown: release mastership and end in INIT.
	EventShutdown
	// EventYield: as master this machine was silent for longer than its peers
	// wait, and Advert from Src, which passed all receive checks, shows that
	// another one has taken over: become backup and send nothing.
	EventYield
	// EventAnnounce: the neighbours may have forgotten or never heard of the
	// addresses (an interface with some of them came up, or has another hardware
	// address): announce them anew if master.
	EventAnnounce
	// EventSlept: the machine slept for longer than peers wait, and nothing that
	// was sent meanwhile is there to be read. A master says nothing for one
	// interval (whoever replaced it is heard in that time, see EventYield), and
	// a backup waits anew.
	EventSlept
	// EventClaim: another machine announced one of the addresses as its own or,
	// with Asked, asked whether anybody has it.
	EventClaim
)

// Event is one input to Director.Step. Unused fields are zero.
type Event struct {
	Kind   EventKind
	Advert *Advert    // not kept after Step returns
	Src    netip.Addr // source of the advert
	Local  netip.Addr // our own address on that interface, for the tie-break
	NoTie  bool       // an equal priority decides nothing: another path does
	Key    string     // EventTrack
	Up     bool       // EventLink, EventTrack, EventApplied
	Value  int        // EventTrack of a scaled track; what is outside ±MaxTrackValue counts as that
	Gen    uint64     // EventApplied
	Asked  bool       // EventClaim
}

// ActionKind says what the owner of the Director has to do.
type ActionKind uint8

// The actions. They come in the order in which they are to be carried out.
const (
	// ActionSend: send an advert with Priority for router ID now.
	ActionSend ActionKind = iota + 1
	// ActionAddresses: Want (true: all addresses of the router are wanted on
	// the interface, false: none) as generation Gen.
	ActionAddresses
	// ActionAnnounce: send Count rounds of gratuitous ARP / NA for every address;
	// with Extra for one on each interface besides the router's own.
	ActionAnnounce
	// ActionChanged: the router changed From -> To because of Reason; tell
	// notify, lvs and status. Priority is the effective priority.
	ActionChanged
	// ActionGroupChanged: as ActionChanged for the sync group Group.
	ActionGroupChanged
	// ActionEvent: something worth telling that is no change of state, see Reason
	// (ReasonLowerAdvert as master: MASTER_RX_LOWER_PRI; ReasonPriority: the
	// effective priority changed to Priority).
	ActionEvent
)

// Action is one thing to do. It holds no pointers into the Director.
type Action struct {
	Kind     ActionKind
	ID       ID
	Group    string
	Priority uint8
	From, To State
	Reason   Reason
	Want     bool
	Gen      uint64
	Count    int
	Extra    bool       // ActionAnnounce
	Peer     netip.Addr // the peer whose advert caused it, if one did
	// PeerPriority is what that advert said, where it was compared with ours; 0 elsewhere.
	PeerPriority uint8
	// Member is who of the sync group caused it, with ReasonGroup, and
	// MemberReason why that one changed; empty: not known, or several did.
	Member       string
	MemberReason Reason
	Track        string // key of the track whose result caused it; empty: none did
}

// Reason says why a router changed state or an event was told.
type Reason uint8

// The reasons.
const (
	ReasonNone          Reason = iota
	ReasonStart                // started
	ReasonTimeout              // no advert within the master-down interval
	ReasonMasterStopped        // the master sent priority 0 and the skew time passed
	ReasonOwner                // address owner
	ReasonHigherAdvert         // an advert with a higher priority, or equal with a higher address
	ReasonLowerAdvert          // as master: an advert with a lower priority
	ReasonLink                 // own interface down or up
	ReasonTrack                // a tracked thing failed or recovered
	ReasonGroup                // another member of the sync group
	ReasonAddressLost          // an address was removed by a stranger
	ReasonPriority             // effective priority changed
	ReasonShutdown             // stopped or removed from the configuration
	ReasonResume               // mastership of a replaced process
	ReasonReload               // changed by a reload
	ReasonDeaf                 // sticky: a master was there that could not be heard before
	ReasonPathLost             // an advert path is down or silent
	ReasonPathBack             // and works again
	ReasonYield                // slept longer than the peers wait, another master was heard
	ReasonPreempt              // a backup's priority is higher than that of the master that it heard last
)
