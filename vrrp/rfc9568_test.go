package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// One test a numbered clause of RFC 9568 section 6.4 (I1..A5 in the order of
// the text), of the timers of 6.1 and of the receive checks of 7.1. The
// RFC's Active is MASTER here.

func TestRFC9568_6_1_Timers(t *testing.T) {
	// Skew_Time = ((256 - priority) * Active_Adver_Interval) / 256
	// Active_Down_Interval = 3 * Active_Adver_Interval + Skew_Time
	for _, c := range []struct {
		prio     uint8
		interval time.Duration
		down     float64 // ms
	}{
		{1, time.Second, 3996.1},
		{100, time.Second, 3609.4},
		{254, time.Second, 3007.8},
		{100, 500 * time.Millisecond, 1804.7},
		{150, 100 * time.Millisecond, 341.4},
		{200, 50 * time.Millisecond, 160.9},
		{1, 10 * time.Millisecond, 39.96},
		{254, 10 * time.Millisecond, 30.08},
	} {
		b := newBench(t, v3(c.prio, c.interval))
		b.start()
		got := float64(b.r.Deadline().Sub(b.now)) / 1e6
		if d := got - c.down; d > 0.05 || d < -0.05 {
			t.Errorf("priority %d, %v: %v ms, want %v", c.prio, c.interval, got, c.down)
		}
	}
	// Not in whole centiseconds: 2/256 of 10 ms.
	if d := skewTime(3, 254, 10*time.Millisecond); d != 78125*time.Nanosecond {
		t.Errorf("skew %v", d)
	}
}

func TestRFC9568_I1_OwnerBecomesActiveAtOnce(t *testing.T) {
	cfg := v3(255, time.Second)
	cfg.StartMaster = true
	b := newBench(t, cfg)
	b.wantActions(b.start(), "send advert, priority 255", "addresses on, generation 1")
	b.want(Master)
	b.wantWait(time.Second)
	b.wantActions(b.applied(), "announce 5 times", "INIT -> MASTER, priority 255 (address owner)")
}

func TestRFC9568_I2_OthersBecomeBackup(t *testing.T) {
	b := newBench(t, v3(100, time.Second))
	b.wantActions(b.start(), "INIT -> BACKUP, priority 100 (started)")
	b.want(Backup)
	b.wantWait(3*time.Second + 156*time.Second/256)
}

func TestRFC9568_B1_BackupShutsDownSilently(t *testing.T) {
	b := newBench(t, v3(100, time.Second))
	b.start()
	b.wantActions(b.step(Event{Kind: EventShutdown}), "BACKUP -> INIT, priority 100 (stopped)")
	if !b.r.Deadline().IsZero() {
		t.Error("a timer still runs")
	}
}

func TestRFC9568_B2_ActiveDownTimer(t *testing.T) {
	b := newBench(t, v3(100, time.Second))
	b.start()
	b.wantActions(b.expire(), "send advert, priority 100", "addresses on, generation 1")
	b.want(Master)
	b.wantWait(time.Second)
	b.wantActions(b.applied(), "announce 5 times", "BACKUP -> MASTER, priority 100 (no advert within the master-down interval)")
}

func TestRFC9568_B3_PriorityZeroSetsSkew(t *testing.T) {
	b := newBench(t, v3(100, time.Second))
	b.start()
	b.wantActions(b.hear(0, other))
	b.wantWait(156 * time.Second / 256)
	// With the interval learned, not with our own.
	slow := from(v3(100, 2*time.Second), 200)
	b.step(Event{Kind: EventAdvert, Advert: slow, Src: other, Local: self})
	b.hear(0, other)
	b.wantWait(156 * 2 * time.Second / 256)
}

func TestRFC9568_B4_HigherOrEqualIsAcceptedAndLearned(t *testing.T) {
	for _, prio := range []uint8{100, 101, 255} {
		b := newBench(t, v3(100, time.Second))
		b.start()
		b.now = b.now.Add(time.Second)
		fast := from(v3(100, 100*time.Millisecond), prio)
		b.wantActions(b.step(Event{Kind: EventAdvert, Advert: fast, Src: lower, Local: self}))
		// RFC 9568 recomputes the skew time too (RFC 5798 forgot it).
		b.wantWait(300*time.Millisecond + 156*100*time.Millisecond/256)
	}
}

func TestRFC9568_B4_LowerIsAcceptedWithoutPreemption(t *testing.T) {
	cfg := v3(100, time.Second)
	cfg.NoPreempt = true
	b := newBench(t, cfg)
	b.start()
	b.now = b.now.Add(2 * time.Second)
	b.hear(1, other)
	b.wantWait(3*time.Second + 156*time.Second/256)
}

func TestRFC9568_B5_LowerIsDiscarded(t *testing.T) {
	b := newBench(t, v3(100, time.Second))
	b.start()
	at := b.r.Deadline()
	b.now = b.now.Add(2 * time.Second)
	b.wantActions(b.hear(99, other))
	if !b.r.Deadline().Equal(at) {
		t.Error("the timer was touched")
	}
}

func TestRFC9568_A1_ActiveShutsDownWithPriorityZero(t *testing.T) {
	b := newBench(t, v3(100, time.Second)).master()
	b.wantActions(b.step(Event{Kind: EventShutdown}),
		"send advert, priority 0", "addresses off, generation 2", "MASTER -> INIT, priority 100 (stopped)")
	if !b.r.Deadline().IsZero() {
		t.Error("a timer still runs")
	}
}

func TestRFC9568_A2_AdverTimer(t *testing.T) {
	b := newBench(t, v3(100, time.Second)).master()
	first := b.now
	for i := 1; i <= 3; i++ {
		b.wantActions(b.expire(), "send advert, priority 100")
		if d := b.now.Sub(first); d != time.Duration(i)*time.Second {
			t.Errorf("advert %d after %v", i, d)
		}
	}
}

func TestRFC9568_A3_PriorityZeroIsAnswered(t *testing.T) {
	b := newBench(t, v3(100, time.Second)).master()
	b.now = b.now.Add(300 * time.Millisecond)
	// The announcement is ours: it was master until then.
	b.wantActions(b.hear(0, other), "send advert, priority 100", "announce 5 times")
	b.want(Master)
	b.wantWait(time.Second)
}

func TestRFC9568_A4_HigherPriorityMakesBackup(t *testing.T) {
	b := newBench(t, v3(100, time.Second)).master()
	fast := from(v3(100, 100*time.Millisecond), 101)
	b.wantActions(b.step(Event{Kind: EventAdvert, Advert: fast, Src: lower, Local: self}),
		"addresses off, generation 2", "MASTER -> BACKUP, priority 100 (a peer has the higher priority from 192.0.2.0)")
	b.wantWait(300*time.Millisecond + 156*100*time.Millisecond/256)
}

func TestRFC9568_A4_EqualPriorityHigherAddressMakesBackup(t *testing.T) {
	for _, c := range []struct {
		src, local netip.Addr
		want       State
	}{
		{ip("192.0.2.14"), ip("192.0.2.1"), Backup},
		{ip("192.0.2.1"), ip("192.0.2.14"), Master},
		{ip("192.0.2.200"), ip("192.0.2.9"), Backup}, // unsigned
		{ip("10.0.0.255"), ip("9.255.255.255"), Backup},
		{ip("fe80::2"), ip("fe80::1"), Backup},
		{ip("fe80::1"), ip("fe80::ffff"), Master},
	} {
		b := newBench(t, v3(100, time.Second)).master()
		b.step(Event{Kind: EventAdvert, Advert: from(b.r.cfg, 100), Src: c.src, Local: c.local})
		b.want(c.want)
	}
}

func TestRFC9568_A5_LowerIsDiscardedAndAnsweredAtOnce(t *testing.T) {
	b := newBench(t, v3(100, time.Second)).master()
	b.now = b.now.Add(300 * time.Millisecond)
	got := b.hear(99, other)
	b.want(Master)
	if len(got) == 0 || text(got[0]) != "send advert, priority 100" {
		t.Fatalf("no advert at once: %v", texts(got))
	}
}

func TestRFC9568_7_1_ReceiveChecks(t *testing.T) {
	good := func() (*Advert, *Meta) {
		return from(v3(100, time.Second), 200), &Meta{Src: other, Dst: group4, TTL: 255}
	}
	for _, c := range []struct {
		name string
		edit func(a *Advert, m *Meta)
		want DropReason
	}{
		{"good", func(*Advert, *Meta) {}, DropNone},
		{"TTL 254", func(_ *Advert, m *Meta) { m.TTL = 254 }, DropTTL},
		{"version", func(a *Advert, _ *Meta) { a.Version = 2 }, DropVersion},
		{"VRID", func(a *Advert, _ *Meta) { a.VRID = 52 }, DropUnknownVRID},
		{"no addresses (erratum 8299)", func(a *Advert, _ *Meta) { a.Addrs = nil }, DropCount},
		{"interval 0 (erratum 8301)", func(a *Advert, _ *Meta) { a.AdvertInt = 0 }, DropInterval},
		{"another interval is no mistake", func(a *Advert, _ *Meta) { a.AdvertInt = 7 }, DropNone},
		{"another list is no mistake", func(a *Advert, _ *Meta) { a.Addrs = []netip.Addr{ip("192.0.2.7")} }, DropNone},
		{"unicast on a multicast router", func(_ *Advert, m *Meta) { m.Dst = self }, DropDestination},
	} {
		b := newBench(t, v3(100, time.Second))
		b.start()
		a, m := good()
		c.edit(a, m)
		if got := b.r.Check(a, m); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if c.want != DropNone && b.r.Status().Drops[c.want] != 1 {
			t.Errorf("%s: not counted", c.name)
		}
	}
}

func TestRFC9568_OwnerAlwaysPreempts(t *testing.T) {
	cfg := v3(255, time.Second)
	cfg.NoPreempt = true
	b := newBench(t, cfg)
	b.start()
	at := b.r.Deadline()
	b.now = b.now.Add(time.Second)
	b.hear(254, other)
	if !b.r.Deadline().Equal(at) {
		t.Error("the owner accepted a lower advert")
	}
}
