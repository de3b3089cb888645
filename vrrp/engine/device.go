package engine

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"holdfast/vrrp/link"
)

const (
	// remakeTime is how long a router keeps its state while an interface of
	// its own that a stranger removed is made anew. That takes milliseconds.
	remakeTime = 500 * time.Millisecond
	// remakeAgain is how soon after such a loss the next one is no accident
	// any more: the router falls, and another machine may take over.
	remakeAgain = 10 * time.Second
)

// home is the interface that a router's addresses live on; nil: it is missing.
// As in keepalived those of one with an ipvlan stay on the interface below,
// whose MAC is the same.
func (e *Engine) home(c *Router) *link.Interface {
	if c.Device.Kind == link.IPVlan {
		return e.ifaces[c.Interface]
	}
	return e.iface(c)
}

// iface is the interface that has to be there for a router to run and, unless
// XmitBase, that its adverts come and go by: its own one, or the device made
// for it. nil: it is missing.
func (e *Engine) iface(c *Router) *link.Interface {
	if c.Device.Kind == link.NoDevice {
		return e.ifaces[c.Interface]
	}
	return e.device(c.Device.Key())
}

// device is a virtual interface that is there, on the interface that it
// belongs to.
func (e *Engine) device(k link.DeviceKey) *link.Interface {
	below, st := e.ifaces[k.Parent], e.devices[k]
	if below == nil || st.Ifindex == 0 || st.Parent != below.Index {
		return nil
	}
	return e.byIndex[st.Ifindex]
}

// vipIface is where an address lives that goes to on where it names no place;
// nil: that is missing.
func (e *Engine) vipIface(v *VIP, on *link.Interface) *link.Interface {
	switch {
	case v.Device.Kind != link.NoDevice:
		return e.device(v.Device.Key())
	case v.Dev != "":
		return e.ifaces[v.Dev]
	}
	return on
}

// advertPort is where the adverts of a router with a device come and go, given
// that the device is there.
func (e *Engine) advertPort(r *router, device *link.Interface) (at *link.Interface, source netip.Addr) {
	c := &r.cfg
	below := e.ifaces[c.Interface]
	switch {
	case c.XmitBase:
		return below, c.Source
	case c.Source.IsValid(), c.Device.Kind != link.Macvlan:
		return device, c.Source
	case c.is6():
		// The VMAC has a copy of it, which on kernels without marks looks like
		// a virtual one.
		if slices.ContainsFunc(device.Addrs, func(p netip.Prefix) bool { return p.Addr() == below.LinkLocal }) {
			source = below.LinkLocal
		}
		return device, source
	}
	// An IPv4 VMAC has no address but the virtual ones: adverts carry that of
	// the interface below.
	r.sought = true
	if source = e.ownAddress(below, c); !source.IsValid() {
		// An owner's addresses are virtual and its own.
		if i := slices.IndexFunc(below.Addrs, func(p netip.Prefix) bool { return p.Addr().Is4() }); i >= 0 {
			source = below.Addrs[i].Addr()
		}
	}
	return device, source
}

// wantedDevices are the devices of all routers, each one once: those of routers
// come first, as they were given names.
func (e *Engine) wantedDevices() []link.Device {
	var want []link.Device
	add := func(d link.Device, group netip.Addr) {
		if d.Kind == link.NoDevice {
			return
		}
		if group.IsValid() {
			d.Groups[family(group)] = group
		}
		if i := slices.IndexFunc(want, func(o link.Device) bool { return o.Key() == d.Key() }); i >= 0 {
			want[i].Share(&d)
			return
		}
		want = append(want, d)
	}
	for _, r := range e.routers {
		if r == nil {
			continue
		}
		group := r.cfg.Group
		if r.cfg.XmitBase || r.cfg.Device.Kind != link.Macvlan {
			group = netip.Addr{} // the port itself joins where it has to
		}
		add(r.cfg.Device, group)
	}
	for _, r := range e.routers {
		if r == nil {
			continue
		}
		for i := range r.cfg.VIPs {
			add(r.cfg.VIPs[i].Device, netip.Addr{})
		}
	}
	return want
}

// family is where the group of a family is among a device's.
func family(group netip.Addr) int {
	if group.Is4() {
		return 0
	}
	return 1
}

// startDevices makes the devices before anything is received.
func (e *Engine) startDevices() {
	if e.deps.Devices == nil {
		return
	}
	e.askedDevices = e.wantedDevices()
	e.takeDevices(e.wire.Now(), e.deps.Devices.Ensure(e.askedDevices))
}

// askDevices asks for other devices after a reload.
func (e *Engine) askDevices() {
	if e.deps.Devices == nil {
		return
	}
	if want := e.wantedDevices(); !slices.Equal(want, e.askedDevices) {
		e.setDevices(want)
	}
}

func (e *Engine) setDevices(want []link.Device) {
	e.askedDevices = want
	e.deps.Devices.Set(want)
}

// Devices takes the answer of the devices; states is the engine's from now on.
// Any goroutine.
func (e *Engine) Devices(states []link.DeviceState) { e.put(note{devices: states}) }

// takeDevices takes what is there, and sees to it that what failed is tried
// again.
func (e *Engine) takeDevices(now time.Time, states []link.DeviceState) {
	e.deviceAt = time.Time{}
	old := e.devices
	e.devices = make(map[link.DeviceKey]link.DeviceState, len(states))
	for _, st := range states {
		e.devices[st.Key] = st
		if st.Err == nil {
			continue
		}
		e.deviceAt = now.Add(retryTime)
		if was := old[st.Key].Err; was == nil || was.Error() != st.Err.Error() {
			e.log.Error("a virtual interface cannot be used", "error", st.Err)
		}
	}
}

// devicesDone takes an answer and puts the routers in their places.
func (e *Engine) devicesDone(now time.Time, states []link.DeviceState) {
	e.takeDevices(now, states)
	e.spaceOut()
	e.reopen(now)
	e.replaceAddresses(now, true)
}

// missDevices looks, after news of the interfaces, whether a device has gone,
// can be made now or has not the MTU of the interface below, and asks for it.
func (e *Engine) missDevices(now time.Time) {
	if len(e.askedDevices) == 0 {
		return
	}
	missing := slices.ContainsFunc(e.askedDevices, func(d link.Device) bool {
		below, at := e.ifaces[d.Parent], e.device(d.Key())
		return below != nil && (at == nil || at.MTU != below.MTU)
	})
	if !missing {
		return
	}
	for _, r := range e.routers {
		if r == nil || r.cfg.Device.Kind == link.NoDevice || r.ifindex == 0 || e.iface(&r.cfg) != nil || !r.remakeBy.IsZero() {
			continue
		}
		if i := e.ifaces[r.cfg.Interface]; i == nil || !i.Up || now.Sub(r.lostAt) < remakeAgain {
			continue
		}
		e.log.Warn("the virtual interface was removed by someone else, making it anew", r.attrs()...)
		r.lostAt, r.remakeBy = now, now.Add(remakeTime)
	}
	e.deps.Devices.Set(e.askedDevices)
}

// keeps says whether a router keeps its state although its device is missing,
// or not switched on yet, as that is being made anew.
func (e *Engine) keeps(now time.Time, r *router, up bool) bool {
	below := e.ifaces[r.cfg.Interface]
	if up || below == nil || !below.Up || !now.Before(r.remakeBy) {
		r.remakeBy = time.Time{}
		return false
	}
	e.retryAt = earlier(e.retryAt, r.remakeBy)
	return true
}

// deviceStatus adds what is known of a router's device.
func (e *Engine) deviceStatus(r *router, s *RouterStatus) {
	if r.cfg.Device.Kind == link.NoDevice {
		return
	}
	st := e.devices[r.cfg.Device.Key()]
	s.Waiting = e.ifaces[r.cfg.Interface] == nil
	s.Device = st.Name
	if st.Err != nil && s.PortError == "" {
		s.PortError = st.Err.Error()
	}
}

// promote asks for promote_secondaries where that has changed.
func (e *Engine) promote() {
	if e.deps.Devices == nil {
		return
	}
	var names map[string]int
	for _, r := range e.routers {
		if r == nil || !r.cfg.PromoteSecondaries {
			continue
		}
		if i := e.ifaces[r.cfg.Interface]; i != nil {
			if names == nil {
				names = map[string]int{}
			}
			names[i.Name] = i.Index
		}
	}
	if !maps.Equal(names, e.promoted) {
		e.promoted = names
		e.deps.Devices.Promote(names)
	}
}
