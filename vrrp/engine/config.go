package engine

import (
	"net/netip"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
	"holdfast/vrrp/route"
)

// Config is the whole wanted state of the engine.
type Config struct {
	Routers []Router
	Groups  []Group
	Static  []Static
	Pacing  Pacing
	// LogUnknown logs adverts for VRIDs that no router has; all of them are then
	// read (log_unknown_vrids).
	LogUnknown bool
	// OwnThread gives the engine a thread of its own, for Deps.Urgent to raise,
	// however slow the adverts are.
	OwnThread bool
}

// Router is one virtual router with its place on this machine.
type Router struct {
	vrrp.Config
	Interface string     // name; may be missing: status WAITING until it appears
	Group     netip.Addr // multicast group; invalid with Unicast
	Source    netip.Addr // mcast_src_ip or unicast_src_ip; invalid: the interface's
	// TrackSource: FAULT while no interface has Source (track_src_ip).
	TrackSource bool
	RxBuffer    int // bytes that the router adds to the receive buffer of its ports; 0: none
	// Device is the virtual interface above Interface that adverts come and go
	// by and, if it is a Macvlan, the addresses live on, with its parent's name
	// the same as Interface; the zero value: none.
	Device   link.Device
	XmitBase bool     // adverts come and go on Interface itself, in spite of Device
	Paths    []string // advert_paths: further interfaces for adverts; not with Unicast
	VIPs     []VIP    // advertised and excluded ones, in the order in which they are added
	Routes   []route.Route
	Rules    []route.Rule
	// PromoteSecondaries sets the kernel's setting of that name on Interface.
	PromoteSecondaries bool
	// TrackInterfaces are keyed "interface NAME" in vrrp.Config.Tracks; the
	// engine feeds those tracks itself from the link watcher.
	// All others ("script NAME", "process NAME", "bfd NAME") are fed by
	// Engine.Track, scaled ones ("file NAME") by Engine.TrackValue.

	// ExtraAll: GARP.Extra is for other interfaces of every kind and not only for
	// virtual ones (garp_extra_if all).
	ExtraAll bool

	// TableGate makes a takeover wait for TableReady, 0.9 s at most, between
	// the advert and the addresses (lvs_follow_vrrp).
	TableGate bool
}

// VIP is one address that moves with the router.
type VIP struct {
	Prefix    netip.Prefix
	Dev       string      // empty: the router's interface
	Device    link.Device // a virtual interface of its own, in place of Dev; the zero value: none
	Label     string
	Scope     uint8
	Broadcast netip.Addr
	NoTrack   bool
	Excluded  bool // not advertised

	// As in link.Address.
	Peer         netip.Addr
	Flags        uint32
	DAD          bool
	Preferred    uint32
	PreferredSet bool
	Drop         string
}

// Group is one sync group, by names.
type Group struct {
	Name    string
	Members []string
	Tracks  []vrrp.Track // counted for every member
}

// Resume is what a predecessor process held when it died.
type Resume struct {
	Name       string        // router
	LastAdvert time.Duration // when the last one was sent, by Deps.Boot; 0: nobody knows
}

// Change is told for every change of state or event, in order.
type Change struct {
	Time     time.Time
	Group    bool   // Name is a sync group
	Name     string // instance or group
	From, To vrrp.State
	Event    bool // no change of state, see Reason
	Reason   vrrp.Reason
	Priority uint8 // effective; 0 for groups
	Deleted  bool  // removed by reload
	// TakingOver: an event told when the router has sent its first advert and
	// before Addresses are set: the IPVS table is wanted now (TableGate), and
	// the parent has to know what to remove. The change to MASTER is told when
	// the addresses are there. When it ends before that, this event is told
	// again, From MASTER.
	TakingOver bool
	// Releasing, with TableGate: the router is not master any more, but what
	// it had in the kernel is still there. An event with Released follows when
	// that is gone, unless it takes over again: only then the IPVS table is
	// not wanted any more.
	Releasing, Released bool
	Peer                netip.Addr
	Path                string // the interface, with ReasonPathLost and ReasonPathBack
	// Wanted is what is wanted in the kernel when To is master: what the
	// parent must remove if this process dies. A reload that changes it tells
	// an event with ReasonReload. Not to be changed.
	link.Wanted
	// Static: not of a router but of the Static with this name. Wanted is
	// then all that it has, and nothing else is set.
	Static bool
}

// Observer hears of changes on the engine's thread and must not block.
type Observer interface {
	Changed(Change)
}
