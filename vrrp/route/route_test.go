package route

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"testing"
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }

// index knows eth0 as 3.
func index(name string) int {
	if name == "eth0" {
		return 3
	}
	return 0
}

func vrfs(name string) uint32 {
	if name == "red" {
		return 1001
	}
	return 0
}

// TestRouteBodies holds the bytes: struct rtmsg and the attributes behind it, as
// `ip route` of iproute2 sends them.
func TestRouteBodies(t *testing.T) {
	for _, c := range []struct {
		name  string
		route Route
		want  string
	}{
		{
			"gateway and source",
			Route{Family: 4, To: pfx("10.1.0.0/16"), Scope: ScopeAuto, Src: ip("192.0.2.10"), Metric: 100, Next: Hop{Via: ip("192.0.2.254"), Dev: "eth0"}},
			"02100000fe120001" + "00000000" + "080001000a010000" + "0800060064000000" + "08000700c000020a" + "08000500c00002fe" + "0800040003000000",
		},
		{"blackhole", Route{Family: 4, Type: 6, To: pfx("10.3.0.0/16"), Scope: ScopeAuto}, "02100000fe120006" + "00000000" + "080001000a030000"},
		{
			"default in a table with a large number",
			Route{Family: 4, To: pfx("0.0.0.0/0"), Scope: ScopeAuto, Table: 300, Next: Hop{Via: ip("192.0.2.254"), OnLink: true}},
			"02000000fc120001" + "04000000" + "08000f002c010000" + "08000500c00002fe",
		},
		{"of a VRF", Route{Family: 4, To: pfx("10.1.0.0/16"), VRF: "red", Next: Hop{Dev: "eth0"}}, "02100000fc120001" + "00000000" + "080001000a010000" + "08000f00e9030000" + "0800040003000000"},
		{"local has the scope of a host", Route{Family: 4, Type: 2, To: pfx("10.1.0.1/32"), Scope: ScopeAuto, Next: Hop{Dev: "eth0"}}, "02200000fe12fe02" + "00000000" + "080001000a010001" + "0800040003000000"},
		{
			"IPv6 with preference",
			Route{Family: 6, To: pfx("2001:db8::/32"), Pref: 2, Expires: 100, Next: Hop{Via: ip("fe80::1"), Dev: "eth0"}},
			"0a200000fe120001" + "00000000" + "1400010020010db8000000000000000000000000" + "14000500fe800000000000000000000000000001" + "0800040003000000" + "0800170064000000" + "0500140001000000",
		},
		{
			"IPv4 over an IPv6 gateway",
			Route{Family: 4, To: pfx("10.1.0.0/16"), Next: Hop{Via: ip("fe80::1"), Dev: "eth0"}},
			"02100000fe120001" + "00000000" + "080001000a010000" + "160012000a00fe8000000000000000000000000000010000" + "0800040003000000",
		},
		{
			"metrics with a lock",
			Route{Family: 4, To: pfx("10.1.0.0/16"), Metrics: []Metric{{2, 1400, true}, {4, 800, false}}, CongCtl: "reno", LockCC: true, Next: Hop{Dev: "eth0"}},
			"02100000fe120001" + "00000000" + "080001000a010000" + "0800040003000000" +
				"28000800" + "0800010004000100" + "0800020078050000" + "0800040020030000" + "090010007265" + "6e6f" + "00000000",
		},
		{
			"two ways",
			Route{Family: 4, To: pfx("10.1.0.0/16"), Hops: []Hop{{Via: ip("192.0.2.1"), Dev: "eth0", Weight: 2}, {Via: ip("192.0.2.2"), OnLink: true}}},
			"02100000fe120001" + "00000000" + "080001000a010000" + "24000900" + "10000001" + "03000000" + "08000500c0000201" + "10000400" + "00000000" + "08000500c0000202",
		},
		{
			"MPLS",
			Route{Family: 4, To: pfx("10.1.0.0/16"), Next: Hop{Via: ip("192.0.2.1"), Encap: Encap{Kind: EncapMPL, Labels: []uint32{100, 200}, TTL: 9, TTLSet: true}}},
			"02100000fe120001" + "00000000" + "080001000a010000" + "08000500c0000201" + "0600150001000000" + "18001680" + "0c00010000064000000c8100" + "0500020009000000",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.route.Body(index, vrfs)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(b); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestRuleBodies(t *testing.T) {
	for _, c := range []struct {
		name string
		rule Rule
		want string
	}{
		{
			"from to table",
			Rule{Family: 4, Action: ToTable, From: pfx("192.0.2.0/24"), Table: 100, Priority: 1000},
			"02001800640000010000000008000200c000020008000600e80300000500150012000000",
		},
		{
			"not, mark, interfaces",
			Rule{Family: 6, Action: ToTable, Not: true, Mark: 5, Mask: 255, MarkSet: true, MaskSet: true, IIf: "eth0", OIf: "e1", Table: 300, Priority: 7},
			"0a000000fc00000102000000" + "0800060007000000" + "08000f002c010000" + "090003006574683000000000" + "0700110065310000" + "08000a0005000000" + "08001000ff000000" + "0500150012000000",
		},
		{"goto", Rule{Family: 4, Action: Goto, Goto: 1000, Priority: 900}, "020000000000000200000000" + "0800060084030000" + "08000400e8030000" + "0500150012000000"},
		{
			"user of number 0, ports",
			Rule{Family: 4, Action: Blackhole, Priority: 9, UIDSet: true, IPProto: 6, DPort: Range{80, 90}},
			"020000000000000600000000" + "0800060009000000" + "0c0014000000000000000000" + "0500150012000000" + "0500160006000000" + "0800180050005a00",
		},
		{
			"suppressors of 0",
			Rule{Family: 4, Action: ToTable, Table: 254, Priority: 9, SuppressPrefix: 1, SuppressGroup: 1},
			"02000000fe00000100000000" + "0800060009000000" + "08000e0000000000" + "08000d0000000000" + "0500150012000000",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.rule.Body()
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(b); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	for _, r := range []Route{
		{Family: 4, To: pfx("10.1.0.0/16"), Next: Hop{Dev: "eth9"}},
		{Family: 4, To: pfx("10.1.0.0/16"), Hops: []Hop{{Dev: "eth0"}, {Dev: "eth9"}}},
		{Family: 4, To: pfx("10.1.0.0/16"), VRF: "eth9"},
	} {
		var missing *MissingError
		if _, err := r.Body(index, vrfs); !errors.As(err, &missing) || missing.Interface != "eth9" {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := (&Rule{Family: 4}).Body(); err == nil {
		t.Error("a rule without an action is encoded")
	}
}
