package link

import (
	"bytes"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// forwardingAge is how long what was read of an interface is believed.
const forwardingAge = time.Second

// forwarding says whether an interface forwarded IPv6 when it was looked at.
type forwarding struct {
	at time.Time
	on bool
}

// forwards says whether the interface forwards IPv6 (sysctl
// net.ipv6.conf.IF.forwarding); a.mu is held.
func (a *PacketAnnouncer) forwards(ifindex int, now time.Time) bool {
	f, ok := a.routes[ifindex]
	if !ok || now.Sub(f.at) > forwardingAge {
		if a.routes == nil {
			a.routes = make(map[int]forwarding)
		}
		f = forwarding{at: now, on: readForwarding(a.fd, ifindex)}
		a.routes[ifindex] = f
	}
	return f.on
}

// readForwarding asks the kernel; fd is any socket of the network namespace.
// What cannot be read is off.
func readForwarding(fd, ifindex int) bool {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return false
	}
	ifr.SetUint32(uint32(ifindex))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, ifr); err != nil {
		return false
	}
	text, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + ifr.Name() + "/forwarding")
	return err == nil && bytes.Equal(bytes.TrimSpace(text), []byte("1"))
}
