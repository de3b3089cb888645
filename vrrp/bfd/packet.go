package bfd

import (
	"encoding/binary"
	"errors"
	"time"
)

// State is the state of a session.
type State uint8

// The states, with the numbers of the wire.
const (
	AdminDown State = iota
	Down
	Init
	Up
)

func (s State) String() string { return [...]string{"AdminDown", "Down", "Init", "Up"}[s&3] }

// Diag says why a session is not up.
type Diag uint8

// The diagnostics that are used here; a neighbour may say others up to 31.
const (
	DiagNone         Diag = 0
	DiagExpired      Diag = 1
	DiagNeighborDown Diag = 3
	DiagAdminDown    Diag = 7
	diagMask              = 0x1f
	packetLength          = 24
	authPacketLength      = 26
	version               = 1
	flagPoll              = 0x20
	flagFinal             = 0x10
	flagAuth              = 0x04
	flagDemand            = 0x02
	flagMultipoint        = 0x01
	maxMicroseconds       = 1<<32 - 1
)

var diagNames = [...]string{
	"", "detection time expired", "echo function failed", "neighbour signalled down", "forwarding plane reset",
	"path down", "concatenated path down", "administratively down", "reverse concatenated path down",
}

func (d Diag) String() string {
	if int(d) < len(diagNames) {
		return diagNames[d]
	}
	return "diagnostic of another kind"
}

// Packet is a control packet (RFC 5880 section 4.1) without authentication.
type Packet struct {
	Diag       Diag
	State      State
	Poll       bool
	Final      bool
	Demand     bool
	Multiplier uint8 // not 0
	My, Your   uint32
	MinTX      time.Duration // desired, whole microseconds up to 32 bits
	MinRX      time.Duration // required; 0: do not send
	MinEchoRX  time.Duration
}

// The reasons to discard a packet.
var (
	ErrShort      = errors.New("bfd: too short")
	ErrVersion    = errors.New("bfd: unknown version")
	ErrLength     = errors.New("bfd: wrong length")
	ErrMultiplier = errors.New("bfd: multiplier 0")
	ErrMultipoint = errors.New("bfd: multipoint")
	ErrMy         = errors.New("bfd: my discriminator 0")
	ErrYour       = errors.New("bfd: your discriminator 0 in a session")
	ErrAuth       = errors.New("bfd: authentication")
	ErrFlags      = errors.New("bfd: poll and final")
)

// Decode reads a packet with the checks of section 6.8.6 that need no session.
// Bytes behind the stated length are left alone.
func Decode(b []byte) (Packet, error) {
	var p Packet
	if len(b) < packetLength {
		return p, ErrShort
	}
	if b[0]>>5 != version {
		return p, ErrVersion
	}
	flags := b[1]
	least := packetLength
	if flags&flagAuth != 0 {
		least = authPacketLength
	}
	switch n := int(b[3]); {
	case n < least || n > len(b):
		return p, ErrLength
	case b[2] == 0:
		return p, ErrMultiplier
	case flags&flagMultipoint != 0:
		return p, ErrMultipoint
	}
	p = Packet{
		Diag: Diag(b[0] & diagMask), State: State(flags >> 6), Poll: flags&flagPoll != 0, Final: flags&flagFinal != 0,
		Demand: flags&flagDemand != 0, Multiplier: b[2],
		My: binary.BigEndian.Uint32(b[4:]), Your: binary.BigEndian.Uint32(b[8:]),
		MinTX: micros(b[12:]), MinRX: micros(b[16:]), MinEchoRX: micros(b[20:]),
	}
	switch {
	case p.My == 0:
		return p, ErrMy
	case p.Your == 0 && p.State != Down && p.State != AdminDown:
		return p, ErrYour
	case flags&flagAuth != 0:
		return p, ErrAuth // none is configured
	case p.Poll && p.Final:
		return p, ErrFlags
	}
	return p, nil
}

func micros(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Microsecond
}

// Append adds the packet to b.
func (p *Packet) Append(b []byte) []byte {
	flags := byte(p.State) << 6
	if p.Poll {
		flags |= flagPoll
	}
	if p.Final {
		flags |= flagFinal
	}
	if p.Demand {
		flags |= flagDemand
	}
	b = append(b, version<<5|byte(p.Diag)&diagMask, flags, p.Multiplier, packetLength)
	b = binary.BigEndian.AppendUint32(b, p.My)
	b = binary.BigEndian.AppendUint32(b, p.Your)
	for _, d := range []time.Duration{p.MinTX, p.MinRX, p.MinEchoRX} {
		b = binary.BigEndian.AppendUint32(b, uint32(min(max(d.Microseconds(), 0), maxMicroseconds)))
	}
	return b
}
