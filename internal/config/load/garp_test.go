package load_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// TestAnnouncementKeywords reads every keyword about announcements, in both
// languages.
func TestAnnouncementKeywords(t *testing.T) {
	const text = `global_defs {
 vrrp_garp_master_repeat 4
 vrrp_garp_interval 0.01
 vrrp_gna_interval 0.000001
 vrrp_garp_extra_if all 3600
}
garp_group {
 garp_interval 0.5
 interface eth0
}
garp_group {
 gna_interval 0.25
 interfaces {
  eth1 eth2
  eth0
 }
}
`
	want := config.GARP{
		Repeat: 4, Delay: 5 * time.Second, RefreshRepeat: 1, LowerPrioRep: 4, LowerPrioDelay: 5 * time.Second,
		ExtraIf: time.Hour, ExtraIfAll: true,
	}
	cfg, diags := conf(text + instance(""))
	if cfg == nil {
		t.Fatal(diags)
	}
	if diff := cmp.Diff(want, cfg.Instances[0].GARP); diff != "" {
		t.Error(diff)
	}
	if cfg.Global.GARPInterval != 10*time.Millisecond || cfg.Global.GNAInterval != time.Microsecond {
		t.Errorf("%v %v", cfg.Global.GARPInterval, cfg.Global.GNAInterval)
	}
	groups := []config.GARPGroup{
		{Interfaces: []string{"eth0"}, Interval: 500 * time.Millisecond},
		{Interfaces: []string{"eth1", "eth2"}, GNA: 250 * time.Millisecond},
	}
	if diff := cmp.Diff(groups, cfg.GARPGroups); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(fmt.Sprint(diags), "interface eth0 is in another garp_group already") {
		t.Error(diags)
	}

	cfg, diags = conf("global_defs {\n vrrp_min_garp\n}\n" + instance(" garp_extra_if 60"))
	if cfg == nil {
		t.Fatal(diags)
	}
	if diff := cmp.Diff(config.GARP{Repeat: 1, LowerPrioRep: 1, ExtraIf: time.Minute}, cfg.Instances[0].GARP); diff != "" {
		t.Error(diff)
	}

	for bad, want := range map[string]string{
		"garp_group {\n interface eth0\n}\n":            "garp_group has neither garp_interval nor gna_interval",
		"garp_group {\n garp_interval 1\n}\n":           "garp_group has no interface",
		"global_defs {\n vrrp_garp_extra_if all\n}\n":   "vrrp_garp_extra_if",
		"global_defs {\n vrrp_garp_extra_if 90000\n}\n": "90000 is outside 1..86400",
		"global_defs {\n vrrp_vmac_garp_intvl 90\n}\n":  "vrrp_vmac_garp_intvl is an old spelling of vrrp_garp_extra_if",
	} {
		if _, diags := conf(bad + instance("")); !strings.Contains(fmt.Sprint(diags), want) {
			t.Errorf("%q: %v", bad, diags)
		}
	}
}

// TestTOMLRefresh holds TOML to its own default, which is explicit in the
// configuration.
func TestTOMLRefresh(t *testing.T) {
	const text = "[vrrp_instance.A]\ninterface = \"lo\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"192.0.2.1\"]\n"
	for add, want := range map[string]time.Duration{"": time.Minute, "garp_master_refresh = 0\n": 0, "garp_master_refresh = 5\n": 5 * time.Second} {
		cfg, diags := load.Load("k.toml", memory(map[string]string{"k.toml": text + add}))
		if cfg == nil || cfg.Instances[0].GARP.Refresh != want {
			t.Errorf("%q: %v", add, diags)
		}
	}
	if cfg, diags := conf(instance("")); cfg == nil || cfg.Instances[0].GARP.Refresh != 0 {
		t.Error(diags)
	}
}

// TestIPv6Instance reads instances of IPv6.
func TestIPv6Instance(t *testing.T) {
	six := func(body, vips string) string {
		return "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n" + body + "\n virtual_ipaddress {\n" + vips + "\n }\n}\n"
	}
	for _, tt := range []struct {
		text, want string
		none       bool
		code       int
	}{
		{text: six("", "fe80::1/64\n2001:db8::1")},
		{text: six("", "2001:db8::1"), want: "the first IPv6 address should be link-local"},
		{text: "global_defs {\n vrrp_strict\n}\n" + six("", "2001:db8::1"), want: "strict mode: the first IPv6 address has to be link-local", none: true, code: 5},
		{text: six(" version 2", "fe80::1"), want: "version 2 has no IPv6", none: true, code: 5},
		{text: six(" authentication {\n auth_type PASS\n auth_pass x\n }", "fe80::1"), want: "version 3 has no authentication", code: 5},
		{text: six(" native_ipv6", "192.0.2.1"), want: "192.0.2.1 is not of vrrp_instance A's family (IPv6)", none: true, code: 5},
		{text: six("", "fe80::1\n192.0.2.1"), want: "192.0.2.1 is not of vrrp_instance A's family (IPv6)", code: 5},
		{text: six(" unicast_peer {\n 2001:db8::2\n 192.0.2.2\n }", "fe80::1"), want: "192.0.2.2 is not of vrrp_instance A's family", code: 5},
		{text: "global_defs {\n vrrp_mcast_group6 ff0e::1\n}\n" + six("", "fe80::1"), want: "ff0e::1 is not an IPv6 link-local multicast address", code: 5},
	} {
		cfg, diags := conf(tt.text)
		if (cfg == nil) != tt.none || !strings.Contains(fmt.Sprint(diags), tt.want) || config.TestExit(diags) != tt.code {
			t.Errorf("%s\ncode %d: %v", tt.text, config.TestExit(diags), diags)
			continue
		}
		if cfg != nil && (cfg.Instances[0].Family != 6 || cfg.Instances[0].Version != 3 || cfg.Instances[0].McastDstIP.String() != "ff02::12") {
			t.Errorf("%s\n%+v", tt.text, cfg.Instances[0])
		}
	}
	cfg, diags := conf("global_defs {\n vrrp_mcast_group6 ff02::99\n}\n" + six("", "fe80::1"))
	if cfg == nil || cfg.Instances[0].McastDstIP.String() != "ff02::99" {
		t.Error(diags)
	}
}
