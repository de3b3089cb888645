package engine

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/vrrp"
)

// A router whose source address has to be there is in FAULT without it.
func TestTrackSource(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		n := l.node("a", "192.0.2.1/24")
		r := vr(1, 100)
		r.Source, r.TrackSource = addr("192.0.2.9"), true
		n.start(config(r))
		time.Sleep(5 * time.Second)
		n.is(vrrp.Fault)
		if s := n.router(0); len(s.Faults) != 1 || s.Faults[0] != "source address" {
			t.Errorf("faults %v", s.Faults)
		}
		if err := n.host.AddAddress("eth0", netip.MustParsePrefix("192.0.2.9/24")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		n.is(vrrp.Master)
	})
}

// Adverts for VRIDs that nobody has are logged once a minute each, if asked for.
func TestLogUnknown(t *testing.T) {
	for _, on := range []bool{false, true} {
		bubble(t, func(t *testing.T, l *lab) {
			var text bytes.Buffer
			n := l.node("a", "192.0.2.1/24")
			c := config(vr(1, 100))
			c.LogUnknown = on
			n.start(c, func(d *Deps) { d.Log = slog.New(slog.NewTextHandler(&text, nil)) })
			l.node("b", "192.0.2.2/24").start(config(vr(7, 100)))
			time.Sleep(100 * time.Second)
			if err := n.stop(); err != nil {
				t.Fatal(err)
			}
			want := 0
			if on {
				want = 2
			}
			if got := strings.Count(text.String(), "not configured"); got != want {
				t.Errorf("%t: %d lines, want %d: %s", on, got, want, text.String())
			}
		})
	}
}
