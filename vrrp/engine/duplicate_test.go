package engine

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/vrrp"
)

// A router whose link-local address another host has says so, and not only that
// there is none.
func TestADuplicateLinkLocalAddressIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var text bytes.Buffer
		r := vr(1, 100)
		sorts["IPv6"](&r)
		four := vr(2, 100)
		a := l.node("a", "192.0.2.1/24")
		local := netip.MustParsePrefix("fe80::1/64")
		if err := a.host.AddAddress("eth0", local); err != nil {
			t.Fatal(err)
		}
		a.start(config(r, four), logTo(&text))
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		a.host.SetDuplicate("eth0", local.Addr())
		a.is(vrrp.Fault)
		s := a.status().Routers
		if want := "another host on the segment has its link-local address fe80::1 too"; !s[0].NoSource || !strings.Contains(s[0].Duplicate, want) {
			t.Errorf("%t %q", s[0].NoSource, s[0].Duplicate)
		}
		if s[1].State != vrrp.Master || s[1].Duplicate != "" {
			t.Errorf("IPv4: %v %q", s[1].State, s[1].Duplicate)
		}
		a.host.SetDuplicate("eth0", netip.Addr{})
		a.is(vrrp.Fault)
		if s := a.router(0); s.Duplicate != "" || !s.NoSource {
			t.Errorf("%t %q", s.NoSource, s.Duplicate)
		}
		if err := a.host.AddAddress("eth0", local); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text.String(), `because="another host on the segment has its link-local address fe80::1 too`); n != 1 {
			t.Errorf("%d lines:\n%s", n, text.String())
		}
	})
}

// An interface that goes down is told as FAULT, and not as adverts that cannot be
// sent besides.
func TestALinkThatGoesDownIsToldOnce(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var text bytes.Buffer
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)), logTo(&text))
		for range 3 {
			time.Sleep(6500 * time.Millisecond)
			a.is(vrrp.Master)
			a.host.SetUp("eth0", false)
			a.is(vrrp.Fault)
			if s := a.router(0); s.SendErrors == 0 {
				t.Error("nothing failed: the test shows nothing")
			}
			time.Sleep(time.Minute)
			a.host.SetUp("eth0", true)
		}
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), "sending an advert failed") || strings.Count(text.String(), "to=FAULT") != 3 {
			t.Error(text.String())
		}
	})
}
