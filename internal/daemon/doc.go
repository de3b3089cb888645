// Package daemon runs holdfast's three processes.
//
// The parent (Parent) reads and checks the configuration, starts the vrrp and
// the lvs process by re-exec of its own path, replaces each when it dies,
// answers the control socket and carries out reload and stop. It keeps no
// protocol state and opens no socket to the network.
//
// A child finds three inherited descriptors: a stream to the parent, a stream
// to the other child, and the boot record (options and configuration) in a
// memfd. Everything between processes is a Message on such a stream; a
// descriptor can travel with it. A child whose stream to the parent ends
// releases what it holds and exits. The vrrp process notes its last adverts on
// memory that the parent reads when it is dead (package lastadvert).
//
// The roles themselves are in the packages vrrpd and lvs below this one.
package daemon
