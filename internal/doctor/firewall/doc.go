// Package firewall says whether the packet filter of a host drops a packet,
// and which rule does.
//
// [Ruleset] is nftables, read by [Gather]; [Tables] is legacy iptables, as
// iptables-save prints it. Both are followed rule by rule for one [Packet] of
// which some things are known and others are not, as the address of a peer.
// A rule that asks for what is not known, or in words that are not understood,
// counts as one that does not match: only what is certain to be dropped is
// reported.
package firewall
