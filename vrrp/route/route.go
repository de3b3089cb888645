package route

import (
	"net/netip"
)

// Protocol is the protocol mark of routes and rules: RTPROT_KEEPALIVED, which
// iproute2 shows as "keepalived".
const Protocol = 18

// ScopeAuto lets the type of a route and its gateway choose the scope.
const ScopeAuto = 1 << 8

// Mode says where a route goes among others to the same destination.
type Mode uint8

// The modes; keepalived's default is Prepend.
const (
	Prepend Mode = iota
	Append
	AddOnly // only where there is none
)

// Flags are the NLM_F_* of the addition besides NLM_F_CREATE.
func (m Mode) Flags() uint16 {
	switch m {
	case Append:
		return nlmAppend
	case AddOnly:
		return nlmExcl
	}
	return 0
}

// Route is one route. The zero value of a field asks for nothing.
type Route struct {
	Family   uint8        // 4 or 6
	Type     uint8        // RTN_*; 0: unicast
	To       netip.Prefix // the default route: a prefix of length 0
	From     netip.Prefix // IPv6 only
	TOS      uint8
	Table    uint32 // 0: main
	VRF      string // take the table of this VRF
	Protocol uint8  // 0: Protocol
	Scope    uint16 // RT_SCOPE_* or ScopeAuto
	Metric   uint32
	Src      netip.Addr
	Next     Hop // of a route with one way; Weight is not used
	Hops     []Hop
	Expires  uint32 // seconds, IPv6 only
	Metrics  []Metric
	CongCtl  string // congestion control algorithm
	LockCC   bool
	Pref     uint8 // 1 + ICMPV6_ROUTER_PREF_*; IPv6 only
	TTLProp  uint8 // 1 + RTA_TTL_PROPAGATE
	Mode     Mode
	NoTrack  bool
	Group    string // track_group, of static routes
	Text     string // as written
}

// Hop is one way to a destination.
type Hop struct {
	Via    netip.Addr // may be of another family than the route
	Dev    string
	OnLink bool
	Weight int // 1..256; 0: 1
	Realms uint32
	Encap  Encap
	NewDst []uint32 // MPLS labels (as to)
}

// EncapKind is the kind of a light-weight tunnel (LWTUNNEL_ENCAP_*).
type EncapKind uint8

// The kinds of tunnels.
const (
	NoEncap  EncapKind = 0
	EncapMPL EncapKind = 1
	EncapIP  EncapKind = 2
	EncapILA EncapKind = 3
	EncapIP6 EncapKind = 4
)

// Encap is a light-weight tunnel.
type Encap struct {
	Kind     EncapKind
	ID       uint64
	Src, Dst netip.Addr
	TOS      uint8 // traffic class for ip6
	TTL      uint8 // hop limit for ip6; of MPLS the TTL
	Flags    uint16
	Labels   []uint32 // MPLS
	Locator  uint64   // ILA
	TTLSet   bool
}

// Metric is one of the numbers of RTA_METRICS.
type Metric struct {
	ID    uint8 // RTAX_*
	Value uint32
	Lock  bool
}

// Devices are the interfaces that the route needs.
func (r *Route) Devices() []string {
	var out []string
	add := func(name string) {
		if name != "" {
			out = append(out, name)
		}
	}
	add(r.Next.Dev)
	for i := range r.Hops {
		add(r.Hops[i].Dev)
	}
	return out
}

// Rule is one rule. The zero value of a field asks for nothing.
type Rule struct {
	Family   uint8 // 4 or 6
	Action   uint8 // FR_ACT_*
	Not      bool
	From, To netip.Prefix
	TOS      uint8
	Table    uint32
	Priority uint32 // keepalived's preference; always explicit
	Mark     uint32
	Mask     uint32
	MarkSet  bool // fwmark was given
	MaskSet  bool
	IIf, OIf string
	Realms   uint32
	// Suppressors reject routes that were found; each is 1 more than what was
	// given.
	SuppressPrefix uint32
	SuppressGroup  uint32
	TunnelID       uint64
	UIDs           Range
	UIDSet         bool
	L3MDev         bool
	Protocol       uint8 // 0: Protocol
	IPProto        uint8
	SPort, DPort   Range // High 0: not given
	Goto           uint32
	NoTrack        bool
	Group          string // track_group, of static rules
	Text           string // as written
}

// Range is a range of numbers, both ends included.
type Range struct{ Low, High uint32 }

// Devices are the interfaces that the rule names.
func (r *Rule) Devices() []string {
	var out []string
	for _, name := range []string{r.IIf, r.OIf} {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// MissingError says that an interface does not exist.
type MissingError struct{ Interface string }

func (e *MissingError) Error() string { return "interface " + e.Interface + " does not exist" }
