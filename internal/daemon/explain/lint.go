package explain

import (
	"fmt"

	"holdfast/internal/daemon/control"
	"holdfast/vrrp"
)

func (x *Explanation) say(id, format string, args ...any) {
	x.Lints = append(x.Lints, Lint{ID: id, Text: fmt.Sprintf(format, args...)})
}

// lint finds what will not do what it seems to.
func (x *Explanation) lint(v *control.VRRP, in *control.Instance) {
	for _, k := range in.Policy.Ignored {
		x.say("ignored-keyword", "the configuration says %s, which has no effect", k)
	}
	x.lintWeights(in)
	x.lintPeers(in)
	x.lintDrops(in)
	x.lintNeighbours(v, in)
	if n := in.SecondMasters; n > 0 {
		x.say("second-master", "a second master was heard in %s, the last time from %s: adverts are lost or go one way only, or a machine is too busy to send them in time", times(n, "incident"), in.SecondMaster.Addr)
	}
	if m := in.VRIDMismatch; m != nil && m.Now {
		x.say("vrid-mismatch", "%s advertises %s by VRID %d, and this router by VRID %d: the two do not hear each other. One of the virtual_router_id is mistyped: give both directors the same", m.Addr, m.VIP, m.VRID, in.VRID)
	}
	if c := in.Claim; c != nil {
		x.say("address-claimed", "another machine (%s) announced %s while this one held it: clients that believe it are led astray until this one announces again", c.MAC, c.Address)
	}
	if l := v.Lateness; l.Overslept > 0 {
		x.say("late", "this process woke up later than the peers wait %s (%v at most): the machine is overloaded, or was stopped", times(l.Overslept, "time"), seconds(l.Max))
	}
}

// lintWeights asks of every weight whether it could ever change the winner.
func (x *Explanation) lintWeights(in *control.Instance) {
	var weighted []control.Contribution
	for _, c := range in.Priority.Contributions {
		if c.Number != nil {
			continue // its weight multiplies whatever the file says
		}
		if c.Weight != 0 {
			weighted = append(weighted, c)
		}
	}
	if len(weighted) == 0 {
		return
	}
	switch {
	case in.Policy.Owner:
		x.say("weight", "priority 255 is the address owner's, and no weight changes it")
		return
	case in.Policy.Sticky:
		x.say("weight", "sticky_master: weights do not move mastership. They count when nobody is master, and decide who is first then. Weight 0 makes a failure a FAULT")
		return
	case in.Policy.NoPreempt:
		x.say("weight", "nopreempt: a weight can take mastership from this router, but not give it while a master lives. Weight 0 makes a failure a FAULT")
	}
	for _, c := range weighted {
		up, down := with(in, c, true), with(in, c, false)
		if up == down {
			x.say("weight", "%s: its weight %+d does nothing, as the priority cannot leave 1 to 254", c.Track, c.Weight)
			continue
		}
		if in.State == "MASTER" && far(in, up, down) {
			x.say("weight", "%s: its weight %+d does not change the winner by itself: this router has priority %d while it is up and %d while it is down, and no peer was heard with one near that", c.Track, c.Weight, up, down)
		}
	}
}

// far says whether no peer comes between the priorities a and b of this router.
// A peer's priority is what it had when it was master, and what it tracks may
// have moved it since: it is taken to move by as much as ours may. A backup
// hears the master alone, which may be reduced next, so this is about masters.
func far(in *control.Instance, a, b uint8) bool {
	reach := 0
	for _, c := range in.Priority.Contributions {
		if c.Number != nil && c.Weight != 0 {
			return false // a file moves it by any number
		}
		reach += max(c.Weight, -c.Weight)
	}
	known := false
	for _, p := range in.Peers {
		if p.Priority == 0 || p.Foreign {
			continue
		}
		if int(p.Priority)+reach >= int(min(a, b)) && int(p.Priority)-reach <= int(max(a, b)) {
			return false
		}
		known = true
	}
	return known
}

// with is the effective priority if c were up or down and all else as it is.
func with(in *control.Instance, c control.Contribution, up bool) uint8 {
	value := 0
	if c.Weight > 0 == up {
		value = c.Weight
	}
	if c.Reverse {
		value = -value
	}
	p := int(in.Priority.Base) - c.Value + value
	for _, o := range in.Priority.Contributions {
		p += o.Value
	}
	return uint8(min(max(p, 1), 254))
}

// unweighted are the tracked things of which each makes this router FAULT,
// whatever the priority.
func unweighted(in *control.Instance) (names []string) {
	for _, c := range in.Priority.Contributions {
		if c.Weight == 0 {
			names = append(names, c.Track)
		}
	}
	return names
}

// least is the lowest priority that the weights can make of this router's; not
// ok: they move no mastership, or by any number.
func least(in *control.Instance) (_ uint8, ok bool) {
	p := int(in.Priority.Base)
	for _, c := range in.Priority.Contributions {
		w := c.Weight
		if c.Reverse {
			w = -w
		}
		p += min(w, 0)
		if c.Number != nil && c.Weight != 0 {
			return 0, false
		}
	}
	return uint8(min(max(p, 1), 254)), !in.Policy.Owner && !in.Policy.Sticky
}

// lintPeers compares with everyone heard.
func (x *Explanation) lintPeers(in *control.Instance) {
	for i := range in.Peers {
		p := &in.Peers[i]
		switch {
		case in.Policy.Owner && p.Priority == 255:
			x.say("two-owners", "%s says priority 255 too: there can be one address owner only", p.Addr)
		case p.Priority == in.Priority.Effective && !in.Policy.Sticky:
			x.say("equal-priority", "%s has priority %d too: if both are master at once, the higher address (%s) stays it", p.Addr, p.Priority, higher(in, p))
		}
		if p.Foreign {
			x.say("duplicate-vrid", "%s advertises none of our addresses: another virtual router on %s was given VRID %d, and takes part in this election", p.Addr, in.Interface, in.VRID)
		} else if !p.Agrees {
			x.say("address-list", "%s advertises another list of addresses. holdfast and keepalived from 2.3.3 on accept that; keepalived up to 2.3.2 drops our adverts and makes itself master beside us", p.Addr)
		}
		if p.AdvertInt > 0 && p.AdvertInt != in.Policy.AdvertInt {
			x.say("advert-int", "%s advertises every %v, this router every %v: who is backup waits by the master's interval", p.Addr, seconds(p.AdvertInt), seconds(in.Policy.AdvertInt))
		}
	}
}

func higher(in *control.Instance, p *control.Peer) string {
	if p.Addr.Compare(in.Source) > 0 {
		return p.Addr.String()
	}
	return in.Source.String() + ", this router"
}

// dropLints are reasons for which adverts of this VRID were dropped, by the lint
// that tells of them.
var dropLints = []struct {
	drop vrrp.DropReason
	id   string
}{
	{vrrp.DropInterval, "advert-int"},
	{vrrp.DropVersion, "version"},
	{vrrp.DropAuthType, "authentication"},
	{vrrp.DropAuthPass, "authentication"},
	{vrrp.DropAH, "authentication"},
	{vrrp.DropUnsigned, "authentication"},
	{vrrp.DropKey, "authentication"},
	{vrrp.DropDigest, "authentication"},
	{vrrp.DropClock, "authentication"},
	{vrrp.DropReplay, "authentication"},
	{vrrp.DropPeerTTL, "unicast"},
	{vrrp.DropTTL, "ttl"},
	{vrrp.DropChecksum, "checksum"},
	{vrrp.DropCount, "address-list"},
	{vrrp.DropAddresses, "address-list"},
	{vrrp.DropDestination, "unicast"},
	{vrrp.DropPeer, "unicast"},
}

// lintDrops tells of recent drops only: the counters never go back.
func (x *Explanation) lintDrops(in *control.Instance) {
	for _, d := range dropLints {
		for _, r := range in.Refused {
			switch {
			case r.Reason != d.drop.String() || !recent(in, x.Time, r.Last):
			case r.Count == 1:
				x.say(d.id, "one advert of VRID %d was dropped, from %s %v ago: such %s", in.VRID, r.Source, x.ago(r.Last), d.drop.Text())
			default:
				x.say(d.id, "%d adverts of VRID %d were dropped, the last from %s %v ago: they %s", r.Count, in.VRID, r.Source, x.ago(r.Last), d.drop.Text())
			}
		}
	}
}

// lintNeighbours looks at the other instances of this machine.
func (x *Explanation) lintNeighbours(v *control.VRRP, in *control.Instance) {
	for i := range v.Instances {
		o := &v.Instances[i]
		if o.Name != in.Name && o.Interface == in.Interface && o.VRID == in.VRID && o.Source.Is4() == in.Source.Is4() {
			x.say("duplicate-vrid", "vrrp_instance %s has the same VRID on %s: peers tell the two apart only by where adverts go", o.Name, in.Interface)
		}
	}
}
