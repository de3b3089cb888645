// Package host is what of a Linux host matters to a director or a real server:
// interfaces, addresses, routes and settings, as one [Snapshot] that [Gather]
// takes and that rules look at without touching anything. A [Finding] is what
// such a rule has to say.
//
// Gather reads the network namespace of the calling thread and changes
// nothing.
package host
