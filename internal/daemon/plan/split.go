package plan

import (
	"fmt"
	"net/netip"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/explain"
	"holdfast/vrrp"
)

// Understood is what a daemon and the other directors understand of each other
// before a reload: whom its backups follow, and which of its masters are the only
// one.
type Understood struct {
	follows map[string]netip.Addr // by instance
	sole    map[string]bool
}

// Understand takes down what a daemon with this status understands.
func Understand(st *control.Status) Understood {
	u := Understood{map[string]netip.Addr{}, map[string]bool{}}
	var v control.VRRP
	if !decode(st.VRRP, &v) {
		return u
	}
	for i := range v.Instances {
		in := &v.Instances[i]
		switch {
		case in.State == "BACKUP" && in.Master != nil && in.Master.Priority > 0 && heard(in, v.Time, time.Time{}):
			u.follows[in.Name] = in.Master.Addr
		case in.State == "MASTER" && second(&v, in, time.Time{}) == "":
			u.sole[in.Name] = true
		}
	}
	return u
}

// Backups counts those that follow a master.
func (u Understood) Backups() int { return len(u.follows) }

// Split says where a reload at since has made two masters, or would: a backup
// that followed a master and takes over because it does not understand it any
// more, a master that another one has come beside. Over says that nothing is
// waited for any more: a backup that hears nobody counts then as well. What is
// not configured any more does not count.
func (u Understood) Split(now *control.Status, since time.Time, over bool) []Loss {
	var v control.VRRP
	if !decode(now.VRRP, &v) {
		return nil
	}
	var list []Loss
	for i := range v.Instances {
		in := &v.Instances[i]
		master, followed := u.follows[in.Name]
		beside := second(&v, in, since)
		text := ""
		switch {
		case followed && in.State == "MASTER" && (beside != "" || in.Reason == vrrp.ReasonTimeout.String()):
			text = fmt.Sprintf("%s followed the master %s and is MASTER (%s)", in.Name, master, in.Reason)
			if beside != "" {
				text += ": " + beside
			}
		case followed && over && in.State != "MASTER" && !heard(in, v.Time, since):
			text = fmt.Sprintf("%s followed the master %s, is %s and hears none", in.Name, master, in.State)
			if beside != "" {
				text += ": " + beside
			}
		case u.sole[in.Name] && in.State == "MASTER" && beside != "":
			text = fmt.Sprintf("%s was the only MASTER and is not any more: %s", in.Name, beside)
		}
		if text != "" {
			list = append(list, Loss{"split " + in.Name, text})
		}
	}
	return list
}

// heard says whether a master was heard lately, and since then; where less than
// two of its intervals have passed since then, that it is not taken for dead is
// enough.
func heard(in *control.Instance, now, since time.Time) bool {
	peers := in.Peers
	if in.Master != nil {
		peers = append(peers[:len(peers):len(peers)], *in.Master)
	}
	for i := range peers {
		p := &peers[i]
		silent := max(in.MasterDown, 4*p.AdvertInt)
		if p.Priority > 0 && now.Sub(p.LastHeard).Seconds() < silent && (p.LastHeard.After(since) || now.Sub(since).Seconds() < 2*max(p.AdvertInt, in.AdvertInt)) {
			return true
		}
	}
	return false
}

// second names another master, heard or dropped since then; empty: there is none
// for certain.
func second(v *control.VRRP, in *control.Instance, since time.Time) string {
	if r := in.SecondMaster; r != nil && r.Now && r.Adverts > 1 && r.Last.After(since) {
		return fmt.Sprintf("%s is master as well", r.Addr)
	}
	x, err := explain.Instance(v, in.Name)
	if err != nil {
		return ""
	}
	for i := range x.Unheard {
		if o := &x.Unheard[i]; x.Probable(o) && o.Last.After(since) {
			return fmt.Sprintf("adverts from %s are dropped, they %s", o.Addr, o.Text)
		}
	}
	return ""
}
