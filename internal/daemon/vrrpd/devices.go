package vrrpd

import (
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp/link"
)

// openDevices makes what makes VMACs. The parent hears at once of everything
// that it has to undo when this process dies for good.
func (p *process) openDevices(left link.DeviceRecord, resumed bool) link.Devices {
	global := &p.cfg.Load().Global
	p.devices = link.NewDevices(link.DevicesConfig{
		Log:    p.log,
		Answer: func(states []link.DeviceState) { p.engine.Devices(states) },
		Changed: func(r link.DeviceRecord) {
			_ = p.parent.PostBody(ipc.TypeDevices, r)
		},
		Left:        left,
		Resumed:     resumed,
		NoLocalIGMP: global.DisableLocalIGMP,
	})
	return p.devices
}

// closeDevices removes the VMACs, after everything else is gone, or leaves
// them with the addresses that stay.
func (p *process) closeDevices(keep bool) {
	if err := p.devices.Close(keep); err != nil {
		p.log.Error("virtual interfaces not removed", "err", err)
	}
}

// deviceFindings tells on whose VMAC the kernel's settings do not hold.
func (p *process) deviceFindings(out *control.VRRP) {
	var found map[string][]string
	for i := range out.Instances {
		in := &out.Instances[i]
		if in.Device == "" {
			continue
		}
		if found == nil {
			found = p.devices.Findings()
		}
		in.DeviceFindings = found[in.Device]
	}
}
