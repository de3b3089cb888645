// Package faults does the same harm to a pair of directors whatever daemons
// run on them, and measures what a client and the address feel of it.
//
// A [Scene] is two directors, of which a has the higher priority, and a client
// that pings the virtual address all the time. A [Fault] begins, lasts longer
// than the peer's dead time, and ends; then the scene must come back to where
// it was: a holds the address and b does not.
//
// An [Outcome] has the client's longest silence from the beginning of the
// fault until the scene is settled again, and for how long both directors held
// the address while they could be reached: while the fault lasted, where a
// protocol can do nothing against it (a router that is deaf must take itself
// for alone), and after it had ended.
package faults
