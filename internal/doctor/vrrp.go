package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/explain"
	"holdfast/internal/doctor/firewall"
	"holdfast/internal/host"
	"holdfast/internal/proc"
)

// vrrpProtocol is the number of VRRP among the IP protocols.
const vrrpProtocol = 112

// leftOver: vip-left.
func leftOver(s *Snapshot) []host.Finding {
	if s.Daemon {
		return nil
	}
	var all []host.Finding
	for _, r := range s.routers() {
		for _, a := range slices.SortedFunc(maps.Keys(r.devices), netip.Addr.Compare) {
			for _, x := range s.On(a) {
				if l := s.Link(x.Device); x.Device == r.devices[a] && l != nil && !l.Silent() {
					all = append(all, one(host.Error, "vip-left", fmt.Sprintf("%s of %s is on %s, and no daemon runs here", a, r.name, x.Device),
						"as soon as another director is master two hosts have the address", fmt.Sprintf("ip addr del %s dev %s", x.Prefix, x.Device)))
				}
			}
		}
	}
	return all
}

// elsewhere: vip-device.
func elsewhere(s *Snapshot) []host.Finding {
	var all []host.Finding
	for _, r := range s.routers() {
		if r.vmac {
			continue
		}
		for _, a := range slices.SortedFunc(maps.Keys(r.devices), netip.Addr.Compare) {
			for _, x := range s.On(a) {
				if l := s.Link(x.Device); x.Device != r.devices[a] && l != nil && !l.Silent() {
					all = append(all, one(host.Error, "vip-device", fmt.Sprintf("%s of %s is on %s, and belongs on %s", a, r.name, x.Device, r.devices[a]),
						"this host answers for the address there whoever is master", fmt.Sprintf("ip addr del %s dev %s", x.Prefix, x.Device)))
				}
			}
		}
	}
	return all
}

// packets are the adverts that a router sends and receives.
func (s *Snapshot) packets(r *router) []firewall.Packet {
	l := s.Link(r.device)
	if l == nil {
		return nil
	}
	base := firewall.Packet{Interface: l.Name, Index: l.Index, Protocol: vrrpProtocol}
	own := r.source
	// Where nobody is named the others are taken to be in the network of this host's
	// own address.
	var network netip.Prefix
	for _, x := range s.Addrs {
		a := x.Prefix.Addr()
		if a == own && own.IsValid() {
			network = x.Prefix.Masked()
		}
		if !own.IsValid() && x.Device == l.Name && a.Is4() == (r.family == 4) && !slices.Contains(r.addrs, a) && (a.Is4() || a.IsLinkLocalUnicast()) {
			own, network = a, x.Prefix.Masked()
		}
	}
	if network.IsSingleIP() {
		network = netip.Prefix{}
	}
	var all []firewall.Packet
	add := func(out bool, source, destination netip.Addr) {
		if destination.IsValid() {
			p := base
			p.Out, p.Source, p.Destination = out, source, destination
			if !source.IsValid() && !out {
				p.From = network
			}
			all = append(all, p)
		}
	}
	for _, peer := range r.peers {
		add(false, peer, own)
		add(true, own, peer)
	}
	if len(r.peers) == 0 {
		add(false, netip.Addr{}, r.destination())
		add(true, own, r.destination())
	}
	return all
}

// filtered: firewall-in and firewall-out.
func filtered(s *Snapshot) []host.Finding {
	routers := s.routers()
	if len(routers) == 0 && s.Director {
		for _, l := range s.Links {
			if l.Up && !l.Silent() && slices.ContainsFunc(s.Addrs, func(a host.Addr) bool { return a.Device == l.Name && a.Prefix.Addr().Is4() }) {
				routers = append(routers, router{name: "any virtual router", device: l.Name, family: 4})
			}
		}
	}
	// What one command mends is said once, for all that it hits.
	type hit struct {
		id, mend              string
		names, devices, rules []string
	}
	var hits []hit
	add := func(list []string, text string) []string {
		if slices.Contains(list, text) {
			return list
		}
		return append(list, text)
	}
	for i := range routers {
		r := &routers[i]
		for _, p := range s.packets(r) {
			var drops []*firewall.Drop
			if s.Filter != nil {
				drops = append(drops, s.Filter.Judge(p))
			}
			if t := s.Legacy[r.family]; t != nil {
				drops = append(drops, t.Judge(p, s.Programs[r.family]))
			}
			for _, d := range drops {
				if d == nil {
					continue
				}
				id := "firewall-in"
				if p.Out {
					id = "firewall-out"
				}
				k := slices.IndexFunc(hits, func(h hit) bool { return h.id == id && h.mend == d.Mend })
				if k < 0 {
					k = len(hits)
					hits = append(hits, hit{id: id, mend: d.Mend})
				}
				h := &hits[k]
				h.names, h.devices, h.rules = add(h.names, r.name), add(h.devices, p.Interface), add(h.rules, d.Where)
			}
		}
	}
	var all []host.Finding
	for _, h := range hits {
		what, why := "received", "this director hears no other and makes itself master beside it"
		if h.id == "firewall-out" {
			what, why = "sent", "no other director hears this one, and makes itself master beside it"
		}
		all = append(all, one(host.Error, h.id, fmt.Sprintf("adverts (IP protocol %d) of %s are dropped when they are %s on %s: %s",
			vrrpProtocol, quote(h.names), what, quote(h.devices), strings.Join(h.rules, "; ")), why, h.mend))
	}
	return all
}

// snooped: mcast-snooping. Without somebody who asks for members a bridge
// forgets them and stops to forward to them; adverts go to 224.0.0.0/24, which
// bridges are to flood, but not all do, and ff02::12 is not flooded.
func snooped(s *Snapshot) []host.Finding {
	if !s.Director {
		return nil
	}
	used := map[string]bool{}
	for _, r := range s.routers() {
		if len(r.peers) == 0 {
			used[r.device] = true
		}
	}
	var all []host.Finding
	for _, b := range s.Links {
		if b.Type != "bridge" || !b.Snooping || b.Querier {
			continue
		}
		through := used[b.Name] || len(s.routers()) == 0
		for _, l := range s.Links {
			through = through || l.Master == b.Index && used[l.Name]
		}
		if through {
			all = append(all, one(host.Warning, "mcast-snooping", fmt.Sprintf("bridge %s snoops on multicast, and does not ask who listens", b.Name),
				"unless a router on the segment asks, the bridge may stop to forward adverts after some minutes, and two directors are master",
				fmt.Sprintf("ip link set dev %s type bridge mcast_snooping 0", b.Name)))
		}
	}
	return all
}

// duplicates: vrid-duplicate, vrid-mismatch and two-masters, as heard.
func duplicates(s *Snapshot) []host.Finding {
	var all []host.Finding
	routers := s.routers()
	for i, h := range s.Heard {
		own, mend := false, []string(nil) // own: somebody here has this number
		for _, r := range routers {
			own = own || r.numbered(&h)
			if r.numbered(&h) && len(h.Addrs) > 0 && !r.shares(&h).IsValid() {
				all = append(all, one(host.Error, "vrid-duplicate", fmt.Sprintf("%s on %s advertises virtual_router_id %d for %s, which is the number of %s here", h.Source, h.Interface, h.VRID, quote(h.Addrs), r.name),
					fmt.Sprintf("two clusters on one segment take each other for their own: choose another number on all directors of one of them; %s heard here", s.free(h.Interface)), s.edit()...))
			}
		}
		for _, r := range routers {
			if a := r.shares(&h); !own && h.Priority != 0 && r.device == h.Interface && a.IsValid() {
				all = append(all, s.mismatch(r.name, r.vrid, h.Source, h.VRID, a))
			}
		}
		if own {
			mend = s.edit()
		}
		for _, o := range s.Heard[:i] {
			if len(routers) == 0 && o.Interface == h.Interface && o.VRID != h.VRID && o.Priority != 0 && h.Priority != 0 {
				if at := slices.IndexFunc(h.Addrs, func(a netip.Addr) bool { return slices.Contains(o.Addrs, a) }); at >= 0 {
					all = append(all, one(host.Error, "vrid-mismatch", fmt.Sprintf("%s on %s is advertised by %s by virtual_router_id %d, and by %s by %d", h.Addrs[at], h.Interface, o.Source, o.VRID, h.Source, h.VRID),
						mistyped))
				}
			}
			if o.Interface == h.Interface && o.VRID == h.VRID && o.Source.Is4() == h.Source.Is4() && o.Source != h.Source && o.Priority != 0 && h.Priority != 0 && o.Count > 1 && h.Count > 1 {
				all = append(all, one(host.Error, "two-masters", fmt.Sprintf("%s and %s both advertise virtual_router_id %d on %s", o.Source, h.Source, h.VRID, h.Interface),
					apart+bothHave, mend...))
			}
		}
	}
	return all
}

// numbered says whether h advertises by the number of r, where r is.
func (r *router) numbered(h *Heard) bool {
	return r.device == h.Interface && r.vrid == h.VRID && (r.family == 4) == h.Source.Is4()
}

// shares is the first address of h's list that is r's as well; invalid: there is
// none.
func (r *router) shares(h *Heard) netip.Addr {
	for _, a := range h.Addrs {
		if slices.Contains(r.addrs, a) {
			return a
		}
	}
	return netip.Addr{}
}

const (
	mistyped = "the two do not hear each other, and both are master: one of the numbers is mistyped, give both directors the same"
	apart    = "they do not hear each other, or their passwords, addresses or versions differ"
	bothHave = ": both have the addresses"
)

// mismatch: vrid-mismatch.
func (s *Snapshot) mismatch(name string, own uint8, source netip.Addr, vrid uint8, a netip.Addr) host.Finding {
	return one(host.Error, "vrid-mismatch", fmt.Sprintf("%s advertises %s of %s by virtual_router_id %d, and the number here is %d", source, a, name, vrid, own),
		mistyped, s.edit()...)
}

// edit are the commands for what is wrong in one of two configurations: which, is
// for a person to say, so they open the one that is here, and take it over for as
// long as nothing is lost by it.
func (s *Snapshot) edit() []string {
	if s.Config == nil || len(s.Config.Files) == 0 {
		return nil
	}
	file := proc.Quote(s.Config.Files[0])
	list := []string{"${EDITOR:-vi} " + file, "holdfast check " + file}
	if s.Running != nil {
		list = append(list, "holdfast reload --rollback 30s")
	}
	return list
}

// free names a number that nobody uses.
func (s *Snapshot) free(device string) string {
	for n := 51; n < 256; n++ {
		used := slices.ContainsFunc(s.Heard, func(h Heard) bool { return h.Interface == device && int(h.VRID) == n }) ||
			slices.ContainsFunc(s.routers(), func(r router) bool { return r.device == device && int(r.vrid) == n })
		if !used {
			return fmt.Sprintf("%d is not", n)
		}
	}
	return "none is left that is not"
}

// secondMaster: two-masters, vrid-mismatch and adverts-dropped, as the daemon
// sees it, and with what is heard beside it.
func secondMaster(s *Snapshot) []host.Finding {
	if s.Running == nil {
		return nil
	}
	var all []host.Finding
	for i := range s.Running.Instances {
		in := &s.Running.Instances[i]
		if m := in.VRIDMismatch; m != nil && m.Now {
			all = append(all, s.mismatch(in.Name, in.VRID, m.Addr, m.VRID, m.VIP))
		}
		told := map[netip.Addr]bool{}
		second := func(a netip.Addr, why string) {
			if !told[a] {
				told[a] = true
				all = append(all, one(host.Error, "two-masters", fmt.Sprintf("%s is master of %s as well as this host", a, in.Name),
					why+bothHave+"; holdfast explain "+in.Name+" says more", s.edit()...))
			}
		}
		if r := in.SecondMaster; r != nil && r.Now {
			second(r.Addr, "it does not accept the adverts of this host")
		}
		x, err := explain.Instance(s.Running, in.Name)
		if err != nil {
			continue
		}
		for _, u := range x.Unheard {
			switch {
			case u.Reason == explain.ReasonVRID:
			case in.State == "MASTER" && x.Probable(&u):
				second(u.Addr, fmt.Sprintf("its adverts are dropped here: they %s (%s)", u.Text, u.Reason))
			default:
				all = append(all, one(host.Warning, "adverts-dropped", fmt.Sprintf("adverts from %s for %s are dropped: they %s (%s)", u.Addr, in.Name, u.Text, u.Reason),
					"who sends adverts says that it is master, and this host takes no notice: it becomes master beside it", s.edit()...))
			}
		}
		for _, h := range s.Heard {
			if s.masterAllAlong(in) && h.Interface == in.Interface && h.VRID == in.VRID && h.Source.Is4() == in.Source.Is4() && h.Priority != 0 && h.Count > 1 {
				second(h.Source, apart)
			}
		}
	}
	return all
}

// masterAllAlong says whether an instance was master while adverts were listened
// to: a peer that took over then is no second one.
func (s *Snapshot) masterAllAlong(in *control.Instance) bool {
	return in.State == "MASTER" && in.Since.Before(s.Running.Time.Add(-s.Listened))
}

// daemonDown: daemon-down.
func daemonDown(s *Snapshot) []host.Finding {
	if s.Daemon || s.Config == nil || s.Config.Empty() {
		return nil
	}
	return []host.Finding{one(host.Warning, "daemon-down", "there is a configuration, and no daemon runs here",
		"this host takes no part", "systemctl start holdfast")}
}
