// Package link is where the VRRP engine touches the machine: packets, time,
// gratuitous ARP, addresses, virtual interfaces and the news of interfaces. Each of
// the five is a narrow interface (Wire, Announcer, Applier, Devices, Watcher) with one implementation
// for Linux and one in memory for tests.
//
// # Threads
//
// A Wire belongs to one thread, the engine's. Every method but Wake is called
// there and none of them blocks, but Wait. Announce and Set are called there as
// well and return at once: what takes longer is done by a goroutine that the
// Announcer or the Applier owns and that ends with its Close. An Applier
// answers a whole batch through the function that it was given, from its own goroutine; a
// Watcher calls the function given to Watch on the goroutine that called
// Watch, which blocks until it is stopped. Both make one call at a time and
// wait for it to return.
//
// All sockets are opened in the network namespace of the calling thread,
// except that a Watcher or an Applier that lost its socket opens the next one
// from its goroutine: enter a namespace before the process starts its first goroutine.
//
// A process whose engine holds one thread needs a second one for the
// goroutines of this package: on a machine with a single processor run it with
// GOMAXPROCS of 2 or more, or a thread blocked in Wait keeps them waiting for
// up to 10 ms.
//
// # Wire
//
// Wait sleeps in epoll_wait, on the thread that it was called on. After
// Park(true) it sleeps in Go's poller instead: that costs a wire with few
// packets half as much or less, as Go's monitor thread stays asleep, and lets the
// goroutine come back on another thread.
//
// Wait reads everything that has arrived, up to 4,096 messages, before it lets
// a due deadline through: it looks at the sockets once more when the deadline
// passed after it looked. Whoever acts on a deadline therefore acts on what
// the last Wait returned first.
//
// A port with AH is one of IP protocol 51. What is sent there is the whole IP
// datagram, as the digest in it covers the header, and Filter leaves it alone.
//
// Filter leaves adverts for VRIDs that nobody here has to the kernel, but for one
// in sixteen.
//
// Every port has a socket of its own, which hears what is sent to its group
// (or, unicast, to its source address) on its interface, and only that. Two
// ports that differ in nothing but their source hear every message twice, once
// for each. The ports of IPv4 and of IPv6 have nothing in common: VRIDs are
// numbered in each family by itself.
//
// Without a fixed source the source of a multicast port of IPv4 is the first
// address of its interface that is neither secondary nor marked as ours, or
// else the first that is not ours; of IPv6 it is the first link-local address
// that is not ours, once duplicate address detection is done with it. A port
// without a source is open and silent. Open takes it from the last reading of the Watcher
// that the wire was given, or from one of its own; call Open again whenever
// the Watcher reports other addresses.
//
// # Announcer
//
// Announce puts the frames of a takeover into a queue and sends what is due and
// fits into a budget of 64 frames in a millisecond; the Announcer's goroutine
// sends the rest at the same rate, with the gaps of Pace. Every call has its
// first round before any has its second. Forget calls back what still waits;
// after a pause of the process the goroutine gives the engine 20 ms to do so.
//
// # Applier
//
// An address that is there already counts as added and one that is missing as
// removed, whoever did it. The Applier remembers what it added for each owner
// and removes only that, unless another owner still wants it. Removing the
// first address of an IPv4 subnet makes the kernel remove its other addresses
// in that subnet; those are put back at once, whether they are ours or not.
//
// # Devices
//
// Devices makes macvlan and ipvlan interfaces above others, finds those that
// are there already, makes those anew that a stranger removed when it is asked
// again, and removes what nobody wants any more. The settings of the kernel
// that they need are put back when the last of them goes; DeviceRecord says at
// every time what there is to undo, and UndoDevices does it in the place of a
// process that died. Devices that were there before and are not known from such a
// record are left in place at the end, unless their MAC is a virtual router's.
//
// # Watcher
//
// A message of the kernel is a hint that makes the watcher read everything;
// Lost is the difference between two readings. It therefore holds addresses
// that the Applier removed on purpose as well: the reader compares Lost with
// what it wants.
package link
