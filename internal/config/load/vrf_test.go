package load_test

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/config/load"
)

// TestVRF reads instances of a VRF, which keepalived 2.2.7 refuses all, as it
// does every instance without an interface.
func TestVRF(t *testing.T) {
	const good = "vrf eth1\nunicast_src_ip 10.0.0.2\nunicast_peer {\n10.0.0.3\n}\nvirtual_ipaddress {\n10.0.0.1 dev eth0\n}"
	bad := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	tests := []struct {
		text, vrf, iface string // interface "": refused
		finding          string
	}{
		{good, "eth1", "eth1", "interface of vrrp_instance A: eth1 does not exist"},
		{"interface eth0\n" + good, "", "eth0", "k.conf:6:5: warning: vrf: it is for an instance without an interface: ignored"},
		{good + "\ninterface eth0", "", "eth0", "interface: vrf is for an instance without an interface: it is ignored"},
		{"vrf eth0\n" + good, "eth0", "eth0", "k.conf:6:5: warning: vrf: it is eth0 already: ignored"},
		{bad("vrf eth1", "vrf lo"), "", "dflt", "vrf: lo is no VRF: ignored"},
		{bad("vrf eth1", "vrf a-name-that-is-too-long"), "", "dflt", "longer than 15 characters"},
		{bad("vrf eth1", "vrf blue"), "blue", "blue", "interface of vrrp_instance A: blue does not exist"},
		{bad(" dev eth0", ""), "", "", "interface is missing: 10.0.0.1/32 needs dev"},
		{good + "\nvirtual_ipaddress_excluded {\n10.0.0.9\n}", "", "", "interface is missing: 10.0.0.9/32 needs dev"},
		{good + "\nuse_vmac", "", "", "interface is missing: a virtual MAC needs one"},
		{bad("unicast_peer {\n10.0.0.3\n}", ""), "", "", "interface is missing: vrf by itself is for unicast_peer"},
	}
	for _, tc := range tests {
		text := "global_defs {\ndefault_interface dflt\n}\nvrrp_instance A {\n" + tc.text + "\nvirtual_router_id 1\n}\n"
		cfg, diags := conf(text)
		if tc.iface == "" {
			if cfg != nil {
				t.Errorf("not refused: %s", text)
			}
		} else if cfg == nil || len(cfg.Instances) != 1 || cfg.Instances[0].VRF != tc.vrf || cfg.Instances[0].Interface != tc.iface {
			t.Errorf("got %+v, %v for %s", cfg, diags, text)
		}
		if !strings.Contains(fmt.Sprint(diags), tc.finding) {
			t.Errorf("findings %v, want %q in %s", diags, tc.finding, text)
		}
	}
	cfg, diags := load.Load("k.toml", memory(map[string]string{"k.toml": `
[vrrp_instance.A]
vrf = "blue"
virtual_router_id = 1
unicast_src_ip = "10.0.0.2"
unicast_peer = ["10.0.0.3"]
virtual_ipaddress = ["10.0.0.1 dev eth0"]
`}))
	if cfg == nil || cfg.Instances[0].VRF != "blue" || cfg.Instances[0].Interface != "blue" {
		t.Errorf("TOML: %v", diags)
	}
}
