package vrrpd

import (
	"net"
	"slices"
	"strings"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// statusOf turns the engine's state into what operators are shown.
func statusOf(st engine.Status, cfg *config.Config) control.VRRP {
	out := control.VRRP{
		Time:      st.Time.Round(0),
		Instances: make([]control.Instance, 0, len(st.Routers)),
		Ports:     make([]control.Port, 0, len(st.Ports)),
		Lateness: control.Lateness{
			Wakeups: st.Wakeups, P99: st.Lateness.P99.Seconds(), Max: st.Lateness.Max.Seconds(),
			Overslept: st.Lateness.Overslept, Yielded: st.Lateness.Yielded, Suspended: st.Lateness.Suspended,
		},
	}
	names := make(map[vrrp.ID]string, len(st.Routers))
	for i := range st.Routers {
		names[st.Routers[i].ID] = st.Routers[i].Name
		out.Instances = append(out.Instances, instanceOf(&st.Routers[i], st.Time))
	}
	ignored := make(map[string][]string)
	for i := range cfg.Instances {
		in := &cfg.Instances[i]
		ignored[in.Name] = in.Ignored
	}
	for i := range out.Instances {
		out.Instances[i].Policy.Ignored = ignored[out.Instances[i].Name]
	}
	slices.SortFunc(out.Instances, func(a, b control.Instance) int { return strings.Compare(a.Name, b.Name) })
	for _, g := range st.Groups {
		cg := control.Group{Name: g.Name, State: g.State.String()}
		for _, id := range g.Members {
			cg.Members = append(cg.Members, names[id])
		}
		out.Groups = append(out.Groups, cg)
	}
	for i := range st.Static {
		out.Static = append(out.Static, staticOf(&st.Static[i]))
	}
	for _, p := range st.Ports {
		cp := control.Port{Interface: p.Interface, Packets: p.Packets, UnknownVRID: p.UnknownVRID, Short: p.Short}
		if cp.Destination = p.Group.String(); !p.Group.IsValid() {
			cp.Destination = p.Source.String()
		}
		out.Ports = append(out.Ports, cp)
	}
	return out
}

func instanceOf(r *engine.RouterStatus, now time.Time) control.Instance {
	in := control.Instance{
		Name: r.Name, Interface: r.Interface, VRID: r.VRID, Version: r.Version,
		State: r.State.String(), Since: r.Since.Round(0), Reason: r.Reason.String(),
		Device: r.Device,
		Faults: r.Faults, Source: r.Source,
		Priority:   control.Priority{Effective: r.EffectivePriority, Base: r.BasePriority, Advertised: r.Advertised},
		Policy:     policyOf(r, now),
		AdvertInt:  r.LearnedInterval.Seconds(),
		MasterDown: r.MasterDown.Seconds(),
		Agreement:  r.Agreement,
		ApplyError: r.ApplyError, PortError: r.PortError, SendError: r.SendError,
		AdvertsSent: r.Sent + r.ZeroSent, AdvertsReceived: r.Received, SendErrors: r.SendErrors,
		Transitions: r.BecameMaster,
		VIPs:        make([]control.VIP, 0, len(r.VIPs)),
	}
	if r.State == vrrp.Master {
		in.AdvertInt = r.AdvertInt.Seconds()
	}
	for i, f := range in.Faults {
		switch {
		case f != "interface":
		case r.Up && r.PortError != "":
			in.Faults[i] = r.PortError
		default:
			in.Faults[i] = "interface " + r.Interface + " is down"
		}
	}
	if i := slices.Index(in.Faults, "sync group"); i >= 0 && r.GroupFaults != nil {
		causes := make([]string, len(r.GroupFaults))
		for k, f := range r.GroupFaults {
			causes[k] = "sync group, " + f
		}
		in.Faults = slices.Replace(in.Faults, i, i+1, causes...)
	}
	if r.Reason == vrrp.ReasonGroup && r.Member != "" {
		why := r.MemberReason.String()
		if r.MemberReason == vrrp.ReasonLink {
			why = linkReason(r.State, false)
		}
		in.Reason += ", " + vrrp.Led(r.Member, why)
	}
	if r.Reason == vrrp.ReasonLink {
		in.Reason = linkReason(r.State, r.Up)
	}
	if r.Waiting {
		in.State = control.Waiting
		in.Faults = []string{"interface " + r.Interface + " does not exist"}
	}
	if r.NoSource {
		fault := "interface " + r.Interface + " has no address to send from"
		if r.Duplicate != "" {
			fault += ": " + r.Duplicate
		}
		in.Faults = append(slices.DeleteFunc(in.Faults, func(f string) bool { return strings.HasSuffix(f, " is down") }), fault)
	}
	if r.State == vrrp.Backup && r.Master.IsValid() {
		in.Master = &control.Peer{Addr: r.Master, Priority: r.MasterPriority, LastHeard: r.LastHeard.Round(0), Agrees: r.Agreement}
	}
	for _, p := range r.Peers {
		in.Peers = append(in.Peers, peerOf(r, p))
	}
	for _, c := range r.Contributions {
		cc := control.Contribution{
			Track: c.Key, Value: c.Value, State: upDown(c.Up, c.Pending),
			Weight: c.Weight, Reverse: c.Reverse,
		}
		if c.Scaled && !c.Pending {
			cc.Number = &c.Content
		}
		in.Priority.Contributions = append(in.Priority.Contributions, cc)
	}
	wayOf(r, &in)
	in.SecondMaster, in.SecondMasters = rivalOf(r, now), r.SecondMaster
	in.VRIDMismatch = mismatchOf(r, now)
	if !r.ClaimAt.IsZero() {
		in.Claim = &control.Claim{Address: r.Claim.Addr, MAC: net.HardwareAddr(r.Claim.HW[:]).String(), Last: r.ClaimAt.Round(0), Count: r.Claims}
	}
	for _, v := range r.VIPs {
		in.VIPs = append(in.VIPs, control.VIP{Address: v.Prefix, Present: v.Applied, Wanted: v.Wanted, Excluded: v.Excluded})
	}
	in.Routes, in.Rules = objects(r.Objects)
	in.NoAccept = r.NoAccept
	in.AdvertsIgnored = r.Drops[vrrp.DropState]
	for reason, n := range r.Drops {
		if n > 0 && vrrp.DropReason(reason) != vrrp.DropState {
			if in.Drops == nil {
				in.Drops = map[string]uint64{}
			}
			in.Drops[vrrp.DropReason(reason).String()] = n
		}
	}
	return in
}

// linkReason says what became of the interface of a router that came into state s;
// up is whether it is up nevertheless.
func linkReason(s vrrp.State, up bool) string {
	switch {
	case s != vrrp.Fault:
		return "the interface came up"
	case up:
		return "the interface cannot be used"
	}
	return "the interface went down"
}

func upDown(up, pending bool) string {
	switch {
	case pending:
		return "pending"
	case up:
		return "up"
	}
	return "down"
}
