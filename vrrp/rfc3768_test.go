package vrrp

import (
	"testing"
	"time"
)

// One test a clause of RFC 3768 that RFC 9568 has otherwise.

func TestRFC3768_6_1_SkewIsPartOfOneSecond(t *testing.T) {
	for _, c := range []struct {
		prio     uint8
		interval time.Duration
		want     time.Duration
	}{
		{100, time.Second, 3609375 * time.Microsecond},
		{100, 5 * time.Second, 15609375 * time.Microsecond},
		{254, 10 * time.Second, 30007812500 * time.Nanosecond},
		{255, time.Second, 3003906250 * time.Nanosecond},
	} {
		cfg := v2(c.prio)
		cfg.AdvertInt = c.interval
		b := newBench(t, cfg)
		b.start()
		b.wantWait(c.want)
		b.hear(0, other)
		b.wantWait(c.want - 3*c.interval)
	}
}

func TestRFC3768_6_4_2_NothingIsLearned(t *testing.T) {
	b := newBench(t, v2(100))
	b.start()
	a := from(v2(100), 200)
	a.AdvertInt = 9 // would not pass Check
	b.step(Event{Kind: EventAdvert, Advert: a, Src: other, Local: self})
	b.wantWait(3609375 * time.Microsecond)
}

func TestRFC3768_7_1_ReceiveChecks(t *testing.T) {
	password := v2(100)
	password.AuthType, password.AuthPass = 1, [8]byte{'s', 'e', 'c', 'r', 'e', 't'}
	for _, c := range []struct {
		name string
		cfg  Config
		edit func(a *Advert, m *Meta)
		want DropReason
	}{
		{"good", v2(100), func(*Advert, *Meta) {}, DropNone},
		{"TTL", v2(100), func(_ *Advert, m *Meta) { m.TTL = 1 }, DropTTL},
		{"version 3", v2(100), func(a *Advert, _ *Meta) { a.Version = 3 }, DropVersion},
		{"another interval is discarded", v2(100), func(a *Advert, _ *Meta) { a.AdvertInt = 2 }, DropInterval},
		{"password where none is", v2(100), func(a *Advert, _ *Meta) { a.AuthType = 1 }, DropAuthType},
		{"IPsec", v2(100), func(a *Advert, _ *Meta) { a.AuthType = 2 }, DropAuthType},
		{"right password", password, func(*Advert, *Meta) {}, DropNone},
		{"no password", password, func(a *Advert, _ *Meta) { a.AuthType = 0 }, DropAuthType},
		{"wrong password", password, func(a *Advert, _ *Meta) { a.AuthData[7] = 'x' }, DropAuthPass},
		{"data without authentication is ignored", v2(100), func(a *Advert, _ *Meta) { a.AuthData[0] = 'x' }, DropNone},
	} {
		b := newBench(t, c.cfg)
		b.start()
		a, m := from(c.cfg, 200), &Meta{Src: other, Dst: group4, TTL: 255}
		c.edit(a, m)
		if got := b.r.Check(a, m); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRFC3768_5_3_10_AuthenticationDataIsAlwaysThere(t *testing.T) {
	wire := from(v2(100), 100).AppendTo(nil, self, group4, true)
	if len(wire) != 8+4+8 {
		t.Errorf("%d bytes", len(wire))
	}
}

func TestUnicastChecks(t *testing.T) {
	cfg := v2(100)
	cfg.Unicast, cfg.Peers = true, append(cfg.Peers, other)
	for _, c := range []struct {
		name  string
		check bool
		m     Meta
		want  DropReason
	}{
		{"peer", true, Meta{Src: other, Dst: self, TTL: 3}, DropNone}, // TTL is not looked at
		{"stranger", false, Meta{Src: lower, Dst: self, TTL: 255}, DropNone},
		{"stranger with check_unicast_src", true, Meta{Src: lower, Dst: self, TTL: 255}, DropPeer},
		{"multicast", true, Meta{Src: other, Dst: group4, TTL: 255}, DropDestination},
	} {
		cfg.CheckPeers = c.check
		b := newBench(t, cfg)
		b.start()
		if got := b.r.Check(from(cfg, 200), &c.m); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
