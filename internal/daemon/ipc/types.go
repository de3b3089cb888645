package ipc

import (
	"net/netip"
	"time"

	"holdfast/vrrp/link"
)

// The types of messages. In brackets: who sends to whom, and the body.
const (
	// TypeReady [child to parent, Ready]: set up and running.
	TypeReady = "ready"
	// TypeConfig [parent to child, File: the boot record]: take over this
	// configuration; answered by TypeConfig with the same ID. A lvs process that
	// says that the configuration is not in force yet, with the body true, answers
	// again when it is.
	TypeConfig = "config"
	// TypeAtWork [lvs to parent, ID of the question]: the kernel's table is being
	// written, or read for a status, which takes its time; the answer comes later.
	TypeAtWork = "at-work"
	// TypePeer [parent to child, File: stream]: the other child was replaced.
	TypePeer = "peer"
	// TypeStatus [both ways]: question, and answer with the same ID.
	TypeStatus = "status"
	// TypePulse [both ways]: a question that takes no time, whether the loop that
	// does the work turns, and the answer with the same ID.
	TypePulse = "pulse"
	// TypeStop [parent to child]: release everything and exit.
	TypeStop = "stop"
	// TypeEnds [child to parent]: it ends because of Err.
	TypeEnds = "ends"
	// TypeReleased [vrrp to parent]: adverts and addresses are gone, only
	// notify scripts are still running.
	TypeReleased = "released"
	// TypeHeld [vrrp to parent, []Held]: what the parent has to remove should
	// the vrrp process die and not come back in time.
	TypeHeld = "held"
	// TypeDevices [vrrp to parent, link.DeviceRecord]: the virtual interfaces
	// and settings to be undone should it die and not come back.
	TypeDevices = "devices"
	// TypeAdverts [vrrp to parent, []string: the routers by place; File, the first
	// time: the record]: where it notes when each router has sent its last advert, by
	// CLOCK_BOOTTIME. A record of another clock is another type: who does not know it
	// goes by the time of the death.
	TypeAdverts = "adverts-since-boot"
	// TypeRouters [vrrp to lvs, Routers]: states of virtual routers.
	TypeRouters = "routers"
	// TypeTable [lvs to vrrp, name of a virtual router]: it was told to be
	// master, and its services are in the kernel.
	TypeTable = "table"
	// TypeOwned [lvs to parent, JSON of the lvs role]: the services that we
	// installed, for the state file.
	TypeOwned = "owned"
	// TypeSet [parent to lvs, lvs.Ask; answered with the same ID, lvs.Answer]:
	// an operator sets something.
	TypeSet = "set"
	// TypeSettings [lvs to parent, JSON of the lvs role]: the settings of
	// operators that are in force, for a successor.
	TypeSettings = "settings"
)

// Ready says what a process that runs is.
type Ready struct {
	Version string `json:"version"` // of its program
}

// Held says what one virtual router holds.
type Held struct {
	Router string `json:"router"` // or, with Static, the name of what is static
	Master bool   `json:"master"`
	Static bool   `json:"static,omitempty"`
	link.Wanted
	// Alive is how long after the death of its process a router may still
	// be taken for the master: peers wait longer than this.
	Alive time.Duration `json:"alive"`
}

// Routers tells states of virtual routers; whole tells all of them at once.
type Routers struct {
	States []RouterState `json:"states"`
}

// RouterState is the state of one virtual router as lvs needs it.
type RouterState struct {
	Name   string       `json:"name"`
	Master bool         `json:"master"`
	VIPs   []netip.Addr `json:"vips,omitempty"`
	// Stopped: it is not master because the process stops.
	Stopped bool `json:"stopped,omitempty"`
	// Fault: it takes no part in the election, for it is in FAULT or waits for its
	// interface.
	Fault bool `json:"fault,omitempty"`
}
