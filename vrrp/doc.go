// Package vrrp is the protocol core: VRRP messages, the state machine of a
// virtual router, and sync groups, as RFC 3768 (version 2), RFC 5798 and
// RFC 9568 (version 3) have them, with the habits of keepalived where they
// differ or add to the RFCs.
//
// # Pure
//
// The package opens nothing, starts nothing, logs nothing and never asks for
// the time. Time and events come in as arguments; what has to be done goes out
// as values. It imports net/netip, slices, time and
// the digests of crypto, and calls nothing of time that reads a clock; TestPure holds it to that. Nothing in it is safe for
// concurrent use: one owner calls it.
//
// # Messages
//
// [Decode] makes the checks that a message fails or passes by itself and fills
// an [Advert]; [Router.Check] makes those that need the configuration, in
// keepalived's order. Each gives a [DropReason], and all are counted.
// [Advert.AppendTo] writes what keepalived writes, byte for byte. Receiving,
// checking, stepping and sending allocate nothing.
//
// # Driving a Director
//
// A [Director] holds the routers of one machine. The caller
//
//  1. adds them ([Director.Add]), names the groups ([Director.SetGroups]) and
//     tells what it knows already (EventLink, EventTrack);
//  2. steps EventStart for each router whose interface is there and clean, or
//     EventResume for one whose predecessor process died as master a moment ago;
//  3. waits for input until [Director.Deadline], steps everything that has
//     arrived, and only then calls [Director.Expire] if the deadline has come.
//     A machine that was paused for longer than its peers wait would
//     otherwise go on as master beside another one. What shows that another
//     has taken over is stepped as EventYield first;
//  4. carries out the [Action] values in their order. ActionSend never waits.
//     ActionAddresses is a wanted state with a generation, of which the newest
//     wins; EventApplied brings its number back, and only the newest counts;
//  5. ends with [Director.Shutdown].
//
// The slice of actions is the caller's and is appended to. now may stand still
// but not run backwards between calls.
//
// # Becoming master and ceasing to be
//
// A router becomes master with ActionSend, then ActionAddresses, which is the
// first sign for whoever has to prepare something before the addresses are
// there. EventApplied brings ActionAnnounce, the second set of announcements
// GARP.Delay later, and ActionChanged: whoever hears of MASTER finds the
// addresses there. If the kernel takes longer than a second, MASTER is told
// without them; the announcement still waits.
//
// It ceases with an advert of priority 0 (fault, stop, removal; not when a
// higher advert came), then ActionAddresses, then ActionChanged.
//
// # Where keepalived is not followed
//
//   - An address that a stranger removed is put back at once and announced.
//     Only the fourth time within 10 s there is an election, as keepalived
//     has at the first.
//   - A master that hears another one's farewell announces its addresses, as it
//     does after an advert of lower priority; of such answers one leaves in 50 ms.
//   - A message that is dropped does not restart the advert timer.
//   - A reload sends no extra advert and keeps the phase.
//   - A router that runs counts a script that a reload adds as up until it
//     reports, and keeps its mastership.
//   - On becoming master the interval learned with version 3 is forgotten.
//   - A router that a reload puts into a sync group that is master follows at
//     once; a master that comes to a group that is backup gives up.
//   - nopreempt does not bind an address owner (RFC 9568 section 6.1).
//   - Of two owners the one with the lower address yields, as among all equals;
//     the other does not lower its priority.
//   - An authentication header is counted from the time of day where a master
//     heard nobody, so that the successor of a process is not behind it.
//   - A last sequence of auth_hmac that lies in the future of our clock, which
//     was set back, shuts nobody out.
//
// # Sleep
//
// Whoever drives a Director tells apart a process that was stopped, which finds
// in its sockets what was sent meanwhile (step it all, EventYield first where
// another master is in it, and only then call Expire), and a machine that was
// suspended, which finds nothing there: EventSlept lets a master listen for one
// interval and a backup wait anew.
//
// # The sticky master
//
// Config.Sticky is a policy of ours: whoever is master stays it while it lives.
// sticky.go says how: a backup follows every master; a router that has started,
// or whose link came up, listens longer; a master advertises 250 to 254 by its
// age, so that the older one of two wins and others do not preempt; a young
// master that has heard nobody yields once to whoever it hears first.
//
// # Invariants
//
// The simulation plays thousands of short lives of a segment with two to five
// machines: chaos, then quiet, then a machine that comes back and masters that
// leave. The machines have clocks of their own, versions 2 and 3, priorities
// that are often equal, an owner now and then, preemption, nopreempt, the
// sticky master, preempt_delay, start-up delays, sync groups and tracked
// scripts with and without weight. The accidents (sim_chaos_test.go) are loss,
// delay, duplication, reordering, partitions, paths that are cut one way,
// crashes, stops, pauses, sleeps, processes that are replaced, cables pulled
// with news that come late, news that are lost, scripts that fail, addresses
// that are stolen, and reloads with other priorities, intervals and addresses.
// After every event sim_check_test.go holds them to these:
//
//   - one master: 20 intervals and the configured delays after the segment
//     became quiet exactly one machine is master of a virtual router, it holds
//     the addresses and no other one does, and, where announcements are
//     repeated, it was the last one to announce them;
//   - never none for long: wherever a machine is able to be master, one is
//     within 4 intervals (3 and the longest skew time; twice that in a sync
//     group, where a member may have to wait for another, and where two sticky
//     masters that were deaf yield to each other) and one for the adverts on
//     their way, counted from the last change of the machines or the network;
//   - never deaf: a machine that is able and no master has heard one in that
//     time;
//   - no flap without a cause: from then on no router changes its state, also
//     not while up to two adverts in a row are lost on any path; and a machine
//     that comes back to a quiet segment changes nothing;
//   - mastership follows priority: with preemption no machine of the quiet
//     segment has a higher priority than the master; an owner is master in any
//     case;
//   - patience: a router that does not preempt takes nothing from a master that
//     it has heard within two intervals;
//   - succession: when the master stops, another one is master within the skew
//     time; when it dies, within the master-down interval;
//   - the members of a sync group are all master or none is, and all in FAULT
//     or none;
//   - obedience: a machine that was told of a fault is in FAULT, its priority is
//     what its scripts make of it, and so are its adverts;
//   - silence: a machine that slept says nothing with a priority before it has
//     listened, nor when it has heard another master;
//   - rhythm: a master advertises in its interval;
//   - order: every change told begins where the last one ended, and addresses
//     are announced only where they are.
//
// engine/sim_test.go plays whole engines against kernels in memory the same way,
// with routers of IPv4, of IPv6, and of both in a group as a dual-stack block
// makes them. Its accidents are those that an engine has more of: interfaces
// whose link-local address comes late, that are unplugged and come back under
// another index, kernels that are slow, strangers who remove addresses, and news
// of interfaces and addresses that are lost until everything is read anew. It
// holds the engines to these:
//
//   - the addresses are there exactly while the router is master, wherever a
//     process runs, its kernel is quick and no news are lost; after an overrun
//     that is so again at once, whatever came and went meanwhile;
//   - nothing is asked of a kernel that it refuses, and nothing announced that
//     is not there;
//   - order, one master, mastership follows priority, no flap without a cause,
//     rhythm and succession, as above.
//
// A seed prints its story with go test ./vrrp -run Simulation -seed N -v; make
// sim plays 10,000 of them.
package vrrp
