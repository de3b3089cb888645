package rules

import (
	"net/netip"

	"holdfast/ipvs"
)

// Rules is what a rule file comes to.
type Rules struct {
	Table ipvs.Table
	// Timeouts are those of --set; 0: not said.
	Timeouts ipvs.Timeouts
	// Daemons are those that run after the last --start-daemon and
	// --stop-daemon. Fields that were not given are zero: the kernel's default,
	// and also for --syncid (ipvsadm's help says 255, and it takes 0).
	Daemons []ipvs.Daemon
	// SaysDaemons: the file has such a command. Without it nothing is said of
	// the daemons that run.
	SaysDaemons bool
}

// Names looks up what is not a number. A nil function knows no names.
type Names struct {
	// Host is the address of a host.
	Host func(name string) (netip.Addr, error)
	// Port is the number of a service; network is tcp, udp or sctp.
	Port func(network, name string) (uint16, error)
}

// Error is what is wrong with one line.
type Error struct {
	Line int // from 1
	Text string
}
