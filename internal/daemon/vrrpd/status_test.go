package vrrpd

import (
	"slices"
	"testing"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// What keeps an instance in FAULT is told as it is: an interface that is up but
// cannot be used is not down.
func TestTheCauseOfAFaultOfTheInterface(t *testing.T) {
	low := "no IPv6 on eth0: its MTU is 1000, and at least 1280 is needed"
	for _, c := range []struct {
		name          string
		up, noSource  bool
		portErr       string
		fault, reason string
	}{
		{"down", false, false, "", "interface eth0 is down", "the interface went down"},
		{"down and too small", false, false, low, "interface eth0 is down", "the interface went down"},
		{"too small", true, false, low, low, "the interface cannot be used"},
		{"no address", true, true, "", "interface eth0 has no address to send from", "the interface cannot be used"},
	} {
		r := engine.RouterStatus{Interface: "eth0", Up: c.up, NoSource: c.noSource, PortError: c.portErr}
		r.State, r.Reason, r.Faults = vrrp.Fault, vrrp.ReasonLink, []string{"interface"}
		in := instanceOf(&r, time.Now())
		if !slices.Equal(in.Faults, []string{c.fault}) || in.Reason != c.reason {
			t.Errorf("%s: %q, %q", c.name, in.Faults, in.Reason)
		}
	}
}
