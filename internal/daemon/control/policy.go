package control

import (
	"net/netip"
	"time"
)

// Policy is what decides, besides the priorities, whether an instance becomes
// master, and what it waits for. Durations are in seconds; times are left out
// while nothing waits.
type Policy struct {
	Owner        bool    `json:"owner,omitempty"` // priority 255
	Sticky       bool    `json:"sticky_master,omitempty"`
	NoPreempt    bool    `json:"nopreempt,omitempty"`
	PreemptDelay float64 `json:"preempt_delay,omitempty"`
	// AdvertInt is the configured interval, while that of the instance is the
	// one in force.
	AdvertInt float64 `json:"advert_int"`
	// Skew is the wait after the master said that it stops.
	Skew float64 `json:"skew"`
	// Ignored are keywords that do not go together with others.
	Ignored []string `json:"ignored,omitempty"`

	Takeover     time.Time `json:"takeover,omitzero"`      // as backup: becomes master then if nothing is heard
	StartupUntil time.Time `json:"startup_until,omitzero"` // vrrp_startup_delay
	HoldUntil    time.Time `json:"hold_until,omitzero"`    // sticky_hold_off
	PreemptAt    time.Time `json:"preempt_at,omitzero"`    // preempt_delay
	ListenUntil  time.Time `json:"listen_until,omitzero"`  // after the machine was suspended
	GroupWait    bool      `json:"group_wait,omitempty"`   // wants to be master; its sync group does not
}

// Rival is a second master that a master heard.
type Rival struct {
	Addr     netip.Addr `json:"address"`
	Priority uint8      `json:"priority"`
	Since    time.Time  `json:"since"`
	Last     time.Time  `json:"last_heard"`
	Adverts  uint64     `json:"adverts"`
	Now      bool       `json:"now"` // heard within the master-down interval
}
