package firewall

import "net/netip"

// Packet is what is known of a packet.
type Packet struct {
	Out       bool // sent by this host; else received
	Interface string
	Index     int        // of the interface
	Source    netip.Addr // invalid: not known
	// From is the network that a source that is not known is in; the zero value: it
	// may be any.
	From        netip.Prefix
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
	part // of the sources that the packet may have
)

// and is what can be said of two conditions together.
func (t truth) and(o truth) truth {
	for _, weakest := range []truth{no, maybe, part} {
		if t == weakest || o == weakest {
			return weakest
		}
	}
	return yes
}

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
	return t
}

// header is the packet's network header: its bits, those that are known, and the bytes
// of which anything is.
func (p *Packet) header() (b, mask []byte, known []bool) {
	set := func(at int, v ...byte) {
		for i, x := range v {
			b[at+i], mask[at+i], known[at+i] = x, 0xff, true
		}
	}
	source := func(at int) {
		switch {
		case p.Source.IsValid() && p.Source.Is4() == p.Destination.Is4():
			set(at, p.Source.AsSlice()...)
		case p.from():
			for i, x := range p.From.Masked().Addr().AsSlice() {
				b[at+i], known[at+i] = x, true
				mask[at+i] = ^byte(0xff >> min(max(p.From.Bits()-8*i, 0), 8))
			}
		}
	}
	n := 40
	if p.Destination.Is4() {
		n = 20
	}
	b, mask, known = make([]byte, n), make([]byte, n), make([]bool, n)
	if p.Destination.Is4() {
		set(0, 0x45)
		set(8, 255, p.Protocol)
		source(12)
		set(16, p.Destination.AsSlice()...)
		return b, mask, known
	}
	set(6, p.Protocol, 255)
	source(8)
	set(24, p.Destination.AsSlice()...)
	return b, mask, known
}

// from says whether From tells anything of the source.
func (p *Packet) from() bool {
	return !p.Source.IsValid() && p.From.IsValid() && p.From.Addr().Is4() == p.Destination.Is4()
}
