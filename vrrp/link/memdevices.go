package link

import (
	"fmt"
	"net"
	"slices"
	"syscall"
)

// MemDevices is the Devices of a MemProcess.
type MemDevices struct {
	p      *MemProcess
	answer func([]DeviceState)
	work   chan []Device
	stop   chan struct{}
	have   map[DeviceKey]int
}

var _ Devices = (*MemDevices)(nil)

// Devices returns the process's devices; answer is called from its goroutine.
func (p *MemProcess) Devices(answer func([]DeviceState)) *MemDevices {
	d := &MemDevices{p: p, answer: answer, work: make(chan []Device, 64), stop: make(chan struct{}), have: map[DeviceKey]int{}}
	go d.run()
	return d
}

// Set implements Devices.
func (d *MemDevices) Set(want []Device) { d.work <- want }

// Promote implements Devices: the hosts in memory have no secondary addresses.
func (d *MemDevices) Promote(map[string]int) {}

func (d *MemDevices) run() {
	for {
		select {
		case want := <-d.work:
			if !d.p.run() {
				return
			}
			d.answer(d.Ensure(want))
		case <-d.stop:
			return
		case <-d.p.dead:
			return
		}
	}
}

// Ensure implements Devices.
func (d *MemDevices) Ensure(want []Device) []DeviceState {
	h := d.p.host
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	for key, index := range d.have {
		if i := h.byIndex(index); i == nil || !slices.ContainsFunc(want, func(w Device) bool { return w.Key() == key }) {
			if i != nil {
				h.remove(i)
			}
			delete(d.have, key)
		}
	}
	states := make([]DeviceState, len(want))
	for k := range want {
		states[k] = d.ensure(&want[k])
	}
	return states
}

func (d *MemDevices) ensure(w *Device) DeviceState {
	h := d.p.host
	st := DeviceState{Key: w.Key()}
	below := h.byName(w.Parent)
	if below == nil {
		return st
	}
	st.Parent = below.Index
	st.Name = w.Name
	if st.Name == "" {
		st.Name = fmt.Sprintf("%s.%d", w.Prefix, w.VRID)
	}
	for _, i := range h.ifaces {
		switch {
		case i.below == below && slices.Equal(i.HWAddr, w.MAC[:]) && (w.Name == "" || w.Name == i.Name || d.have[st.Key] == i.Index):
			d.have[st.Key] = i.Index
			st.Ifindex, st.Name = i.Index, i.Name
			if w.Name != "" && w.Name != i.Name && h.byName(w.Name) == nil {
				i.Name, st.Name = w.Name, w.Name
				h.notify(nil)
			}
			if i.MTU != below.MTU {
				i.MTU = below.MTU
				h.notify(nil)
			}
			return st
		case i.Name == st.Name:
			st.Err = syscall.EEXIST
			return st
		}
	}
	h.next++
	i := &memIface{below: below, Interface: Interface{
		Index: h.next, Name: st.Name, Up: true, MTU: below.MTU, Multicast: true, HWAddr: net.HardwareAddr(slices.Clone(w.MAC[:])),
	}}
	h.ifaces = append(h.ifaces, i)
	d.have[st.Key], st.Ifindex = i.Index, i.Index
	h.notify(nil)
	return st
}

// Close ends it; the devices stay.
func (d *MemDevices) Close() error {
	close(d.stop)
	return nil
}

// running says whether the interface, and what it stands on, is switched on.
func (i *memIface) running() bool { return i.Up && (i.below == nil || i.below.Up) }

// segment is the interface that is on the wire.
func (i *memIface) segment() *memIface {
	if i.below != nil {
		return i.below
	}
	return i
}
