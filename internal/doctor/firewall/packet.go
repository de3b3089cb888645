package firewall

import "net/netip"

// Packet is what is known of a packet.
type Packet struct {
	Out         bool // sent by this host; else received
	Interface   string
	Index       int        // of the interface
	Source      netip.Addr // invalid: not known
	Destination netip.Addr
	Protocol    uint8
}

// Drop says where a packet is dropped.
type Drop struct {
	Where string // the rule or policy, for people
	Mend  string // the command that lets it pass
}

// truth is what can be said of a condition.
type truth uint8

const (
	maybe truth = iota
	yes
	no
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return maybe
}

// header is the packet's network header, with which of its bytes are known.
func (p *Packet) header() (b []byte, known []bool) {
	set := func(at int, v ...byte) {
		for i, x := range v {
			b[at+i], known[at+i] = x, true
		}
	}
	if p.Destination.Is4() {
		b, known = make([]byte, 20), make([]bool, 20)
		set(0, 0x45)
		set(8, 255, p.Protocol)
		if p.Source.Is4() {
			set(12, p.Source.AsSlice()...)
		}
		set(16, p.Destination.AsSlice()...)
		return b, known
	}
	b, known = make([]byte, 40), make([]bool, 40)
	set(6, p.Protocol, 255)
	if p.Source.Is6() {
		set(8, p.Source.AsSlice()...)
	}
	set(24, p.Destination.AsSlice()...)
	return b, known
}
