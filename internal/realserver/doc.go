// Package realserver makes a host a real server of a director that forwards by
// direct routing or through a tunnel, and undoes it.
//
// Such a server holds the virtual address on an interface that nobody asks for
// addresses (lo, a dummy, a tunnel), and must neither answer ARP for it nor
// announce it, from before the address is there. [Needs] lists what that takes
// as [Item]s, pure; [Plan] those that a host lacks. [Up], [Down] and [Host] do
// them on this host. What was done, and what was there before, is kept in a
// [State] file, written before anything is changed, each item with the
// addresses that need it: when the last of them goes, the item is undone.
package realserver
