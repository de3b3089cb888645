package vrrp

import (
	"testing"
	"time"
)

// The states of RFC 3768 section 6.4, clause by clause in the order of the
// text, and the fields of section 5.3. Its letters are those of RFC 9568: I for
// Initialize, B for Backup, A for Master.

func owner2() Config {
	c := v2(255)
	c.StartMaster = true
	return c
}

func TestRFC3768_6_4_1_I1_OwnerIsMasterAtOnce(t *testing.T) {
	b := newBench(t, owner2())
	b.wantActions(b.start(), "send advert, priority 255", "addresses on, generation 1")
	b.want(Master)
	b.wantWait(time.Second)
	b.wantActions(b.applied(), "announce 5 times", "INIT -> MASTER, priority 255 (address owner)")
}

func TestRFC3768_6_4_1_I2_OthersAreBackup(t *testing.T) {
	b := newBench(t, v2(100))
	b.wantActions(b.start(), "INIT -> BACKUP, priority 100 (started)")
	b.wantWait(3609375 * time.Microsecond)
}

func TestRFC3768_6_4_2_B1_ShutdownIsSilent(t *testing.T) {
	b := newBench(t, v2(100))
	b.start()
	b.wantActions(b.step(Event{Kind: EventShutdown}), "BACKUP -> INIT, priority 100 (stopped)")
	if !b.r.Deadline().IsZero() {
		t.Error("a timer still runs")
	}
}

func TestRFC3768_6_4_2_B2_MasterDownTimer(t *testing.T) {
	b := newBench(t, v2(100))
	b.start()
	b.wantActions(b.expire(), "send advert, priority 100", "addresses on, generation 1")
	b.want(Master)
	b.wantWait(time.Second)
}

func TestRFC3768_6_4_2_B3_PriorityZeroSetsSkew(t *testing.T) {
	b := newBench(t, v2(200))
	b.start()
	b.now = b.now.Add(time.Second)
	b.wantActions(b.hear(0, other))
	b.wantWait(56 * time.Second / 256)
}

func TestRFC3768_6_4_2_B4_HigherOrEqualRestartsTheTimer(t *testing.T) {
	for _, prio := range []uint8{100, 101, 255} {
		b := newBench(t, v2(100))
		b.start()
		b.now = b.now.Add(2 * time.Second)
		b.wantActions(b.hear(prio, lower)) // addresses are not compared in Backup
		b.wantWait(3609375 * time.Microsecond)
	}
	cfg := v2(100)
	cfg.NoPreempt = true
	b := newBench(t, cfg)
	b.start()
	b.now = b.now.Add(2 * time.Second)
	b.hear(1, other)
	b.wantWait(3609375 * time.Microsecond)
}

func TestRFC3768_6_4_2_B5_LowerIsDiscarded(t *testing.T) {
	b := newBench(t, v2(100))
	b.start()
	at := b.r.Deadline()
	b.now = b.now.Add(2 * time.Second)
	b.wantActions(b.hear(99, other))
	if !b.r.Deadline().Equal(at) {
		t.Error("the timer was touched")
	}
}

func TestRFC3768_6_4_3_A1_ShutdownSaysPriorityZero(t *testing.T) {
	b := newBench(t, v2(100)).master()
	b.wantActions(b.step(Event{Kind: EventShutdown}),
		"send advert, priority 0", "addresses off, generation 2", "MASTER -> INIT, priority 100 (stopped)")
}

func TestRFC3768_6_4_3_A2_AdverTimer(t *testing.T) {
	cfg := v2(100)
	cfg.AdvertInt, cfg.GARP.Delay = 7*time.Second, 0
	b := newBench(t, cfg).master()
	for range 3 {
		b.wantActions(b.expire(), "send advert, priority 100")
		b.wantWait(7 * time.Second)
	}
}

func TestRFC3768_6_4_3_A3_PriorityZeroIsAnswered(t *testing.T) {
	b := newBench(t, v2(100)).master()
	b.now = b.now.Add(700 * time.Millisecond)
	b.wantActions(b.hear(0, other), "send advert, priority 100", "announce 5 times")
	b.want(Master)
	b.wantWait(time.Second)
}

func TestRFC3768_6_4_3_A4_HigherMakesBackup(t *testing.T) {
	for _, c := range []struct {
		prio uint8
		src  string
		want State
	}{
		{101, "192.0.2.0", Backup},
		{100, "192.0.2.14", Backup}, // equal, and the sender's address is greater
		{100, "192.0.2.0", Master},
		{99, "192.0.2.14", Master},
	} {
		b := newBench(t, v2(100)).master()
		got := b.hear(c.prio, ip(c.src))
		b.want(c.want)
		if c.want == Backup {
			if len(got) != 2 || text(got[0]) != "addresses off, generation 2" {
				t.Errorf("%d from %s: %v", c.prio, c.src, texts(got))
			}
			b.wantWait(3609375 * time.Microsecond)
		}
	}
}

func TestRFC3768_6_4_3_A5_LowerIsDiscarded(t *testing.T) {
	// In silence, as the RFC has it, where it is asked for.
	cfg := v2(100)
	cfg.LowerPrioNoAdvert, cfg.GARP.LowerPrioRep = true, 0
	b := newBench(t, cfg).master()
	at := b.r.Deadline()
	b.now = b.now.Add(300 * time.Millisecond)
	for _, a := range b.hear(99, other) {
		if a.Kind != ActionEvent {
			t.Errorf("did %s", text(a))
		}
	}
	if !b.r.Deadline().Equal(at) {
		t.Error("the timer was touched")
	}
}

// TestRFC3768_5_3_Fields looks at every field of an advert.
func TestRFC3768_5_3_Fields(t *testing.T) {
	cfg := v2(100)
	cfg.AdvertInt = 255 * time.Second
	cfg.Addresses = append(cfg.Addresses, ip("10.9.9.10"))
	wire := from(cfg, 100).AppendTo(nil, self, group4, true)
	for _, c := range []struct {
		clause string
		at     int
		want   byte
	}{
		{"5.3.1 version and 5.3.2 type", 0, 0x21},
		{"5.3.3 virtual router ID", 1, 51},
		{"5.3.4 priority", 2, 100},
		{"5.3.5 count of addresses", 3, 2},
		{"5.3.6 authentication type", 4, 0},
		{"5.3.7 interval in seconds", 5, 255},
		{"5.3.9 first address", 11, 9},
		{"5.3.9 second address", 15, 10},
		{"5.3.10 authentication data", 16, 0},
		{"5.3.10 authentication data", 23, 0},
	} {
		if wire[c.at] != c.want {
			t.Errorf("%s: byte %d is %d, want %d", c.clause, c.at, wire[c.at], c.want)
		}
	}
	if len(wire) != 24 {
		t.Errorf("%d bytes, want 24", len(wire))
	}
	if s := fold(sum(0, wire)); s != 0xffff {
		t.Errorf("5.3.8: the sum with the checksum is %04x", s)
	}
}

func TestRFC3768_5_3_2_UnknownTypesAreDiscarded(t *testing.T) {
	wire := from(v2(100), 100).AppendTo(nil, other, group4, true)
	for _, kind := range []byte{0, 2, 15} {
		bad := append([]byte(nil), wire...)
		bad[0] = 0x20 | kind
		bad[6], bad[7] = 0, 0
		s := ^fold(sum(0, bad))
		bad[6], bad[7] = byte(s>>8), byte(s)
		var a Advert
		m := Meta{Src: other, Dst: group4, TTL: 255, TotalLen: len(bad)}
		if d := Decode(&a, &m, bad); d != DropType {
			t.Errorf("type %d: %v", kind, d)
		}
	}
}

func TestRFC3768_8_1_OwnerAlwaysPreempts(t *testing.T) {
	cfg := owner2()
	cfg.NoPreempt = true // "independent of the setting of this flag"
	b := newBench(t, cfg)
	b.step(Event{Kind: EventLink})
	b.start()
	b.step(Event{Kind: EventLink, Up: true})
	b.want(Backup)
	at := b.r.Deadline()
	b.hear(254, other)
	if !b.r.Deadline().Equal(at) {
		t.Error("the owner accepted a lower advert")
	}
}
