package control

import (
	"time"

	"holdfast/internal/config"
)

// Reload is the daemon's answer to "reload", given when the reload is over.
type Reload struct {
	// Outcome is one of the outcomes below.
	Outcome string `json:"outcome"`
	// Failure says why the running configuration stays, or what did not take
	// the new one over; empty: the new one is in force.
	Failure string `json:"failure,omitempty"`
	// Diagnostics are all findings about the file that was read.
	Diagnostics []config.Diagnostic `json:"diagnostics"`
}

// The outcomes of a reload.
const (
	ReloadDone       = "in-force"    // the new configuration is in force
	ReloadBegun      = "begun"       // nobody waited for the end
	ReloadWaits      = "waits"       // it begins when the one that runs is over
	ReloadNotBegun   = "not-begun"   // another one is under way, or the daemon stops
	ReloadRefused    = "refused"     // the running configuration stays
	ReloadRolledBack = "rolled-back" // the trial was not passed
	ReloadIncomplete = "incomplete"  // not every process took it over
)

// Trial is a reload that is taken back when something is lost.
type Trial struct {
	For time.Duration `json:"for"` // ns
	// Until is when it ends; zero while the reload itself is under way.
	Until time.Time `json:"until,omitzero"`
	// TakenBack says why the former configuration is being put into force again.
	TakenBack string `json:"taken_back,omitempty"`
	// Owed is how many things an earlier trial lost that this one has not seen
	// come back.
	Owed int `json:"owed,omitempty"`
	// Waiting is how many reloads begin when it is over, as one.
	Waiting int `json:"waiting,omitempty"`
}

// Lost is what a trial that was taken back lost and what is not back yet. The
// next trial has to bring it back.
type Lost struct {
	At   time.Time `json:"at"` // when the first such trial was taken back
	What []string  `json:"what"`
}
