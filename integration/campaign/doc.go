// Command campaign does the same harm to pairs of directors that run holdfast,
// the real keepalived, or one of each, and prints one table: the client's
// silence, and for how long both directors held the address.
//
//	make campaign
//	make campaign CAMPAIGNFLAGS='-rounds 5 -only master'
//
// Every figure is the worst of -rounds. Silence is the longest time in which a
// client that pings the address every millisecond had no answer; "second
// master" is the longest time in which two directors that could be reached
// held the address, after the fault had ended (and, in brackets, while it
// lasted; a router that is deaf cannot but take itself for alone).
//
// It ends with 1 when a pair of holdfast breaks what the protocol promises,
// when two directors hold the address for longer than one interval after the
// end of a fault, or when a client of holdfast waits longer than one of
// keepalived.
package main
