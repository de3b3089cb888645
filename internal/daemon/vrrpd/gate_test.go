package vrrpd

import (
	"net/netip"
	"slices"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp/engine"
)

func TestUngate(t *testing.T) {
	e := engine.Config{Routers: []engine.Router{{TableGate: true}, {}}}
	if ungate(&e); e.Routers[0].TableGate || e.Routers[1].TableGate {
		t.Fatal("waits for a process that is not there")
	}
}

// What counts is the stream of now, whenever the end of another is seen.
func TestLVSThere(t *testing.T) {
	var told []bool
	l := lvsThere{tell: func(there bool) { told = append(told, there) }}
	one, two := &ipc.Conn{}, &ipc.Conn{}
	l.begin(one)
	l.begin(two)
	l.end(one)
	if !slices.Equal(told, []bool{true, true}) {
		t.Fatalf("told %v", told)
	}
	l.end(two)
	if !slices.Equal(told, []bool{true, true, false}) {
		t.Fatalf("told %v", told)
	}
}

func TestHoldsService(t *testing.T) {
	a := netip.MustParseAddr
	c := &config.Config{
		VirtualServers: []config.VirtualServer{{Addr: a("192.0.2.1")}, {Group: "web"}, {FWMark: 7}},
		ServiceGroups: []config.VirtualServerGroup{
			{Name: "web", Entries: []config.GroupEntry{
				{First: a("192.0.2.10"), Last: a("192.0.2.10"), Port: 80},
				{First: a("192.0.2.20"), Last: a("192.0.2.29"), Port: 80},
				{First: a("2001:db8::"), Last: a("2001:db8::ffff:ffff:ffff"), Port: 80},
				{FWMark: 7},
			}},
			{Name: "unused", Entries: []config.GroupEntry{{First: a("192.0.2.40"), Last: a("192.0.2.40"), Port: 80}}},
		},
	}
	for vip, want := range map[string]bool{
		"192.0.2.1/24": true, "192.0.2.2/24": false, "192.0.2.10/32": true, "192.0.2.19/32": false, "192.0.2.20/32": true,
		"192.0.2.29/24": true, "192.0.2.30/24": false, "192.0.2.40/24": false, "2001:db8::1:1/64": true, "2001:db8:1::1/64": false,
	} {
		if got := holdsService(c, []engine.VIP{{Prefix: netip.MustParsePrefix(vip)}}); got != want {
			t.Errorf("%s: %v", vip, got)
		}
	}
}
