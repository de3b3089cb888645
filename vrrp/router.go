package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// Router is the state machine of one virtual router: RFC 3768 section 6.4,
// RFC 9568 section 6.4, with keepalived's FAULT state and extensions. It is
// pure: time and events come in as arguments, and what is to be done goes out
// as Actions. It is not safe for concurrent use.
//
// Routers of a sync group are driven through their Director, which applies
// the group's rules.
type Router struct {
	id  ID
	cfg Config

	state  State
	told   State // what the last ActionChanged said
	since  time.Time
	reason Reason
	peer   netip.Addr

	effective uint8
	learned   time.Duration // the master's interval: v2 own, v3 learned

	linkDown    bool
	groupFault  bool // another member of the sync group is in FAULT
	tracks      []track
	groupTracks []Track

	timer          time.Time     // BACKUP: master-down; MASTER: next advert
	expiry         Reason        // why the master-down timer will have expired
	spread         bool          // see Director.Spread
	phase          time.Duration // with spread
	preemptAt      time.Time     // end of preempt_delay; zero: not begun
	startupUntil   time.Time     // end of vrrp_startup_delay
	holdUntil      time.Time     // end of a sticky router's hold-off; zero: not running
	deaf           bool          // sticky: nobody was heard since the start or the link came up
	garpSecond     time.Time
	garpRefresh    time.Time
	garpLower      time.Time
	garpExtra      time.Time
	garpDefend     time.Time // answers a claim, see claimed
	defendFrom     time.Time // no claim is answered before
	answerFrom     time.Time // no question is answered before
	announcedLower time.Time // the last set that answered another master
	tellBy         time.Time // MASTER is told then even if the addresses are not applied yet

	gen      uint64 // of the last ActionAddresses
	applied  bool   // gen is applied
	announce bool   // an announcement follows when gen is applied
	promoted bool   // that announcement is the one of a promotion

	lost  [lostLimit]time.Time // when addresses were lost, a ring
	lostN int

	group *group
	// member and memberReason say who of the group caused state, with
	// ReasonGroup; lead and leadReason the same of a change that is about to be.
	member, lead             string
	memberReason, leadReason Reason

	wantMaster bool // the timer expired; the group may still hold it back
	rival      Rival
	heardLower bool // set by master for the director: an advert of lower priority came

	sorted  []netip.Addr // cfg.Addresses in order, to compare lists
	scratch []netip.Addr

	master         netip.Addr // sender of the last accepted advert
	masterPriority uint8
	lastHeard      time.Time
	disagree       bool
	count          Counters
	drops          [NumDropReasons]uint64

	auth     auth
	lastForm ChecksumForm // of the last advert accepted
}

var noPeer netip.Addr

// NewRouter returns a router in INIT. Values of cfg outside their range are
// brought into it: an interval of 0 or less becomes 1 s, DownTimerAdverts
// below 1 becomes 3, a priority of 0 becomes 100.
func NewRouter(cfg Config) *Router {
	r := &Router{}
	r.configure(cfg)
	r.learned = r.cfg.AdvertInt
	return r
}

// configure takes cfg over, with its own copies of the lists.
func (r *Router) configure(cfg Config) {
	if cfg.AdvertInt <= 0 {
		cfg.AdvertInt = time.Second
	}
	if cfg.DownTimerAdverts < 1 {
		cfg.DownTimerAdverts = 3
	}
	if cfg.Priority == 0 {
		cfg.Priority = 100
	}
	cfg.Addresses = slices.Clone(cfg.Addresses)
	cfg.Peers = slices.Clone(cfg.Peers)
	cfg.Tracks = slices.Clone(cfg.Tracks)
	r.cfg = cfg
	r.setAuth()
	r.sorted = slices.Clone(cfg.Addresses)
	slices.SortFunc(r.sorted, netip.Addr.Compare)
	r.scratch = make([]netip.Addr, 0, len(cfg.Addresses))
	r.mergeTracks()
	r.effective = effectivePriority(cfg.Priority, r.tracks)
}

// ID is the number that Director.Add gave; 0 outside a Director.
func (r *Router) ID() ID { return r.id }

// State is the state now. A takeover counts from the first advert, before it
// is told by ActionChanged.
func (r *Router) State() State { return r.state }

// startsMaster: an owner that is configured to be master.
func (r *Router) startsMaster() bool {
	return r.cfg.StartMaster && r.cfg.Priority == ownerPriority
}

// Step takes one event and appends what is to be done to out. It allocates
// nothing beyond the growth of out, reads ev only and keeps nothing of it.
// now must not run backwards.
func (r *Router) Step(now time.Time, ev *Event, out []Action) []Action {
	switch ev.Kind {
	case EventStart:
		return r.start(now, out)
	case EventAdvert:
		return r.advert(now, ev, out)
	case EventLink:
		return r.link(now, ev.Up, out)
	case EventTrack:
		return r.result(now, ev, out)
	case EventApplied:
		return r.wasApplied(now, ev.Gen, out)
	case EventAddressLost:
		return r.addressLost(now, out)
	case EventAnnounce:
		return r.announceAnew(now, out)
	case EventClaim:
		return r.claimed(now, ev.Asked, out)
	case EventResume:
		return r.resume(now, out)
	case EventShutdown:
		return r.shutdown(now, out)
	case EventYield:
		if r.state != Master {
			return out
		}
		return r.yield(now, ReasonYield, ev.Src, r.masterDown(), out)
	case EventSlept:
		r.slept(now)
	}
	return out
}

// start leaves INIT: to MASTER for an owner that is to be master, to FAULT
// when there is a cause, otherwise to BACKUP (RFC 9568 section 6.4.1).
func (r *Router) start(now time.Time, out []Action) []Action {
	if r.state != Init {
		return out
	}
	r.learned = r.cfg.AdvertInt
	r.startupUntil = now.Add(r.cfg.StartupDelay)
	switch {
	case r.ownFault() || r.groupFault:
		return r.fail(now, ReasonStart, out)
	case r.pendingFault():
		r.enter(now, Fault, ReasonStart, noPeer) // hidden: not told
		return out
	case r.startsMaster():
		// Like a backup whose timer is over at once: the group and the
		// start-up delay still have their say. BACKUP is not told.
		r.enter(now, Backup, ReasonStart, noPeer)
		r.timer = r.startupUntil
		r.expiry = ReasonOwner
		if r.cfg.StartupDelay > 0 {
			return out
		}
		return r.expireBackup(now, out)
	}
	if r.group.joining(r) {
		r.group.leadTo(r, Master)
		return r.takeOver(now, ReasonGroup, out)
	}
	r.timer = r.startupUntil.Add(r.masterDown() + r.holdOff(r.startupUntil))
	r.expiry = ReasonTimeout
	r.enter(now, Backup, ReasonStart, noPeer)
	if r.effective != r.cfg.Priority { // by what was tracked before; keepalived tells that first
		out = append(out, r.priorityChanged())
	}
	return r.tell(ReasonStart, out)
}

// resume takes over what a predecessor process held: MASTER at once. Tracks
// without a result count as up, as they did there.
func (r *Router) resume(now time.Time, out []Action) []Action {
	if r.state != Init {
		return out
	}
	for i := range r.tracks {
		r.tracks[i].assumed = r.tracks[i].Pending
	}
	r.effective = effectivePriority(r.cfg.Priority, r.tracks)
	if r.ownFault() || r.groupFault {
		return r.start(now, out)
	}
	r.learned = r.cfg.AdvertInt
	r.startupUntil = now
	return r.takeOver(now, ReasonResume, out)
}

// shutdown releases mastership and ends in INIT (RFC 9568 clauses B1, A1).
func (r *Router) shutdown(now time.Time, out []Action) []Action {
	if r.state == Init {
		return out
	}
	if r.state == Master {
		out = r.send(0, out)
		out = r.addresses(false, out)
	}
	return r.stopped(now, out)
}

// stopped ends in INIT once adverts and addresses are dealt with.
func (r *Router) stopped(now time.Time, out []Action) []Action {
	r.stopTimers()
	r.enter(now, Init, ReasonShutdown, noPeer)
	if r.told == Init { // started without a word: a stop is told all the same
		return append(out, r.changed(ReasonShutdown))
	}
	return r.tell(ReasonShutdown, out)
}

// Expire acts on every timer of the router that is due at now. Being late is
// the caller's affair: after a pause longer than the peers' master-down time
// it has to Step everything that was received meanwhile first, so that a
// router that was replaced yields before it advertises again. Missed adverts
// are not made up for, and the phase of the adverts stays.
func (r *Router) Expire(now time.Time, out []Action) []Action {
	if due(r.timer, now) {
		switch r.state {
		case Backup:
			out = r.expireBackup(now, out)
		case Master:
			out = r.send(r.advertised(now), out)
			r.timer = nextOnGrid(r.timer, now, r.cfg.AdvertInt)
		default:
			r.timer = time.Time{}
		}
	}
	return r.expireMaster(now, out)
}

// enter changes the state; telling is another matter.
func (r *Router) enter(now time.Time, s State, reason Reason, peer netip.Addr) {
	if s == Master {
		r.count.BecameMaster++
	}
	if r.state == Master {
		r.count.ReleasedMaster++
		r.stopMasterTimers()
	}
	r.state = s
	r.since = now
	r.reason = reason
	r.peer = peer
	r.wantMaster = false
	r.member, r.memberReason = "", ReasonNone
	if reason == ReasonGroup {
		r.member, r.memberReason = r.lead, r.leadReason
	}
}

// tell appends ActionChanged unless the state was told already.
func (r *Router) tell(reason Reason, out []Action) []Action {
	if r.told == r.state {
		return out
	}
	return append(out, r.changed(reason))
}

func (r *Router) changed(reason Reason) Action {
	a := Action{
		Kind: ActionChanged, ID: r.id, Priority: r.effective,
		From: r.told, To: r.state, Reason: reason, Peer: r.peer,
	}
	switch reason {
	case ReasonGroup:
		a.Member, a.MemberReason = r.member, r.memberReason
	case ReasonHigherAdvert, ReasonPreempt, ReasonDeaf:
		a.PeerPriority = r.masterPriority
	}
	r.told = r.state
	r.count.Transitions++
	return a
}

// send appends an advert with priority p.
func (r *Router) send(p uint8, out []Action) []Action {
	if p == 0 {
		r.count.ZeroSent++
	} else {
		r.count.Sent++
	}
	return append(out, Action{Kind: ActionSend, ID: r.id, Priority: p})
}

// addresses appends a new generation of the wanted addresses.
func (r *Router) addresses(want bool, out []Action) []Action {
	r.gen++
	r.applied = false
	r.announce = want
	return append(out, Action{Kind: ActionAddresses, ID: r.id, Want: want, Gen: r.gen})
}
