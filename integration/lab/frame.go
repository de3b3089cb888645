package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// Advert is a VRRP advertisement seen on a segment. It is decoded here and not
// with the daemon's own code, so that a mistake there cannot hide itself.
type Advert struct {
	At       time.Time
	From     string // the host it came from
	Src, Dst netip.Addr
	TTL      uint8
	Version  uint8
	VRID     uint8
	Priority uint8
	AuthType uint8         // v2
	Interval time.Duration // as stated by the sender
	VIPs     []netip.Addr
	Frame    []byte // the whole frame, from the Ethernet header on
	Body     []byte // the VRRP message
}

func (a Advert) String() string {
	return fmt.Sprintf("v%d vrid %d prio %d every %v %v from %s (%v)", a.Version, a.VRID, a.Priority, a.Interval, a.VIPs, a.From, a.Src)
}

// ARP is an ARP message seen on a segment.
type ARP struct {
	At       time.Time
	From     string
	Op       uint16
	SenderIP netip.Addr
	TargetIP netip.Addr
	Frame    []byte
}

// Gratuitous reports whether the message announces the sender's own address.
func (a ARP) Gratuitous() bool { return a.SenderIP == a.TargetIP }

const (
	etherLen = 14
	arpLen   = 28
)

// decode adds what a frame holds to the lists; frames that are neither are
// ignored.
func decode(frame []byte, from string, at time.Time) (adv *Advert, arp *ARP) {
	if len(frame) < etherLen {
		return nil, nil
	}
	b := frame[etherLen:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0806:
		if len(b) < arpLen {
			return nil, nil
		}
		sender, _ := netip.AddrFromSlice(b[14:18])
		target, _ := netip.AddrFromSlice(b[24:28])
		return nil, &ARP{
			At: at, From: from, Op: binary.BigEndian.Uint16(b[6:]),
			SenderIP: sender, TargetIP: target, Frame: frame,
		}
	case 0x0800:
		if len(b) < 20 || b[0]>>4 != 4 {
			return nil, nil
		}
		ihl, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
		if b[9] != 112 || ihl < 20 || total < ihl+8 || len(b) < total {
			return nil, nil
		}
		src, _ := netip.AddrFromSlice(b[12:16])
		dst, _ := netip.AddrFromSlice(b[16:20])
		a := &Advert{At: at, From: from, Src: src, Dst: dst, TTL: b[8], Frame: frame, Body: b[ihl:total]}
		return decodeBody(a, 4), nil
	case 0x86dd:
		if len(b) < 40 {
			return nil, nil
		}
		length := int(binary.BigEndian.Uint16(b[4:]))
		if b[6] != 112 || length < 8 || len(b) < 40+length {
			return nil, nil
		}
		src, _ := netip.AddrFromSlice(b[8:24])
		dst, _ := netip.AddrFromSlice(b[24:40])
		a := &Advert{At: at, From: from, Src: src, Dst: dst, TTL: b[7], Frame: frame, Body: b[40 : 40+length]}
		return decodeBody(a, 16), nil
	}
	return nil, nil
}

func decodeBody(a *Advert, size int) *Advert {
	v := a.Body
	a.Version, a.VRID, a.Priority = v[0]>>4, v[1], v[2]
	if a.Version == 3 {
		a.Interval = time.Duration(binary.BigEndian.Uint16(v[4:])&0xfff) * 10 * time.Millisecond
	} else {
		a.AuthType = v[4]
		a.Interval = time.Duration(v[5]) * time.Second
	}
	for i := range int(v[3]) {
		at := 8 + i*size
		if at+size > len(v) {
			break
		}
		ip, _ := netip.AddrFromSlice(v[at : at+size])
		a.VIPs = append(a.VIPs, ip)
	}
	return a
}
