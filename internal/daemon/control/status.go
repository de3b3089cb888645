package control

import (
	"encoding/json"
	"time"
)

// Status is the daemon's answer to "status".
type Status struct {
	// Version, PID and Started are the parent's.
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Program is the file that processes are started from; Outdated says how it
	// differs from what the parent runs, empty: it does not.
	Program   string    `json:"program,omitempty"`
	Outdated  string    `json:"outdated,omitempty"`
	Config    Config    `json:"config"`
	Processes []Process `json:"processes"`
	// StartupScript is "running", or how startup_script ended; empty: there was
	// none.
	StartupScript string `json:"startup_script,omitempty"`
	// VRRP and LVS are what the processes say of themselves; null when they
	// do not run.
	VRRP json.RawMessage `json:"vrrp,omitempty"`
	LVS  json.RawMessage `json:"lvs,omitempty"`
	// Missing says which process did not answer.
	Missing []string `json:"missing,omitempty"`
	// NotRunning says of those of them that do not run why.
	NotRunning []NotRunning `json:"not_running,omitempty"`
}

// Config says which configuration is in force.
type Config struct {
	Files         []string  `json:"files"`
	Loaded        time.Time `json:"loaded"`
	LastReload    time.Time `json:"last_reload,omitzero"`
	ReloadFailure string    `json:"reload_failure,omitempty"`
	// NotActive lists keywords in use that have no effect yet.
	NotActive []string `json:"not_active,omitempty"`
	// Trial is the one that is under way; nil: none.
	Trial *Trial `json:"trial,omitempty"`
	// Lost is what an earlier trial lost and what is not back yet; nil: nothing.
	Lost *Lost `json:"lost,omitempty"`
}

// Process is one of the daemon's processes.
type Process struct {
	Role     string    `json:"role"`
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"`
	// Version is that of its program; empty: it does not work yet.
	Version string `json:"version,omitempty"`
	// Outdated says how the file that processes are started from differs from
	// what it runs; empty: it does not.
	Outdated string `json:"outdated,omitempty"`
	// Replaced is how the one before it ended; nil: there was none, or none that
	// was to go on.
	Replaced *Replaced `json:"replaced,omitempty"`
	// SilentSince is when it was asked what it has not answered yet; zero: it
	// answers.
	SilentSince time.Time `json:"silent_since,omitzero"`
}

// Replaced is a process that has ended and has a successor.
type Replaced struct {
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

// NotRunning is a process that should run and does not.
type NotRunning struct {
	Role string `json:"role"`
	// Why says how it ended, or why it could not be started.
	Why   string    `json:"why"`
	Since time.Time `json:"since"`
	// NextTry is when another one is started; zero: one was a moment ago.
	NextTry time.Time `json:"next_try,omitzero"`
}
