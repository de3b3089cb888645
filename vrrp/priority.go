package vrrp

import "time"

// ownerPriority is the priority of the address owner, which nothing changes
// (RFC 9568 section 5.2.4).
const ownerPriority = 255

// track is a tracked thing with its result.
type track struct {
	Track
	value int  // of a scaled track
	kept  int  // what a scaled track counted before it was a cause of FAULT
	owner bool // of an address owner, which nothing weighted moves
	// assumed: no result yet, but taken as up because the router was running
	// when the track came (reload, resume).
	assumed bool
}

// The limits of what a scaled track counts.
const (
	// MaxTrackValue bounds the number of a scaled track on both sides.
	MaxTrackValue = 1 << 31
	maxProduct    = 253
	faultProduct  = -254
)

// product is what a scaled track counts, faultProduct at least.
func (t *track) product() int {
	p := t.value * t.Weight
	if t.Reverse {
		p = -p
	}
	return min(max(p, faultProduct), maxProduct)
}

func (t *track) up() bool {
	if t.Scaled && !t.Pending {
		return !t.fault()
	}
	return t.Up || t.Pending && t.assumed
}

// known tells whether there is a result to go by.
func (t *track) known() bool { return !t.Pending || t.assumed }

// fault: an unweighted track that is down, or with Reverse up.
func (t *track) fault() bool {
	if t.Scaled {
		switch {
		case t.Pending, t.owner && t.Weight != 0: // nothing is known, or counts, against it
			return false
		case t.Weight == 0:
			return t.value != 0 != t.Reverse
		}
		return t.product() == faultProduct
	}
	return t.Weight == 0 && t.known() && t.up() == t.Reverse
}

// contribution to the priority: a positive weight is added while up, a
// negative one while down; Reverse flips the sign.
func (t *track) contribution() int {
	if t.Scaled {
		if t.Pending {
			return 0
		}
		if t.fault() {
			return t.kept // the priority stays as it was
		}
		return t.product()
	}
	if !t.known() || t.Weight > 0 != t.up() {
		return 0
	}
	if t.Reverse {
		return -t.Weight
	}
	return t.Weight
}

// effectivePriority is base plus all contributions within 1..254; the owner's
// stays 255.
func effectivePriority(base uint8, tracks []track) uint8 {
	if base == ownerPriority {
		return base
	}
	p := int(base)
	for i := range tracks {
		p += tracks[i].contribution()
	}
	return uint8(min(max(p, 1), ownerPriority-1))
}

// reprioritise brings the effective priority up to date. A backup's timer
// moves by what its master-down interval changes, as keepalived's does; a
// master advertises the new priority at its next turn.
func (r *Router) reprioritise(out []Action) []Action {
	before := r.effective
	down := r.masterDown()
	r.effective = effectivePriority(r.cfg.Priority, r.tracks)
	if r.effective == before {
		return out
	}
	r.shiftTimer(r.masterDown() - down)
	if r.state == Init {
		return out
	}
	return append(out, r.priorityChanged())
}

func (r *Router) priorityChanged() Action {
	return Action{Kind: ActionEvent, ID: r.id, Priority: r.effective, From: r.state, To: r.state, Reason: ReasonPriority}
}

// shiftTimer moves the running master-down timer.
func (r *Router) shiftTimer(by time.Duration) {
	if r.state == Backup && !r.timer.IsZero() {
		r.timer = r.timer.Add(by)
	}
}

// mergeTracks builds the tracks in force: the router's own and its group's,
// of which the group's win. Results known so far are kept by key; a track
// that is new to a running router counts as up until it reports, because a
// reload must not take mastership away.
func (r *Router) mergeTracks() {
	old := r.tracks
	list := make([]track, 0, len(r.cfg.Tracks)+len(r.groupTracks))
	add := func(t Track) {
		n := track{Track: t, owner: r.cfg.Priority == ownerPriority}
		if i := findTrack(old, t.Key); i >= 0 {
			n.Up, n.value, n.kept, n.Pending, n.assumed = old[i].Up, old[i].value, old[i].kept, old[i].Pending, old[i].assumed
		} else {
			n.assumed = t.Pending && (r.state == Master || r.state == Backup)
		}
		if i := findTrack(list, t.Key); i >= 0 {
			list[i] = n
			return
		}
		list = append(list, n)
	}
	for _, t := range r.cfg.Tracks {
		add(t)
	}
	for _, t := range r.groupTracks {
		add(t)
	}
	r.tracks = list
}

func findTrack(list []track, key string) int {
	for i := range list {
		if list[i].Key == key {
			return i
		}
	}
	return -1
}
