package sync

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// What a kernel takes where nothing else is said.
const (
	DefaultPort   = 8848
	DefaultSyncID = 0
)

// DefaultGroup is the multicast group of IPv4.
var DefaultGroup = netip.AddrFrom4([4]byte{224, 0, 0, 81})

// Protocol numbers of connections; a template of a service by mark has 0.
const (
	TCP  = 6
	UDP  = 17
	SCTP = 132
)

// Flags are those of a connection (IP_VS_CONN_F_*) that mean something to
// another director.
type Flags uint32

// The flags; the low three bits are the forwarding method.
const (
	MethodMask Flags = 0x0007
	NoOutput   Flags = 0x0080 // only packets of the client are seen
	Inactive   Flags = 0x0100 // not established
	OutSeq     Flags = 0x0200 // the sequence numbers of replies are shifted
	InSeq      Flags = 0x0400 // those of requests are
	NoPort     Flags = 0x0800 // the client's port is not known yet
	Template   Flags = 0x1000 // of persistence, no connection
	OnePacket  Flags = 0x2000
	seqMask          = OutSeq | InSeq
)

// Method is the forwarding method.
type Method uint8

// The methods (IP_VS_CONN_F_MASQ and following).
const (
	NAT Method = iota
	Local
	TUN
	DR
	Bypass
)

var methods = [...]string{"NAT", "local", "TUN", "DR", "bypass"}

// String is the name, or the number of an unknown one.
func (m Method) String() string {
	if int(m) < len(methods) {
		return methods[m]
	}
	return "method " + strconv.Itoa(int(m))
}

// Method is the forwarding method of the sender; a receiver goes by its own
// table.
func (f Flags) Method() Method { return Method(f & MethodMask) }

var flagNames = []struct {
	flag Flags
	name string
}{
	{NoOutput, "no-output"},
	{Inactive, "inactive"},
	{OutSeq, "out-seq"},
	{InSeq, "in-seq"},
	{NoPort, "no-client-port"},
	{Template, "template"},
	{OnePacket, "one-packet"},
}

// Names are the flags but the method in words; bits without a name come last,
// in hexadecimal.
func (f Flags) Names() []string {
	var names []string
	f &^= MethodMask
	for _, n := range flagNames {
		if f&n.flag != 0 {
			names = append(names, n.name)
			f &^= n.flag
		}
	}
	if f != 0 {
		names = append(names, fmt.Sprintf("%#x", uint32(f)))
	}
	return names
}

// Sequence is how the sequence numbers of one direction of a TCP connection
// are shifted, for connections whose content a helper changes (FTP with NAT).
type Sequence struct {
	Init     uint32 // sequence number from which on Delta holds
	Delta    uint32
	Previous uint32 // what held before
}

// Entry is the state of a connection or of a persistence template. Bytes of
// PEData and PEName belong to the datagram that the entry was read from.
type Entry struct {
	Protocol uint8
	Flags    Flags
	State    uint16 // see StateName; of a template: 1 is assured
	// Client, Virtual and Dest are all of one family. A template has no
	// client's port; one of a service by mark has the mark for an address.
	Client, Virtual, Dest netip.AddrPort
	FWMark                uint32 // version 1 only
	Timeout               uint32 // seconds; 0 or version 0: what the receiver has for the state
	// In and Out are there if Flags has InSeq or OutSeq.
	In, Out Sequence
	PEData  []byte // persistence engine, at most 255 bytes
	PEName  []byte // at most 16 bytes
}

var tcpStates = [...]string{"NONE", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "SYNACK"}

var sctpStates = [...]string{
	"NONE", "INIT1", "INIT", "COOKIE_SENT", "COOKIE_REPLIED", "COOKIE_WAIT", "COOKIE", "COOKIE_ECHOED",
	"ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECEIVED", "SHUTDOWN_ACK_SENT", "REJECTED", "CLOSED",
}

// StateNames are the words of StateName, each once.
func StateNames() []string {
	var out []string
	for _, s := range slices.Concat(tcpStates[:], sctpStates[:], []string{"UDP", "ASSURED"}) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// StateName is the state in the kernel's word, or its number.
func (e *Entry) StateName() string {
	n := int(e.State)
	switch {
	case e.Flags&Template != 0 && n == 0:
		return "NONE"
	case e.Flags&Template != 0 && n == 1:
		return "ASSURED"
	case e.Flags&Template != 0:
	case e.Protocol == TCP && n < len(tcpStates):
		return tcpStates[n]
	case e.Protocol == UDP && n == 0:
		return "UDP"
	case e.Protocol == SCTP && n < len(sctpStates):
		return sctpStates[n]
	}
	return "state " + strconv.Itoa(n)
}

// ProtocolName is "TCP", "UDP", "SCTP" or a number; "any" for that of a
// template by mark.
func (e *Entry) ProtocolName() string {
	switch e.Protocol {
	case 0:
		return "any"
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return "protocol " + strconv.Itoa(int(e.Protocol))
}

// String is the entry on one line.
func (e *Entry) String() string {
	var b strings.Builder
	kind := ""
	if e.Flags&Template != 0 {
		kind = " template"
	}
	fmt.Fprintf(&b, "%s%s %s -> %s -> %s %s %s", e.ProtocolName(), kind, e.Client, e.Virtual, e.Dest, e.StateName(), e.Flags.Method())
	if e.Timeout > 0 {
		fmt.Fprintf(&b, " %ds", e.Timeout)
	}
	if e.FWMark > 0 {
		fmt.Fprintf(&b, " mark %d", e.FWMark)
	}
	for _, n := range (e.Flags &^ (Template | seqMask)).Names() {
		b.WriteString(" " + n)
	}
	if e.Flags&seqMask != 0 {
		fmt.Fprintf(&b, " seq in %d%+d/%+d out %d%+d/%+d", e.In.Init, int32(e.In.Delta), int32(e.In.Previous),
			e.Out.Init, int32(e.Out.Delta), int32(e.Out.Previous))
	}
	if len(e.PEName) > 0 || len(e.PEData) > 0 {
		fmt.Fprintf(&b, " pe %q %q", e.PEName, e.PEData)
	}
	return b.String()
}
