package ipvs

import (
	"fmt"
	"strings"
)

// SchedBits are the flags of a scheduler, in the order of [SchedNames].
var SchedBits = [3]Flags{Sched1, Sched2, Sched3}

// SchedNames are the names that ipvsadm has for the flags of a scheduler.
func SchedNames(scheduler string) [3]string {
	switch scheduler {
	case "sh", "mh":
		return [3]string{scheduler + "-fallback", scheduler + "-port", "flag-3"}
	}
	return [3]string{"flag-1", "flag-2", "flag-3"}
}

// SchedFlags names the scheduler's flags of a service, with commas between.
func (s *Service) SchedFlags() string {
	var set []string
	for i, name := range SchedNames(s.Scheduler) {
		if s.Flags&SchedBits[i] != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ",")
}

// The checksums of a tunnel (IP_VS_TUNNEL_ENCAP_FLAG_*).
const (
	NoChecksum     TunnelFlags = 0
	Checksum       TunnelFlags = 1
	RemoteChecksum TunnelFlags = 2
)

// ChecksumName is nocsum, csum or remcsum, as ipvsadm has it.
func ChecksumName(f TunnelFlags) string {
	switch {
	case f&RemoteChecksum != 0:
		return "remcsum"
	case f&Checksum != 0:
		return "csum"
	}
	return "nocsum"
}

// TunnelName is ipip, gue or gre, or the number of another type.
func TunnelName(t TunnelType) string {
	switch t {
	case IPIP:
		return "ipip"
	case GUE:
		return "gue"
	case GRE:
		return "gre"
	}
	return fmt.Sprint(uint8(t))
}

// Encapsulation is [Destination.TunnelName] of a destination behind a tunnel, and
// empty of any other.
func (d *Destination) Encapsulation() string {
	if d.Method != Tunnel {
		return ""
	}
	return d.TunnelName()
}

// TunnelName is how packets are tunnelled to the destination, as "ipip",
// "gue:6080:csum" or "gre:nocsum".
func (d *Destination) TunnelName() string {
	name := TunnelName(d.TunType)
	if d.TunType == GUE || d.TunPort != 0 {
		name += fmt.Sprintf(":%d", d.TunPort)
	}
	switch {
	case d.TunFlags > RemoteChecksum:
		name += fmt.Sprintf(":%#x", uint16(d.TunFlags))
	case d.TunType != IPIP || d.TunFlags != NoChecksum:
		name += ":" + ChecksumName(d.TunFlags)
	}
	return name
}
