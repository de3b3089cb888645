package link

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
)

// DevicesConfig says what NetlinkDevices works with. Answer is required.
type DevicesConfig struct {
	Log *slog.Logger // nil: no log
	// Answer is called from a goroutine of the devices' own after every Set
	// that no newer one has replaced. It may keep the slice.
	Answer func([]DeviceState)
	// Changed is called whenever there is more or less to undo; nil: nobody
	// wants to know. It may keep the record.
	Changed func(DeviceRecord)
	// Left is what a predecessor left behind: devices that are not wanted any
	// more are removed, settings are known as they were before it.
	Left DeviceRecord
	// Resumed: routers go on where that predecessor stopped, so VMACs that it
	// left and that are wanted are taken up whatever their names are by now.
	Resumed bool
	// NoLocalIGMP: while there are IPv4 VMACs the machine reports no groups of
	// 224.0.0.0/24 (disable_local_igmp), in place of nftables rules.
	NoLocalIGMP bool
}

// NetlinkDevices is the Devices of Linux. Its sockets are opened when they are
// needed.
type NetlinkDevices struct {
	log     *slog.Logger
	answer  func([]DeviceState)
	changed func(DeviceRecord)

	mu      sync.Mutex
	waiting [][]Device     // at most one: the newest
	promote map[string]int // as last asked
	closed  bool
	more    chan struct{}
	done    chan struct{}

	work  sync.Mutex // held while the kernel is talked to; guards the rest
	nl    *netlink.Handle
	have  map[DeviceKey]*madeDevice
	left  map[int]MadeDevice // of a predecessor, by index, while nobody wants them
	any   bool               // DevicesConfig.Resumed
	sys   *sysctls
	joins *memberships
	mute  *reportFilter
	rules rulesetWatch
	told  DeviceRecord

	repairs     atomic.Uint64
	promoted    map[string]int // as last done
	noLocalIGMP bool
}

// madeDevice is a device that is there and in use.
type madeDevice struct {
	MadeDevice
	parent int
	asked  string // the name that was last wanted
	taken  bool   // another interface had that name
	is4    bool
	is6    bool
	ours   bool // to be removed when it is not wanted any more
}

var _ Devices = (*NetlinkDevices)(nil)

// NewDevices returns a NetlinkDevices, which does nothing until it is asked.
// It needs CAP_NET_ADMIN, and /proc/sys writable.
func NewDevices(cfg DevicesConfig) *NetlinkDevices {
	d := &NetlinkDevices{
		log: cfg.Log, answer: cfg.Answer, changed: cfg.Changed,
		more: make(chan struct{}, 1), done: make(chan struct{}),
		have: map[DeviceKey]*madeDevice{}, left: map[int]MadeDevice{},
		sys: newSysctls(), joins: newMemberships(),
		told: cfg.Left, any: cfg.Resumed, noLocalIGMP: cfg.NoLocalIGMP,
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.mute = &reportFilter{log: d.log}
	d.rules.look = d.repair
	d.sys.saved = slices.Clone(cfg.Left.Settings)
	for _, m := range cfg.Left.Devices {
		d.left[m.Ifindex] = m
	}
	go d.run()
	return d
}

// Set implements Devices. It keeps want, which must not be changed any more.
func (d *NetlinkDevices) Set(want []Device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.waiting = append(d.waiting[:0], want)
	select {
	case d.more <- struct{}{}:
	default: // it has been told already
	}
}

func (d *NetlinkDevices) run() {
	defer close(d.done)
	for range d.more {
		d.mu.Lock()
		var want []Device
		asked := len(d.waiting) > 0
		if asked {
			want = d.waiting[0]
			d.waiting = d.waiting[:0]
		}
		promote := d.promote
		d.mu.Unlock()
		d.promoteNow(promote)
		if asked {
			d.answer(d.Ensure(want))
		}
	}
}

// Ensure implements Devices. Any goroutine may call it.
func (d *NetlinkDevices) Ensure(want []Device) []DeviceState {
	d.work.Lock()
	defer d.work.Unlock()
	if len(want) == 0 && len(d.have) == 0 && len(d.left) == 0 && len(d.sys.saved) == 0 {
		return nil // and no socket
	}
	states := make([]DeviceState, len(want))
	for i := range want {
		states[i].Key = want[i].Key()
	}
	links, err := d.list()
	if err != nil {
		for i := range states {
			states[i].Err = err
		}
		return states
	}
	d.forget(want, links)
	if slices.ContainsFunc(want, func(w Device) bool { return w.filtered() }) {
		// Before the settings of the VMACs: it raises those of all interfaces.
		if err := d.sys.clearAll(); err != nil {
			d.log.Error("cannot take rp_filter off all interfaces together", "error", err)
		}
	}
	for i := range want {
		d.takeUp(&want[i], links)
	}
	d.rename(want, links) // before any is made: a name that one gives away may be that of a new one
	for i := range want {
		states[i] = d.place(want, &want[i], links)
	}
	d.tell() // before anything else can go wrong
	d.silence()
	for i := range want {
		if st := &states[i]; st.Ifindex != 0 {
			if err := d.configure(&want[i], d.have[st.Key], links); err != nil {
				st.Err = fmt.Errorf("link: %v: %w", &want[i], err)
			}
		}
	}
	d.settle(want, states, links)
	d.tell()
	return states
}

// list reads all links; the socket is opened anew after an error.
func (d *NetlinkDevices) list() (*linkTable, error) {
	if d.nl == nil {
		nl, err := newHandle(again)
		if err != nil {
			return nil, err
		}
		d.nl = nl
	}
	links, err := readLinks(d.nl)
	if err != nil {
		d.nl.Close()
		d.nl = nil
	}
	return links, err
}

// forget drops what is gone from the kernel, and removes what is not wanted
// any more, or cannot be used as the interface below is another one now.
// Removing comes first: a name and a MAC are free again only then.
func (d *NetlinkDevices) forget(want []Device, links *linkTable) {
	wanted := make(map[DeviceKey]bool, len(want))
	for i := range want {
		wanted[want[i].Key()] = true
	}
	var gone []*madeDevice
	for key, m := range d.have {
		l := links.index[m.Ifindex]
		switch below := links.name[key.Parent]; {
		case l == nil || !links.is(l, m.MadeDevice):
			d.log.Warn("a virtual interface was removed by someone else", "interface", m.Name)
			delete(d.have, key)
		case !wanted[key] || below == nil || below.Attrs().Index != m.parent:
			gone = append(gone, m)
			delete(d.have, key)
		}
	}
	d.remove(slices.DeleteFunc(gone, func(m *madeDevice) bool { return !m.ours }), links)
	// One that is removed may have the name for want of which another one fitted.
	for d.forgetLeft(want, links) {
	}
}

// forgetLeft removes what a predecessor left and nobody wants, and reports whether
// there was any of it.
func (d *NetlinkDevices) forgetLeft(want []Device, links *linkTable) bool {
	var gone []*madeDevice
	for index, m := range d.left {
		l := links.index[index]
		if l != nil && links.is(l, m) {
			if slices.ContainsFunc(want, func(w Device) bool { return d.have[w.Key()] == nil && d.fits(l, &w, links) }) {
				continue // taken up below
			}
			d.log.Info("removing a left-over virtual interface", "interface", m.Name)
			gone = append(gone, &madeDevice{MadeDevice: m, ours: true})
		}
		delete(d.left, index)
	}
	d.remove(gone, links)
	return len(gone) > 0
}

// takeUp looks for a device that is not in use yet among what is there.
func (d *NetlinkDevices) takeUp(w *Device, links *linkTable) {
	if d.have[w.Key()] != nil || links.name[w.Parent] == nil {
		return
	}
	if m := d.find(w, links); m != nil {
		d.have[w.Key()] = m
		delete(d.left, m.Ifindex)
	}
}

// place says where one device is, and makes it if need be.
func (d *NetlinkDevices) place(all []Device, w *Device, links *linkTable) DeviceState {
	st := DeviceState{Key: w.Key()}
	below := links.name[w.Parent]
	if below == nil {
		return st
	}
	st.Parent = below.Attrs().Index
	m := d.have[st.Key]
	if m == nil {
		if m, st.Err = d.make(all, w, below, links); st.Err != nil {
			st.Err = fmt.Errorf("link: %v: %w", w, st.Err)
			return st
		}
		d.have[st.Key] = m
	}
	m.is4, m.is6 = w.is4(), w.is6()
	st.Ifindex, st.Name = m.Ifindex, m.Name
	return st
}

// silence keeps all VMACs from saying what is not theirs to say.
func (d *NetlinkDevices) silence() {
	want := [2]map[int]int{{}, {}}
	for key, m := range d.have {
		if key.Kind != Macvlan {
			continue
		}
		if m.is4 {
			want[0][m.Ifindex] = m.parent
		}
		if m.is6 {
			want[1][m.Ifindex] = m.parent
		}
	}
	if d.noLocalIGMP && len(want[0]) > 0 {
		err := d.sys.change("ipv4/igmp_link_local_mcast_reports", 0, "0")
		if err == nil {
			want[0] = nil
		} else {
			d.log.Warn("disable_local_igmp has no effect, nftables is used", "error", err)
		}
	}
	d.mute.set(want)
	d.guard()
}

// remove removes devices.
func (d *NetlinkDevices) remove(list []*madeDevice, links *linkTable) {
	made := make([]MadeDevice, len(list))
	for i, m := range list {
		made[i] = m.MadeDevice
	}
	if err := removeDevices(d.nl, made, links, d.log); err != nil {
		d.log.Error("virtual interfaces not removed", "error", err)
	}
}

// tell says what there is to undo, when that has changed.
func (d *NetlinkDevices) tell() {
	var r DeviceRecord
	for _, key := range slices.SortedFunc(maps.Keys(d.have), func(a, b DeviceKey) int { return d.have[a].Ifindex - d.have[b].Ifindex }) {
		if m := d.have[key]; m.ours {
			r.Devices = append(r.Devices, m.MadeDevice)
		}
	}
	for _, m := range d.left {
		r.Devices = append(r.Devices, m)
	}
	r.Settings = slices.Clone(d.sys.saved)
	if d.changed != nil && !(slices.Equal(r.Devices, d.told.Devices) && slices.Equal(r.Settings, d.told.Settings)) {
		d.changed(r)
	}
	d.told = r
}

// Findings says, by the name of the device, which kernel settings do not hold.
// Any goroutine may call it.
func (d *NetlinkDevices) Findings() map[string][]string {
	d.work.Lock()
	defer d.work.Unlock()
	out := map[string][]string{}
	for key, m := range d.have {
		if key.Kind != Macvlan || !m.is4 {
			continue
		}
		if f := d.sys.findings(m.Name, m.is6, key.Parent); len(f) > 0 {
			out[m.Name] = f
		}
	}
	return out
}

// Close ends it. With keep everything stays as it is; otherwise the devices
// are removed and the settings restored.
func (d *NetlinkDevices) Close(keep bool) error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return ErrClosed
	}
	d.closed = true
	d.waiting = nil
	close(d.more)
	d.mu.Unlock()
	<-d.done
	if !keep {
		d.promoteNow(nil)
		d.Ensure(nil)
	}
	d.rules.close()
	d.work.Lock()
	defer d.work.Unlock()
	d.joins.close()
	if d.nl != nil {
		d.nl.Close()
		d.nl = nil
	}
	return nil
}
