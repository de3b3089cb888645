package vrrp

import (
	"testing"
	"time"
)

// Where RFC 5798 says something else than RFC 9568, which replaced it.

func TestRFC5798_5_2_8_BothChecksumsOverIPv4(t *testing.T) {
	a := from(v3(100, time.Second), 100)
	for _, form := range []ChecksumForm{ChecksumMessage, ChecksumPseudo} {
		wire := a.AppendTo(nil, other, group4, form == ChecksumPseudo)
		var in Advert
		m := Meta{Src: other, Dst: group4, TTL: 255, TotalLen: len(wire)}
		if d := Decode(&in, &m, wire); d != DropNone || in.Checksum != form {
			t.Errorf("%v: %v, seen as %v", form, d, in.Checksum)
		}
		b := newBench(t, v3(100, time.Second))
		b.start()
		b.step(Event{Kind: EventAdvert, Advert: &in, Src: other, Local: self})
		if b.r.Status().Checksums[form] != 1 {
			t.Errorf("%v is not counted", form)
		}
	}
}

func TestRFC5798_5_2_8_IPv6IsAlwaysWithPseudoHeader(t *testing.T) {
	a := Advert{Version: 3, VRID: 52, Priority: 200, AdvertInt: 100}
	a.Addrs = append(a.Addrs, ip("fe80::64"))
	wire := a.AppendTo(nil, ip("fe80::1"), group6, false)
	s := ^fold(sum(0, append(append([]byte{}, wire[:6]...), append([]byte{0, 0}, wire[8:]...)...)))
	wire[6], wire[7] = byte(s>>8), byte(s)
	m := Meta{Src: ip("fe80::1"), Dst: group6, TTL: 255, TotalLen: len(wire)}
	if d := Decode(&a, &m, wire); d != DropChecksum {
		t.Errorf("message-only checksum over IPv6: %v", d)
	}
}

func TestRFC5798_6_4_3_LowerIsDiscardedInSilence(t *testing.T) {
	// keepalived's vrrp_lower_prio_no_advert brings the older rule back.
	cfg := v3(100, time.Second)
	cfg.LowerPrioNoAdvert = true
	cfg.GARP.LowerPrioRep = 0
	b := newBench(t, cfg).master()
	at := b.r.Deadline()
	b.now = b.now.Add(300 * time.Millisecond)
	b.wantActions(b.hear(99, other), "event: a peer has the lower priority from 192.0.2.14, priority 100")
	if !b.r.Deadline().Equal(at) {
		t.Error("the timer was touched")
	}
}

func TestRFC5798_7_1_OwnerDiscardsOnlyIfAsked(t *testing.T) {
	// "the local router is not the address owner": erratum 8298 only logs.
	for _, ignore := range []bool{false, true} {
		cfg := v3(255, time.Second)
		cfg.OwnerIgnoreAdverts = ignore
		b := newBench(t, cfg)
		b.start()
		want := DropNone
		if ignore {
			want = DropOwner
		}
		if d := b.r.Check(from(cfg, 100), &Meta{Src: other, Dst: group4, TTL: 255}); d != want {
			t.Errorf("%v, want %v", d, want)
		}
	}
}
