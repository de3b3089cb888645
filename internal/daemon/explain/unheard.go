package explain

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/vrrp"
)

// recentAtLeast is the least time for which a dropped advert counts as recent.
const recentAtLeast = time.Minute

// ReasonVRID is the reason of an Unheard that has our addresses by another VRID.
const ReasonVRID = "vrid-mismatch"

// Unheard is another router whose adverts of this VRID, or for our addresses by
// another VRID, are dropped: whoever sends adverts says that it is master.
type Unheard struct {
	Addr netip.Addr `json:"address"`
	// Reason is the short name of why the last one was dropped, as in status, or
	// ReasonVRID.
	Reason string    `json:"reason"`
	Text   string    `json:"text"` // the same for people
	Last   time.Time `json:"last"`
}

// recent says whether a drop is news still: what was put right since leaves no
// trace after a while.
func recent(in *control.Instance, now, at time.Time) bool {
	return now.Sub(at) < max(10*seconds(in.MasterDown), recentAtLeast)
}

// unheard lists the senders of recently dropped adverts that nothing was
// accepted from since, the last one first.
func unheard(in *control.Instance, now time.Time) []Unheard {
	var list []Unheard
	for _, r := range in.Refused {
		if !recent(in, now, r.Last) || slices.ContainsFunc(in.Peers, func(p control.Peer) bool { return p.Addr == r.Source && p.LastHeard.After(r.Last) }) {
			continue
		}
		u := Unheard{Addr: r.Source, Reason: r.Reason, Text: vrrp.DropNamed(r.Reason).Text(), Last: r.Last}
		if i := slices.IndexFunc(list, func(o Unheard) bool { return o.Addr == u.Addr }); i < 0 {
			list = append(list, u)
		} else if u.Last.After(list[i].Last) {
			list[i] = u
		}
	}
	if m := in.VRIDMismatch; m != nil && m.Now {
		list = append(list, Unheard{Addr: m.Addr, Reason: ReasonVRID, Text: fmt.Sprintf("list %s under VRID %d, and this router has VRID %d", m.VIP, m.VRID, in.VRID), Last: m.Last})
	}
	slices.SortStableFunc(list, func(a, b Unheard) int {
		return cmp.Or(b.Last.Compare(a.Last), a.Addr.Compare(b.Addr))
	})
	return list
}

// unheardText says who sends what this router drops.
func (x *Explanation) unheardText() string {
	u := &x.Unheard[0]
	s := fmt.Sprintf("adverts from %s are dropped: they %s (%s), the last one %v ago", u.Addr, u.Text, u.Reason, x.ago(u.Last))
	if n := len(x.Unheard) - 1; n > 0 {
		s += fmt.Sprintf(", and those of %s", times(uint64(n), "other router"))
	}
	return s
}

// Probable says that one whose adverts are dropped is master now, as far as its
// last one shows.
func (x *Explanation) Probable(u *Unheard) bool {
	return u.Reason == ReasonVRID || x.Time.Sub(u.Last) < x.limit
}

// likely is how sure it is that the last one dropped is master now.
func (x *Explanation) likely() string {
	if x.Probable(&x.Unheard[0]) {
		return "is probably"
	}
	return "may be"
}

// ago is how long at is past, for people.
func (x *Explanation) ago(at time.Time) time.Duration { return short(x.Time.Sub(at)) }

// short is a duration with no more digits than people need.
func short(d time.Duration) time.Duration {
	switch d = max(d, 0); {
	case d >= time.Minute:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
