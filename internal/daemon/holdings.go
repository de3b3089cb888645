package daemon

import (
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
	"holdfast/vrrp/link"
)

// holdings is what is known of virtual addresses on this machine: what the
// parent has to remove when nobody else does.
type holdings struct {
	live      map[string]ipc.Held // what the running vrrp process is master of
	orphans   map[string]ipc.Held // the same of one that died, until its successor has swept
	leftovers []link.Address      // of a killed daemon, until a vrrp process has swept
	released  map[string]release  // what the running vrrp process has given up
}

// release is what a virtual router held until it left MASTER.
type release struct {
	at        time.Time
	addresses []link.Address
}

// releaseTime is longer than the kernel may take to remove addresses: a process
// that dies sooner than this after it gave some up may have left them there.
const releaseTime = 5 * time.Second

// said takes the word of the running vrrp process.
func (h *holdings) said(v ipc.Held) {
	delete(h.orphans, v.Router)
	if !v.Master {
		if old, ok := h.live[v.Router]; ok {
			if h.released == nil {
				h.released = map[string]release{}
			}
			h.released[v.Router] = release{time.Now(), old.Addresses}
		}
		delete(h.live, v.Router)
		return
	}
	if h.live == nil {
		h.live = map[string]ipc.Held{}
	}
	h.live[v.Router] = v
	delete(h.released, v.Router)
}

// died makes orphans of what a vrrp process held, and left-overs of what it was
// about to remove.
func (h *holdings) died() {
	if h.orphans == nil {
		h.orphans = map[string]ipc.Held{}
	}
	for name, v := range h.live {
		h.orphans[name] = v
	}
	for _, r := range h.released {
		if time.Since(r.at) < releaseTime {
			h.leftovers = append(h.leftovers, r.addresses...)
		}
	}
	h.live, h.released = nil, nil
}

// swept forgets what was left: the vrrp process is ready and has removed all
// that it does not hold.
func (h *holdings) swept() { h.orphans, h.leftovers = nil, nil }

// left are the addresses that nobody holds.
func (h *holdings) left() []link.Address { return h.collect(h.orphans) }

// addresses are all of them, for the state file.
func (h *holdings) addresses() []link.Address { return h.collect(h.live, h.orphans) }

func (h *holdings) collect(maps ...map[string]ipc.Held) []link.Address {
	out := slices.Clone(h.leftovers)
	for _, m := range maps {
		for _, v := range m {
			out = append(out, v.Addresses...)
		}
	}
	return out
}

// resume says what a new vrrp process may take up again, and sees to it that
// addresses which it does not take up in time are removed before a peer that
// has stopped hearing us may hold them too.
func (p *Parent) resume(died time.Time) []role.Resume {
	var list []role.Resume
	for name, h := range p.holdings.orphans {
		// The last advert was sent one interval before the death at the
		// earliest.
		list = append(list, role.Resume{Router: name, LastAdvert: died.Add(-p.cfg.intervals[name])})
		p.after(time.Until(died.Add(h.Alive)), func() {
			// Not an orphan any more: the new process has taken it up, or swept.
			late, ok := p.holdings.orphans[name]
			if !ok {
				return
			}
			p.log.Warn("addresses removed: no process announces them any more", "instance", name)
			delete(p.holdings.orphans, name)
			p.unsaved = true
			p.removeAddresses(late.Addresses)
		})
	}
	return list
}

// dropOrphans removes at once what a dead vrrp process held or left behind.
func (p *Parent) dropOrphans() {
	h := &p.holdings
	if len(h.orphans) == 0 && len(h.leftovers) == 0 {
		return
	}
	p.removeAddresses(h.leftovers)
	for name, o := range h.orphans {
		p.log.Warn("addresses removed: no process announces them any more", "instance", name)
		p.removeAddresses(o.Addresses)
	}
	h.swept()
	p.unsaved = true
}

// removeAddresses removes addresses from their interfaces; those that are gone
// already are as they should be. The last comes first: removing the first of a
// subnet may take the others along.
func (p *Parent) removeAddresses(list []link.Address) {
	handle, err := netlink.NewHandle()
	if err != nil {
		p.log.Error("addresses not removed", "err", err)
		return
	}
	defer handle.Close()
	for _, a := range slices.Backward(list) {
		// Only the index of the link is looked at.
		on := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: a.Ifindex}}
		_ = handle.AddrDel(on, &netlink.Addr{IPNet: &net.IPNet{
			IP:   a.Prefix.Addr().AsSlice(),
			Mask: net.CIDRMask(a.Prefix.Bits(), a.Prefix.Addr().BitLen()),
		}})
	}
}
