package lvs

import (
	"fmt"
	"net/netip"
	"slices"

	"holdfast/ipvs"
	"holdfast/vrrp/link"
)

// Link is what connection sync needs to know of an interface.
type Link struct {
	Index int // another one: it was made anew
	Up    bool
	Addrs []netip.Addr // in the kernel's order
	Local netip.Addr   // usable link-local one of IPv6
}

// linkOf is an interface by its name; nil: there is none.
func linkOf(list []link.Interface, name string) *Link {
	i := slices.IndexFunc(list, func(i link.Interface) bool { return i.Name == name })
	if i < 0 {
		return nil
	}
	k := &Link{Index: list[i].Index, Up: list[i].Up, Local: list[i].LinkLocal}
	for _, p := range list[i].Addrs {
		k.Addrs = append(k.Addrs, p.Addr().Unmap())
	}
	return k
}

func (k *Link) equal(o *Link) bool {
	if k == nil || o == nil {
		return k == o
	}
	return k.Index == o.Index && k.Up == o.Up && k.Local == o.Local && slices.Equal(k.Addrs, o.Addrs)
}

// family are the addresses of the family of a group; none is of IPv4.
func (k *Link) family(group netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(k.Addrs), func(a netip.Addr) bool { return a.Is6() != group.Is6() })
}

// syncWant is what the configuration and mastership ask for.
type syncWant struct {
	daemons []ipvs.Daemon // master before backup
	threads int           // of each; 0: as many as sync_ports says
	// back is set where threads are those from before we changed sync_ports: once
	// there are so many the setting is not ours any more.
	back bool
	// stay is set where the number of threads cannot be set: roles that run keep
	// the one that they have.
	stay bool
}

// syncWorld is how things are.
type syncWorld struct {
	running []ipvs.Daemon
	sockets []ipvs.SyncSocket // nil: not known
	link    *Link             // of the wanted interface; nil: there is none
	ports   int               // the setting sync_ports; 0: not known
	begun   syncBegun
	// portsErr is why ports is not known, although it is asked for.
	portsErr error
	stale    bool // those that run were started with a maxlen that is no longer asked for
}

// syncBegun is how the interface was when our daemons were started.
type syncBegun struct {
	index int          // 0: not known
	addrs []netip.Addr // when a master was
}

// syncStep is one change: the number of threads is set, a role is stopped, a role
// is started.
type syncStep struct {
	stop  ipvs.SyncRole
	ports int
	start *ipvs.Daemon
	// why a role is stopped, and whether something outside had broken it.
	why    string
	broken bool
}

// plan lists the changes that make the world as wanted. Roles that run as
// wanted are left alone. mine says whether a role that is not wanted is to be
// stopped.
func (w *syncWorld) plan(want syncWant, mine func(ipvs.SyncRole) bool) (steps []syncStep) {
	stop, broken := map[ipvs.SyncRole]string{}, map[ipvs.SyncRole]bool{}
	for _, d := range w.running {
		i := slices.IndexFunc(want.daemons, func(o ipvs.Daemon) bool { return o.Role == d.Role })
		switch {
		case i >= 0:
			if !d.Serves(want.daemons[i].Addressed()) || w.stale {
				stop[d.Role] = "configured differently"
			} else if why := w.broken(d); why != "" {
				stop[d.Role], broken[d.Role] = why, true
			}
		case mine(d.Role):
			stop[d.Role] = "not wanted"
		}
	}
	threads := want.threads > 0 && !want.stay
	if w.link != nil && threads && len(want.daemons) > 0 {
		// The first daemon fixes the number for the second one.
		for _, d := range w.running {
			if n := w.threads(d.Role); n > 0 && n != want.threads {
				for _, d := range w.running {
					if stop[d.Role] == "" {
						stop[d.Role] = fmt.Sprintf("%d threads, want %d", n, want.threads)
					}
				}
			}
		}
	}
	for _, d := range w.running {
		if why := stop[d.Role]; why != "" {
			steps = append(steps, syncStep{stop: d.Role, why: why, broken: broken[d.Role]})
		}
	}
	if w.link == nil {
		return steps // there is nothing to start on
	}
	set := threads && w.ports != want.threads
	for i, d := range want.daemons {
		runs := slices.ContainsFunc(w.running, func(o ipvs.Daemon) bool { return o.Role == d.Role })
		if runs && stop[d.Role] == "" {
			continue
		}
		if set {
			steps, set = append(steps, syncStep{ports: want.threads}), false
		}
		steps = append(steps, syncStep{start: &want.daemons[i]})
	}
	return steps
}

// threads counts the threads of a role by their ports, of which each has one; 0:
// not known.
func (w *syncWorld) threads(r ipvs.SyncRole) int {
	ports := map[uint16]bool{}
	for _, s := range w.sockets {
		if s.Role == r {
			ports[s.Port] = true
		}
	}
	return len(ports)
}

// broken says what outside keeps a daemon that is listed from its work; empty:
// nothing.
func (w *syncWorld) broken(have ipvs.Daemon) string {
	switch {
	case w.link == nil:
		return "its interface is gone"
	case w.begun.index != 0 && w.begun.index != w.link.Index:
		// It is listed, but its sockets are bound to the old one: dead.
		return "its interface was made anew"
	case w.staleSource(have):
		return "the address that it sends from is gone"
	}
	return ""
}

// staleSource reports whether a master's sockets send from no address of the
// interface although it has one: it had none, or another one, when they were
// made. Where starting anew did not help it is not done again before the
// addresses change.
func (w *syncWorld) staleSource(d ipvs.Daemon) bool {
	addrs := w.link.family(d.Group)
	if d.Role != ipvs.SyncMaster || len(addrs) == 0 || slices.Equal(w.link.Addrs, w.begun.addrs) {
		return false
	}
	return slices.ContainsFunc(w.sockets, func(s ipvs.SyncSocket) bool {
		return s.Role == d.Role && !slices.Contains(addrs, s.Source)
	})
}

// problem says what keeps a wanted daemon from its work, if anything that
// starting it anew would not mend.
func (w *syncWorld) problem(d ipvs.Daemon) string {
	switch {
	case w.link == nil:
		return fmt.Sprintf("interface %s: not found", d.Interface)
	case !w.link.Up:
		return fmt.Sprintf("interface %s is down", d.Interface)
	case !w.homeless(d):
		return ""
	case d.Group.Is6():
		return fmt.Sprintf("interface %s has no IPv6 address to send from", d.Interface)
	}
	return fmt.Sprintf("interface %s has no IPv4 address to send from", d.Interface)
}

// unready reports whether the interface is not yet what a master can be started
// on.
func (w *syncWorld) unready(d ipvs.Daemon) bool {
	return d.Role == ipvs.SyncMaster && (!w.link.Up || len(w.link.family(d.Group)) == 0)
}

// homeless reports whether a daemon is a master that has no address to send
// from: none on its interface, and none of another that the kernel chose.
func (w *syncWorld) homeless(d ipvs.Daemon) bool {
	return d.Role == ipvs.SyncMaster && w.link != nil && len(w.link.family(d.Group)) == 0 &&
		!slices.ContainsFunc(w.sockets, func(s ipvs.SyncSocket) bool { return s.Role == d.Role && !s.Source.IsUnspecified() })
}
