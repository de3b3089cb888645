package vrrp

import (
	"testing"
	"time"
)

// RFC 5798 section 6.4 where RFC 9568 kept the words, for both families, and
// what belongs to the interval that is learned.

// v6 is v3 with IPv6 addresses.
func v6(prio uint8, interval time.Duration) Config {
	c := v3(prio, interval)
	c.Addresses = append(c.Addresses[:0:0], ip("fe80::64"), ip("2001:db8::64"))
	return c
}

var self6 = ip("fe80::1")

// hear6 steps an IPv6 advert that went over the wire.
func (b *bench) hear6(cfg Config, prio uint8, src string) []Action {
	b.t.Helper()
	from6 := ip(src)
	wire := from(cfg, prio).AppendTo(nil, from6, group6, true)
	a, m := &Advert{}, &Meta{Src: from6, Dst: group6, TTL: 255, TotalLen: len(wire)}
	if d := Decode(a, m, wire); d != DropNone {
		b.t.Fatalf("decode: %v", d)
	}
	if d := b.r.Check(a, m); d != DropNone {
		b.t.Fatalf("check: %v", d)
	}
	return b.step(Event{Kind: EventAdvert, Advert: a, Src: from6, Local: self6})
}

func TestRFC5798_6_4_BothFamiliesAreAlike(t *testing.T) {
	b := newBench(t, v6(100, time.Second))
	b.start()
	b.wantWait(3*time.Second + 156*time.Second/256)
	b.now = b.now.Add(time.Second)
	b.hear6(v6(100, time.Second), 150, "fe80::14")
	b.wantWait(3*time.Second + 156*time.Second/256)
	b.hear6(v6(100, time.Second), 0, "fe80::14")
	b.wantWait(156 * time.Second / 256)
	b.expire()
	b.applied()
	b.want(Master)
	if got := b.hear6(v6(100, time.Second), 0, "fe80::14"); len(got) != 2 || text(got[0]) != "send advert, priority 100" || text(got[1]) != "announce 5 times" {
		t.Errorf("priority 0 is answered with %v", texts(got))
	}
	b.hear6(v6(100, time.Second), 100, "fe80::")
	b.want(Master)
	b.hear6(v6(100, time.Second), 100, "fe80::14")
	b.want(Backup)
}

func TestRFC5798_6_1_MasterAdverIntervalIsOwnAtFirst(t *testing.T) {
	b := newBench(t, v3(100, 500*time.Millisecond))
	b.start()
	b.wantWait(1500*time.Millisecond + 156*500*time.Millisecond/256)
}

func TestRFC5798_6_4_2_B4_LearnsTheInterval(t *testing.T) {
	b := newBench(t, v3(100, time.Second))
	b.start()
	for _, interval := range []time.Duration{100 * time.Millisecond, 40950 * time.Millisecond, 10 * time.Millisecond} {
		b.step(Event{Kind: EventAdvert, Advert: from(v3(100, interval), 200), Src: other, Local: self})
		b.wantWait(3*interval + 156*interval/256)
	}
}

func TestRFC5798_6_4_3_MasterUsesItsOwnInterval(t *testing.T) {
	b := newBench(t, v3(100, time.Second))
	b.start()
	b.step(Event{Kind: EventAdvert, Advert: from(v3(100, 100*time.Millisecond), 200), Src: other, Local: self})
	b.expire()
	b.applied()
	b.want(Master)
	b.wantActions(b.expire(), "send advert, priority 100")
	b.wantWait(time.Second)
}

func TestRFC5798_6_4_3_A4_LearnsOnYielding(t *testing.T) {
	b := newBench(t, v3(100, time.Second)).master()
	b.step(Event{Kind: EventAdvert, Advert: from(v3(100, 50*time.Millisecond), 101), Src: other, Local: self})
	b.want(Backup)
	b.wantWait(150*time.Millisecond + 156*50*time.Millisecond/256)
}

func TestRFC5798_5_2_Fields(t *testing.T) {
	wire := from(v3(100, 40950*time.Millisecond), 254).AppendTo(nil, self, group4, true)
	for _, c := range []struct {
		clause string
		at     int
		want   byte
	}{
		{"5.2.1 version and 5.2.2 type", 0, 0x31},
		{"5.2.3 virtual router ID", 1, 51},
		{"5.2.4 priority", 2, 254},
		{"5.2.5 count of addresses", 3, 1},
		{"5.2.6 reserved and 5.2.7 interval", 4, 0x0f},
		{"5.2.7 interval", 5, 0xff},
	} {
		if wire[c.at] != c.want {
			t.Errorf("%s: byte %d is %#x, want %#x", c.clause, c.at, wire[c.at], c.want)
		}
	}
	if len(wire) != 12 {
		t.Errorf("%d bytes: version 3 has no authentication data", len(wire))
	}
}

func TestRFC5798_5_2_6_ReservedBitsAreIgnored(t *testing.T) {
	wire := from(v3(100, time.Second), 200).AppendTo(nil, other, group4, true)
	wire[4] |= 0xf0
	wire[6], wire[7] = 0, 0
	s := ^fold(sum(0, wire)) // the message alone, as RFC 9568 has it
	wire[6], wire[7] = byte(s>>8), byte(s)
	var a Advert
	m := Meta{Src: other, Dst: group4, TTL: 255, TotalLen: len(wire)}
	if d := Decode(&a, &m, wire); d != DropNone || a.AdvertInt != 100 {
		t.Errorf("%v, interval %d", d, a.AdvertInt)
	}
}

func TestRFC5798_8_3_1_VersionsDoNotMix(t *testing.T) {
	// A router is of one version: what is of the other one is dropped, as an
	// active version 3 router must ignore version 2 of its peers.
	b := newBench(t, v3(100, time.Second))
	b.start()
	if d := b.r.Check(from(v2(100), 200), &Meta{Src: other, Dst: group4, TTL: 255}); d != DropVersion {
		t.Errorf("version 2 is %v", d)
	}
	b = newBench(t, v2(100))
	b.start()
	if d := b.r.Check(from(v3(100, time.Second), 200), &Meta{Src: other, Dst: group4, TTL: 255}); d != DropVersion {
		t.Errorf("version 3 is %v", d)
	}
}

// TestRFC9568_StatesTakeEveryEvent steps every event in every state: none may
// break what belongs together, and a router that was stopped stays silent.
func TestRFC9568_StatesTakeEveryEvent(t *testing.T) {
	in := map[State]func() *bench{
		Init:   func() *bench { return newBench(t, v3(100, time.Second)) },
		Backup: func() *bench { b := newBench(t, v3(100, time.Second)); b.start(); return b },
		Master: func() *bench { return newBench(t, v3(100, time.Second)).master() },
		Fault: func() *bench {
			b := newBench(t, v3(100, time.Second))
			b.start()
			b.step(Event{Kind: EventLink})
			return b
		},
	}
	for state, make := range in {
		for kind := EventStart; kind <= EventSlept; kind++ {
			b := make()
			b.want(state)
			ev := Event{Kind: kind, Src: other, Local: self, Gen: 1}
			if kind == EventAdvert || kind == EventYield {
				ev.Advert = from(b.r.cfg, 200)
			}
			got := b.step(ev)
			if kind == EventYield && state == Master {
				b.want(Backup)
			}
			for _, a := range got {
				if a.Kind == ActionSend && b.r.state != Master && a.Priority != 0 {
					t.Errorf("%v, event %d: says priority %d as %v", state, kind, a.Priority, b.r.state)
				}
			}
			if state == Init && kind != EventStart && kind != EventResume && (b.r.state != Init || len(got) > 0) {
				t.Errorf("event %d: INIT became %v and did %v", kind, b.r.state, texts(got))
			}
			if timer := b.r.Deadline(); timer.IsZero() != (b.r.state == Init || b.r.state == Fault) {
				t.Errorf("%v, event %d: %v with a timer: %v", state, kind, b.r.state, !timer.IsZero())
			}
		}
	}
}
