package control

import "holdfast/internal/config"

// Reload is the daemon's answer to "reload", given when the reload is over.
type Reload struct {
	// Failure says why the running configuration stays, or what did not take
	// the new one over; empty: the new one is in force.
	Failure string `json:"failure,omitempty"`
	// Diagnostics are all findings about the file that was read.
	Diagnostics []config.Diagnostic `json:"diagnostics"`
}
