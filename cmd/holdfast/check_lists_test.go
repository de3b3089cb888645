package main

import (
	"net/netip"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
)

func TestRollOutIsToldAgainstTheRunningDaemon(t *testing.T) {
	prefix := netip.MustParsePrefix
	file := &config.Config{Instances: []config.VRRPInstance{{
		Name: "VI_1", Interface: "eth0", VirtualRouterID: 51, Family: 4,
		VirtualIPAddress: []config.VIP{{Prefix: prefix("192.0.2.100/24")}, {Prefix: prefix("192.0.2.101/24")}},
	}}}
	running := func(vrid uint8, excluded bool, list ...string) *control.VRRP {
		in := control.Instance{Name: "old", Interface: "eth0", VRID: vrid, Source: netip.MustParseAddr("192.0.2.1")}
		for i, p := range list {
			in.VIPs = append(in.VIPs, control.VIP{Address: prefix(p), Excluded: excluded && i > 0})
		}
		return &control.VRRP{Instances: []control.Instance{in}}
	}
	for _, c := range []struct {
		name string
		v    *control.VRRP
		want int
	}{
		{"no daemon", nil, 0},
		{"same list in another order", running(51, false, "192.0.2.101/32", "192.0.2.100/24"), 0},
		{"one address less", running(51, false, "192.0.2.100/24"), 1},
		{"the other one is not advertised", running(51, true, "192.0.2.100/24", "192.0.2.101/24"), 1},
		{"another virtual router", running(52, false, "192.0.2.100/24"), 0},
	} {
		got := rollOut("f", file, c.v)
		if len(got) != c.want || c.want > 0 && (!strings.Contains(got[0].Text, "2.3.2") || got[0].Severity != config.Info) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Findings of one severity are in the order of the file, the worst are last.
func TestFindingsAreInOrder(t *testing.T) {
	at := func(s config.Severity, file string, line, column int) config.Diagnostic {
		return config.Diagnostic{Severity: s, Pos: config.Pos{File: file, Line: line, Column: column}}
	}
	list := []config.Diagnostic{
		at(config.Error, "b", 1, 1), at(config.Warning, "", 0, 0), at(config.Warning, "b", 9, 1), at(config.Warning, "b", 2, 7),
		at(config.Warning, "b", 2, 1), at(config.Info, "a", 30, 1), at(config.Warning, "a", 3, 1),
	}
	inOrder(list)
	var got []string
	for _, d := range list {
		got = append(got, d.Pos.String())
	}
	if s := strings.Join(got, " "); s != "a:30:1 b:2:1 b:2:7 b:9:1 a:3:1  b:1:1" {
		t.Error(s)
	}
}
