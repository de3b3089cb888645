package daemon

import (
	"fmt"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// manager tells the service manager how the daemon does (sd_notify(3)). What it
// is told is sent in order, by a goroutine of its own: a manager that does not
// listen must not stop the daemon.
type manager struct{ says chan string }

// newManager has tell called with every state; nil: nobody wants to know.
func newManager(tell func(state string)) *manager {
	if tell == nil {
		return nil
	}
	m := &manager{says: make(chan string, 16)}
	go func() {
		for s := range m.says {
			tell(s)
		}
	}()
	return m
}

func (m *manager) say(state string) {
	if m == nil {
		return
	}
	select {
	case m.says <- state:
	default: // it has not listened for a long time
	}
}

func (m *manager) ready()    { m.say(daemon.SdNotifyReady) }
func (m *manager) stopping() { m.say(daemon.SdNotifyStopping) }

// reloading must be followed by ready.
func (m *manager) reloading() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it always can
	m.say(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000))
}

// close ends the goroutine; what was said last need not have arrived.
func (m *manager) close() {
	if m != nil {
		close(m.says)
	}
}
