package load_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

func TestVMAC(t *testing.T) {
	mac := [6]byte{2, 0, 0, 0, 1, 1} // five bytes and the VRID
	tests := []struct {
		conf, toml string // statements of the instance
		want       config.VMAC
		finding    string // part of one
	}{
		{"", "", config.VMAC{}, ""},
		{"use_vmac", "use_vmac = true", config.VMAC{Kind: config.VMACMacvlan}, ""},
		{"", "use_vmac = false", config.VMAC{}, ""},
		{"use_vmac foo.1 02:00:00:00:01", `use_vmac = "foo.1 02:00:00:00:01"`, config.VMAC{Kind: config.VMACMacvlan, Name: "foo.1", MAC: mac}, ""},
		{
			"use_vmac 2:0:0:0:1:1 name foo.1 group 7", `use_vmac = { name = "foo.1", mac = "02:00:00:00:01:01", group = 7 }`,
			config.VMAC{Kind: config.VMACMacvlan, Name: "foo.1", MAC: mac, Group: 7, HasGroup: true},
			"",
		},
		{"use_vmac\nuse_vmac_addr", "use_vmac = true\nuse_vmac_addr = true", config.VMAC{Kind: config.VMACMacvlan, Addresses: true}, ""},
		{"use_vmac\nvmac_xmit_base", "use_vmac = true\nvmac_xmit_base = true", config.VMAC{Kind: config.VMACMacvlan, XmitBase: true}, ""},
		{"", "vmac_xmit_base = true", config.VMAC{}, ""},
		{"use_vmac\nunicast_peer {\n10.0.0.9\n}", "use_vmac = true\nunicast_peer = [\"10.0.0.9\"]", config.VMAC{Kind: config.VMACMacvlan, XmitBase: true}, "vmac_xmit_base is used"},
		{"use_vmac name-that-is-too-long", `use_vmac = "name-that-is-too-long"`, config.VMAC{Kind: config.VMACMacvlan}, "longer than 15 characters"},
		{"use_vmac a/b", `use_vmac = "a/b"`, config.VMAC{Kind: config.VMACMacvlan}, "cannot be the name of an interface"},
		{"use_vmac eth0", `use_vmac = "eth0"`, config.VMAC{Kind: config.VMACMacvlan}, "is the interface below"},
		{"use_vmac 01:00:5e:00:00:01", `use_vmac = { mac = "01:00:5e:00:00:01" }`, config.VMAC{Kind: config.VMACMacvlan}, "multicast"},
		{"use_vmac netlink_notify_msg", `use_vmac = { netlink_notify_msg = true }`, config.VMAC{Kind: config.VMACMacvlan}, "netlink_notify_msg is not active"},
		{"strict_mode\nuse_vmac 02:00:00:00:01\nvmac_xmit_base", "strict_mode = true\nuse_vmac = { mac = \"02:00:00:00:01\" }\nvmac_xmit_base = true", config.VMAC{Kind: config.VMACMacvlan}, "strict mode has no MAC but the virtual one"},
		{
			"use_ipvlan ipvl.1 10.0.0.2/24 private", `use_ipvlan = { name = "ipvl.1", address = "10.0.0.2/24", mode = "private" }`,
			config.VMAC{Kind: config.VMACIPVlan, Name: "ipvl.1", Address: netip.MustParsePrefix("10.0.0.2/24"), Mode: config.IPVlanPrivate},
			"",
		},
	}
	for _, tc := range tests {
		for lang, text := range map[string]string{
			"k.conf": instance(tc.conf),
			"k.toml": "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddress = [\"10.0.0.1\"]\n" + tc.toml + "\n",
		} {
			cfg, diags := load.Load(lang, memory(map[string]string{lang: text}))
			if cfg == nil && lang == "k.toml" && tc.finding != "" { // what keepalived.conf corrects is an error there
				if !strings.Contains(fmt.Sprint(diags), tc.finding) {
					t.Errorf("%s: findings %v, want %q\n%s", lang, diags, tc.finding, text)
				}
				continue
			}
			if cfg == nil {
				t.Errorf("%s: %v\n%s", lang, diags, text)
				continue
			}
			if d := cmp.Diff(tc.want, cfg.Instances[0].VMAC, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
				t.Errorf("%s: %s\n%s", lang, d, text)
			}
			if !strings.Contains(fmt.Sprint(diags), tc.finding) || tc.finding == "" && len(diags) > 0 {
				t.Errorf("%s: findings %v, want %q\n%s", lang, diags, tc.finding, text)
			}
		}
	}
}

func TestVMACWhole(t *testing.T) {
	cfg, diags := conf("global_defs {\n vmac_prefix vm\n}\n" + instance(" use_ipvlan"))
	if cfg == nil || config.TestExit(diags) != 5 || !strings.Contains(fmt.Sprint(diags), "needs an address of its own") {
		t.Error(diags)
	}
	cfg, diags = conf("global_defs {\n vmac_prefix vm\n vmac_addr_prefix much-too-long\n disable_local_igmp\n}\n" + instance(" use_vmac foo") +
		strings.Replace(strings.Replace(instance(" use_vmac foo"), " A ", " B ", 1), "_id 1", "_id 2", 1))
	if cfg == nil || !cfg.Global.DisableLocalIGMP || cfg.Global.VMACPrefix != "vm" || cfg.Global.VMACAddrPrefix != "vm" || cfg.Instances[0].VMAC.Name != "foo" || cfg.Instances[1].VMAC.Name != "" {
		t.Error(diags)
	}
	for _, want := range []string{"foo is the interface of A already", "'much-too-long' is longer than 15 characters with a VRID behind it"} {
		if !strings.Contains(fmt.Sprint(diags), want) {
			t.Errorf("no finding %q in %v", want, diags)
		}
	}
	// Of one MAC there is one VMAC above an interface, whoever asks for it.
	two := func(a, b string) string {
		return instance(" use_vmac "+a) + strings.Replace(strings.Replace(instance(" use_vmac "+b), " A ", " B ", 1), "_id 1", "_id 2", 1)
	}
	cfg, diags = conf(two("foo 02:00:00:00:00:01", "foo 02:00:00:00:00:01"))
	if cfg == nil || cfg.Instances[1].VMAC.Name != "foo" || len(diags) != 0 {
		t.Error(diags)
	}
	cfg, diags = conf(two("foo 02:00:00:00:00:01 group 1", "bar 02:00:00:00:00:01 group 2"))
	if cfg == nil || config.TestExit(diags) != 0 || len(diags) != 2 {
		t.Error(diags)
	}
	for _, want := range []string{"B: its VMAC is that of A, with the same MAC above eth0: the name bar has no effect", "group 2 has no effect"} {
		if !strings.Contains(fmt.Sprint(diags), want) {
			t.Errorf("no finding %q in %v", want, diags)
		}
	}
	if _, diags = conf(instance(" vmac_xmit_base")); !strings.Contains(fmt.Sprint(diags), "vmac_xmit_base without use_vmac has no effect") {
		t.Error(diags)
	}
	cfg, diags = conf(instance(" virtual_ipaddress_excluded {\n 10.0.0.7 dev eth1 use_vmac\n }"))
	if cfg == nil || !cfg.Instances[0].VirtualIPAddressExcluded[0].UseVMAC {
		t.Error(diags)
	}
	if got := cfg.Instances[0].VirtualMAC(false); got != [6]byte{0, 0, 0x5e, 0, 1, 1} {
		t.Errorf("virtual MAC %v", got)
	}
}
