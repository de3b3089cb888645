package daemon

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp/link"
)

// saidDevices takes the word of the vrrp process about what it made.
func (p *Parent) saidDevices(c *child, m ipc.Message) {
	var r link.DeviceRecord
	if err := m.Decode(&r); err != nil {
		p.log.Error("message not understood", "role", string(c.role), "err", err)
		return
	}
	p.devices = r
	p.unsaved = true
}

// undoDevices removes what no process looks after any more.
func (p *Parent) undoDevices() {
	if p.devices.Empty() {
		return
	}
	if err := link.UndoDevices(p.devices, p.log); err != nil {
		p.log.Error("virtual interfaces or settings are left behind", "err", err)
	}
	p.devices = link.DeviceRecord{}
	p.unsaved = true
}

// Made on first use: every process of the daemon would make them at its start.
var (
	settingPath  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^ipv[46]/(conf/[^/]{1,15}/)?[a-z_]{1,40}$`) })
	settingValue = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?[0-9]{1,10}$`) })
)

// checkDevices refuses a record that no daemon can have written.
func checkDevices(r link.DeviceRecord) error {
	for _, d := range r.Devices {
		if d.Ifindex <= 0 || d.Name == "" || d.MAC == "" {
			return fmt.Errorf("%q cannot be a virtual interface", d.Name)
		}
	}
	for _, s := range r.Settings {
		if !settingPath().MatchString(s.Path) || strings.Contains(s.Path, "/../") || strings.Contains(s.Path, "/./") || !settingValue().MatchString(s.Old) || !settingValue().MatchString(s.New) {
			return fmt.Errorf("%q cannot be a setting", s.Path)
		}
	}
	return nil
}
