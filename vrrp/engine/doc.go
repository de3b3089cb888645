// Package engine is the one owner of every virtual router and of time.
//
// Engine.Run is one loop on one goroutine: wait for input or for the
// earliest deadline, read everything that has arrived, put it through the pure
// core (package vrrp), act on deadlines that are due, and carry out what the
// core asks for. Nothing stands between a socket and the core, and the way of
// a packet from Wait to Send allocates nothing.
//
// # Order
//
// Packets that wait are handled before any deadline is acted on, so a process
// that was stopped, starved or moved never decides on what it has not read. If
// it was silent as master for longer than its peers wait, and one of them is
// master now, it becomes backup without sending a thing.
//
// Of what one turn asks for, the adverts leave first, in one batch; then the
// addresses of all routers go to the applier; then come announcements and news
// in the core's order. None of them waits for the kernel: the applier's answer
// comes back as an event (Engine.Applied).
//
// The news of a takeover come twice: an event (Change.TakingOver) with the
// first advert, and the change to MASTER when the addresses are there. With
// Router.TableGate the addresses wait between the two for TableReady, 0.9 s
// at most; and the change away from MASTER (Change.Releasing) is followed by an
// event (Change.Released) when the addresses are gone, before which the table
// is not to go.
//
// # Threads
//
// With Deps.Urgent, Run has a locked thread of its own, for that to raise, while the peers
// of some router wait for less than a second after an advert is due. Otherwise it
// is a goroutine like any other, which costs least where least is to be done;
// a reload changes the one into the other. "The engine's thread" below means
// the goroutine in both cases.
//
// Run, and all calls to Wire (but Wake), Announcer and Observer, and
// Applier.Set and Sweep, are on the engine's thread; Watcher.List is only at the
// start, and is later called in a goroutine that Run waits for. Applied, Track,
// TableReady, Tables, Reload and Status are for any goroutine: they put an event into
// an inbox and wake the engine. The Observer must not block.
//
// The caller makes and closes what is in Deps; Run closes nothing.
//
// # Devices
//
// A router with a Device works on a virtual interface above its own. The
// engine asks Deps.Devices for what all routers want: before the first receive
// it waits for the answer, later on it does not. One that a stranger removes
// is asked for again, and its router keeps its state meanwhile, for 500 ms at
// most and not twice in 10 s. The caller removes the devices, after Run.
//
// # Interfaces
//
// A virtual router whose interface does not exist is not an error: it waits,
// in INIT and never as master, until the interface appears. One that vanishes
// is a link that is down. When it comes back under another index its ports are
// opened anew.
package engine
