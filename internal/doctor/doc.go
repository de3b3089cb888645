// Package doctor says what is wrong on a host that is a director or a real
// server, and which command mends it.
//
// [Gather] takes a [Snapshot] of the host, of its IPVS table, of its packet
// filter and of the adverts that it hears, and changes nothing. [Examine] is
// pure: each rule looks at the snapshot alone. Tests have both: snapshots made
// up, and hosts broken in each way.
package doctor
