// Package rules reads and writes the rule files of ipvsadm (8).
//
// A rule file is one command line of ipvsadm a line, as `ipvsadm -S` prints
// and `ipvsadm -R` and ipvsadm-restore read. [Read] does the commands of a file
// one after the other on a [Rules] in memory, by ipvsadm's rules (defaults,
// names, ports that forwarding cannot change) and with the kernel's refusals,
// and reports every line that does not work; nothing is half done. [Write]
// prints rules in ipvsadm's own words and order. What `ipvsadm -S` leaves out
// is written as well, in commands that ipvsadm reads: thresholds (-x, -y),
// timeouts (--set) and connection-sync daemons (--start-daemon).
//
// The package is pure but for the names that [Names] looks up.
package rules
