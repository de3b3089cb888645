package ipvs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	cf "github.com/cloudflare/ipvs"
	"github.com/cloudflare/ipvs/netmask"
)

// Types shared with github.com/cloudflare/ipvs.
type (
	// Family is AF_INET (2) or AF_INET6 (10).
	Family = cf.AddressFamily
	// Protocol is an IP protocol number: TCP, UDP or SCTP.
	Protocol = cf.Protocol
	// Method says how packets reach a destination.
	Method = cf.ForwardType
	// TunnelType is the encapsulation of the method Tunnel.
	TunnelType = cf.TunnelType
	// TunnelFlags chooses the checksum of a tunnel.
	TunnelFlags = cf.TunnelFlags
	// Flags are the IP_VS_SVC_F_* bits of a service.
	Flags = cf.Flags
	// Mask is the part of a client's address that persistence looks at.
	Mask = netmask.Mask
	// Stats are the 64-bit counters and the rates of a service or destination.
	Stats = cf.Stats
	// Info is the version of IPVS and the size of its connection table.
	Info = cf.Info
)

// Values of the shared types.
const (
	INET  = cf.INET
	INET6 = cf.INET6

	TCP  = cf.TCP
	UDP  = cf.UDP
	SCTP = cf.SCTP

	Masquerade  = cf.Masquerade
	Local       = cf.Local
	Tunnel      = cf.Tunnel
	DirectRoute = cf.DirectRoute
	Bypass      = cf.Bypass

	IPIP = cf.IPIP
	GUE  = cf.GUE
	GRE  = cf.GRE

	Persistent = cf.ServicePersistent
	Hashed     = cf.ServiceHashed // the kernel's own; never part of a Service here
	OnePacket  = cf.ServiceOnePacket
	Sched1     = cf.ServiceSchedulerOpt1 // sh-fallback, mh-fallback
	Sched2     = cf.ServiceSchedulerOpt2 // sh-port, mh-port
	Sched3     = cf.ServiceSchedulerOpt3
)

// ServiceKey identifies a virtual service in the kernel: family, protocol,
// address and port, or family and firewall mark. With FWMark set the other
// fields but Family are zero.
type ServiceKey struct {
	Family   Family     `json:"family"`
	Protocol Protocol   `json:"protocol,omitempty"`
	Port     uint16     `json:"port,omitempty"` // 0: any port; only with Persistent of use
	FWMark   uint32     `json:"fwmark,omitempty"`
	Ordinal  int32      `json:"ordinal,omitempty"` // of Group
	Addr     netip.Addr `json:"addr,omitzero"`
	// Group and Ordinal, from 0, name a virtual server of several services, in a
	// [Pool]: the kernel has no such service. Protocol is then theirs, and
	// the other fields are zero.
	Group string `json:"group,omitempty"`
}

// AddrKey is the key of the service at an address.
func AddrKey(p Protocol, addr netip.Addr, port uint16) ServiceKey {
	return ServiceKey{Family: FamilyOf(addr), Protocol: p, Addr: addr, Port: port}
}

// MarkKey is the key of the service for packets with a firewall mark.
func MarkKey(f Family, mark uint32) ServiceKey { return ServiceKey{Family: f, FWMark: mark} }

// GroupKey is the key of a virtual server of several services.
func GroupKey(p Protocol, group string, ordinal int) ServiceKey {
	return ServiceKey{Protocol: p, Group: group, Ordinal: int32(ordinal)}
}

// FamilyOf is the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return INET
	}
	return INET6
}

// String is the name that keepalived's notifications use:
// "[192.0.2.1]:tcp:80", "FWM 1" or "[web]:0".
func (k ServiceKey) String() string {
	if k.Group != "" {
		return fmt.Sprintf("[%s]:%d", k.Group, k.Ordinal)
	}
	if k.FWMark != 0 {
		return fmt.Sprintf("FWM %d", k.FWMark)
	}
	return fmt.Sprintf("[%s]:%s:%d", k.Addr, ProtocolName(k.Protocol), k.Port)
}

// ProtocolName is the protocol in lower case, or its number.
func ProtocolName(p Protocol) string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	}
	return fmt.Sprint(uint16(p))
}

// Compare orders keys: address services by family, address, port and
// protocol, then those by mark, then groups.
func (k ServiceKey) Compare(o ServiceKey) int {
	return cmp.Or(
		cmp.Compare(k.Group, o.Group),
		cmp.Compare(k.Ordinal, o.Ordinal),
		cmp.Compare(k.FWMark, o.FWMark),
		cmp.Compare(k.Family, o.Family),
		k.Addr.Compare(o.Addr),
		cmp.Compare(k.Port, o.Port),
		cmp.Compare(k.Protocol, o.Protocol),
	)
}

// Service is a virtual service without its destinations.
type Service struct {
	ServiceKey
	Scheduler string // name of the kernel module without ip_vs_, at most 15 bytes; "none": no new connections
	Flags     Flags  // Persistent, OnePacket, Sched1..3; Hashed is never set
	Timeout   uint32 // of persistence, seconds
	// Netmask is the granularity of persistence; the kernel insists on one
	// also without persistence, see FullMask.
	Netmask Mask
	PE      string // persistence engine; empty: none
}

// FullMask is the netmask that tells every client apart.
func FullMask(f Family) Mask {
	if f == INET6 {
		return netmask.MaskFrom(128, 128)
	}
	return netmask.MaskFrom(32, 32)
}

// PrefixMask is the netmask with the given number of leading ones.
func PrefixMask(f Family, ones int) Mask {
	if f == INET6 {
		return netmask.MaskFrom(ones, 128)
	}
	return netmask.MaskFrom(ones, 32)
}

// DestKey identifies a destination within its service.
type DestKey struct {
	Addr netip.Addr `json:"addr"`
	Port uint16     `json:"port"`
}

// Compare orders destinations by address, then port.
func (k DestKey) Compare(o DestKey) int {
	return cmp.Or(k.Addr.Compare(o.Addr), cmp.Compare(k.Port, o.Port))
}

// Destination is a real server of a service.
type Destination struct {
	DestKey
	Method   Method
	TunType  TunnelType  // with Tunnel
	TunPort  uint16      // with GUE
	TunFlags TunnelFlags // with GUE and GRE
	Weight   uint32      // 0: quiesced, existing connections stay
	Upper    uint32      // connections at which the server counts as overloaded; 0: never
	Lower    uint32      // connections below which it no longer does; 0: three quarters of Upper
}

// Entry is a service with its destinations.
type Entry struct {
	Service
	Dests []Destination
}

// Table is an IPVS table: every service once, every destination of it once.
// The canonical order (see [Table.Sort]) is the one in which two directors
// with the same configuration install it, so that schedulers whose ties
// depend on the order of insertion choose the same on both.
type Table []Entry

// Sort puts the table in canonical order, in place, and drops services and
// destinations that occur twice; the first one stays.
func (t *Table) Sort() {
	s := *t
	byKey := func(a, b Entry) int { return a.Compare(b.ServiceKey) }
	if !slices.IsSortedFunc(s, byKey) {
		slices.SortStableFunc(s, byKey)
	}
	*t = slices.CompactFunc(s, func(a, b Entry) bool { return a.ServiceKey == b.ServiceKey })
	for i := range *t {
		(*t)[i].sort()
	}
}

func (e *Entry) sort() {
	byKey := func(a, b Destination) int { return a.DestKey.Compare(b.DestKey) }
	if !slices.IsSortedFunc(e.Dests, byKey) {
		slices.SortStableFunc(e.Dests, byKey)
	}
	e.Dests = slices.CompactFunc(e.Dests, func(a, b Destination) bool { return a.DestKey == b.DestKey })
}

// sorted reports whether the table is in canonical order without doubles.
func (t Table) sorted() bool {
	for i := range t {
		if i > 0 && t[i-1].Compare(t[i].ServiceKey) >= 0 {
			return false
		}
		for j := 1; j < len(t[i].Dests); j++ {
			if t[i].Dests[j-1].DestKey.Compare(t[i].Dests[j].DestKey) >= 0 {
				return false
			}
		}
	}
	return true
}

// canonical is the table itself, or a sorted copy.
func (t Table) canonical() Table {
	if t.sorted() {
		return t
	}
	c := t.Clone()
	c.Sort()
	return c
}

// Clone copies the table and its lists of destinations.
func (t Table) Clone() Table {
	c := slices.Clone(t)
	for i := range c {
		c[i].Dests = slices.Clone(c[i].Dests)
	}
	return c
}

// Find returns the index of a service in a sorted table.
func (t Table) Find(k ServiceKey) (int, bool) {
	return slices.BinarySearchFunc(t, k, func(e Entry, k ServiceKey) int { return e.Compare(k) })
}

// Equal reports whether both tables say the same; order does not matter.
func (t Table) Equal(o Table) bool {
	a, b := t.canonical(), o.canonical()
	return slices.EqualFunc(a, b, func(x, y Entry) bool {
		return x.Service == y.Service && slices.Equal(x.Dests, y.Dests)
	})
}

// String prints the table one line a service or destination, in canonical
// order, with everything that [Table.Equal] compares.
func (t Table) String() string {
	var b strings.Builder
	for _, e := range t.canonical() {
		fmt.Fprintln(&b, e.Service)
		for _, d := range e.Dests {
			fmt.Fprintln(&b, "  ->", d)
		}
	}
	return b.String()
}

// String prints every field that is not at its zero value.
func (s Service) String() string {
	var b strings.Builder
	b.WriteString(s.ServiceKey.String())
	if s.FWMark != 0 && s.Family == INET6 {
		b.WriteString(" inet6")
	}
	fmt.Fprintf(&b, " %s", s.Scheduler)
	if f := s.SchedFlags(); f != "" {
		fmt.Fprintf(&b, " (%s)", f)
	}
	if s.Flags&Persistent != 0 {
		fmt.Fprintf(&b, " persistent %d", s.Timeout)
	} else if s.Timeout != 0 {
		fmt.Fprintf(&b, " timeout %d", s.Timeout)
	}
	if s.Netmask != FullMask(s.Family) {
		fmt.Fprintf(&b, " netmask %s", s.Netmask)
	}
	if s.PE != "" {
		fmt.Fprintf(&b, " pe %s", s.PE)
	}
	if s.Flags&OnePacket != 0 {
		b.WriteString(" ops")
	}
	if f := s.Flags &^ (Persistent | OnePacket | Sched1 | Sched2 | Sched3); f != 0 {
		fmt.Fprintf(&b, " flags %#x", uint32(f))
	}
	return b.String()
}

// String prints every field that is not at its zero value, and the weight.
func (d Destination) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]:%d %s weight %d", d.Addr, d.Port, MethodName(d.Method), d.Weight)
	if d.TunType != IPIP || d.TunPort != 0 || d.TunFlags != 0 {
		b.WriteString(" " + d.TunnelName())
	}
	if d.Upper != 0 || d.Lower != 0 {
		fmt.Fprintf(&b, " thresholds %d %d", d.Upper, d.Lower)
	}
	return b.String()
}

// MethodName is the name that lb_kind has for a method.
func MethodName(m Method) string {
	switch m {
	case Masquerade:
		return "NAT"
	case Local:
		return "LOCAL"
	case Tunnel:
		return "TUN"
	case DirectRoute:
		return "DR"
	case Bypass:
		return "BYPASS"
	}
	return fmt.Sprint(uint32(m))
}
