package link

import (
	"net"
	"net/netip"
	"time"
)

// Port names one place where adverts come and go: an interface, a family and
// either a multicast group or (Group invalid) unicast from Source.
type Port struct {
	Ifindex int
	Group   netip.Addr // 224.0.0.18 or ff02::12 or an override; invalid: unicast
	Source  netip.Addr // unicast: our address; multicast: fixed source (mcast_src_ip) or invalid
	// AH: adverts in authentication headers, IP protocol 51 (IPv4 only). A
	// Datagram's Body is then the whole IP datagram, whose header the digest
	// covers; the VRRP message of a Packet begins 24 bytes into its Body.
	AH  bool
	TTL uint8 // of what is sent by unicast; 0: 255
}

// Packet is one received VRRP message. Body is valid until the next Wait.
type Packet struct {
	Port     Port
	Src, Dst netip.Addr
	TTL      uint8
	ID       uint16 // identification of the IPv4 header
	TotalLen int    // length of the payload according to the IP header
	Body     []byte
	AH       bool // the IP protocol was AH (51); Body then starts with the AH header
	Arrived  time.Time
}

// Datagram is one message to send. Err is set by Send.
type Datagram struct {
	Port Port
	Src  netip.Addr // used for the checksum by the caller; the socket's own source address
	Dst  netip.Addr
	Body []byte
	Err  error
}

// Wire is the engine's one way to the network and to time. All methods but
// Wake are for the engine's thread only.
type Wire interface {
	// Now is the wire's clock: monotonic, and the one Wait's deadline is in.
	Now() time.Time
	// Wait returns as soon as there is input, Wake was called or deadline
	// (zero: none) has passed. Input that has arrived is always read, until
	// nothing is left, before a due deadline is reported. The slice is the
	// wire's own and valid until the next Wait.
	Wait(deadline time.Time) ([]Packet, error)
	// Send sends all datagrams, in one system call per socket and batch.
	Send(batch []Datagram)
	// Wake makes a Wait that runs or the next one return. Any goroutine.
	Wake()
	// Open brings the set of ports to the wanted one; the ports that could
	// not be opened are returned with their errors and are tried again by
	// the next Open. vrids are the (version, VRID) pairs that a filter lets
	// through; nil lets everything through.
	Open(want []Port) map[Port]error
	// SourceOf is the address that adverts sent on p carry as source. It is false
	// for a port that is not open and for one whose interface had no address when
	// Open was last called. What is sent on such a port carries the address that
	// it had last.
	SourceOf(p Port) (netip.Addr, bool)
	Close() error
}

// Interface is what the watcher knows of one interface.
type Interface struct {
	Index  int
	Name   string
	Up     bool // IFF_UP and carrier (operational)
	MTU    int
	HWAddr net.HardwareAddr
	Addrs  []netip.Prefix // own addresses in the kernel's order, virtual ones included
	// LinkLocal is the address that IPv6 adverts come from: link-local, not
	// ours, and not waiting for duplicate address detection. Invalid: none.
	LinkLocal netip.Addr
	// Duplicate is an own link-local address that another host on the link has, as
	// duplicate address detection has found, where there is no LinkLocal.
	Duplicate netip.Addr
	Multicast bool
	Below     int    // index of the interface that a macvlan or ipvlan stands on; 0: it is none
	VRFTable  uint32 // the table of a VRF; 0: it is none
}

// Update is one news of the watcher: the whole set of interfaces, and the
// addresses that were removed since the time before and are not there now,
// whoever removed them, also those that had come back in between.
type Update struct {
	Interfaces []Interface // always the whole present set, ordered by index
	Lost       []LostAddress
	// LowMTU are the interfaces whose MTU was too small for IPv6 at some moment
	// since the update before, whatever it is now: the kernel has forgotten who
	// listens there.
	LowMTU []int
	// Fresh: news may have been lost before this one. What is there is told,
	// and what came and went in between is not.
	Fresh bool
}

// LostAddress is an address that disappeared from an interface.
type LostAddress struct {
	Ifindex int
	Prefix  netip.Prefix
}

// Watcher follows the kernel's interfaces and addresses. Events are hints: on
// any overrun it reads everything anew.
type Watcher interface {
	// List reads the present set from the kernel. Where that changes meanwhile it
	// waits and reads again, for a tenth of a second or so, and fails then: it is
	// for any goroutine, and not for one that has adverts to send.
	List() ([]Interface, error)
	// Watch calls f with the present set and then with every change. It
	// blocks until stop is closed, or returns an error at once.
	Watch(stop <-chan struct{}, f func(Update)) error
}

// Announcer sends gratuitous ARP requests (and unsolicited NAs). It is called
// on the engine's thread and must not block: a full queue drops and counts.
type Announcer interface {
	// Announce sends rounds rounds over addrs, round-robin, without gaps.
	Announce(ifindex int, hw net.HardwareAddr, addrs []netip.Addr, rounds int) error
	Close() error
}

// IFAProto is the protocol mark (IFA_PROTO) of addresses installed by holdfast.
const IFAProto = 0x68
