package vrrpd

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/engine"
	"holdfast/vrrp/link"
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

// What a member of a sync group does for the sake of another one names that one.
func TestTheGroupIsNoReasonByItself(t *testing.T) {
	r := engine.RouterStatus{Interface: "eth0", Up: true, GroupFaults: []string{"member VI_2: script chk is down", "member VI_3: interface eth1 is down"}}
	r.State, r.Reason, r.Member, r.MemberReason, r.Faults = vrrp.Fault, vrrp.ReasonGroup, "VI_2", vrrp.ReasonTrack, []string{"sync group", "script own"}
	in := instanceOf(&r, time.Now())
	want := []string{"sync group, member VI_2: script chk is down", "sync group, member VI_3: interface eth1 is down", "script own"}
	if !slices.Equal(in.Faults, want) || in.Reason != "sync group, member VI_2: tracked" {
		t.Errorf("%q, %q", in.Faults, in.Reason)
	}
	r.MemberReason, r.Faults, r.GroupFaults = vrrp.ReasonLink, []string{"interface", "sync group"}, []string{}
	r.Up = false
	if in := instanceOf(&r, time.Now()); !slices.Equal(in.Faults, []string{"interface eth0 is down"}) || in.Reason != "sync group, member VI_2: the interface went down" {
		t.Errorf("a cause of both: %q, %q", in.Faults, in.Reason)
	}
	r.Member = ""
	if in := instanceOf(&r, time.Now()); in.Reason != "sync group" {
		t.Errorf("%q", in.Reason)
	}
}

type deaf struct{}

func (deaf) Changed(engine.Change) {}

// An interface that is up and has lost its address is not down, whatever the way
// of the adverts.
func TestTheCauseOfAFaultWithoutASource(t *testing.T) {
	for _, unicast := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			host := link.NewMemNet(1).Host("a")
			own := netip.MustParsePrefix("192.0.2.1/24")
			host.AddInterface("eth0", own)
			r := engine.Router{Interface: "eth0", Group: netip.MustParseAddr("224.0.0.18")}
			r.Config = vrrp.Config{Name: "VI_1", VRID: 1, Version: 3, Priority: 100, AdvertInt: time.Second}
			if unicast {
				r.Unicast, r.Group, r.Peers = true, netip.Addr{}, []netip.Addr{netip.MustParseAddr("192.0.2.2")}
			}
			proc := host.Start()
			defer proc.Kill()
			var eng *engine.Engine
			eng, err := engine.New(engine.Config{Routers: []engine.Router{r}}, engine.Deps{
				Wire: proc.Wire(), Watcher: proc.Watcher(), Announcer: proc.Announcer(), Observer: deaf{},
				Applier: proc.Applier(func(a link.Applied) { eng.Applied(a) }),
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- eng.Run(ctx) }()
			time.Sleep(time.Second)
			if err := host.RemoveAddress("eth0", own); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			st, err := eng.Status(ctx)
			if err != nil {
				t.Fatal(err)
			}
			in := instanceOf(&st.Routers[0], time.Now())
			if want := []string{"interface eth0 has no address to send from"}; !slices.Equal(in.Faults, want) || in.Reason != "the interface cannot be used" {
				t.Errorf("unicast %v: %q, %q", unicast, in.Faults, in.Reason)
			}
			cancel()
			<-done
		})
	}
}

// What is ignored because of the router's own state is no drop to look into.
func TestIgnoredAdvertsAreNoDrops(t *testing.T) {
	r := engine.RouterStatus{Interface: "eth0", Up: true}
	r.Drops[vrrp.DropState], r.Drops[vrrp.DropTTL] = 12, 3
	in := instanceOf(&r, time.Now())
	if in.AdvertsIgnored != 12 || len(in.Drops) != 1 || in.Drops["ttl"] != 3 {
		t.Errorf("%d ignored, drops %v", in.AdvertsIgnored, in.Drops)
	}
}
