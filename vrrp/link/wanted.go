package link

import (
	"encoding/base64"
	"fmt"
	"net/netip"
)

// Address is one wanted address. The zero value of a field behind Prefix asks
// for nothing.
type Address struct {
	Ifindex   int
	Prefix    netip.Prefix // own address; with a Peer the length is the far end's
	Label     string       `json:",omitempty"`
	Scope     uint8        `json:",omitempty"`
	Broadcast netip.Addr   `json:",omitzero"` // invalid: none
	Peer      netip.Addr   `json:",omitzero"` // far end of a point-to-point address; invalid: none
	// Flags are further IFA_F_*: home, mngtmpaddr, noprefixroute, autojoin.
	Flags uint32 `json:",omitempty"`
	// DAD has an IPv6 address checked for duplicates (keepalived's -nodad).
	DAD bool `json:",omitempty"`
	// Preferred is the preferred lifetime of an IPv6 address in seconds
	// (math.MaxUint32: for ever), in force when PreferredSet is; without it an
	// IPv6 address of full length is deprecated and others live for ever.
	Preferred    uint32 `json:",omitempty"`
	PreferredSet bool   `json:",omitempty"`
	// Drop names the nftables table that has packets to the address, and from
	// it, dropped (no_accept); empty: they are accepted.
	Drop string `json:",omitempty"`
}

// installed is the address without what is not of the kernel's address.
func (a Address) installed() Address {
	a.Drop = ""
	return a
}

// ObjectKind is the kind of an Object.
type ObjectKind uint8

// The kinds of objects.
const (
	ObjectRoute ObjectKind = iota + 1
	ObjectRule
)

func (k ObjectKind) String() string {
	switch k {
	case ObjectRoute:
		return "route"
	case ObjectRule:
		return "rule"
	}
	return "object"
}

// Object is a route or a rule as the kernel is told of it. Two objects are the
// same when they are equal.
type Object struct {
	Kind ObjectKind
	// Flags are the NLM_F_* of its addition besides NLM_F_CREATE.
	Flags uint16 `json:",omitempty"`
	// Body is the netlink message without its header, of RTM_NEWROUTE and
	// RTM_DELROUTE or of RTM_NEWRULE and RTM_DELRULE (package route).
	Body Raw
	// Text is the object as people write it.
	Text string
	// NoTrack: its loss is not noticed.
	NoTrack bool `json:",omitempty"`
}

// Raw is bytes in a comparable form; base64 in JSON.
type Raw string

// MarshalText implements encoding.TextMarshaler.
func (r Raw) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(r)), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Raw) UnmarshalText(b []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, b)
	if err != nil {
		return fmt.Errorf("link: raw message: %w", err)
	}
	*r = Raw(raw)
	return nil
}

// Wanted is everything that one owner wants in the kernel. It is added in this
// order and removed in the reverse one.
type Wanted struct {
	Addresses []Address `json:"addresses,omitempty"`
	Objects   []Object  `json:"objects,omitempty"` // routes, then rules
}

// Add appends what other holds.
func (w *Wanted) Add(other Wanted) {
	w.Addresses = append(w.Addresses, other.Addresses...)
	w.Objects = append(w.Objects, other.Objects...)
}

// Empty says whether nothing is wanted.
func (w Wanted) Empty() bool { return len(w.Addresses) == 0 && len(w.Objects) == 0 }

// Applied is the applier's only answer: generation Gen of owner's wanted state
// was carried out; Err joins what failed.
type Applied struct {
	Owner  int // the engine's router ID, or below 0 one of its own making
	Gen    uint64
	Err    error
	Failed []Address // by Ifindex and Prefix those wanted that could not be added, or of which that is not known
}

// Arriving tells that addresses of generation Gen are there, while others of it
// are still being added.
type Arriving struct {
	Owner int
	Gen   uint64
	There []Address // since the last one
}

// Applier brings the kernel to what is wanted. Set returns at once; of several
// Sets of one owner only the newest is carried out. Work of several owners
// that is waiting together goes to the kernel in one batch.
type Applier interface {
	Set(owner int, gen uint64, want Wanted)
	// Sweep removes, synchronously, every address with our protocol mark and
	// everything of remove that is present (left-overs of a killed daemon),
	// except what is in keep.
	Sweep(remove, keep Wanted) error
	Close() error
}
