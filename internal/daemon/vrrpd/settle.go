package vrrpd

import (
	"holdfast/internal/config"
	"holdfast/vrrp/link"
)

// settle gives this process what the configuration says of it, at the start and
// at a reload.
func (p *process) settle(c *config.Config) {
	p.urgent.configure(&c.Global)
	p.tune.Apply(c.Global.VRRPProcess, c.Global.ProcessNames)
	b := c.Global.NetlinkBufs
	p.applier.SetReceiveBuffer(link.ReceiveBuffer{Bytes: b.Cmd, Force: b.CmdForce})
	p.watcher.SetReceiveBuffer(link.ReceiveBuffer{Bytes: b.Monitor, Force: b.MonitorForce})
}
