package vrrpd

import (
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// policyOf is what decides about mastership besides the priorities.
func policyOf(r *engine.RouterStatus, now time.Time) control.Policy {
	c := &r.Policy
	p := control.Policy{
		Owner: r.BasePriority == 255, Sticky: c.Sticky, NoPreempt: c.NoPreempt,
		PreemptDelay: c.PreemptDelay.Seconds(), AdvertInt: r.AdvertInt.Seconds(), Skew: r.Skew.Seconds(),
		GroupWait: r.WantMaster && r.State == vrrp.Backup,
	}
	if r.State == vrrp.Backup {
		p.Takeover, p.PreemptAt = r.Deadline.Round(0), r.PreemptAt.Round(0)
	}
	running := func(until time.Time) time.Time {
		if until.After(now) {
			return until.Round(0)
		}
		return time.Time{}
	}
	p.StartupUntil, p.HoldUntil, p.ListenUntil = running(r.StartupUntil), running(r.HoldUntil), running(r.Mute)
	return p
}

func peerOf(r *engine.RouterStatus, p engine.Peer) control.Peer {
	out := control.Peer{
		Addr: p.Addr, Priority: p.Priority, LastHeard: p.Last.Round(0),
		AdvertInt: p.AdvertInt.Seconds(), Agrees: p.Agrees, Foreign: p.Foreign,
		Signed: p.Signed,
	}
	if p.Path < len(r.Paths) {
		out.Path = r.Paths[p.Path].Interface
	}
	if p.Version == 3 {
		out.Checksum = p.Checksum.String()
		out.Checksums = map[string]uint64{}
		for f, n := range p.Checksums {
			if n > 0 {
				out.Checksums[vrrp.ChecksumForm(f).String()] = n
			}
		}
	}
	return out
}

// wayOf is how adverts come in: the paths, and what was dropped.
func wayOf(r *engine.RouterStatus, in *control.Instance) {
	for _, p := range r.Paths {
		in.Paths = append(in.Paths, control.Path{
			Interface: p.Interface, Source: p.Source, Up: p.Up, Error: p.Error, LastHeard: p.LastHeard.Round(0), Silent: p.Silent && r.State == vrrp.Backup,
		})
	}
	in.AdvertsCopied = r.Copies
	for _, x := range r.Refusals {
		in.Refused = append(in.Refused, control.Refused{
			Reason: x.Reason.String(), Source: x.Source, Last: x.Last.Round(0), Count: r.Drops[x.Reason],
		})
	}
}

func rivalOf(r *engine.RouterStatus, now time.Time) *control.Rival {
	v := r.Rival
	if !v.Addr.IsValid() {
		return nil
	}
	return &control.Rival{
		Addr: v.Addr, Priority: v.Priority, Since: v.Since.Round(0), Last: v.Last.Round(0), Adverts: v.Adverts,
		Now: r.State == vrrp.Master && now.Sub(v.Last) < r.MasterDown,
	}
}

func mismatchOf(r *engine.RouterStatus, now time.Time) *control.Mismatch {
	m := &r.Mismatch
	if !m.Source.IsValid() {
		return nil
	}
	return &control.Mismatch{
		Addr: m.Source, VRID: m.VRID, VIP: m.Address, Priority: m.Priority,
		Since: m.Since.Round(0), Last: m.Last.Round(0), Now: m.Now(now),
	}
}
