// Package lab builds networks of Linux hosts inside one machine, to run real
// daemons in, to break, and to watch.
//
// A [Lab] has hosts and segments. A [Host] is a network namespace with its own
// interfaces, its own /run and its own processes. A [Segment] is an Ethernet:
// a bridge in the lab's own namespace, with multicast snooping off. A host is
// plugged in with a fixed hardware address and can be cut off and joined again.
//
// Three things watch: a [Capture] records adverts and gratuitous ARPs of a
// segment with the kernel's time and the host they came from; a [Watch] records
// when each host held which address; a [Process] keeps what a program printed.
//
// Nothing outside is touched. Namespaces have no names: they live as long as
// the processes in them, and those end with this process, however it ends.
// [Lab.Close] ends exactly the processes that run in the lab's namespaces.
//
// Needed: root, and the programs nsenter (util-linux) and ip (iproute2).
package lab
