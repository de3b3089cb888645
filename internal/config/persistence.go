package config

import (
	"math/bits"
	"net/netip"
	"strings"
	"time"
)

const defaultPersistence = 360 * time.Second

func persistenceTimeout(d *decoder, s *service, n *Node) {
	s.PersistenceTimeout = defaultPersistence
	if len(n.Words) < 2 {
		return
	}
	v, err := parseInt(n.Arg(0), 1, 31*86400)
	if err != nil {
		s.PersistenceTimeout = 0
		d.bad(n, 0, ClassInvalidNumber, "%v of seconds, ignored", err)
		return
	}
	s.PersistenceTimeout = time.Duration(v) * time.Second
}

func granularity(d *decoder, s *service, n *Node) {
	a, ok := arg1(d, n)
	if !ok {
		return
	}
	v, err := parseInt(a, 1, 128)
	if err != nil && s.Family != 6 && (s.Family == 4 || strings.Contains(a, ".")) {
		d.netmask(s, n, a)
		return
	}
	if err != nil {
		d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
		return
	}
	s.PersistenceGranularity, s.persistent = v, true
	s.prefixFirst = s.Family == 0
	if v > 32 {
		s.alsoFamily(6)
	}
}

// netmask reads persistence_granularity as a netmask of IPv4.
func (d *decoder) netmask(s *service, n *Node, a string) {
	mask, ok := parseMask(a)
	if d.toml() {
		_, err := netip.ParseAddr(a)
		ok = ok && err == nil
	}
	if !ok {
		d.bad(n, 0, ClassInvalidNumber, "'%s' is neither a netmask nor a number from 1 to 128, ignored", clip(a))
		return
	}
	if mask == 0 || ^mask&(^mask+1) != 0 {
		d.bad(n, 0, d.quietClass(), "%s is no netmask, ignored", clip(a)) // keepalived takes it
		return
	}
	s.PersistenceGranularity, s.persistent = bits.LeadingZeros32(^mask), true
	s.alsoFamily(4)
}

// parseMask reads an address of IPv4 as inet_aton(3) does: of one to four
// numbers, decimal, octal or hexadecimal, of which the last one fills what is
// left of the 32 bits.
func parseMask(a string) (mask uint32, ok bool) {
	parts := strings.Split(a, ".")
	if len(parts) > 4 {
		return 0, false
	}
	for i, part := range parts {
		size := 8
		if i == len(parts)-1 {
			size = 8 * (5 - len(parts))
		}
		v, err := parseAny(part, 0, 1<<size-1)
		if err != nil || strings.HasPrefix(part, "+") {
			return 0, false
		}
		mask = mask<<size | uint32(v)
	}
	return mask, true
}

func (d *decoder) persistence(s *service) {
	if s.persistent && s.PersistenceTimeout == 0 {
		s.PersistenceTimeout = defaultPersistence
	}
	anyPort := s.FWMark == 0 && s.Port == 0
	if s.Group != "" {
		_, anyPort = s.entries.addresses()
	}
	if anyPort && s.PersistenceTimeout == 0 {
		d.aboutService(s, Warning, ClassGeneral, "port-0", "port 0 needs persistence: persistence_timeout 360 is used")
		s.PersistenceTimeout = defaultPersistence
	}
	full := 32
	if s.Family == 6 {
		full = 128
	}
	if s.PersistenceGranularity > full {
		d.aboutService(s, Warning, d.quietClass(), "granularity", "persistence_granularity %d is longer than an address: %d is used", s.PersistenceGranularity, full)
		s.PersistenceGranularity = full
	}
	switch {
	case s.Group != "" && s.PersistenceGranularity == full:
		s.PersistenceGranularity = 0 // of each service's own family
	case s.Group == "" && s.PersistenceGranularity == 0:
		s.PersistenceGranularity = full
	}
	if s.PersistenceEngine != "" && s.PersistenceTimeout == 0 {
		d.aboutService(s, Warning, d.quietClass(), "persistence", "persistence_engine needs persistence_timeout: it is ignored")
		s.PersistenceEngine = ""
	}
}
